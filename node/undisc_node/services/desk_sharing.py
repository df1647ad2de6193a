"""What the desk does for a patient who says so: share, end, note a trial; each on an instruction.

A patient's own share is signed by the key in their browser. At the desk there is none, so the node
makes a key for this one share, grants the visit's studies to it on the patient's consent, signs,
and forgets it (ADR 0035). Whatever was shared so is like any other share: the patient sees it, it
has its protection, and it ends in the same ways. The log says who instructed and who did it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.browsing_rows import AccessRow
from undisc_node.services.errors import Conflict, Invalid, NotFound, Unavailable
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.model import Grant, Peer, PeerState
from undisc_node.services.patient_links import PatientLinks
from undisc_node.services.patient_rows import PatientShare
from undisc_node.services.patient_sharing import PatientSharing, SendLink, read_contact
from undisc_node.services.patient_views import Shown, Wanted
from undisc_node.services.ports import Catalog, Clock, Entropy, Records
from undisc_protocol import limits
from undisc_protocol.capability.delegation import COMMAND_READ, COMMAND_VIEW, sign_share
from undisc_protocol.did import Did
from undisc_protocol.keys import KEY_SIZE, SignKey, link_key
from undisc_protocol.link import write_link
from undisc_protocol.log import Subject

MAX_WHO: Final = 128  # characters of who instructed, and how
_DAY: Final = 86_400  # seconds
_DIGITS: Final = 8  # of a passcode that is drawn: nobody reads more out on the telephone


@dataclass(frozen=True, slots=True)
class ToShare:
    """What is to be shared, as it was instructed.

    Attributes:
        wanted: Name and protection.
        peer: Node id of the practice that gets it; empty for a link.
        days: For how long, at most as long as the consent lasts.
        view_only: Whether it is for looking only.
        send_to: Where the node sends the link, as typed; empty for nowhere.
    """

    wanted: Wanted
    peer: bytes = b""
    days: int = 30
    view_only: bool = False
    send_to: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class GivenOut:
    """What was shared.

    Attributes:
        shared: The row.
        link: Its link, which is shown once; empty for a practice.
        expires: Its end, seconds.
    """

    shared: PatientShare
    link: str = field(repr=False)
    expires: int


class DeskSharing:
    """Shares, ends and notes for patients, on their instruction.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
        entropy: Keys that sign once.
        own: Who we are.
        links: Grants on the visit's consent.
        sharing: Takes shares in, lists and ends them.
        send_link: Sends a link, or None where this node sends nothing.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
        own: OwnIdentity,
        links: PatientLinks,
        sharing: PatientSharing,
        send_link: SendLink | None,
    ) -> None:
        self._catalog = catalog
        self._journal = journal
        self._clock = clock
        self._entropy = entropy
        self._own = own
        self._links = links
        self._sharing = sharing
        self._send_link = send_link

    @property
    def sends(self) -> bool:
        """Whether this node can send a link."""
        return self._send_link is not None

    def draw_passcode(self) -> str:
        """Draw a passcode that can be read out."""
        drawn = int.from_bytes(self._entropy.random(8), "big") % 10**_DIGITS
        return f"{drawn:0{_DIGITS}}"

    def shares_of(self, visit_id: bytes) -> Sequence[Shown]:
        """List what was shared of a visit, newest first."""
        return self._sharing.shares_of(visit_id)

    def accesses_of(self, visit_id: bytes) -> Sequence[AccessRow]:
        """List who did what with anything of a visit, newest first."""
        return self._sharing.accesses_of(visit_id)

    def share(self, visit_id: bytes, to: ToShare, instructed: str, actor: str) -> GivenOut:
        """Share everything that was released of a visit with one recipient.

        Args:
            visit_id: The visit.
            to: With whom, and how protected.
            instructed: Who said so, and how; empty for whoever gave the consent.
            actor: Who does it.

        Raises:
            NotFound: No such visit, or no such practice.
            Conflict: Nothing was released, the consent has ended, or there are too many shares.
            Invalid: A protection, name or address that cannot be used.
            Unavailable: The link is to be sent, and this node sends nothing.
        """
        contact = read_contact(to.send_to) if to.send_to else ""
        if contact and self._send_link is None:
            raise Unavailable("this node sends no messages", code="channel_not_set")
        if not to.peer and not self._own.urls:
            raise Conflict(
                "the node has no address under which a browser reaches it",
                code="no_address",
                hint="set public.urls",
            )
        once = SignKey.from_seed(self._entropy.random(KEY_SIZE))
        secret = self._entropy.random(KEY_SIZE)
        with self._catalog.look() as records:
            audience = self._peer(records, to.peer).did if to.peer else link_key(secret).did
        with self._catalog.change() as records:
            said = self._note(records, visit_id, "share", instructed, actor)
            grants = self._grants(records, once.did, visit_id, said, actor)
        tokens, expires = self._signed(once, audience, grants, to)
        ready = self._sharing.prepare(tokens, to.wanted)  # hashes: not while others wait to write
        with self._catalog.change() as records:
            shared, _ = self._sharing.share_within(records, visit_id, ready, auditing.user(actor))
            visit = records.visits.get(visit_id)
            consent = records.consents.get(visit.consent) if visit else None
        link = "" if to.peer else write_link(self._own.urls[0], secret)
        if link and contact and self._send_link is not None:
            language = consent.statement.language if consent else "en"
            self._send_link(contact, link, expires, language)
        return GivenOut(shared, link, expires)

    @staticmethod
    def _peer(records: Records, node: bytes) -> Peer:
        peer = records.peers.get(node)
        if peer is None or peer.state is not PeerState.TRUSTED:
            raise NotFound("this practice is not connected", code="no_peer")
        return peer

    def _grants(
        self, records: Records, once: Did, visit_id: bytes, said: str, actor: str
    ) -> Sequence[Grant]:
        found = [
            self._links.grant_to(records, once, visit_id, row.study, said, actor)
            for row in records.visits.studies(visit_id)
            if row.belongs and row.released_ms is not None
        ]
        grants = [one for one in found if one is not None]
        if not grants:
            raise Conflict(
                "nothing of this visit can be shared: nothing was released, or the yes has ended",
                code="nothing_to_share",
                hint="release it first",
            )
        return grants

    def _signed(
        self, once: SignKey, audience: Did, grants: Sequence[Grant], to: ToShare
    ) -> tuple[Sequence[bytes], int]:
        now = self._clock.now_ms() // 1000
        expires = min(now + max(to.days, 1) * _DAY, *(one.expires for one in grants))
        return [
            sign_share(
                once,
                audience=audience,
                subject=self._own.key.did,
                study=one.study,
                command=COMMAND_VIEW if to.view_only and not to.peer else COMMAND_READ,
                nonce=self._entropy.random(limits.MIN_NONCE),
                not_before=now,
                expires=expires,
            )
            for one in grants
        ], expires

    def end(self, visit_id: bytes, share_id: bytes | None, instructed: str, actor: str) -> int:
        """End what was given to one recipient, or to all; return to how many.

        Raises:
            NotFound: No such visit, or it has no such share.
        """
        self.note(visit_id, "end" if share_id else "end all", instructed, actor)
        if share_id is None:
            return self._sharing.revoke_all_of(visit_id, actor)
        self._sharing.revoke_of(visit_id, share_id, actor)
        return 1

    def tested(self, visit_id: bytes, share_id: bytes, instructed: str, actor: str) -> None:
        """Note that a share was opened at the counter, with the patient looking on.

        Raises:
            NotFound: No such visit, or it has no such share.
        """
        with self._catalog.change() as records:
            self._note(records, visit_id, "tested", instructed, actor)
            shared = records.patients.share(share_id)
            if shared is None or shared.visit != visit_id:
                raise NotFound("there is no such share")
            records.patients.tested(share_id, self._clock.now_ms())

    def note(self, visit_id: bytes, deed: str, instructed: str, actor: str) -> None:
        """Log that something is done for a patient, and who said so.

        Raises:
            NotFound: No such visit.
            Invalid: Who said so is too long.
        """
        with self._catalog.change() as records:
            self._note(records, visit_id, deed, instructed, actor)

    def _note(
        self, records: Records, visit_id: bytes, deed: str, instructed: str, actor: str
    ) -> str:
        visit = records.visits.get(visit_id)
        consent = records.consents.get(visit.consent) if visit else None
        if visit is None or consent is None:
            raise NotFound("no such visit")
        of = instructed.strip() or consent.statement.decider_name
        if len(of) > MAX_WHO:
            raise Invalid(f"who said so has at most {MAX_WHO} characters", code="bad_text")
        said = f"on instruction of {of}, by {actor}"
        patient = Subject(kind=1, role=1, idtype="2", id=visit.patient.id, name="")
        self._journal.note(
            records,
            "visit.instructed",
            who=auditing.user(actor),
            what=[patient, auditing.about_security("consent", visit.consent)],
            why=said,
            detail={"visit": visit_id.hex(), "deed": deed},
        )
        return said
