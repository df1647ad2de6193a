"""Instances come in and become studies (DESIGN §5 corrections, §6 ingest).

What is told "stored" is durable: bytes and row. Nothing is thrown away by a decision of ours: what
an arrival means is decided in `deciding`, and waiting objects lie encrypted in a pack of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Lock

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.batching import GroupCommit
from undisc_node.services.contents import Contents, StudyContents
from undisc_node.services.deciding import (
    Arrival,
    Decision,
    Unknown,
    completed,
    decide,
    only_grew,
    study_header,
    updated_row,
)
from undisc_node.services.errors import Conflict, Refused, ServiceError
from undisc_node.services.model import (
    InstanceFacts,
    Pack,
    PackRole,
    Study,
    StudyState,
)
from undisc_node.services.ports import (
    Catalog,
    Clock,
    Draft,
    Entropy,
    InstanceReader,
    Packs,
    Records,
    Source,
    Spool,
    Stored,
)
from undisc_node.services.quarantine import REASON, Quarantine
from undisc_node.services.room import Room
from undisc_node.services.sender_model import Caller
from undisc_node.services.stopping import stop_transfers
from undisc_node.services.studies_at_hand import StudiesAtHand, StudyAtHand
from undisc_protocol import limits
from undisc_protocol.pack import hash_object


@dataclass(frozen=True, slots=True)
class StoreOutcome:
    """What became of an arrival.

    Attributes:
        status: `stored`, `duplicate`, `superseded` or `waiting`.
        study: The study's id.
        sop_uid: SOP Instance UID.
        reason: Why it waits; empty otherwise.
    """

    status: str
    study: bytes
    sop_uid: str
    reason: str = ""


class Receiving:
    """Stores instances, settles studies, and resolves what waits.

    Args:
        catalog: Rows.
        packs: Bytes.
        contents: What is inside studies.
        reader: Reads facts from a DICOM object.
        journal: The log.
        clock: Time.
        entropy: Ids.
        writing: Held while packs of any study change; shared with every service that does so.
        room: Says whether there is room.
        quarantine: Says what is kept of unknown senders; None where they are refused.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        packs: Packs,
        contents: Contents,
        reader: InstanceReader,
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
        writing: Lock,
        room: Room,
        quarantine: Quarantine | None = None,
    ) -> None:
        self._catalog = catalog
        self._packs = packs
        self._contents = contents
        self._reader = reader
        self._journal = journal
        self._clock = clock
        self._entropy = entropy
        self._writing = writing
        self._room = room
        self._quarantine = quarantine
        self._at_hand = StudiesAtHand(catalog=catalog, contents=contents)
        self._commits: GroupCommit[Arrival, StoreOutcome] = GroupCommit(self._commit)

    def begin(self) -> Spool:
        """Begin an instance that arrives piece by piece; store it when finished, then close it.

        Raises:
            Unavailable: The disk is at its reserve.
        """
        self._room.see()
        return self._packs.spool(self._room.see)

    def store(
        self,
        source: Source,
        sender: str,
        digest: bytes = b"",
        facts: InstanceFacts | None = None,
    ) -> StoreOutcome:
        """Store one instance; durable on return.

        Args:
            source: A complete Part 10 file (PS3.10), kept byte for byte.
            sender: `dicom:<name>` or `import`.
            digest: BLAKE3 of its bytes, where it is known already.
            facts: What it says, where it was read already.

        Raises:
            Invalid: Not a DICOM object that can be stored.
            DiskFull: No room, or the sender reached its quota.
            Conflict: The study is full.
            Unavailable: The disk is at its reserve.
        """
        facts = facts or self._reader.facts(source)
        if not digest:
            with source.open() as stream:
                digest = hash_object(stream)
        self._room.take(sender, source.size)
        return self._commits.submit(Arrival(source, facts, digest, sender, self._clock.now_ms()))

    def quarantine(self, source: Source, caller: Caller, digest: bytes = b"") -> StoreOutcome:
        """Keep one instance of an unknown sender where nobody sees it; durable on return.

        Raises:
            Invalid: Not a DICOM object that can be stored.
            Refused: Unknown senders, or this one, or so many of them are not wanted.
            DiskFull: The quarantine is full.
            Conflict: The study is full.
            Unavailable: The disk is at its reserve, or the sender was trusted a moment ago.
        """
        if self._quarantine is None:
            raise Refused("unknown senders are refused", code="unknown_sender")
        facts = self._reader.facts(source)
        if not digest:
            with source.open() as stream:
                digest = hash_object(stream)
        self._room.see(source.size)
        hidden = self._quarantine.hidden(facts, caller)
        unknown = Unknown(caller, facts.study_uid)
        now_ms = self._clock.now_ms()
        return self._commits.submit(Arrival(source, hidden, digest, caller.sender, now_ms, unknown))

    def _commit(self, batch: Sequence[Arrival]) -> Sequence[StoreOutcome | BaseException]:
        by_study: dict[str, list[Arrival]] = {}
        for arrival in batch:
            by_study.setdefault(arrival.facts.study_uid, []).append(arrival)
        results: dict[int, StoreOutcome | BaseException] = {}
        with self._writing:
            for arrivals in by_study.values():
                for arrival, outcome in zip(arrivals, self._commit_study(arrivals), strict=True):
                    results[id(arrival)] = outcome
        return [results[id(arrival)] for arrival in batch]

    def _commit_study(self, arrivals: Sequence[Arrival]) -> Sequence[StoreOutcome | BaseException]:
        try:
            return self._store_together(arrivals)
        except Exception as problem:  # noqa: BLE001 - raised again for the sender it belongs to
            if len(arrivals) == 1:
                return [problem]
        # One bad arrival must not spoil the others of its batch.
        return [self._commit_study([arrival])[0] for arrival in arrivals]

    def _store_together(self, arrivals: Sequence[Arrival]) -> Sequence[StoreOutcome]:
        unknown = arrivals[0].unknown
        if self._quarantine is not None and unknown is not None:
            size = sum(arrival.source.size for arrival in arrivals)
            with self._catalog.look() as records:
                self._quarantine.check(records, unknown.caller, size)
        uid = arrivals[0].facts.study_uid
        known = self._at_hand.find(uid)
        contents, packs = known.contents, dict(known.packs)
        is_new = known.study is None
        study = known.study or self._new_study(arrivals[0])
        decisions = _decided(arrivals, study, contents)
        if all(decision.status == "duplicate" for decision in decisions):
            return _outcomes(study, arrivals, decisions)
        self._check_room(contents, decisions)
        fresh_packs: list[bytes] = []
        appended: list[tuple[Pack, Sequence[Stored]]] = []
        try:
            for role, wanted in (
                (PackRole.MAIN, ("stored", "superseded")),
                (PackRole.WAITING, ("waiting",)),
            ):
                drafts = [
                    _draft(arrival, decision)
                    for arrival, decision in zip(arrivals, decisions, strict=True)
                    if decision.status in wanted
                ]
                if not drafts:
                    continue
                pack = packs.get(role)
                if pack is None:
                    pack = replace(self._packs.create(study_header(study)), role=role)
                    fresh_packs.append(pack.id)
                appended.append(self._packs.append(pack, drafts))
                packs[role] = appended[-1][0]
            for pack, stored in appended:
                contents = contents.extended(pack, stored)
            with self._catalog.change() as records:
                # Hold or release may have changed the row; only this lock adds instances.
                is_current = self._at_hand.are_current
                fresh = study if is_current else records.studies.get(study.id) or study
                updated = updated_row(fresh, contents, arrivals, decisions)
                grown = [pack for pack, _ in appended]
                if is_current and not fresh_packs and only_grew(fresh, updated):
                    records.studies.grow(updated, grown)
                else:
                    records.studies.put(updated)
                    for pack in grown:
                        records.studies.put_pack(pack)
                if self._quarantine is not None and unknown is not None and is_new:
                    self._quarantine.admit(records, unknown.caller, updated, unknown.study_uid)
                self._note(records, updated, is_new, arrivals, decisions)
                stop_transfers(
                    self._journal,
                    records,
                    fresh,
                    updated,
                    replaced=sum(decision.status == "superseded" for decision in decisions),
                    who=auditing.sender(arrivals[-1].sender),
                    at_ms=self._clock.now_ms(),
                )
        except BaseException:
            self._forget_packs(fresh_packs)
            raise
        self._contents.remember(study.id, contents)
        if is_current:
            self._at_hand.grown(uid, StudyAtHand(updated, contents, packs))
        return _outcomes(study, arrivals, decisions)

    def _forget_packs(self, packs: Sequence[bytes]) -> None:
        """Erase new packs that no row knows, so that a full disk does not collect them."""
        with suppress(ServiceError):  # the next start sweeps what cannot be looked up now
            with self._catalog.look() as records:
                known = {pack.id for pack in records.studies.all_packs()}
            for pack in packs:
                if pack not in known:
                    self._packs.discard(pack)

    def _new_study(self, first: Arrival) -> Study:
        facts = first.facts
        return Study(
            id=self._entropy.random(16),
            uid=facts.study_uid,
            patient=facts.patient,
            study_date=facts.study_date,
            study_time=facts.study_time,
            accession=facts.accession,
            description=facts.description,
            modalities=(),
            sender=first.sender,
            instances=0,
            size=0,
            waiting=0,
            state=StudyState.HELD if first.unknown else StudyState.ACTIVE,
            reason=REASON if first.unknown else "",
            created_ms=first.at_ms,
            arrived_ms=first.at_ms,
            settled_ms=None,
        )

    def _check_room(self, contents: StudyContents, decisions: Sequence[Decision]) -> None:
        count = len(contents.current) + len(contents.superseded) + len(contents.waiting)
        new = sum(decision.status != "duplicate" for decision in decisions)
        if count + new > limits.MAX_OBJECTS:
            raise Conflict(
                f"the study already has {count} instances, the most that one study may have",
                code="study_full",
            )

    def _note(
        self,
        records: Records,
        study: Study,
        is_new: bool,  # noqa: FBT001 - private, named at its one call
        arrivals: Sequence[Arrival],
        decisions: Sequence[Decision],
    ) -> None:
        who = auditing.sender(arrivals[0].sender)
        what = auditing.about_study(study)
        if is_new:
            begun = "quarantine.begun" if arrivals[0].unknown else "study.begun"
            self._journal.note(records, begun, who=who, what=what)
        for arrival, decision in zip(arrivals, decisions, strict=True):
            if decision.status in ("superseded", "waiting"):
                self._journal.note(
                    records,
                    f"instance.{decision.status}",
                    who=auditing.sender(arrival.sender),
                    what=what,
                    why=decision.reason,
                    detail={"sop_uid": arrival.facts.sop_uid},
                )


