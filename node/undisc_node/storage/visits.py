"""Visits and what came of them: implements `ports.VisitRecords`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from undisc_node.services.consent_rows import (
    Covers,
    Decision,
    Scope,
    Visit,
    VisitGrant,
    VisitStudy,
)
from undisc_node.services.model import Patient
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns

_VISITS = Columns.of(
    "visits",
    "id consent decision patient_name patient_id patient_issuer birth_date sex covers first last"
    " opened_ms closed_ms",
)
_STUDIES = Columns.of(
    "visit_studies", "visit study belongs by at_ms released_ms released_by done_ms"
)
_GRANTS = Columns.of("visit_grants", "visit study node grant_id")


class VisitTable:
    """Visits within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, visit: bytes) -> Visit | None:
        """Return a visit by its id."""
        return next(iter(self._visits("WHERE id = ?", (visit,))), None)

    def of_consent(self, consent: bytes) -> Visit | None:
        """Return the visit that a consent opened."""
        return next(iter(self._visits("WHERE consent = ?", (consent,))), None)

    def list(self, *, patient: str = "", limit: int = 100) -> Sequence[Visit]:
        """List newest first."""
        return self._visits(
            "WHERE ?1 = '' OR patient_id = ?1 ORDER BY opened_ms DESC, rowid DESC LIMIT ?2",
            (patient, limit),
        )

    def starting(self, prefix: str) -> Sequence[Visit]:
        """List up to two visits whose id begins with these hex digits."""
        first, last = prefix.ljust(32, "0"), prefix.ljust(32, "f")
        return self._visits(
            "WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 2",
            (bytes.fromhex(first), bytes.fromhex(last)),
        )

    def open_for(self, patient: str, accession: str) -> Sequence[Visit]:
        """List open visits of a patient id, or that name an accession number; oldest first."""
        return self._visits(
            "WHERE closed_ms IS NULL AND id IN (SELECT id FROM visits WHERE patient_id = ?1"
            " AND ?1 <> '' UNION SELECT visit FROM visit_orders WHERE accession = ?2)"
            " ORDER BY opened_ms, rowid",
            (patient, accession),
        )

    def empty_since(self, opened_ms: int) -> Sequence[Visit]:
        """List open visits without any study that were opened at that time or later."""
        return self._visits(
            "WHERE closed_ms IS NULL AND opened_ms >= ? AND NOT EXISTS (SELECT 1 FROM"
            " visit_studies WHERE visit = visits.id) ORDER BY opened_ms, rowid",
            (opened_ms,),
        )

    def put(self, visit: Visit) -> None:
        """Insert or replace by id; accession numbers are only ever added."""
        who, scope = visit.patient, visit.scope
        self._session.write(
            _VISITS.put(),
            (
                visit.id,
                visit.consent,
                visit.decision,
                who.name,
                who.id,
                who.issuer,
                who.birth_date,
                who.sex,
                scope.covers,
                scope.first,
                scope.last,
                visit.opened_ms,
                visit.closed_ms,
            ),
        )
        for accession in scope.orders:
            self._session.write(
                "INSERT INTO visit_orders (visit, accession) VALUES (?, ?)"
                " ON CONFLICT (visit, accession) DO NOTHING",
                (visit.id, accession),
            )

    def studies(self, visit: bytes) -> Sequence[VisitStudy]:
        """List what was said about studies and a visit, oldest first."""
        return self._studies("WHERE visit = ? ORDER BY at_ms, study", (visit,))

    def of_study(self, study: bytes) -> Sequence[VisitStudy]:
        """List what was said about a study and visits, oldest first."""
        return self._studies("WHERE study = ? ORDER BY at_ms, visit", (study,))

    def unfinished(self) -> Sequence[VisitStudy]:
        """List studies of visits about which something is left to do, oldest first."""
        return self._studies("WHERE belongs AND done_ms IS NULL ORDER BY at_ms, visit, study", ())

    def put_study(self, row: VisitStudy) -> None:
        """Insert or replace by visit and study."""
        self._session.write(
            _STUDIES.insert(
                "ON CONFLICT (visit, study) DO UPDATE SET belongs = excluded.belongs,"
                " by = excluded.by, at_ms = excluded.at_ms, released_ms = excluded.released_ms,"
                " released_by = excluded.released_by, done_ms = excluded.done_ms"
            ),
            (
                row.visit,
                row.study,
                row.belongs,
                row.by,
                row.at_ms,
                row.released_ms,
                row.released_by,
                row.done_ms,
            ),
        )

    def refused(self, *, limit: int) -> Sequence[bytes]:
        """List studies here that belong to a visit of a no, and to no open visit of a yes."""
        rows = self._session.rows(
            "SELECT study FROM visit_studies JOIN visits ON visits.id = visit"
            " WHERE belongs AND decision = 'no' AND closed_ms IS NULL"
            " AND EXISTS (SELECT 1 FROM studies WHERE studies.id = study)"
            " AND NOT EXISTS (SELECT 1 FROM visit_studies AS other"
            " JOIN visits AS yes ON yes.id = other.visit"
            " WHERE other.study = visit_studies.study AND other.belongs"
            " AND yes.decision = 'yes' AND yes.closed_ms IS NULL)"
            " GROUP BY study ORDER BY min(at_ms), study LIMIT ?",
            (limit,),
        )
        return [row[0] for row in rows]

    def grants(self, visit: bytes) -> Sequence[VisitGrant]:
        """List the grants that a visit led to."""
        rows = self._session.rows(_GRANTS.select("WHERE visit = ? ORDER BY study, node"), (visit,))
        return [VisitGrant(*row) for row in rows]

    def add_grant(self, grant: VisitGrant) -> None:
        """Note a grant.

        Raises:
            Conflict: There is one for this visit, study and practice already.
        """
        self._session.write(_GRANTS.insert(), (grant.visit, grant.study, grant.node, grant.grant))

    def _visits(self, rest: str, values: Sequence[object]) -> Sequence[Visit]:
        found = self._session.rows(_VISITS.select(rest), values)
        return [_visit(row, self._orders(row[0])) for row in found]

    def _orders(self, visit: bytes) -> tuple[str, ...]:
        rows = self._session.rows(
            "SELECT accession FROM visit_orders WHERE visit = ? ORDER BY accession", (visit,)
        )
        return tuple(row[0] for row in rows)

    def _studies(self, rest: str, values: Sequence[object]) -> Sequence[VisitStudy]:
        rows = self._session.rows(_STUDIES.select(rest), values)
        return [VisitStudy(row[0], row[1], bool(row[2]), *row[3:]) for row in rows]


def _visit(row: Any, orders: tuple[str, ...]) -> Visit:
    id_, consent, decision, *who, covers, first, last, opened_ms, closed_ms = row
    return Visit(
        id=id_,
        consent=consent,
        decision=Decision(decision),
        patient=Patient(*who),
        scope=Scope(Covers(covers), orders, first, last),
        opened_ms=opened_ms,
        closed_ms=closed_ms,
    )
