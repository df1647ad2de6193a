"""Telling other nodes what happened to a study they have (SPEC.md §6.11).

A notice becomes due in the very change that makes it true, and is sent until it is answered. Who
has the study says its receipt. `grown` goes to those whose grant or share is still good, because
they have to ask with it; `patient` goes to all, because it is about whose images they have; `ended`
goes to those who came with what was revoked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import ServiceError
from undisc_node.services.following import say_as_known
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.model import Peer, PeerState, Study, StudyState
from undisc_node.services.notice_rows import NoticeRow
from undisc_node.services.ports import Catalog, Clock, Entropy, PeerNetwork, Records
from undisc_protocol import limits
from undisc_protocol.addressed import REQUEST_NONCE
from undisc_protocol.answer import request_hash
from undisc_protocol.errors import Busy, RemoteProtocolError, Unreachable
from undisc_protocol.identity import NodeId, read_identity
from undisc_protocol.keys import KEY_SIZE
from undisc_protocol.notice import Does, NoticeKind, make_notice, read_noticed

PATH: Final = "/undisc/v1/notice"
_FIRST_MS: Final = 30_000  # pause after a first failure; each further one doubles it
_LONGEST_MS: Final = 6 * 3_600_000  # a node that was off for a weekend hears of it the same day
_GIVE_UP_MS: Final = 60 * 86_400_000  # a node that is silent for so long has to be asked by phone
_HELD_MS: Final = 60_000  # until a study that is held is looked at again
_WORDS: Final = {
    Does.ASKS: "asks for the difference",
    Does.DECIDES: "a person there decides",
    Does.NOTHING: "has nothing to do",
}


class Noticing:
    """Queues and sends notices.

    Args:
        catalog: Rows.
        network: Reaches other nodes.
        journal: The log.
        clock: Time.
        entropy: Ids, nonces and keys.
        own: Who we are.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        network: PeerNetwork,
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
        own: OwnIdentity,
    ) -> None:
        self.catalog = catalog
        self.network = network
        self.journal = journal
        self.clock = clock
        self._entropy = entropy
        self._own = own

    # --- What is due ------------------------------------------------------------------------------

    def grown(self, records: Records, study: Study) -> None:
        """Queue a notice to each who may ask and was given less than is here now."""
        newest: dict[bytes, int] = {}
        for receipt in records.fetches.receipts(study.id):
            newest[receipt.peer] = max(newest.get(receipt.peer, 0), receipt.at_ms)
        for peer_id, at_ms in newest.items():
            peer = records.peers.get(peer_id)
            if peer is None or at_ms >= study.arrived_ms:
                continue
            if self._may_ask(records, study.id, peer):
                self._queue(records, peer_id, study, NoticeKind.GROWN)

    def renamed(self, records: Records, study: Study) -> None:
        """Queue a notice to everybody who has the study: it is somebody else's, or so named."""
        for peer_id in dict.fromkeys(one.peer for one in records.fetches.receipts(study.id)):
            self._queue(records, peer_id, study, NoticeKind.PATIENT)

    def _queue(self, records: Records, peer: bytes, study: Study, kind: NoticeKind) -> None:
        now_ms = self.clock.now_ms()
        known = records.notices.find_open(peer, study.id, kind)
        if known is not None:
            records.notices.put(replace(known, attempts=0, next_ms=now_ms))
            return
        records.notices.put(
            NoticeRow(
                id=self._entropy.random(16),
                peer=peer,
                study=study.id,
                kind=kind,
                made_ms=now_ms,
                attempts=0,
                next_ms=now_ms,
                done_ms=None,
                outcome="",
            )
        )

    def _may_ask(self, records: Records, study: bytes, peer: Peer) -> bool:
        """Tell whether a grant or share to a peer is good now."""
        if peer.state is not PeerState.TRUSTED:
            return False
        now, dids = self.clock.now_ms() // 1000, read_identity(peer.records).dids
        grants = {one.id: one for one in records.grants.list(study=study)}
        good = {
            one.id
            for one in grants.values()
            if one.revoked_ms is None and one.expires > now and not self._waits(records, one.id)
        }
        return any(grants[one].audience in dids for one in good) or any(
            one.audience in dids
            and one.revoked_ms is None
            and one.expires > now
            and one.grant in good
            and not self._waits(records, one.id)
            for one in records.shares.list(study=study)
        )

    @staticmethod
    def _waits(records: Records, capability: bytes) -> bool:
        return records.restored.is_suspended(capability)

    # --- Sending ----------------------------------------------------------------------------------

    def send_due(self) -> int:
        """Send what is due; return how many notices were answered or given up."""
        with self.catalog.look() as records:
            due = records.notices.due(self.clock.now_ms())
        return sum(self._send(notice) for notice in due)

    def of_study(self, study: bytes) -> Sequence[NoticeRow]:
        """List the notices about a study, newest first."""
        with self.catalog.look() as records:
            return records.notices.list(study=study)

    def _send(self, notice: NoticeRow) -> bool:
        now_ms, kind = self.clock.now_ms(), NoticeKind(notice.kind)
        with self.catalog.look() as records:
            study = records.studies.get(notice.study)
            peer = records.peers.get(notice.peer)
            may_ask = peer is not None and self._may_ask(records, notice.study, peer)
        if study is None or peer is None or peer.state is PeerState.REVOKED:
            return self._end(notice, "not told: the study is gone, or the peer was revoked")
        if kind is NoticeKind.GROWN and study.state is not StudyState.ACTIVE:
            self._later(notice, notice.attempts, now_ms + _HELD_MS, f"the study is {study.state}")
            return False
        if kind is NoticeKind.GROWN and not may_ask:
            return self._end(notice, "not told: it has no permission any more")
        if kind is NoticeKind.ENDED and may_ask:
            return self._end(notice, "not told: it has another permission")
        try:
            does = say_as_known(self, peer, partial(self._ask, study, kind))
        except (Unreachable, Busy) as problem:
            if now_ms > notice.made_ms + _GIVE_UP_MS:
                return self._end(notice, f"given up: {problem.code}")
            pause = min(_FIRST_MS << min(notice.attempts, 20), _LONGEST_MS)
            self._later(notice, notice.attempts + 1, now_ms + pause, f"{problem.code}: {problem}")
            return False
        except RemoteProtocolError as refused:
            return self._end(notice, f"refused: {refused.code}")
        except ServiceError as problem:
            self._later(notice, notice.attempts + 1, now_ms + _FIRST_MS, problem.reason)
            return False
        return self._end(notice, _WORDS[does])

    def _ask(self, study: Study, kind: NoticeKind, peer: Peer) -> Does:
        now = self.clock.now_ms() // 1000
        body, named = make_notice(
            self._own.key,
            sender=self._own.identity,
            to=NodeId(peer.id),
            box=peer.box,
            kind=kind,
            study=study.id,
            patient=study.patient if kind is NoticeKind.PATIENT else None,
            nonce=self._entropy.random(REQUEST_NONCE),
            ephemeral=self._entropy.random(KEY_SIZE),
            issued=now,
            expires=now + limits.REQUEST_LIFETIME,
        )
        reply = self.network.ask(peer.urls, PATH, body, limit=limits.MAX_REFUSAL)
        return read_noticed(
            reply.body,
            status=reply.status,
            request=request_hash(body),
            notice=named,
            recipient=peer.did,
        )

    def _later(self, notice: NoticeRow, attempts: int, next_ms: int, problem: str) -> None:
        with self.catalog.change() as records:
            if (current := records.notices.get(notice.id)) and current.done_ms is None:
                records.notices.put(
                    replace(current, attempts=attempts, next_ms=next_ms, outcome=problem)
                )

    def _end(self, notice: NoticeRow, outcome: str) -> bool:
        with self.catalog.change() as records:
            now_ms = self.clock.now_ms()
            records.notices.put(
                replace(notice, attempts=notice.attempts + 1, done_ms=now_ms, outcome=outcome)
            )
            study = records.studies.get(notice.study)
            peer = records.peers.get(notice.peer)
            is_told = outcome in _WORDS.values()
            self.journal.note(
                records,
                "notice.sent",
                who=auditing.user("undisc-node"),
                what=[
                    *(auditing.about_study(study) if study else ()),
                    auditing.about_security("peer", notice.peer),
                ],
                outcome=auditing.SUCCESS if is_told else auditing.MINOR_FAILURE,
                detail={
                    "kind": notice.kind,
                    "name": peer.name if peer else "",
                    "outcome": outcome,
                },
            )
        return True
