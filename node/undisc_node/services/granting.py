"""Grants: what this practice gives out of its own hand (SPEC.md §4.1).

Grants made here rest on `treatment` or `emergency` (named staff, a reason, straight to a trusted
node, or in an emergency to a link that opens once; an emergency ends within 72 hours, and others
are told) or, on a node made for demonstrations, on `operator`. The basis is signed into the grant
and kept in its row: neither can pass as a patient's consent later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import Conflict, Invalid, NotFound, Refused
from undisc_node.services.finding import by_prefix
from undisc_node.services.grant_making import signed_grant
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.link_rows import DEFAULT_ATTEMPTS, KeptPasscode, LinkRow
from undisc_node.services.model import Basis, Grant, Peer, PeerState, Study, StudyState
from undisc_node.services.offering import Offering
from undisc_node.services.ports import Catalog, Clock, Entropy, Records
from undisc_protocol import limits
from undisc_protocol.capability.delegation import (
    COMMAND_ALL,
    COMMAND_READ,
    COMMAND_VIEW,
    Meta,
)
from undisc_protocol.keys import KEY_SIZE, link_key

MAX_STAFF = 128  # characters of a staff member's name
MAX_REASON = 500  # characters of a reason
LONGEST_EMERGENCY = 72 * 3_600  # seconds; by then somebody can ask the patient (DESIGN §5)


@dataclass(frozen=True, slots=True)
class Granted:
    """A new grant and what to hand over.

    Attributes:
        grant: The row.
        offer: The offer for the recipient's node, or None for a link.
        link_secret: Secret of the new link, 32 bytes; kept nowhere here. None for a node.
    """

    grant: Grant
    offer: bytes | None
    link_secret: bytes | None


class TellsOfEmergency(Protocol):
    """Tells a second person, and the patient."""

    def given(
        self, records: Records, grant: Grant, study: Study, peer: Peer | None, actor: str
    ) -> None:
        """Tell of images given out in an emergency, within the change that does it."""


class Granting:
    """Makes and lists grants.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
        entropy: Nonces and link secrets.
        own: Who we are.
        offering: Makes the offer for the recipient.
        emergency: Tells of images given out in an emergency, within the change; None where nobody
            could be told, so that there are none.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
        own: OwnIdentity,
        offering: Offering,
        emergency: TellsOfEmergency | None = None,
    ) -> None:
        self._catalog = catalog
        self._journal = journal
        self._clock = clock
        self._entropy = entropy
        self._own = own
        self._offering = offering
        self._emergency = emergency

    def create(
        self,
        *,
        study: bytes,
        peer: Peer | None,
        basis: Basis,
        staff: str,
        purpose: str,
        expires: int,
        command: str,
        actor: str,
        passcode: KeptPasscode | None = None,
    ) -> Granted:
        """Make a grant.

        Args:
            study: The study's id.
            peer: The trusted node that gets it; None for a new link, which in an emergency opens
                once, in a browser or another node, and else is a patient's.
            basis: `treatment`, `emergency` or, on a demonstration node, `operator`.
            staff: Who asked for it, by name.
            purpose: Why.
            expires: End, seconds since 1970.
            command: `/img/read` or `/img/view` to a node or in an emergency; ignored for a
                patient's link, which gets `/img`.
            actor: Who does it: user of the admin socket, or account of the desk.
            passcode: What is kept of the passcode of a link that opens once, or None.

        Raises:
            Refused: The basis is not allowed here, or the peer is not trusted.
            Invalid: Names, reason, times or command that cannot be used.
            NotFound: No such study.
            Conflict: The study is held or withdrawn.
        """
        self._check_basis(basis, peer)
        staff, purpose = staff.strip(), purpose.strip()
        if not staff or len(staff) > MAX_STAFF or not purpose or len(purpose) > MAX_REASON:
            raise Invalid(
                "a grant needs the name of the staff member and a reason",
                hint=f"up to {MAX_STAFF} and {MAX_REASON} characters: --staff and --purpose",
            )
        now_ms = self._clock.now_ms()
        if not now_ms // 1000 < expires <= now_ms // 1000 + limits.GRANT_LIFETIME:
            raise Invalid(
                "a grant ends in the future, at most 400 days from now",
                hint="use --days N or --until DATE",
            )
        if basis is Basis.EMERGENCY and expires > now_ms // 1000 + LONGEST_EMERGENCY:
            raise Invalid(
                "what is given out in an emergency ends within 72 hours",
                code="emergency_too_long",
                hint="use --days 3 or less; later the patient can be asked",
            )
        opens_once = peer is None and basis is Basis.EMERGENCY
        if (peer or opens_once) and command not in (COMMAND_READ, COMMAND_VIEW):
            raise Invalid(f"such a grant is for {COMMAND_READ} or {COMMAND_VIEW}")
        secret = None if peer else self._entropy.random(KEY_SIZE)
        audience = peer.did if peer else link_key(secret or b"").did
        grant = signed_grant(
            self._own,
            audience=audience,
            study=study,
            command=command if peer or opens_once else COMMAND_ALL,
            meta=Meta(basis=basis),
            nonce=self._entropy.random(limits.MIN_NONCE),
            expires=expires,
            staff=staff,
            purpose=purpose,
            now_ms=now_ms,
        )
        with self._catalog.change() as records:
            row = records.studies.get(study)
            if row is None:
                raise NotFound("no such study")
            self._check_study(row)
            if peer is not None:
                current = records.peers.get(peer.id)
                if current is None or current.state is not PeerState.TRUSTED:
                    raise _untrusted(peer)
                if "fetch" not in current.scopes:
                    raise Refused(
                        "the node is trusted, but may not fetch from this one",
                        code="peer_scope",
                        hint="add it again with the scope 'fetch': undisc peers add",
                    )
            records.grants.add(grant)
            if opens_once:
                self._add_link(records, grant, passcode, actor)
            if basis is Basis.EMERGENCY and self._emergency is not None:
                self._emergency.given(records, grant, row, peer, actor)
            self._journal.note(
                records,
                "grant.created",
                who=auditing.user(actor),
                what=[*auditing.about_study(row), auditing.about_security("grant", grant.id)],
                why=purpose,
                detail={
                    "basis": basis.value,
                    "staff": staff,
                    "audience": audience,
                    "command": grant.command,
                },
            )
        offer = self._offering.make([grant.token]) if peer else None
        return Granted(grant, offer, secret)

    def _add_link(
        self, records: Records, grant: Grant, passcode: KeptPasscode | None, actor: str
    ) -> None:
        """Record a link that opens once, within the change that makes its grant."""
        link = LinkRow(
            did=grant.audience,
            passcode=passcode,
            max_uses=1,
            uses=0,
            max_attempts=DEFAULT_ATTEMPTS,
            attempts=0,
            created_ms=grant.created_ms,
        )
        records.links.add(link)
        self._journal.note(
            records,
            "link.made",
            who=auditing.user(actor),
            what=[
                auditing.about_security("link", link.id),
                auditing.about_security("grant", grant.id),
            ],
            detail={"passcode": int(passcode is not None), "uses": 1, "attempts": DEFAULT_ATTEMPTS},
        )

    def _check_basis(self, basis: Basis, peer: Peer | None) -> None:
        if basis is Basis.OPERATOR:
            if not self._own.demo:
                raise Refused(
                    "the basis 'operator' is for demonstrations, and this node is a real one",
                    code="not_a_demo",
                    hint="use --basis treatment with --staff and --purpose",
                )
            return
        if basis is Basis.EMERGENCY and self._emergency is None:
            raise Refused(
                "this node has nobody to tell of an emergency",
                code="nobody_to_tell",
                hint="start the node itself; tools cannot give anything out in an emergency",
            )
        if basis not in (Basis.TREATMENT, Basis.EMERGENCY):
            raise Refused(
                f"a grant on the basis '{basis}' is made from a recorded consent, not here",
                code="basis_not_here",
                hint="use --basis treatment with --staff and --purpose",
            )
        if peer is None and basis is Basis.TREATMENT:
            raise Refused(
                "a grant for treatment goes straight to a trusted node",
                code="needs_peer",
                hint="name the node: --to PEER",
            )

    @staticmethod
    def _check_study(study: Study) -> None:
        if study.state is not StudyState.ACTIVE:
            raise Conflict(
                f"the study is {study.state}: {study.reason}",
                code="study_stopped",
                hint="release it first: undisc studies release",
            )

    def find(self, prefix: str) -> Grant:
        """Return a grant by a unique beginning of its id."""
        with self._catalog.look() as records:
            return by_prefix(prefix, records.grants.list(), "grant")

    def list(self, study: bytes | None) -> Sequence[Grant]:
        """List grants, newest first."""
        with self._catalog.look() as records:
            return records.grants.list(study=study)


def _untrusted(peer: Peer) -> Refused:
    return Refused(
        "the node is not a trusted peer",
        code="peer_not_trusted",
        hint=f"trust it first: undisc peers trust {peer.id.hex()[:8]}",
    )
