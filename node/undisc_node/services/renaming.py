"""A patient's identity changes: updates (A08) and merges (A40), before and after sharing.

DESIGN §5: a changed patient identity inside a study stops everything until a person decides. Every
study of the patient that says something else is held, and a row of the queue shows both sides.
`apply` changes what the catalog says; the images keep every byte, as after every correction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.deciding import PEER_SENDER, same_patient
from undisc_node.services.department_rows import Message, PatientChange
from undisc_node.services.errors import Conflict
from undisc_node.services.model import Patient, Study, StudyState
from undisc_node.services.ports import Catalog, Clock, Records
from undisc_node.services.queue_rows import QueueRow, facts_of
from undisc_node.services.queueing import Close, Decision, Queueing

UPDATE: Final = "patient-update"
MERGE: Final = "patient-merge"
HOLD_CHANGE: Final = "the patient's identity was changed in the department"
"""Reason of a hold that ends when a person has decided about the change."""

MAX_STUDIES: Final = 1_000  # of one patient that one message may stop; nobody has more
_NAMES: Final = {
    "patient id": "id",
    "issuer": "issuer",
    "name": "name",
    "birth date": "birth_date",
    "sex": "sex",
}


class Renaming:
    """Lets changed identities wait, and carries out what a person decides.

    Args:
        catalog: Rows.
        queueing: The queue.
        journal: The log.
        clock: Time.
        tell: Called within the change when a study's identity was changed, to tell those who have
            it.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        queueing: Queueing,
        journal: Journal,
        clock: Clock,
        tell: Callable[[Records, Study], None] = lambda _records, _study: None,
    ) -> None:
        self._catalog = catalog
        self._queueing = queueing
        self._journal = journal
        self._clock = clock
        self._tell = tell
        queueing.register(UPDATE, self)
        queueing.register(MERGE, self)

    def take(self, change: PatientChange, message: Message) -> int:
        """Stop every study that says something else; durable on return.

        Orders that are still to come take the new identity at once: nothing was shared of them.

        Returns:
            How many studies wait for a person now.
        """
        kind = MERGE if change.former else UPDATE
        with self._catalog.change(vital=True) as records:
            concerned = self._concerned(records, change)
            for study in concerned:
                self._stop(records, kind, change, study)
            for identifier in dict.fromkeys([change.former or change.patient.id, *change.ids]):
                for order in records.orders.of_patient(identifier):
                    records.orders.put(replace(order, patient=change.patient))
            records.reports.add_message(message)
        return len(concerned)

    def hear(self, records: Records, study_id: bytes, patient: Patient, source: str) -> bool:
        """Stop a fetched study whose holder says that it is somebody else's, within a change.

        Returns:
            Whether a person has to decide now; False if it is so here already.
        """
        study = records.studies.get(study_id)
        if study is None or _sides(study.patient) == _sides(_changed(study.patient, patient)):
            return False
        self._stop(records, UPDATE, PatientChange(source, patient, (patient.id,)), study)
        return True

    def _concerned(self, records: Records, change: PatientChange) -> Sequence[Study]:
        """List the studies taken here whose identity the change contradicts."""
        found: dict[bytes, Study] = {}
        asked = [change.former] if change.former else change.ids
        for identifier in asked:
            for study in records.studies.list(patient=identifier, limit=MAX_STUDIES):
                issuers = (study.patient.issuer, _issuer_of(change, identifier))
                others = all(issuers) and issuers[0] != issuers[1]
                if study.sender.startswith(PEER_SENDER) or others:
                    continue
                if change.former or _differs(study.patient, change.patient):
                    found[study.id] = study
        return list(found.values())

    def _stop(self, records: Records, kind: str, change: PatientChange, study: Study) -> None:
        new = _changed(study.patient, change.patient)
        self._queueing.put(
            records,
            kind,
            study.id.hex(),
            study=study.id,
            facts=facts_of(
                _sides(study.patient) | {"accession": study.accession},
                _sides(new) | {"accession": study.accession},
            )
            + facts_of({"source": change.source}),
        )
        if study.state is not StudyState.ACTIVE:
            return
        held = replace(study, state=StudyState.HELD, reason=HOLD_CHANGE)
        records.studies.put(held)
        ended = records.tickets.drop(study=study.id, at_ms=self._clock.now_ms())
        self._journal.note(
            records,
            "study.held",
            who=auditing.sender(change.source),
            what=auditing.about_study(study),
            why=HOLD_CHANGE,
            detail={"transfers_stopped": ended},
        )

    def decisions(self, row: QueueRow) -> Mapping[str, Decision]:
        """Name what may be done about a changed identity."""
        del row
        return {
            "apply": Decision(
                "take the identity over as it came, and tell those who have the study"
            ),
            "keep": Decision("keep the identity as it is here"),
        }

    def resolve(self, row: QueueRow, decision: str, value: str, actor: str, close: Close) -> None:
        """Apply a changed identity or keep the old one; either way the hold ends."""
        del value
        with self._catalog.change(vital=True) as records:
            study = records.studies.get(row.study) if row.study else None
            if study is None:
                close(records, "the study is gone")
                return
            here = {fact.name: fact.here for fact in row.facts}
            as_shown = {name: here.get(name, "") for name in _NAMES}
            if decision == "apply" and _sides(study.patient) != as_shown:
                raise Conflict(
                    "the study's identity has changed since this was put to you",
                    code="changed",
                    hint="decide to keep it, and let the department send its message again",
                )
            changed = study
            if decision == "apply":
                there = {fact.name: fact.there or "" for fact in row.facts}
                new = Patient(**{field: there.get(name, "") for name, field in _NAMES.items()})
                changed = replace(study, patient=new)
                self._journal.note(
                    records,
                    "study.identity_changed",
                    who=auditing.user(actor),
                    what=[*auditing.about_study(study), *auditing.about_study(changed)[-1:]],
                    why=row.kind,
                )
            close(records, "identity taken over" if decision == "apply" else "identity kept")
            others = [kind for kind in (UPDATE, MERGE) if kind != row.kind]
            waits = any(records.queue.find_open(kind, row.subject) for kind in others)
            released = changed.state is StudyState.HELD and changed.reason == HOLD_CHANGE
            if released and not waits:
                changed = replace(changed, state=StudyState.ACTIVE, reason="")
                self._journal.note(
                    records,
                    "study.released",
                    who=auditing.user(actor),
                    what=auditing.about_study(changed),
                )
            records.studies.put(changed)
            if decision == "apply":
                self._tell(records, changed)


def _issuer_of(change: PatientChange, identifier: str) -> str:
    if identifier == change.former:
        return change.former_issuer
    return change.patient.issuer if identifier == change.patient.id else ""


def _changed(known: Patient, said: Patient) -> Patient:
    """Return the new identity; what a message does not say stays as it was.

    An image without an issuer gets none: its number did not change its meaning.
    """
    return Patient(
        name=said.name or known.name,
        id=said.id,
        issuer=said.issuer if known.issuer else known.issuer,
        birth_date=said.birth_date or known.birth_date,
        sex=said.sex or known.sex,
    )


def _differs(known: Patient, said: Patient) -> bool:
    """Tell whether a message says something else about a person with the same number."""
    new = replace(_changed(known, said), id=known.id)
    return not same_patient(known, new) or (known.sex != new.sex and bool(known.sex))


def _sides(patient: Patient) -> dict[str, str]:
    return {name: getattr(patient, field) for name, field in _NAMES.items()}
