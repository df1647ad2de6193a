"""Telling other nodes what happened to a study they have (SPEC.md §6.11).

A notice becomes due in the very change that makes it true, and is sent until it is answered. Who
was given the study, `telling` knows. `grown` goes to those whose grant or share is still good,
because they have to ask with it; `patient` goes to all, because it is about whose images they have;
`ended` goes to those who came with what was revoked, and is said again at a slow pace until they
have decided. Who cannot be told is put before a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import ServiceError
from undisc_node.services.following import say_as_known
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.model import Grant, Peer, PeerState, Share, Study, StudyState
from undisc_node.services.notice_rows import NoticeRow
from undisc_node.services.ports import Catalog, Clock, Entropy, PeerNetwork, Records
from undisc_node.services.queue_rows import QueueRow, facts_of
from undisc_node.services.queueing import Close, Decision, Queueing
from undisc_node.services.telling import queue_notice, standing_of, tell_all, told_of
from undisc_protocol import limits
from undisc_protocol.addressed import REQUEST_NONCE
from undisc_protocol.answer import request_hash
from undisc_protocol.errors import Busy, RemoteProtocolError, Unreachable
from undisc_protocol.identity import NodeId, read_identity
from undisc_protocol.keys import KEY_SIZE
from undisc_protocol.notice import Acknowledgement, Does, NoticeKind, make_notice, read_noticed
from undisc_protocol.pack import PatientIdentity

PATH: Final = "/undisc/v1/notice"
NOT_TOLD: Final = "not-told"
"""Kind of rows of the queue."""
_FIRST_MS: Final = 30_000  # pause after a first failure; each further one doubles it
_LONGEST_MS: Final = 6 * 3_600_000  # a node that was off for a weekend hears of it the same day
_HOUR_MS: Final = 3_600_000  # pause after a first "a person decides"; each further one doubles it
_SLOW_MS: Final = 86_400_000  # a decision of weeks is learnt of within a day
_GIVE_UP_MS: Final = 60 * 86_400_000  # a node that is silent for so long has to be asked by phone
_HELD_MS: Final = 60_000  # until a study that is held is looked at again
_WITHOUT_STUDY: Final = (NoticeKind.ENDED, NoticeKind.WITHDRAWN)  # true also of what is gone here
_NO_PEER: Final = "not told: it is no peer, and its address is not known"
_WORDS: Final = {
    Does.ASKS: "asks for the difference",
    Does.DECIDES: "a person there decides",
    Does.NOTHING: "has nothing to do",
    Does.NOT_FETCHED: "has no copy",
    Does.KEPT: "keeps its copy",
    Does.PURGED: "has erased its copy",
}
_ABOUT: Final = {
    NoticeKind.GROWN: "there is more of the study",
    NoticeKind.PATIENT: "the patient's identity was corrected",
    NoticeKind.ENDED: "a permission was taken back",
    NoticeKind.HELD: "the study is held until it was looked into",
    NoticeKind.RELEASED: "the study was released again",
    NoticeKind.WITHDRAWN: "the study was withdrawn",
}


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be done about a notice now: say it, wait, or end it."""

    kind: NoticeKind
    peer: Peer | None = None
    patient: PatientIdentity | None = None
    ended: tuple[bytes, ...] = ()
    rest: bool = False
    pause: str = ""
    stop: str = ""
    alert: bool = False

    @property
    def insists(self) -> bool:
        """Whether it is said until the last word is heard."""
        return self.kind in _WITHOUT_STUDY

    @property
    def peer_to_tell(self) -> Peer:
        """The peer of a plan that neither waits nor ends."""
        if self.peer is None:
            raise RuntimeError("a notice to nobody is ended before")
        return self.peer