def _decided(
    arrivals: Sequence[Arrival], study: Study, contents: StudyContents
) -> Sequence[Decision]:
    """Decide about each arrival of a batch, as if they came one after the other.

    Raises:
        Conflict: Two versions of one instance, which must be stored one after the other.
    """
    decisions: list[Decision] = []
    seen: dict[str, bytes] = {}
    for arrival in arrivals:
        uid = arrival.facts.sop_uid
        if uid in seen:
            if seen[uid] != arrival.hash:
                raise Conflict("two versions of one instance arrived at the same moment")
            decisions.append(Decision("duplicate"))
            continue
        seen[uid] = arrival.hash
        decision = decide(arrival, study, contents)
        if decision.status in ("stored", "superseded"):
            patient = completed(study.patient, arrival.facts.patient)
            if patient is not study.patient:
                study = replace(study, patient=patient)
        decisions.append(decision)
    return decisions


def _draft(arrival: Arrival, decision: Decision) -> Draft:
    return Draft(
        source=arrival.source,
        facts=arrival.facts,
        hash=arrival.hash,
        sender=arrival.sender,
        replaces=decision.replaces,
        at_ms=arrival.at_ms,
    )


def _outcomes(
    study: Study, arrivals: Sequence[Arrival], decisions: Sequence[Decision]
) -> Sequence[StoreOutcome]:
    return [
        StoreOutcome(decision.status, study.id, arrival.facts.sop_uid, decision.reason)
        for arrival, decision in zip(arrivals, decisions, strict=True)
    ]
