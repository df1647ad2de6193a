"""Answering a fetch: from a sealed request to a ticket (SPEC.md §6.2 to §6.4).

A request is verified by `undisc_protocol`; this module looks up the rows that the verification
asks for, and turns a good request into a ticket. Replay, ticket, log row and first use of a share
are one change: a crash leaves either all of them or none.
"""

from __future__ import annotations

from hashlib import sha256

from undisc_node.services import auditing
from undisc_node.services.accesses import note_node
from undisc_node.services.auditing import Journal, Refusals
from undisc_node.services.browsing_rows import Access
from undisc_node.services.contents import Contents, Located
from undisc_node.services.ending_rows import Given
from undisc_node.services.errors import Damaged
from undisc_node.services.following import recognise
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.model import (
    Extent,
    Grant,
    PeerState,
    Share,
    Study,
    StudyState,
    Ticket,
)
from undisc_node.services.ports import Catalog, Clock, Entropy, Packs, Records, Reply
from undisc_node.services.recipients import may_receive
from undisc_node.services.replying import reply_to
from undisc_node.services.sharing import note_share, share_row
from undisc_protocol import limits
from undisc_protocol.capability.chain import Claim, Standing, check_standing, verify_chain
from undisc_protocol.capability.delegation import COMMAND_READ
from undisc_protocol.errors import (
    Busy,
    CommandNotGranted,
    NotGranted,
    OutsidePolicy,
    RemoteProtocolError,
    Replayed,
    StudyUnavailable,
    Tampered,
    WrongAudience,
)
from undisc_protocol.exchange import Granted, Request, make_answer, read_request
from undisc_protocol.identity import Identity
from undisc_protocol.keys import KEY_SIZE
from undisc_protocol.manifest import Manifest, ManifestObject, ManifestStudy
from undisc_protocol.tree import Checkpoint