class Noticing:
    """Queues and sends notices.

    Args:
        catalog: Rows.
        network: Reaches other nodes.
        journal: The log.
        clock: Time.
        entropy: Ids, nonces and keys.
        own: Who we are.
        queueing: Where it waits for a person that a node was not told.
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
        queueing: Queueing,
    ) -> None:
        self.catalog = catalog
        self.network = network
        self.journal = journal
        self.clock = clock
        self._entropy = entropy
        self._own = own
        self._queueing = queueing
        queueing.register(NOT_TOLD, self)

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
                queue_notice(records, peer_id, study.id, NoticeKind.GROWN, self.clock.now_ms())

    def renamed(self, records: Records, study: Study) -> None:
        """Queue a notice to everybody who has the study: it is somebody else's, or so named."""
        tell_all(records, study.id, NoticeKind.PATIENT, self.clock.now_ms())

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

    def about(self, permission: Grant | Share) -> Sequence[NoticeRow]:
        """List who was told that a permission ended, newest first."""
        if permission.revoked_ms is None:
            return ()
        with self.catalog.look() as records:
            return told_of(records, permission)

    def _send(self, notice: NoticeRow) -> bool:
        now_ms = self.clock.now_ms()
        with self.catalog.look() as records:
            plan = self._plan(records, notice)
        if plan.stop:
            return self._end(notice, plan.stop, alert=plan.alert)
        if plan.pause:
            self._later(notice, notice.attempts, now_ms + _HELD_MS, plan.pause)
            return False
        try:
            said = say_as_known(self, plan.peer_to_tell, partial(self._ask, notice, plan))
        except (Unreachable, Busy) as problem:
            pause = min(_FIRST_MS << min(notice.attempts, 20), _LONGEST_MS)
            return self._put_off(notice, pause, f"{problem.code}: {problem}", problem.code)
        except RemoteProtocolError as refused:
            if not plan.insists:
                return self._end(notice, f"refused: {refused.code}")
            # Its administrator may have suspended this node, which need not last.
            return self._put_off(notice, _SLOW_MS, f"refused: {refused.code}", refused.code)
        except ServiceError as problem:
            self._later(notice, notice.attempts + 1, now_ms + _FIRST_MS, problem.reason)
            return False
        heard = replace(
            notice,
            heard_ms=now_ms,
            does=said.does.value,
            why=said.why.value if said.why else "",
            passed=said.passed,
        )
        if said.does.is_final or not plan.insists:
            return self._end(heard, _WORDS[said.does])
        attempts = 0 if notice.does != said.does else notice.attempts
        pause = min(_HOUR_MS << min(attempts, 10), _SLOW_MS)
        return self._put_off(replace(heard, attempts=attempts), pause, _WORDS[said.does], "decides")

    def _plan(self, records: Records, notice: NoticeRow) -> _Plan:
        """Work out what is to be said now, from the rows of this moment."""
        kind, now = NoticeKind(notice.kind), self.clock.now_ms() // 1000
        study, peer = records.studies.get(notice.study), records.peers.get(notice.peer)
        if peer is None:
            return _Plan(
                kind, stop="not told: it is no peer, and its address is not known", alert=True
            )
        if kind is not NoticeKind.ENDED and peer.state is PeerState.REVOKED:
            return _Plan(kind, stop="not told: the peer was revoked")
        if study is None and kind not in _WITHOUT_STUDY:
            return _Plan(kind, stop="not told: the study is gone")
        if kind is NoticeKind.ENDED:
            standing = standing_of(records, peer, notice.study, now)
            if standing.covered:
                return _Plan(kind, stop="not told: it has another permission")
            return _Plan(kind, peer, ended=standing.ended, rest=standing.rest)
        if kind is NoticeKind.GROWN and study is not None:
            if study.state is not StudyState.ACTIVE:
                return _Plan(kind, peer, pause=f"the study is {study.state}")
            if not self._may_ask(records, notice.study, peer):
                return _Plan(kind, stop="not told: it has no permission any more")
        patient = study.patient if study and kind is NoticeKind.PATIENT else None
        return _Plan(kind, peer, patient=patient)

    def _put_off(self, notice: NoticeRow, pause: int, problem: str, code: str) -> bool:
        """Try again later; or give up, with an alert, when it has been too long."""
        now_ms = self.clock.now_ms()
        if now_ms > notice.since_ms + _GIVE_UP_MS:
            return self._end(notice, f"given up: {code}", alert=True)
        self._later(notice, notice.attempts + 1, now_ms + pause, problem)
        return False

    def _ask(self, notice: NoticeRow, plan: _Plan, peer: Peer) -> Acknowledgement:
        now = self.clock.now_ms() // 1000
        body, named = make_notice(
            self._own.key,
            sender=self._own.identity,
            to=NodeId(peer.id),
            box=peer.box,
            kind=plan.kind,
            study=notice.study,
            patient=plan.patient,
            ended=plan.ended,
            rest=plan.rest,
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
                if current.since_ms != notice.since_ms:
                    return  # something ended meanwhile: it is due anew
                records.notices.put(
                    replace(notice, attempts=attempts, next_ms=next_ms, outcome=problem)
                )
                if notice.heard_ms is not None and notice.does != current.does:
                    self._note(records, notice, problem, told=True)

    def _end(self, notice: NoticeRow, outcome: str, *, alert: bool = False) -> bool:
        with self.catalog.change() as records:
            current = records.notices.get(notice.id)
            if current is not None and current.since_ms != notice.since_ms:
                return False  # something ended meanwhile: it is due anew
            done = replace(
                notice,
                attempts=notice.attempts + 1,
                done_ms=self.clock.now_ms(),
                outcome=outcome,
            )
            records.notices.put(done)
            if alert:
                self._alert(records, done)
            self._note(records, done, outcome, told=outcome in _WORDS.values())
        return True

    def _note(self, records: Records, notice: NoticeRow, outcome: str, *, told: bool) -> None:
        study = records.studies.get(notice.study)
        peer = records.peers.get(notice.peer)
        self.journal.note(
            records,
            "notice.sent",
            who=auditing.user("undisc-node"),
            what=[
                *(auditing.about_study(study) if study else ()),
                auditing.about_security("peer", notice.peer),
            ],
            outcome=auditing.SUCCESS if told else auditing.MINOR_FAILURE,
            detail={
                "kind": notice.kind,
                "name": peer.name if peer else "",
                "outcome": outcome,
                **({"why": notice.why} if notice.why else {}),
            },
        )

    # --- What a person has to do ------------------------------------------------------------------

    def _alert(self, records: Records, notice: NoticeRow) -> None:
        """Let a person know that a node was not told."""
        study, peer = records.studies.get(notice.study), records.peers.get(notice.peer)
        facts = {
            "practice": peer.name if peer else f"unknown node {notice.peer.hex()[:16]}",
            "notice": _ABOUT[NoticeKind(notice.kind)],
            "patient": study.patient.name if study else "",
            "patient id": study.patient.id if study else "",
            "study date": study.study_date if study else "",
            "description": study.description if study else "",
            "attempts": str(notice.attempts),
            "problem": notice.outcome,
        }
        self._queueing.put(
            records,
            NOT_TOLD,
            notice.id.hex(),
            study=notice.study if study else None,
            facts=facts_of(facts),
        )

    def decisions(self, row: QueueRow) -> Mapping[str, Decision]:
        """Name what may be done about a node that was not told."""
        del row
        return {
            "retry": Decision("try again, for as long as before"),
            "told": Decision("somebody has told them in another way, such as by telephone"),
        }

    def resolve(self, row: QueueRow, decision: str, value: str, actor: str, close: Close) -> None:
        """Try again, or note that they know by now."""
        del value, actor
        with self.catalog.change(vital=True) as records:
            notice = records.notices.get(bytes.fromhex(row.subject))
            if notice is None or decision != "retry":
                close(records, "told in another way")
                return
            queue_notice(
                records, notice.peer, notice.study, NoticeKind(notice.kind), self.clock.now_ms()
            )
            close(records, "tried again")
