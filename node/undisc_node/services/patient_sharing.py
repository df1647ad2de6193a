"""What a patient does with a visit: share, look who came, take back; from any session with the PIN.

Shares are signed by the patient's browser. To revoke takes no key: whoever lost the phone and has
the letter and the PIN can end everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from undisc_node.services import auditing, reachable
from undisc_node.services.auditing import Journal
from undisc_node.services.browsing import opened_by_link, reader
from undisc_node.services.browsing_rows import Access, AccessRow, BrowserSession, Kind
from undisc_node.services.copies import copies_of
from undisc_node.services.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from undisc_node.services.link_looks import hidden
from undisc_node.services.link_rows import DEFAULT_ATTEMPTS, LinkRow
from undisc_node.services.model import Basis, Grant, Peer, PeerState, Share, StudyState
from undisc_node.services.offer_rows import OutgoingOffer
from undisc_node.services.offering import Offering
from undisc_node.services.passcodes import Passcodes
from undisc_node.services.patient_named import named_in
from undisc_node.services.patient_rows import PatientShare
from undisc_node.services.patient_views import Overview, Prepared, Shown, ShownStudy, Wanted
from undisc_node.services.ports import Catalog, Clock, Entropy, Records
from undisc_node.services.revoking import revoke_share_within, revoke_within
from undisc_node.services.sharing import Sharing
from undisc_node.services.study_parts import StudyParts
from undisc_protocol.capability.delegation import COMMAND_READ, read_delegation
from undisc_protocol.did import Did, decode_did
from undisc_protocol.errors import NotGranted
from undisc_protocol.keys import link_key
from undisc_protocol.link import read_link, write_link
from undisc_protocol.log import Actor

MAX_PARTS: Final = 32  # studies that are shared with one click; as many as a link offers
MAX_SHARES: Final = 200  # of one visit, ended ones included
MAX_SENT: Final = 5  # messages with one link: nobody's letter box is flooded with it
SendLink = Callable[[str, str, int, str], None]
"""Sends a link: to which address or number, the link, its last day in seconds, the language."""
MAX_LABEL: Final = 64  # characters of what a patient calls a recipient
_ACTOR: Final = "patient"


class PatientSharing:
    """Shares and revokes for patients.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
        entropy: Ids.
        sharing: Takes signed shares in.
        passcodes: Hashes passcodes.
        offering: Makes offers for practices.
        parts: Lists series.
        sends_codes: Whether this node can send one-time codes.
        send_link: Sends a link, or None where this node sends nothing.
        urls: Addresses of this node; links that it sends begin with the first.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
        sharing: Sharing,
        passcodes: Passcodes,
        offering: Offering,
        parts: StudyParts,
        sends_codes: bool,
        send_link: SendLink | None,
        urls: Sequence[str],
    ) -> None:
        self._send_link, self._urls = send_link, urls
        self._parts = parts
        self._sends_codes = sends_codes
        self._catalog = catalog
        self._journal = journal
        self._clock = clock
        self._entropy = entropy
        self._sharing = sharing
        self._passcodes = passcodes
        self._offering = offering

    # --- Looking ----------------------------------------------------------------------------------

    def overview(self, session: BrowserSession) -> Overview:
        """Return what the patient's page shows."""
        visit_id = _visit_of(session)
        with self._catalog.look() as records:
            key = records.patients.key(session.link)
            visit = records.visits.get(visit_id)
            consent = records.consents.get(visit.consent) if visit else None
            if key is None or visit is None or consent is None:
                raise NotGranted("there is no such link here")
            signer = key.did if key.retired_ms is None else None
            grants = {
                made.study: records.grants.get(made.grant)
                for made in records.patients.grants(key.did)
            }
            studies = [
                ShownStudy(
                    study,
                    grants.get(study.id) if signer else None,
                    self._parts.of(records, study.id),
                )
                for row in records.visits.studies(visit_id)
                if row.belongs
                and row.released_ms is not None
                and (study := records.studies.get(row.study)) is not None
                and study.state is StudyState.ACTIVE
            ]
            peers = {peer.id: peer for peer in records.peers.list()}
            return Overview(
                key=key,
                studies=studies,
                signer=signer,
                shares=[
                    self._shown(records, one, peers) for one in records.patients.shares(visit_id)
                ],
                named=named_in(records, visit_id, peers),
                practices=[one for one in peers.values() if one.state is PeerState.TRUSTED],
                codes=self._sends_codes,
                until=consent.statement.ends or 0,
                language=consent.statement.language,
                patient=visit.patient.name,
            )

    def _shown(self, records: Records, shared: PatientShare, peers: Mapping[bytes, Peer]) -> Shown:
        parts = [row for part in shared.parts if (row := records.shares.get(part)) is not None]
        link = records.links.get(shared.audience)
        peer = next((one for one in peers.values() if one.did == shared.audience), None)
        grants = [records.grants.get(one.grant) for one in parts]
        now = self._clock.now_ms() // 1000
        alive = [
            min(one.expires, grant.expires)
            for one, grant in zip(parts, grants, strict=True)
            if one.revoked_ms is None and grant is not None and grant.revoked_ms is None
        ]
        if not alive or (link is not None and link.revoked_ms is not None):
            state = "revoked"
        elif max(alive) <= now:
            state = "expired"
        elif link is not None and link.uses_used_up:
            state = "used_up"
        else:
            state = "locked" if link is not None and link.attempts_used_up else "active"
        return Shown(shared, link, peer, parts, state, copies_of(records, parts))

    def accesses(self, session: BrowserSession) -> Sequence[AccessRow]:
        """List who did what with anything of the visit, newest first."""
        return self.accesses_of(_visit_of(session))

    def shares_of(self, visit_id: bytes) -> Sequence[Shown]:
        """List what was shared of a visit, newest first; for the desk, which tells the patient."""
        with self._catalog.look() as records:
            peers = {peer.id: peer for peer in records.peers.list()}
            return [self._shown(records, one, peers) for one in records.patients.shares(visit_id)]

    def accesses_of(self, visit_id: bytes) -> Sequence[AccessRow]:
        """Likewise, for the desk."""
        with self._catalog.look() as records:
            keys = [key.did for key in records.patients.keys(visit_id)]
            shares = [one.audience for one in records.patients.shares(visit_id)]
            studies = [row.study for row in records.visits.studies(visit_id) if row.belongs]
            once = [
                grant.audience
                for study in studies
                for grant in records.grants.list(study=study)
                if grant.basis is Basis.EMERGENCY and records.links.get(grant.audience)
            ]
            found = {
                id_of(row): row
                for row in (
                    *records.browsing.accesses([*keys, *shares, *once]),
                    *records.browsing.accesses_of(studies),
                )
            }
        return sorted(found.values(), key=lambda row: row.at_ms, reverse=True)

    # --- Sharing ----------------------------------------------------------------------------------

    def share(
        self, session: BrowserSession, tokens: Sequence[bytes], wanted: Wanted
    ) -> tuple[PatientShare, Sequence[bytes]]:
        """Take in what a patient's browser has signed for one recipient, in one change.

        Args:
            session: The patient's.
            tokens: One signed share for each study, all to the same recipient.
            wanted: Name and protection.

        Returns:
            What was shared, and for a practice the offers to hand to its node.

        Raises:
            Refused: `no_key`: the page was opened without a key that may share.
            Invalid: The protection cannot be used, or the shares do not belong together.
            Conflict: The link is not new, or there are too many shares.
            ServiceError: As `Sharing.register`.
            RemoteProtocolError: Likewise.
        """
        visit_id, who = _visit_of(session), reader(session.row)
        ready = self.prepare(tokens, wanted)
        with self._catalog.change() as records:
            self._check_signer(records, visit_id, ready.issuers)
            shared, made = self.share_within(records, visit_id, ready, who)
        return shared, [self._offering.make([grant.token, share.token]) for share, grant in made]

    def prepare(self, tokens: Sequence[bytes], wanted: Wanted) -> Prepared:
        """Check what is to be shared, and hash its passcode, before a change is opened.

        Raises:
            Invalid: As `share`.
        """
        read = [read_delegation(token) for token in tokens]
        audiences = {one.audience for one in read}
        if not 1 <= len(read) <= MAX_PARTS or len(audiences) != 1:
            raise Invalid("one or more studies are shared with one recipient")
        if len({one.policy.study for one in read}) != len(read):
            raise Invalid("each study is shared once")
        if not 1 <= len(wanted.label) <= MAX_LABEL:
            raise Invalid("say whom it is for", hint=f"up to {MAX_LABEL} characters")
        (audience,) = audiences
        link = LinkRow(
            did=audience,
            passcode=self._passcodes.keep(wanted.passcode) if wanted.passcode else None,
            max_uses=wanted.uses,
            uses=0,
            max_attempts=DEFAULT_ATTEMPTS,
            attempts=0,
            created_ms=self._clock.now_ms(),
        )
        return Prepared(
            tokens=tuple(tokens),
            issuers={one.issuer for one in read},
            link=link,
            label=wanted.label,
            contact=read_contact(wanted.contact) if wanted.contact else "",
        )

    def share_within(
        self, records: Records, visit_id: bytes, ready: Prepared, who: Actor
    ) -> tuple[PatientShare, Sequence[tuple[Share, Grant]]]:
        """Take it in within an open change; the caller knows that the signer may share.

        Returns:
            What was shared, and for a practice what is offered to its node.

        Raises:
            Conflict: As `share`.
            ServiceError: Likewise.
            RemoteProtocolError: Likewise.
        """
        audience = ready.link.did
        if len(records.patients.shares(visit_id)) >= MAX_SHARES:
            raise Conflict("too many shares were made of this visit", code="too_many")
        peer = records.peers.find_did(audience)
        if peer is None:
            self._check_new(records, audience)
        elif peer.state is not PeerState.TRUSTED:
            raise Conflict("the practice is not connected at the moment", code="peer_not_trusted")
        made = [self._sharing.register_within(records, token, who) for token in ready.tokens]
        if peer is None:
            records.links.add(ready.link)
            self._note_link(records, ready.link, who, [share for share, _ in made])
        shared = PatientShare(
            id=self._entropy.random(16),
            visit=visit_id,
            audience=audience,
            label=ready.label,
            contact=ready.contact,
            parts=tuple(share.id for share, _ in made),
            created_ms=self._clock.now_ms(),
        )
        records.patients.add_share(shared)
        if peer is None:
            return shared, []
        self._offer(records, peer, [share for share, _ in made])
        return shared, made

    def _offer(self, records: Records, peer: Peer, shares: Sequence[Share]) -> None:
        """Let what may be fetched be handed to a practice's node by itself."""
        now_ms = self._clock.now_ms()
        for share in shares:
            if share.command == COMMAND_READ:
                records.offers.put_outgoing(
                    OutgoingOffer(
                        share.id, peer.id, share.study, now_ms, attempts=0, next_ms=now_ms
                    )
                )

    def send(
        self, session: BrowserSession, share_id: bytes, link: str, to: str, language: str
    ) -> None:
        """Send the link of a share to somebody, because the patient says so.

        Args:
            session: The patient's.
            share_id: The share.
            link: Its link, as the patient's browser made it; it is kept nowhere.
            to: E-mail address or telephone number as typed.
            language: In which the message is written.

        Raises:
            NotFound: The visit has no such share, or the link is that of another one.
            Conflict: It was ended, or was sent often enough.
            Invalid: The address or number cannot be one.
            LinkDamaged: Not a link.
            Unavailable: Nothing can be sent now.
        """
        visit_id, contact = _visit_of(session), read_contact(to)
        secret = read_link(link).secret
        did = link_key(secret).did
        with self._catalog.change() as records:
            shared = records.patients.share(share_id)
            if shared is None or shared.visit != visit_id or shared.audience != did:
                raise NotFound("there is no such share")
            opens = opened_by_link(records, did, self._clock.now_ms() // 1000)
            sent = [one for one in records.browsing.accesses([did]) if one.kind is Access.SENT]
            if len(sent) >= MAX_SENT:
                raise Conflict("the link was sent often enough", code="sent_often")
            if self._send_link is None or not self._urls:
                raise Unavailable("this node sends no messages", code="channel_not_set")
            records.browsing.note(
                AccessRow(self._clock.now_ms(), Access.SENT, did, None, None, hidden(contact), None)
            )
            self._journal.note(
                records,
                "link.sent",
                who=reader(session.row),
                what=[auditing.about_security("link", decode_did(did))],
            )
        own = write_link(self._urls[0], secret)  # never to an address that was typed
        self._send_link(contact, own, max(one.expires for one in opens), language)

    def extend(
        self, session: BrowserSession, share_id: bytes, tokens: Sequence[bytes]
    ) -> PatientShare:
        """Add studies to what a recipient has already, such as one that joined the visit later.

        Raises:
            NotFound: The visit has no such share.
            Conflict: It was ended, or is not of the same kind as the new ones.
            Refused: As `share`.
            ServiceError: As `Sharing.register`.
            RemoteProtocolError: Likewise.
        """
        visit_id = _visit_of(session)
        read = [read_delegation(token) for token in tokens]
        with self._catalog.change() as records:
            shared = records.patients.share(share_id)
            if shared is None or shared.visit != visit_id:
                raise NotFound("there is no such share")
            self._check_signer(records, visit_id, {one.issuer for one in read})
            parts = [records.shares.get(one) for one in shared.parts]
            alive = [one for one in parts if one is not None and one.revoked_ms is None]
            if not alive or not 1 <= len(read) <= MAX_PARTS - len(parts):
                raise Conflict("the share was ended, or has too much in it", code="share_ended")
            known = {one.study for one in alive}
            if any(
                one.audience != shared.audience
                or one.command != alive[0].command
                or one.expires > alive[0].expires
                or one.policy.study in known
                for one in read
            ):
                raise Conflict("the new part is not of the same kind", code="other_kind")
            for token in tokens:
                made, _ = self._sharing.register_within(records, token, reader(session.row))
                records.patients.add_part(shared.id, made.id)
            return records.patients.share(share_id) or shared

    @staticmethod
    def _check_signer(records: Records, visit_id: bytes, issuers: set[Did]) -> None:
        for issuer in issuers:
            key = records.patients.key(issuer)
            if key is None or key.visit != visit_id or key.retired_ms is not None:
                raise Refused(
                    "another browser has taken the place of this one",
                    code="key_replaced",
                    hint="share from the browser that opened the link last",
                )

    @staticmethod
    def _check_new(records: Records, audience: Did) -> None:
        known = records.links.get(audience) or records.patients.key(audience)
        if known is not None or records.patients.shares_to(audience):
            raise Conflict("the share is not to a new link", code="link_known")

    def _note_link(
        self,
        records: Records,
        link: LinkRow,
        who: Actor,
        shares: Sequence[Share],
    ) -> None:
        self._journal.note(
            records,
            "link.made",
            who=who,
            what=[
                auditing.about_security("link", link.id),
                *(auditing.about_security("share", share.id) for share in shares),
            ],
            detail={
                "passcode": int(link.passcode is not None),
                "uses": link.max_uses or 0,
                "attempts": link.max_attempts,
            },
        )

    # --- Taking back ------------------------------------------------------------------------------

    def revoke(self, session: BrowserSession, share_id: bytes) -> PatientShare:
        """End what was given to one recipient, at once and for good; again changes nothing.

        Raises:
            NotFound: The visit has no such share.
        """
        return self.revoke_of(_visit_of(session), share_id, _ACTOR)

    def revoke_of(self, visit_id: bytes, share_id: bytes, actor: str) -> PatientShare:
        """Likewise at the desk, because the patient says so.

        Raises:
            NotFound: The visit has no such share.
        """
        with self._catalog.change(vital=True) as records:
            shared = records.patients.share(share_id)
            if shared is None or shared.visit != visit_id:
                raise NotFound("there is no such share")
            self._end(records, shared, actor)
        return shared

    def revoke_all(self, session: BrowserSession) -> int:
        """End everything that was given to anybody of this visit; return to how many recipients.

        What the patient sees stays: the page must be able to say who had what.
        """
        return self.revoke_all_of(_visit_of(session), _ACTOR)

    def revoke_all_of(self, visit_id: bytes, actor: str) -> int:
        """Likewise at the desk, because the patient says so."""
        now_ms, ended = self._clock.now_ms(), 0
        with self._catalog.change(vital=True) as records:
            for shared in records.patients.shares(visit_id):
                ended += self._end(records, shared, actor)
            for made in records.visits.grants(visit_id):
                grant = records.grants.get(made.grant)
                if grant is not None and grant.revoked_ms is None:
                    revoke_within(records, self._journal, grant, actor, now_ms)
                    ended += 1
        return ended

    def _end(self, records: Records, shared: PatientShare, actor: str) -> int:
        now_ms, alive = self._clock.now_ms(), 0
        link = records.links.get(shared.audience)
        if link is not None and link.revoked_ms is None:
            records.links.revoke(link.did, now_ms)
            records.browsing.close_of_link(link.did, now_ms)
        for part in shared.parts:
            share = records.shares.get(part)
            if share is not None and share.revoked_ms is None:
                revoke_share_within(records, self._journal, share, actor, now_ms)
                alive = 1
        return alive


def read_contact(typed: str) -> str:
    """Return an e-mail address or telephone number in its one spelling.

    Raises:
        Invalid: It can be neither.
    """
    return reachable.email(typed) if "@" in typed else reachable.telephone(typed)


def id_of(row: AccessRow) -> tuple[int, Access, Did, bytes | None, bytes | None]:
    """Return what tells one access from another."""
    return row.at_ms, row.kind, row.link, row.study, row.session


def _visit_of(session: BrowserSession) -> bytes:
    if session.kind is not Kind.PATIENT or session.row.visit is None:
        raise Refused("only the patient can do this", code="not_the_patient")
    return session.row.visit
