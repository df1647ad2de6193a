"""Configured archives, and deliveries into them: implements `PacsRecords`, `DeliveryRecords`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from undisc_node.services.archive_model import Delivery, DeliveryState, HandedOver, Pacs, Retrieve
from undisc_node.services.model import Patient
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns

_PACS = Columns.of(
    "pacs",
    "name ae_title host port calling_ae url credentials retrieve takes_fetched issuer added_ms",
)
_DELIVERIES = Columns.of(
    "deliveries",
    "id study pacs state patient_name patient_id patient_issuer birth_date sex accession problem"
    " attempts next_ms created_ms ended_ms",
)


class PacsTable:
    """Configured archives within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, name: str) -> Pacs | None:
        """Return an archive by its name."""
        row = self._session.row(_PACS.select("WHERE name = ?"), (name,))
        return _pacs(row) if row else None

    def list(self) -> Sequence[Pacs]:
        """List in alphabetical order."""
        return [_pacs(row) for row in self._session.rows(_PACS.select("ORDER BY name"))]

    def put(self, pacs: Pacs) -> None:
        """Insert or replace by name."""
        self._session.write(
            _PACS.put(),
            (
                pacs.name,
                pacs.ae_title,
                pacs.host,
                pacs.port,
                pacs.calling_ae,
                pacs.url,
                pacs.credentials,
                pacs.retrieve,
                int(pacs.takes_fetched),
                pacs.issuer,
                pacs.added_ms,
            ),
        )

    def remove(self, name: str) -> None:
        """Remove it and its unfinished deliveries; what is done stays on record."""
        self._session.write("DELETE FROM deliveries WHERE pacs = ? AND state <> 'done'", (name,))
        self._session.write("DELETE FROM pacs WHERE name = ?", (name,))


class DeliveryTable:
    """Deliveries within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, delivery: bytes) -> Delivery | None:
        """Return a delivery by its id."""
        row = self._session.row(_DELIVERIES.select("WHERE id = ?"), (delivery,))
        return _delivery(row) if row else None

    def of(self, study: bytes, pacs: str) -> Delivery | None:
        """Return the delivery of a study to an archive."""
        row = self._session.row(_DELIVERIES.select("WHERE study = ? AND pacs = ?"), (study, pacs))
        return _delivery(row) if row else None

    def list(self, *, study: bytes | None = None, limit: int = 1000) -> Sequence[Delivery]:
        """List newest first, of one study or all."""
        rows = self._session.rows(
            _DELIVERIES.select(
                "WHERE ?1 IS NULL OR study = ?1 ORDER BY created_ms DESC, rowid DESC LIMIT ?2"
            ),
            (study, limit),
        )
        return [_delivery(row) for row in rows]

    def due(self, now_ms: int) -> Sequence[Delivery]:
        """List those that wait for an attempt that is due."""
        rows = self._session.rows(
            _DELIVERIES.select("WHERE state = 'waiting' AND next_ms <= ? ORDER BY next_ms, rowid"),
            (now_ms,),
        )
        return [_delivery(row) for row in rows]

    def put(self, delivery: Delivery) -> None:
        """Insert or replace by id."""
        patient = delivery.patient
        self._session.write(
            _DELIVERIES.put(),
            (
                delivery.id,
                delivery.study,
                delivery.pacs,
                delivery.state,
                patient.name,
                patient.id,
                patient.issuer,
                patient.birth_date,
                patient.sex,
                delivery.accession,
                delivery.problem,
                delivery.attempts,
                delivery.next_ms,
                delivery.created_ms,
                delivery.ended_ms,
            ),
        )

    def hand_over(self, delivery: bytes, objects: Iterable[bytes]) -> None:
        """Note what the archive has acknowledged; noting it again changes nothing."""
        for one in objects:
            self._session.write(
                "INSERT INTO handed_over (delivery, object, committed) VALUES (?, ?, 0)"
                " ON CONFLICT (delivery, object) DO NOTHING",
                (delivery, one),
            )

    def commit(self, delivery: bytes, objects: Iterable[bytes]) -> None:
        """Note what the archive has taken responsibility for."""
        for one in objects:
            self._session.write(
                "UPDATE handed_over SET committed = 1 WHERE delivery = ? AND object = ?",
                (delivery, one),
            )

    def take_back(self, delivery: bytes, objects: Iterable[bytes]) -> None:
        """Forget what is not there after all."""
        for one in objects:
            self._session.write(
                "DELETE FROM handed_over WHERE delivery = ? AND object = ?", (delivery, one)
            )

    def handed_over(self, delivery: bytes) -> HandedOver:
        """Return what has been acknowledged."""
        rows = self._session.rows(
            "SELECT object, committed FROM handed_over WHERE delivery = ?", (delivery,)
        )
        return HandedOver(
            objects=frozenset(row[0] for row in rows),
            committed=frozenset(row[0] for row in rows if row[1]),
        )

    def fetched_for(self, pacs: str, since_ms: int, *, limit: int) -> Sequence[bytes]:
        """List studies fetched after a moment that have no delivery to that archive."""
        rows = self._session.rows(
            "SELECT DISTINCT fetches.study FROM fetches"
            " JOIN studies ON studies.id = fetches.study"
            " WHERE fetches.state = 'done' AND fetches.ended_ms >= ?2"
            " AND NOT EXISTS (SELECT 1 FROM deliveries"
            " WHERE deliveries.study = fetches.study AND deliveries.pacs = ?1)"
            " ORDER BY fetches.ended_ms LIMIT ?3",
            (pacs, since_ms, limit),
        )
        return [row[0] for row in rows]

    def grown(self, *, limit: int) -> Sequence[Delivery]:
        """List deliveries that are done, and whose study has grown since."""
        columns = ", ".join(f"deliveries.{name}" for name in _DELIVERIES.names)
        rows = self._session.rows(
            f"SELECT {columns} FROM deliveries"  # noqa: S608 - names of our own columns
            " JOIN studies ON studies.id = deliveries.study"
            " WHERE deliveries.state = 'done' AND studies.arrived_ms >= deliveries.ended_ms"
            " ORDER BY deliveries.ended_ms LIMIT ?",
            (limit,),
        )
        return [_delivery(row) for row in rows]


def _pacs(row: Any) -> Pacs:
    return Pacs(
        name=row[0],
        ae_title=row[1],
        host=row[2],
        port=row[3],
        calling_ae=row[4],
        url=row[5],
        credentials=row[6],
        retrieve=Retrieve(row[7]),
        takes_fetched=bool(row[8]),
        issuer=row[9],
        added_ms=row[10],
    )


def _delivery(row: Any) -> Delivery:
    return Delivery(
        id=row[0],
        study=row[1],
        pacs=row[2],
        state=DeliveryState(row[3]),
        patient=Patient(*row[4:9]),
        accession=row[9],
        problem=row[10],
        attempts=row[11],
        next_ms=row[12],
        created_ms=row[13],
        ended_ms=row[14],
    )
