"""A holder says that a permission ended: what becomes of our copy, and what we answer.

Nothing but what is so is answered: `purged` once the bytes are erased, `kept` with the reason that
a person or a setting gives, `not-fetched` if there never was a copy, and until then that a person
decides. Erasing by rule is for the plain case alone: the holder is trusted, nothing of the study is
still permitted, and nobody here has it in another right.

What was handed on to an archive of the practice is not reached from here, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Final, Protocol

from undisc_node.services import auditing
from undisc_node.services.archive_model import DeliveryState
from undisc_node.services.auditing import Journal
from undisc_node.services.contents import Contents
from undisc_node.services.deciding import PEER_SENDER
from undisc_node.services.ending_rows import CopyAnswer, Ending
from undisc_node.services.errors import Invalid
from undisc_node.services.fetch_ending import end_fetch
from undisc_node.services.model import Fetch, FetchState, Peer, PeerState, Study, StudyState
from undisc_node.services.ports import Catalog, Clock, Records
from undisc_node.services.queue_rows import QueueRow, facts_of
from undisc_node.services.queueing import Close, Decision, Queueing
from undisc_node.services.telling import everybody, tell_all
from undisc_protocol.notice import Acknowledgement, Does, Notice, NoticeKind, Why
from undisc_protocol.offer import read_accepted_offer

PERMISSION_ENDED: Final = "permission-ended"
"""Kind of rows of the queue."""
MAX_ENDINGS: Final = 10_000  # notices kept of one holder; a practice takes back fewer in years
_REASON: Final = "the practice that holds it took the permission back"
_REASONS: Final = tuple(one.value for one in Why if one is not Why.LOCKED)
_ABOUT: Final = {
    NoticeKind.ENDED: "the permission was taken back",
    NoticeKind.WITHDRAWN: "the practice has withdrawn the study: it may be wrong",
}


class WhenEnded(StrEnum):
    """What this node does by itself with a copy whose permission ended."""

    ASK = "ask"  # a person decides
    PURGE = "purge"  # erased, where nothing speaks against it; else a person decides
    KEEP = "keep"  # it stays, for the reason that the settings give


class Erases(Protocol):
    """Erases a study."""

    def delete_if(
        self, study_id: bytes, condition: Callable[[Records, Study], bool], actor: str, why: str
    ) -> bool:
        """Erase a study if a condition holds within the very change."""


class EndedPermissions:
    """Decides, or lets a person decide, about copies whose permission was taken back.

    Args:
        catalog: Rows.
        queueing: Where they wait.
        studies: Erases copies.
        contents: What is inside studies.
        journal: The log.
        clock: Time.
        when_ended: What is done without asking anybody.
        because: Why a copy stays, where it stays without asking.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        queueing: Queueing,
        studies: Erases,
        contents: Contents,
        journal: Journal,
        clock: Clock,
        when_ended: WhenEnded = WhenEnded.ASK,
        because: Why = Why.LAW,
    ) -> None:
        self._catalog = catalog
        self._queueing = queueing
        self._studies = studies
        self._contents = contents
        self._journal = journal
        self._clock = clock
        self._when_ended = when_ended
        self._because = because
        queueing.register(PERMISSION_ENDED, self)

    # --- Hearing ----------------------------------------------------------------------------------

    def hear(self, peer: Peer, notice: Notice) -> Acknowledgement:
        """Take a holder's word that a permission ended; return what is so of our copy now."""
        with self._catalog.change(vital=True) as records:
            self._keep(records, peer, notice)
            fetches = fetches_of(records, peer.id, notice.study)
            for fetch in fetches:
                if fetch.state is FetchState.PAUSED:
                    end_fetch(self._journal, records, fetch, "revoked", self._clock.now_ms())
            copies = _copies(records, fetches)
            said = self._stands(records, peer, notice, fetches, copies)
        if said is None:
            said = self._purged(peer, notice, copies) or self._asked(peer, notice, copies)
        return self._answered(peer, notice, said)

    def _keep(self, records: Records, peer: Peer, notice: Notice) -> None:
        """Keep the holder's word, so that it can recall it; once for the same permissions."""
        if notice.kind is not NoticeKind.ENDED:
            return
        known = records.endings.kept(peer.id, limit=MAX_ENDINGS)
        if len(known) >= MAX_ENDINGS:
            return
        earlier = records.endings.answer(peer.id, notice.study)
        same = any(one.study == notice.study for one in known) and earlier is not None
        if same and not self._says_more(known, notice):
            return
        now_ms = self._clock.now_ms()
        records.endings.keep(Ending(notice.hash, peer.id, notice.study, notice.raw, now_ms))

    @staticmethod
    def _says_more(known: Sequence[Ending], notice: Notice) -> bool:
        said = b"".join(one.token for one in known if one.study == notice.study)
        return any(capability not in said for capability in notice.ended)

    def _stands(
        self,
        records: Records,
        peer: Peer,
        notice: Notice,
        fetches: Sequence[Fetch],
        copies: Sequence[Study],
    ) -> Acknowledgement | None:
        """Return what is so without another decision; None when one is needed."""
        if any(one.state is FetchState.RUNNING for one in fetches):
            return Acknowledgement(Does.DECIDES)  # its end is not known yet
        brought = [one for one in fetches if one.study is not None]
        if not brought:
            return Acknowledgement(Does.NOT_FETCHED)
        earlier = records.endings.answer(peer.id, notice.study)
        if not copies:
            passed = earlier is not None and earlier.said.passed
            passed = passed or any(_was_passed(records, one.study or b"") for one in brought)
            subject = _subject(peer.id, notice.study)
            self._queueing.settle(records, PERMISSION_ENDED, subject, "erased")
            return Acknowledgement(Does.PURGED, passed=passed)
        newest = max(one.ended_ms or 0 for one in brought)
        if earlier is not None and earlier.said.does is Does.KEPT and earlier.at_ms >= newest:
            return replace(earlier.said, passed=_passed(records, copies))
        if all(one.state is StudyState.WITHDRAWN for one in copies):
            return Acknowledgement(Does.KEPT, Why.LOCKED, passed=_passed(records, copies))
        if self._when_ended is WhenEnded.KEEP:
            return Acknowledgement(Does.KEPT, self._because, passed=_passed(records, copies))
        return None

    def _purged(
        self, peer: Peer, notice: Notice, copies: Sequence[Study]
    ) -> Acknowledgement | None:
        """Erase by rule, where nothing speaks against it."""
        if self._when_ended is not WhenEnded.PURGE:
            return None
        if peer.state is not PeerState.TRUSTED or notice.rest:
            return None
        passed = False

        def may_go(records: Records, study: Study) -> bool:
            nonlocal passed
            passed = passed or _was_passed(records, study.id)
            return not self._is_ours(records, peer, notice, study)

        erased = [
            self._studies.delete_if(study.id, may_go, "undisc-node", _REASON) for study in copies
        ]
        return Acknowledgement(Does.PURGED, passed=passed) if all(erased) else None

    def _is_ours(self, records: Records, peer: Peer, notice: Notice, study: Study) -> bool:
        """Tell whether we have a copy in another right than what ended."""
        if study.kept or study.waiting:
            return True
        others = [
            one
            for one in records.fetches.list(study=study.id)
            if one.peer != peer.id or _study_of(one) != notice.study
        ]
        sender = PEER_SENDER + peer.id.hex()
        here = self._contents.of(records, study.id)
        located = (*here.current.values(), *here.superseded, *here.waiting)
        return bool(others) or any(one.stored.header.sender != sender for one in located)

    def _asked(self, peer: Peer, notice: Notice, copies: Sequence[Study]) -> Acknowledgement:
        with self._catalog.change(vital=True) as records:
            for study in copies:
                facts = {
                    "practice": peer.name,
                    "what": _ABOUT[notice.kind],
                    "patient": study.patient.name,
                    "patient id": study.patient.id,
                    "study date": study.study_date,
                    "description": study.description,
                    "still permitted": "a part of the study" if notice.rest else "nothing",
                    "copies elsewhere": _elsewhere(records, study.id),
                }
                self._queueing.put(
                    records,
                    PERMISSION_ENDED,
                    _subject(peer.id, notice.study),
                    study=study.id,
                    facts=facts_of(facts),
                )
            return Acknowledgement(Does.DECIDES, passed=_passed(records, copies))

    def _answered(self, peer: Peer, notice: Notice, said: Acknowledgement) -> Acknowledgement:
        """Keep what is answered, and log it when it is another answer than before."""
        with self._catalog.change(vital=True) as records:
            earlier = records.endings.answer(peer.id, notice.study)
            if earlier is not None and earlier.said == said:
                return said
            now_ms = self._clock.now_ms()
            records.endings.put_answer(CopyAnswer(peer.id, notice.study, said, now_ms))
            self._journal.note(
                records,
                "notice.taken",
                who=auditing.other_node(peer),
                what=[
                    subject
                    for study in _copies(records, fetches_of(records, peer.id, notice.study))
                    for subject in auditing.about_study(study)
                ],
                detail={
                    "kind": notice.kind.value,
                    "does": said.does.value,
                    **({"why": said.why.value} if said.why else {}),
                },
            )
        return said

    # --- Deciding ---------------------------------------------------------------------------------

    def decisions(self, row: QueueRow) -> Mapping[str, Decision]:
        """Name what may be done about a copy."""
        del row
        return {
            "keep": Decision(
                f"the copy stays, and the other practice is told why ({', '.join(_REASONS)})",
                "REASON",
            ),
            "purge": Decision("the copy is erased from this node for good, and they are told so"),
            "withdraw": Decision("the copy stays, locked: it is served to nobody any more"),
        }

    def resolve(self, row: QueueRow, decision: str, value: str, actor: str, close: Close) -> None:
        """Keep the copy, erase it, or lock it; the holder hears of it when it asks again."""
        if decision == "keep" and value not in _REASONS:
            raise Invalid(
                f"a copy is kept for one of these reasons: {', '.join(_REASONS)}",
                code="unknown_reason",
                hint=f"undisc queue resolve {row.id.hex()[:8]} keep {_REASONS[0]}",
            )
        peer, study_id = _of_subject(row.subject)
        if decision == "purge" and row.study is not None:

            def closed(records: Records, study: Study) -> bool:
                passed = _was_passed(records, study.id)
                said = Acknowledgement(Does.PURGED, passed=passed)
                self._decide(records, peer, study_id, said, actor)
                close(records, "erased")
                return True

            if self._studies.delete_if(row.study, closed, actor, _REASON):
                return
        with self._catalog.change(vital=True) as records:
            study = records.studies.get(row.study) if row.study else None
            if study is None:
                close(records, "the study is not here any more")
                return
            why = Why(value) if decision == "keep" else Why.LOCKED
            if decision == "withdraw":
                self._withdraw(records, study, actor)
            passed = _was_passed(records, study.id)
            said = Acknowledgement(Does.KEPT, why, passed=passed)
            self._decide(records, peer, study_id, said, actor)
            close(records, f"kept: {why.value}" if decision == "keep" else "withdrawn")

    def _decide(
        self, records: Records, peer: bytes, study: bytes, said: Acknowledgement, actor: str
    ) -> None:
        if peer:
            records.endings.put_answer(CopyAnswer(peer, study, said, self._clock.now_ms(), actor))

    def _withdraw(self, records: Records, study: Study, actor: str) -> None:
        if study.state is StudyState.WITHDRAWN:
            return
        now_ms = self._clock.now_ms()
        records.studies.put(replace(study, state=StudyState.WITHDRAWN, reason=_REASON))
        ended = records.tickets.drop(study=study.id, at_ms=now_ms)
        tell_all(records, study.id, NoticeKind.WITHDRAWN, now_ms)
        self._journal.note(
            records,
            "study.withdrawn",
            who=auditing.user(actor),
            what=auditing.about_study(study),
            why=_REASON,
            detail={"transfers_stopped": ended},
        )


