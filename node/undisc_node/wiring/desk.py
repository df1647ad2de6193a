"""Builds what the desk needs: signing in, asking patients, and what their device calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from undisc_node.config import Settings
from undisc_node.services.asking import Asking
from undisc_node.services.auditing import Journal
from undisc_node.services.desk_rows import ChannelKind
from undisc_node.services.desk_sharing import DeskSharing
from undisc_node.services.fetching import Fetching
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.link_fetching import LinkFetching
from undisc_node.services.offer_taking import OfferTaking
from undisc_node.services.passcodes import Passcodes
from undisc_node.services.passkeys import Passkeys
from undisc_node.services.patient_sharing import SendLink
from undisc_node.services.peering import Peering
from undisc_node.services.ports import Catalog, Clock, Entropy
from undisc_node.services.signing_in import SigningIn
from undisc_node.services.staff import Staff
from undisc_node.services.studies import Studies
from undisc_node.services.wishing import Wishing
from undisc_node.web.asked.uses import AskedUses
from undisc_node.web.desk.uses import DeskUses
from undisc_node.web.passkeys import WebAuthn
from undisc_node.wiring.duties import Duty
from undisc_node.wiring.messages import MessageParts
from undisc_node.wiring.patients import PatientParts

_FORGET_SECONDS: Final = 3_600.0  # sessions and questions that are over take no room for long
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class DeskParts:
    """What was built.

    Attributes:
        desk: What the desk calls.
        asked: What a handed-over device calls, on both listeners.
        duties: What is done again and again.
    """

    desk: DeskUses
    asked: AskedUses
    duties: tuple[Duty, ...]


def build_desk(
    settings: Settings,
    *,
    key_encryption_key: bytes,
    catalog: Catalog,
    staff: Staff,
    consents: Mapping[str, Any],
    department: Mapping[str, Any],
    own: OwnIdentity,
    patients: PatientParts,
    send_link: SendLink | None,
    offers: OfferTaking,
    messages: MessageParts,
    carries: Callable[[ChannelKind], bool],
    passcodes: Passcodes,
    fetching: Fetching,
    link_fetching: LinkFetching,
    peering: Peering,
    studies: Studies,
    giving: Mapping[str, Any],
    journal: Journal,
    clock: Clock,
    entropy: Entropy,
) -> DeskParts:
    """Build it from the settings and from use cases that other doors have, too."""
    signing_in = SigningIn(
        catalog=catalog,
        staff=staff,
        journal=journal,
        clock=clock,
        entropy=entropy,
        sealing_key=key_encryption_key,
        practice=settings.name,
        idle_ms=settings.desk_idle_minutes * _MINUTE_MS,
    )
    asking = Asking(
        catalog=catalog,
        consenting=consents["consenting"],
        clock=clock,
        entropy=entropy,
        passcodes=passcodes,
        calling_code=settings.calling_code,
    )
    passkeys = Passkeys(
        catalog=catalog,
        journal=journal,
        clock=clock,
        entropy=entropy,
        reader=WebAuthn(),
        signing_in=signing_in,
        practice=settings.name,
    )
    urls = settings.public_urls
    return DeskParts(
        desk=DeskUses(
            signing_in=signing_in,
            passkeys=passkeys,
            asking=asking,
            ordering=department["ordering"],
            consenting=consents["consenting"],
            visiting=consents["visiting"],
            releasing=consents["releasing"],
            wishes=Wishing(catalog=catalog),
            links=patients.links,
            sharing=DeskSharing(
                catalog=catalog,
                journal=journal,
                clock=clock,
                entropy=entropy,
                own=own,
                links=patients.links,
                sharing=patients.sharing,
                send_link=send_link,
            ),
            offers=offers,
            messages=messages.messaging,
            reaching=messages.reaching,
            use_notices=messages.use_notices,
            queueing=department["queueing"],
            staff=staff,
            fetching=fetching,
            link_fetching=link_fetching,
            peers=peering.list,
            studies=studies,
            giving=giving["emergency_giving"],
            now_ms=clock.now_ms,
            random=entropy.random,
            public_url=urls[0].rstrip("/") if urls else "",
        ),
        asked=AskedUses(
            asking=asking,
            consenting=consents["consenting"],
            carries=carries,
            random=entropy.random,
        ),
        duties=(Duty("forgetting sessions of the desk", _FORGET_SECONDS, signing_in.forget),),
    )
