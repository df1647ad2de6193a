"""A permission was taken back: who has a copy is told, and a person there decides about it.

The holder writes a notice in the very change that revokes. The recipient cannot be made to forget,
and may have to keep what a treatment rested on: so a row waits for a person, and nothing else
happens by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.model import Study, StudyState
from undisc_node.services.notice_rows import NoticeRow
from undisc_node.services.ports import Catalog, Clock, Records
from undisc_node.services.queue_rows import QueueRow, facts_of
from undisc_node.services.queueing import Close, Decision, Queueing
from undisc_protocol.notice import NoticeKind

PERMISSION_ENDED: Final = "permission-ended"
"""Kind of rows of the queue."""
_REASON: Final = "the practice that holds it took the permission back"


def tell_recipients(records: Records, study: bytes, capability: bytes, now_ms: int) -> None:
    """Queue a notice to each node that has stored a study with a capability, in an open change.

    Who came with it is known for as long as tickets are kept; after that the receipts alone do not
    say with which permission a copy was made.
    """
    for receipt in records.fetches.receipts(study):
        ticket = records.tickets.by_invocation(receipt.invocation)
        if ticket is None or capability not in (ticket.grant, ticket.share):
            continue
        if records.notices.find_open(receipt.peer, study, NoticeKind.ENDED) is None:
            name = sha256(b"ended" + receipt.peer + study + capability).digest()[:16]
            records.notices.put(
                NoticeRow(
                    id=name,
                    peer=receipt.peer,
                    study=study,
                    kind=NoticeKind.ENDED.value,
                    made_ms=now_ms,
                    attempts=0,
                    next_ms=now_ms,
                    done_ms=None,
                    outcome="",
                )
            )


class EndedPermissions:
    """Lets a person decide about copies whose permission was taken back.

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
        queueing.register(PERMISSION_ENDED, self)

    def hear(self, records: Records, study_id: bytes, practice: str) -> bool:
        """Let a fetched study wait for a decision, within a change.

        Returns:
            Whether a person has to decide now.
        """
        study = records.studies.get(study_id)
        if study is None or study.state is StudyState.WITHDRAWN:
            return False
        facts = {
            "practice": practice,
            "patient": study.patient.name,
            "patient id": study.patient.id,
            "study date": study.study_date,
            "description": study.description,
        }
        self._queueing.put(
            records, PERMISSION_ENDED, study_id.hex(), study=study_id, facts=facts_of(facts)
        )
        return True

    def decisions(self, row: QueueRow) -> Mapping[str, Decision]:
        """Name what may be done about a copy."""
        del row
        return {
            "keep": Decision("the copy stays, because a treatment rests on it"),
            "withdraw": Decision("the copy is served to nobody any more"),
        }

    def resolve(self, row: QueueRow, decision: str, value: str, actor: str, close: Close) -> None:
        """Keep the copy, or withdraw it."""
        del value
        with self._catalog.change(vital=True) as records:
            study = records.studies.get(bytes.fromhex(row.subject))
            if study is None:
                close(records, "the study is not here any more")
            elif decision == "keep":
                close(records, "kept")
            else:
                self._withdraw(records, study, actor)
                close(records, "withdrawn")

    def _withdraw(self, records: Records, study: Study, actor: str) -> None:
        if study.state is StudyState.WITHDRAWN:
            return
        records.studies.put(replace(study, state=StudyState.WITHDRAWN, reason=_REASON))
        ended = records.tickets.drop(study=study.id, at_ms=self._clock.now_ms())
        self._journal.note(
            records,
            "study.withdrawn",
            who=auditing.user(actor),
            what=auditing.about_study(study),
            why=_REASON,
            detail={"transfers_stopped": ended},
        )
