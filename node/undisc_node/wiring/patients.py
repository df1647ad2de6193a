"""Builds what patients and readers come for with a link: their pages, and what stands behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from undisc_node.services.auditing import Journal
from undisc_node.services.browsing import Browsing
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.offering import Offering
from undisc_node.services.opening import Opening
from undisc_node.services.passcodes import Passcodes
from undisc_node.services.patient_links import PatientLinks
from undisc_node.services.patient_sharing import PatientSharing, SendLink
from undisc_node.services.ports import Catalog, Clock, Entropy
from undisc_node.services.second_step import SecondStep
from undisc_node.services.sharing import Sharing
from undisc_node.services.study_parts import StudyParts
from undisc_node.wiring.duties import Duty

_LINK_SECONDS: Final = 2.0  # how often visits that were released are looked for
_FORGET_SECONDS: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class PatientParts:
    """What was built.

    Attributes:
        links: Makes, hands out and replaces patients' links.
        browsing: Knows browser sessions.
        opening: Opens links in browsers.
        sharing: Shares and revokes for patients.
        duties: What is done again and again.
    """

    links: PatientLinks
    browsing: Browsing
    opening: Opening
    sharing: PatientSharing
    duties: tuple[Duty, ...]


def build_patients(
    *,
    catalog: Catalog,
    journal: Journal,
    clock: Clock,
    entropy: Entropy,
    own: OwnIdentity,
    offering: Offering,
    sharing: Sharing,
    passcodes: Passcodes,
    key_encryption_key: bytes,
    second: SecondStep,
    parts: StudyParts,
    send_link: SendLink | None = None,
) -> PatientParts:
    """Build it; all of them hash passcodes one at a time, together with the doors of nodes."""
    links = PatientLinks(
        catalog=catalog,
        journal=journal,
        clock=clock,
        entropy=entropy,
        own=own,
        passcodes=passcodes,
        key_encryption_key=key_encryption_key,
    )
    browsing = Browsing(catalog=catalog, journal=journal, clock=clock, entropy=entropy)
    opening = Opening(
        catalog=catalog,
        journal=journal,
        clock=clock,
        own=own,
        passcodes=passcodes,
        browsing=browsing,
        links=links,
        key_encryption_key=key_encryption_key,
        second=second,
    )
    return PatientParts(
        links=links,
        browsing=browsing,
        opening=opening,
        sharing=PatientSharing(
            catalog=catalog,
            journal=journal,
            clock=clock,
            entropy=entropy,
            sharing=sharing,
            passcodes=passcodes,
            offering=offering,
            parts=parts,
            sends_codes=second.sends,
            send_link=send_link,
            urls=own.urls,
        ),
        duties=(
            Duty("making links for patients", _LINK_SECONDS, links.make_due),
            Duty("forgetting browser sessions", _FORGET_SECONDS, browsing.forget),
        ),
    )
