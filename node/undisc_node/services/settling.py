"""A study settles when nothing more arrives; what waits is resolved by the administrator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Lock

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.contents import Contents, StoredSource, StudyContents
from undisc_node.services.deciding import HOLD_IDENTITY, PEER_SENDER, study_header
from undisc_node.services.errors import Conflict, NotFound, ServiceError
from undisc_node.services.model import InstanceFacts, Pack, PackRole, Study, StudyState
from undisc_node.services.ports import Catalog, Clock, Draft, Packs, Records
from undisc_node.services.stopping import stop_transfers


class Settling:
    """Settles studies, and resolves what waits.

    Args:
        catalog: Rows.
        packs: Bytes.
        contents: What is inside studies.
        journal: The log.
        clock: Time.
        writing: Held while packs of any study change; shared with every service that does so.
        settled: Called within the change in which a study settles.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        packs: Packs,
        contents: Contents,
        journal: Journal,
        clock: Clock,
        writing: Lock,
        settled: Callable[[Records, Study], None] = lambda _records, _study: None,
    ) -> None:
        self._catalog = catalog
        self._packs = packs
        self._contents = contents
        self._journal = journal
        self._clock = clock
        self._writing = writing
        self._settled = settled

    def settle(self, study_id: bytes, actor: str) -> Study:
        """Close a study for now: write its index and the log line. More may still arrive."""
        with self._writing:
            with self._catalog.look() as records:
                study = records.studies.get(study_id)
                packs = records.studies.packs(study_id)
            if study is None:
                raise NotFound("no such study")
            if study.settled_ms is not None:
                return study
            sealed = [self._packs.seal_index(pack) for pack in packs]
            with self._catalog.change() as records:
                fresh = records.studies.get(study_id) or study
                settled = replace(fresh, settled_ms=self._clock.now_ms())
                for pack in sealed:
                    records.studies.put_pack(pack)
                records.studies.put(settled)
                self._journal.note(
                    records,
                    "study.settled",
                    who=auditing.user(actor) if actor else auditing.sender(study.sender),
                    what=auditing.about_study(settled),
                    detail={"instances": settled.instances, "bytes": settled.size},
                )
                self._settled(records, settled)
            return settled

    def settle_quiet(self, quiet_ms: int) -> int:
        """Settle studies that have stopped growing; return how many.

        A study that a peer has brought arrived whole, in one change, and settles at once.

        Args:
            quiet_ms: Time without an arrival after which a study from a modality settles.

        Raises:
            ServiceError: A study could not be settled; all others are.
        """
        now_ms = self._clock.now_ms()
        with self._catalog.look() as records:
            growing = records.studies.unsettled(now_ms)
        quiet = [
            study
            for study in growing
            if study.arrived_ms <= now_ms - quiet_ms or study.sender.startswith(PEER_SENDER)
        ]
        problem: ServiceError | None = None
        for study in quiet:
            try:
                self.settle(study.id, "")
            except NotFound:
                pass  # deleted in the meantime
            except ServiceError as failure:  # one damaged study must not keep the others open
                problem = failure
        if problem is not None:
            raise problem
        return len(quiet)

    def resolve(self, study_id: bytes, accept: bool, actor: str) -> Study:  # noqa: FBT001 - the API's own field
        """Decide about a study's waiting arrivals, all at once.

        Args:
            study_id: The study.
            accept: True makes each of them current; False erases them.
            actor: Who decided.

        Raises:
            NotFound: No such study.
            Conflict: Nothing waits.
        """
        with self._writing:
            with self._catalog.look() as records:
                study = records.studies.get(study_id)
                if study is None:
                    raise NotFound("no such study")
                contents = self._contents.of(records, study_id)
                main = next(iter(records.studies.packs(study_id)), None)
                waiting = records.studies.packs(study_id, PackRole.WAITING)
            if not contents.waiting:
                raise Conflict("nothing of this study is waiting", code="nothing_waiting")
            count = len(contents.waiting)
            grown: Pack | None = None
            before = contents
            if accept:
                pack = main or self._packs.create(study_header(study))
                grown, stored = self._packs.append(pack, self._accepted(contents))
                contents = contents.extended(grown, stored)
            now_ms = self._clock.now_ms()
            with self._catalog.change() as records:
                fresh = records.studies.get(study_id) or study
                released = fresh.reason == HOLD_IDENTITY and fresh.state is StudyState.HELD
                updated = replace(
                    fresh,
                    waiting=0,
                    instances=len(contents.current),
                    size=contents.size,
                    modalities=contents.modalities(fresh.modalities),
                    state=StudyState.ACTIVE if released else fresh.state,
                    reason="" if released else fresh.reason,
                    settled_ms=None if accept else fresh.settled_ms,
                )
                records.studies.put(updated)
                if grown is not None:
                    records.studies.put_pack(grown)
                for pack in waiting:
                    records.studies.remove_pack(pack.id, now_ms)
                self._journal.note(
                    records,
                    "waiting.accepted" if accept else "waiting.rejected",
                    who=auditing.user(actor),
                    what=auditing.about_study(updated),
                    detail={"objects": count},
                )
                stop_transfers(
                    self._journal,
                    records,
                    fresh,
                    updated,
                    replaced=len(contents.superseded) - len(before.superseded),
                    who=auditing.user(actor),
                    at_ms=now_ms,
                )
            self._contents.forget(study_id)
            for pack in waiting:
                self._packs.erase(pack.id)
            return updated

    def _accepted(self, contents: StudyContents) -> Sequence[Draft]:
        drafts = []
        for located in contents.waiting:
            header = located.stored.header
            previous = contents.current.get(header.sop_uid)
            drafts.append(
                Draft(
                    source=StoredSource(self._packs, located),
                    facts=InstanceFacts(
                        study_uid="",
                        series_uid=header.series_uid,
                        sop_uid=header.sop_uid,
                        sop_class=header.sop_class,
                        transfer_syntax=header.syntax,
                        modality=header.modality,
                        number=header.number,
                    ),
                    hash=header.hash,
                    sender=header.sender,
                    replaces=previous.stored.header.id if previous else None,
                    at_ms=header.at_ms,
                )
            )
        return drafts
