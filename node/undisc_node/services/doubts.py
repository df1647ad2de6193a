"""A holder holds a study that we have a copy of: a person here says whether ours is held, too.

The images may be in use: to take them away because somebody elsewhere looks into something is a
decision. When the holder releases the study, what was held for that alone is released here as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.model import Peer, Study, StudyState
from undisc_node.services.ports import Catalog, Clock, Records
from undisc_node.services.queue_rows import QueueRow, facts_of
from undisc_node.services.queueing import Close, Decision, Queueing

HELD_THERE: Final = "held-there"
"""Kind of rows of the queue."""
_HELD: Final = "the practice that holds it looks into it"


class Doubts:
    """Lets a person decide about copies of studies that their holder holds.

    Args:
        catalog: Rows.
        queueing: Where they wait.
        journal: The log.
        clock: Time.
    """

    def __init__(
        self, *, catalog: Catalog, queueing: Queueing, journal: Journal, clock: Clock
    ) -> None:
        self._catalog = catalog
        self._queueing = queueing
        self._journal = journal
        self._clock = clock
        queueing.register(HELD_THERE, self)

    def held(self, records: Records, study_id: bytes, peer: Peer) -> bool:
        """Put it before a person, within a change; tell whether something waits now."""
        study = records.studies.get(study_id)
        if study is None or study.state is not StudyState.ACTIVE:
            return False
        facts = {
            "practice": peer.name,
            "patient": study.patient.name,
            "patient id": study.patient.id,
            "study date": study.study_date,
            "description": study.description,
        }
        self._queueing.put(
            records, HELD_THERE, study_id.hex(), study=study_id, facts=facts_of(facts)
        )
        return True

    def released(self, records: Records, study_id: bytes, peer: Peer) -> None:
        """Take it back, within a change."""
        self._queueing.settle(records, HELD_THERE, study_id.hex(), "released there")
        study = records.studies.get(study_id)
        if study is None or (study.state, study.reason) != (StudyState.HELD, _HELD):
            return
        records.studies.put(replace(study, state=StudyState.ACTIVE, reason=""))
        self._journal.note(
            records,
            "study.released",
            who=auditing.other_node(peer),
            what=auditing.about_study(study),
        )

    def decisions(self, row: QueueRow) -> Mapping[str, Decision]:
        """Name what may be done about a copy."""
        del row
        return {
            "hold": Decision("the copy is served to nobody until the other practice releases it"),
            "go-on": Decision("the copy stays in use here"),
        }

    def resolve(self, row: QueueRow, decision: str, value: str, actor: str, close: Close) -> None:
        """Hold the copy, or go on with it."""
        del value
        with self._catalog.change(vital=True) as records:
            study = records.studies.get(row.study) if row.study else None
            if study is None:
                close(records, "the study is not here any more")
                return
            if decision == "hold" and study.state is StudyState.ACTIVE:
                self._hold(records, study, actor)
            close(records, "held" if decision == "hold" else "in use")

    def _hold(self, records: Records, study: Study, actor: str) -> None:
        records.studies.put(replace(study, state=StudyState.HELD, reason=_HELD))
        ended = records.tickets.drop(study=study.id, at_ms=self._clock.now_ms())
        self._journal.note(
            records,
            "study.held",
            who=auditing.user(actor),
            what=auditing.about_study(study),
            why=_HELD,
            detail={"transfers_stopped": ended},
        )