def fetches_of(records: Records, holder: bytes, study: bytes) -> Sequence[Fetch]:
    """List the fetches of a holder's study, newest first."""
    return [one for one in records.fetches.list() if one.peer == holder and _study_of(one) == study]


def _study_of(fetch: Fetch) -> bytes:
    return read_accepted_offer(fetch.offer).capability.policy.study


def _copies(records: Records, fetches: Sequence[Fetch]) -> Sequence[Study]:
    """List the studies here that fetches have brought."""
    names = dict.fromkeys(one.study for one in fetches if one.study is not None)
    return [study for name in names if (study := records.studies.get(name)) is not None]


def _passed(records: Records, copies: Sequence[Study]) -> bool:
    return any(_was_passed(records, study.id) for study in copies)


def _was_passed(records: Records, study: bytes) -> bool:
    """Tell whether a study went on to where this node cannot erase it."""
    sent = records.deliveries.list(study=study)
    return any(one.state is DeliveryState.DONE for one in sent) or bool(everybody(records, study))


def _elsewhere(records: Records, study: bytes) -> str:
    sent = [one for one in records.deliveries.list(study=study) if one.state is DeliveryState.DONE]
    names = [f"archive {one.pacs}" for one in sent]
    for node in everybody(records, study):
        peer = records.peers.get(node)
        names.append(peer.name if peer else f"node {node.hex()[:16]}")
    return ", ".join(dict.fromkeys(names)) or "none that this node knows of"


def _subject(peer: bytes, study: bytes) -> str:
    return f"{peer.hex()}:{study.hex()}"


def _of_subject(subject: str) -> tuple[bytes, bytes]:
    peer, _, study = subject.rpartition(":")  # rows of older nodes name a study here, and no peer
    return bytes.fromhex(peer), bytes.fromhex(study)
