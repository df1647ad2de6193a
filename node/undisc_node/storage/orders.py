"""The day list: implements `ports.OrderRecords`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from undisc_node.services.department_rows import Order, OrderState
from undisc_node.services.model import Patient
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns

_ORDERS = Columns.of(
    "orders",
    "id accession patient_name patient_id patient_issuer birth_date sex scheduled modality"
    " description requested_by referring study_uid source state seen_ms",
)
_AT_LAST = "99991231235959"


class OrderTable:
    """Orders within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, order: bytes) -> Order | None:
        """Return an order by its id."""
        row = self._session.row(_ORDERS.select("WHERE id = ?"), (order,))
        return _order(row) if row else None

    def list(
        self, *, first: str = "", last: str = "", text: str = "", limit: int = 200
    ) -> Sequence[Order]:
        """List by scheduled time."""
        rows = self._session.rows(
            _ORDERS.select(
                "WHERE scheduled >= ?1 AND scheduled <= ?2 AND (?3 = '' OR instr(lower("
                "accession || char(10) || patient_name || char(10) || patient_id || char(10)"
                " || description), lower(?3)) > 0) ORDER BY scheduled, rowid LIMIT ?4"
            ),
            (first, last + _AT_LAST[len(last) :], text, limit),
        )
        return [_order(row) for row in rows]

    def of_patient(self, patient_id: str) -> Sequence[Order]:
        """List the orders of a patient id."""
        rows = self._session.rows(
            _ORDERS.select("WHERE patient_id = ? ORDER BY scheduled, rowid"), (patient_id,)
        )
        return [_order(row) for row in rows]

    def put(self, order: Order) -> None:
        """Insert or replace by id."""
        who = order.patient
        self._session.write(
            _ORDERS.put(),
            (
                order.id,
                order.accession,
                who.name,
                who.id,
                who.issuer,
                who.birth_date,
                who.sex,
                order.scheduled,
                order.modality,
                order.description,
                order.requested_by,
                order.referring,
                order.study_uid,
                order.source,
                order.state,
                order.seen_ms,
            ),
        )

    def forget(self, before_ms: int) -> int:
        """Remove orders that were last told before then."""
        return self._session.write("DELETE FROM orders WHERE seen_ms < ?", (before_ms,))


def _order(row: Any) -> Order:
    id_, accession, name, number, issuer, born, sex, scheduled, modality, *rest = row
    description, requested_by, referring, study_uid, source, state, seen_ms = rest
    return Order(
        id=id_,
        accession=accession,
        patient=Patient(name, number, issuer, born, sex),
        scheduled=scheduled,
        modality=modality,
        description=description,
        requested_by=requested_by,
        referring=referring,
        study_uid=study_uid,
        source=source,
        state=OrderState(state),
        seen_ms=seen_ms,
    )