class Serving:
    """Answers fetches.

    Args:
        catalog: Rows.
        packs: Bytes.
        contents: What is inside studies.
        journal: The log.
        refusals: Counts what is refused before a chain is accepted.
        clock: Time.
        entropy: Tickets.
        own: Who we are.
        any_node: Whether nodes that are no peers may use shares and links.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        packs: Packs,
        contents: Contents,
        journal: Journal,
        refusals: Refusals,
        clock: Clock,
        entropy: Entropy,
        own: OwnIdentity,
        any_node: bool = False,
    ) -> None:
        self._any_node = any_node
        self._catalog = catalog
        self._packs = packs
        self._contents = contents
        self._journal = journal
        self._refusals = refusals
        self._clock = clock
        self._entropy = entropy
        self._own = own

    def _now(self) -> int:
        return self._clock.now_ms() // 1000

    def answer(self, body: bytes) -> Reply:
        """Answer a request for a study (SPEC.md §6.2, §6.3).

        Args:
            body: The HTTP body as received.

        Returns:
            A sealed answer, or a signed refusal; never raises for what a stranger sent.
        """
        return reply_to(
            body,
            self._whole,
            key=self._own.key,
            clock=self._clock,
            refusals=self._refusals,
            busy="the node cannot read this study at the moment",
        )

    def _whole(self, body: bytes) -> bytes:
        try:
            return self._granted(body)
        except Damaged:
            raise Tampered("the study is damaged at the node that holds it") from None

    def _granted(self, body: bytes) -> bytes:
        now = self._now()
        request = read_request(body, box=self._own.box, own=self._own.id, now=now)
        recognise(self._catalog, self._journal, self._clock, request.sender)
        claim = verify_chain(
            request.invocation, request.proofs, own=self._own.names, now=now, asker=request.sender
        )
        # A node speaks for itself: nobody can spend an invocation that another node has signed.
        # Under its newest key, it also speaks for whom its former keys were given something.
        # A link speaks through its own key: whoever has it comes in the name of a node besides.
        if claim.audience not in request.sender.dids and not self._is_link(claim):
            raise WrongAudience("the capability names another recipient than the asking node")
        try:
            manifest, extents = self._permitted(claim, request)
        except RemoteProtocolError as problem:
            self._log_refused(claim, request, problem)
            raise
        secret = self._entropy.random(limits.TICKET)
        end = min(
            self._now() + limits.TICKET_LIFETIME, claim.permission.expires + limits.CLOCK_SKEW
        )
        ticket = Ticket(
            hash=sha256(secret).digest(),
            peer=request.sender.node_id,
            study=claim.study,
            grant=claim.grant_id,
            share=claim.share_id,
            invocation=claim.invocation_id,
            manifest=manifest.hash,
            extents=extents,
            expires_ms=end * 1000,
        )
        checkpoint = self._keep(claim, request, manifest, ticket)
        return make_answer(
            self._own.key,
            Granted(manifest, secret, self._now(), ticket.expires_ms // 1000, checkpoint),
            request=request.hash,
            invocation=claim.invocation.cid,
            reply_to=claim.invocation.arguments.key,
            ephemeral=self._entropy.random(KEY_SIZE),
        )

    def _is_link(self, claim: Claim) -> bool:
        with self._catalog.look() as records:
            return records.links.get(claim.audience) is not None

    def _check_rows(self, records: Records, claim: Claim, asker: Identity) -> Study:
        """Step 12 of the verification (SPEC.md §4.4)."""
        grant = records.grants.get(claim.grant_id)
        share = records.shares.get(claim.share_id) if claim.share_id else None
        study = records.studies.get(claim.study)
        peer = records.peers.get(asker.node_id)
        link = None if claim.audience in asker.dids else records.links.get(claim.audience)
        standing = Standing(
            recipient_trusted=may_receive(
                peer,
                any_node=self._any_node
                and (claim.permission.share is not None or link is not None),
            ),
            recipient_revoked=peer is not None and peer.state is PeerState.REVOKED,
            grant_known=grant is not None,
            grant_revoked=grant is not None and grant.revoked_ms is not None,
            grant_created=_grant_created(records, claim, grant, share),
            share_revoked=_is_from_replaced_key(records, claim, share)
            or any(row is not None and row.revoked_ms is not None for row in (share, link)),
            study_active=study is not None and study.state is StudyState.ACTIVE,
            unlocked=link is None
            or records.links.unlocked_until(link.did, asker.node_id) > self._clock.now_ms(),
            suspended=any(
                records.restored.is_suspended(one)
                for one in (claim.grant_id, claim.share_id)
                if one is not None
            ),
        )
        check_standing(claim.permission, standing, now=self._now())
        if study is None:
            raise StudyUnavailable("the study is not available")
        return study

    def _log_refused(self, claim: Claim, request: Request, problem: RemoteProtocolError) -> None:
        with self._catalog.change() as records:
            # A replayed message must not fill the log: it is logged once, like the request it is.
            if not records.tickets.use_invocation(claim.invocation_id, self._end(claim)):
                return
            study = records.studies.get(claim.study)
            peer = records.peers.get(request.sender.node_id)
            self._journal.note(
                records,
                "fetch.refused",
                who=auditing.other_node(peer or request.sender.node_id),
                what=auditing.about_study(study) if study else (),
                why=claim.invocation.arguments.purpose,
                outcome=auditing.MINOR_FAILURE,
                detail={"code": problem.code},
            )

    @staticmethod
    def _end(claim: Claim) -> int:
        """Return when an invocation is refused by its time anyway, ms."""
        return (claim.invocation.expires + limits.CLOCK_SKEW) * 1000

    def _permitted(self, claim: Claim, request: Request) -> tuple[Manifest, tuple[Extent, ...]]:
        """Return what a verified claim may have of what is here, and where it lies."""
        # `/img/view` is for the viewer and never leads to objects or keys (SPEC.md §4).
        if claim.command != COMMAND_READ:
            raise CommandNotGranted("a fetch needs a permission to read")
        with self._catalog.look() as records:
            study = self._check_rows(records, claim, request.sender)
            first = next(iter(records.studies.packs(claim.study)), None)
            if first is None:
                raise StudyUnavailable("the study is not available")
            contents = self._contents.of(records, claim.study)
        names: dict[str, bytes] = {}
        chosen: list[tuple[Located, bytes]] = []
        for located in contents.current.values():
            uid = located.stored.header.series_uid
            if uid not in names:
                names[uid] = self._packs.series_name(first, uid)
            if claim.series is None or names[uid] in claim.series:
                chosen.append((located, names[uid]))
        if claim.series is not None and not claim.series <= set(names.values()):
            raise OutsidePolicy("the study has no such series")
        wanted = [pair for pair in chosen if pair[0].stored.header.id not in request.have]
        manifest = Manifest(
            study=ManifestStudy(
                uid=study.uid,
                patient=study.patient,
                study_date=study.study_date,
                study_time=study.study_time,
                accession=study.accession,
                description=study.description,
            ),
            objects=tuple(
                ManifestObject.from_header(located.stored.header, series=name)
                for located, name in wanted
            ),
        )
        extents = tuple(
            Extent(located.pack.id, located.stored.extent_at, located.stored.header.stored)
            for located, _ in wanted
        )
        return manifest, extents

    def _keep(
        self, claim: Claim, request: Request, manifest: Manifest, ticket: Ticket
    ) -> Checkpoint:
        """Use up the invocation, and keep ticket and log row with it; return the log's head.

        Raises:
            RemoteProtocolError: The rows have changed since they were looked at first.
        """
        with self._catalog.change() as records:
            study = self._check_rows(records, claim, request.sender)
            contents = self._contents.of(records, claim.study)
            current = {located.stored.header.id for located in contents.current.values()}
            if not current.issuperset(granted.id for granted in manifest.objects):
                raise Busy("the study is being corrected at this moment")
            if not records.tickets.use_invocation(claim.invocation_id, self._end(claim)):
                raise Replayed("this invocation was used before")
            peer = records.peers.get(request.sender.node_id)
            who = auditing.other_node(peer or request.sender.node_id)
            share = claim.permission.share
            if share is not None and records.shares.get(share.signed_hash) is None:
                grant = records.grants.get(claim.grant_id)
                if grant is None:
                    raise NotGranted("no grant of this node stands behind the capability")
                row = share_row(share, grant, self._clock.now_ms())
                records.shares.add(row)
                note_share(self._journal, records, row, who)
            records.tickets.add(ticket)
            now_ms = self._clock.now_ms()
            records.endings.note_given(
                Given(ticket.peer, claim.study, claim.grant_id, claim.share_id, now_ms)
            )
            self._journal.note(
                records,
                "fetch.answered",
                who=who,
                what=[
                    *auditing.about_study(study),
                    auditing.about_security("grant", claim.grant_id),
                    *([auditing.about_security("share", claim.share_id)] if claim.share_id else []),
                ],
                why=claim.invocation.arguments.purpose,
                detail={"objects": len(ticket.extents)},
            )
            note_node(
                records,
                Access.COPIED,
                self._clock.now_ms(),
                link=claim.audience,
                node=request.sender.node_id,
                study=claim.study,
            )
            return records.log.frontier().checkpoint()


def _is_from_replaced_key(records: Records, claim: Claim, share: Share | None) -> bool:
    """Tell whether a share that is not on record was signed by a key that no longer may share."""
    if share is not None or claim.permission.share is None:
        return False
    key = records.patients.key(claim.permission.share.issuer)
    return key is not None and key.retired_ms is not None


def _grant_created(records: Records, claim: Claim, grant: Grant | None, share: Share | None) -> int:
    """Return from when on shares may stand on a grant, seconds.

    A share that is older than the last restore and not in the rows may have been revoked meanwhile;
    nobody here can know, so it counts as made before its grant.
    """
    created_ms = grant.created_ms if grant else 0
    restored = records.restored.latest()
    if restored is not None and claim.share_id is not None and share is None:
        created_ms = max(created_ms, restored.since_ms)
    return created_ms // 1000
