"""Reports without a study, and messages that were taken in: implements `ports.ReportRecords`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from undisc_node.services.department_rows import Message, Report, ReportState
from undisc_node.services.model import Patient
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns

_REPORTS = Columns.of(
    "reports",
    "id series source accession patient_name patient_id patient_issuer birth_date sex patient_ids"
    " state title author reported form content at_ms",
)


class ReportTable:
    """Waiting reports and messages within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, report: bytes) -> Report | None:
        """Return a report by its id."""
        row = self._session.row(_REPORTS.select("WHERE id = ?"), (report,))
        return _report(row) if row else None

    def list(self, *, limit: int = 100) -> Sequence[Report]:
        """List oldest first."""
        rows = self._session.rows(_REPORTS.select("ORDER BY at_ms, rowid LIMIT ?"), (limit,))
        return [_report(row) for row in rows]

    def awaiting(self) -> Sequence[bytes]:
        """List ids of reports whose accession number some study has by now."""
        rows = self._session.rows(
            "SELECT id FROM reports WHERE EXISTS (SELECT 1 FROM studies"
            " WHERE studies.accession = reports.accession AND studies.accession <> '')"
            " ORDER BY at_ms, rowid"
        )
        return [row[0] for row in rows]

    def put(self, report: Report) -> None:
        """Insert or replace by id."""
        who = report.patient
        self._session.write(
            _REPORTS.put(),
            (
                report.id,
                report.series,
                report.source,
                report.accession,
                who.name,
                who.id,
                who.issuer,
                who.birth_date,
                who.sex,
                json.dumps(report.patient_ids),
                report.state,
                report.title,
                report.author,
                report.reported,
                report.form,
                report.content,
                report.at_ms,
            ),
        )

    def remove(self, report: bytes) -> None:
        """Remove a report."""
        self._session.write("DELETE FROM reports WHERE id = ?", (report,))

    def message(self, sender: str, control: str) -> Message | None:
        """Return the message that was taken in under a control id."""
        row = self._session.row(
            "SELECT sender, control, hash, at_ms FROM messages WHERE sender = ? AND control = ?",
            (sender, control),
        )
        return Message(*row) if row else None

    def add_message(self, message: Message) -> None:
        """Remember a message; the same one again changes nothing."""
        self._session.write(
            "INSERT INTO messages (sender, control, hash, at_ms) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (message.sender, message.control, message.hash, message.at_ms),
        )

    def forget_messages(self, before_ms: int) -> int:
        """Forget messages that were taken in before then."""
        return self._session.write("DELETE FROM messages WHERE at_ms < ?", (before_ms,))


def _report(row: Any) -> Report:
    id_, series, source, accession, name, number, issuer, born, sex, ids, state, *rest = row
    title, author, reported, form, content, at_ms = rest
    return Report(
        id=id_,
        series=series,
        source=source,
        accession=accession,
        patient=Patient(name, number, issuer, born, sex),
        patient_ids=tuple(json.loads(ids)),
        state=ReportState(state),
        title=title,
        author=author,
        reported=reported,
        form=form,
        content=content,
        at_ms=at_ms,
    )
