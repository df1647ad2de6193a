"""Studies and their packs: implements `ports.StudyRecords`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from undisc_node.services.errors import Conflict
from undisc_node.services.model import Pack, PackRole, Patient, Study, StudyState, Tombstone
from undisc_node.services.sender_model import STRANGER
from undisc_node.services.study_search import StudyFacts, StudySearch, plain_name
from undisc_node.storage import study_search
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns

_ID: Final = 16  # bytes of a study's id
_STUDIES = Columns.of(
    "studies",
    "id uid patient_name patient_id patient_issuer birth_date sex study_date study_time accession"
    " description modalities sender instances size waiting state reason created_ms arrived_ms"
    " settled_ms kept search",
)
_FACTS = Columns.of("study_facts", "study series referring study_id described_ms referring_search")
_FACTS_READ: Final = 5  # columns; the last is for searching only
_SHORTEST_INDEXED: Final = 3  # characters; the index of texts knows every run of three
_FOUND: Final = """id IN (
    SELECT study FROM study_texts
    WHERE number IN (SELECT rowid FROM study_search WHERE study_search MATCH ?)
)"""
_VISIBLE: Final = f"NOT (sender >= '{STRANGER}' AND sender < '{STRANGER[:-1]};')"
"""Leaves out what is in quarantine; `;` follows `:`."""
_PACKS = Columns.of("packs", "id study role length index_at")


class StudyTable:
    """Studies and packs within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, study: bytes) -> Study | None:
        """Return a study by its id."""
        row = self._session.row(_STUDIES.select("WHERE id = ?"), (study,))
        return _study(row) if row else None

    def find_uid(self, uid: str) -> Study | None:
        """Return a study by its Study Instance UID."""
        row = self._session.row(_STUDIES.select("WHERE uid = ?"), (uid,))
        return _study(row) if row else None

    def of_accession(self, accession: str) -> Sequence[Study]:
        """List the studies of an accession number, oldest first."""
        rows = self._session.rows(
            _STUDIES.select("WHERE accession = ? AND accession <> '' ORDER BY created_ms, rowid"),
            (accession,),
        )
        return [_study(row) for row in rows]

    def list(
        self,
        *,
        text: str = "",
        patient: str = "",
        state: StudyState | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> Sequence[Study]:
        """List newest arrival first.

        Args:
            text: A part of patient name or id, accession or UID, whatever its case.
            patient: A patient id, exactly.
            state: Only studies in this state.
            limit: At most so many.
            offset: Leave out so many.
        """
        # Each condition brings its own index, so it is there only when it is asked for.
        conditions: dict[str, str] = {}
        wanted = text.casefold()
        if len(wanted) >= _SHORTEST_INDEXED:
            conditions[_FOUND] = '"' + wanted.replace('"', '""') + '"'
        elif wanted:
            conditions["instr(search, ?)"] = wanted
        if patient:
            conditions["patient_id = ?"] = patient
        if state is not None:
            conditions["state = ?"] = state
        rows = self._session.rows(
            _STUDIES.select(
                f"WHERE {' AND '.join((_VISIBLE, *conditions))}"
                " ORDER BY arrived_ms DESC, rowid DESC LIMIT ? OFFSET ?"
            ),
            (*conditions.values(), limit, offset),
        )
        return [_study(row) for row in rows]

    def search(
        self, wanted: StudySearch, *, limit: int = 100, offset: int = 0
    ) -> Sequence[tuple[Study, StudyFacts | None]]:
        """List active studies of that kind with their facts, newest study date first."""
        if wanted.allowed is not None and not wanted.allowed:
            return []
        plan = study_search.plan(self._session, wanted)
        columns = ", ".join(f"s.{name}" for name in _STUDIES.names)
        facts = ", ".join(f"f.{name}" for name in _FACTS.names[:_FACTS_READ])
        rows = self._session.rows(
            f"SELECT {columns}, {facts} FROM {plan.source}"  # noqa: S608 - constants of this package
            " LEFT JOIN study_facts f ON f.study = s.id"
            f" WHERE {' AND '.join(plan.conditions)} ORDER BY {plan.order} LIMIT ? OFFSET ?",
            (*plan.values, limit, offset),
        )
        return [(_study(row), _facts(row[len(_STUDIES.names) :])) for row in rows]

    def put_facts(self, facts: StudyFacts) -> None:
        """Keep what was read of a study; it is undescribed again when it grows."""
        self._session.write(
            _FACTS.put(),
            (
                facts.study,
                facts.series,
                facts.referring,
                facts.study_id,
                facts.described_ms,
                plain_name(facts.referring),
            ),
        )
        self._session.write(
            "DELETE FROM study_undescribed WHERE study = ?1"
            " AND (SELECT arrived_ms FROM studies WHERE id = ?1) = ?2",
            (facts.study, facts.described_ms),
        )

    def undescribed(self, limit: int) -> Sequence[Study]:
        """List settled studies whose facts were not read since they grew."""
        rows = self._session.rows(
            _STUDIES.select(
                "WHERE id IN (SELECT study FROM study_undescribed) AND settled_ms IS NOT NULL"
                " LIMIT ?"
            ),
            (limit,),
        )
        return [_study(row) for row in rows]

    def starting(self, prefix: str) -> Sequence[Study]:
        """List up to two studies whose id begins with these hex digits, at most 32 of them."""
        first, last = (bytes.fromhex(prefix.ljust(2 * _ID, digit)) for digit in "0f")
        rows = self._session.rows(
            _STUDIES.select(f"WHERE id BETWEEN ? AND ? AND {_VISIBLE} ORDER BY id LIMIT 2"),
            (first, last),
        )
        return [_study(row) for row in rows]

    def counts(self) -> Mapping[str, int]:
        """Count studies by state, and as `unsettled` and `waiting`."""
        count = "SELECT count(*) FROM studies WHERE"
        # Counted by an index, less the few in quarantine by another: there may be a million.
        states = dict(self._session.rows("SELECT state, count(*) FROM studies GROUP BY state"))
        hidden = self._session.rows(
            "SELECT state, count(*) FROM studies"
            " WHERE sender BETWEEN 'stranger:' AND 'stranger;' GROUP BY state"
        )
        for state, number in hidden:
            states[state] -= number
        unsettled = self._session.row(f"{count} settled_ms IS NULL AND {_VISIBLE}")
        waiting = self._session.row(f"{count} waiting > 0 AND {_VISIBLE}")
        none = dict.fromkeys(StudyState, 0)
        return {**none, **states, "unsettled": unsettled[0], "waiting": waiting[0]}

    def unsettled(self, quiet_since_ms: int) -> Sequence[Study]:
        """List studies that have not settled and had no arrival since then, longest quiet first."""
        rows = self._session.rows(
            _STUDIES.select(
                f"WHERE settled_ms IS NULL AND arrived_ms <= ? AND {_VISIBLE}"
                " ORDER BY arrived_ms, rowid"
            ),
            (quiet_since_ms,),
        )
        return [_study(row) for row in rows]

    def held_by(self, sender: str) -> int:
        """Return the bytes of all studies that a sender brought."""
        row = self._session.row("SELECT total(size) FROM studies WHERE sender = ?", (sender,))
        return int(row[0])

    def without_permission(self, quiet_since_ms: int, *, limit: int) -> Sequence[Study]:
        """List studies that nobody may have and nothing happened to since, oldest first."""
        rows = self._session.rows(
            _STUDIES.select(
                "WHERE kept = 0 AND state <> 'held' AND waiting = 0"
                " AND arrived_ms <= ?1 AND settled_ms <= ?1"
                " AND NOT EXISTS (SELECT 1 FROM grants WHERE study = studies.id"
                " AND min(expires * 1000, coalesce(revoked_ms, expires * 1000)) > ?1)"
                " AND NOT EXISTS (SELECT 1 FROM fetches WHERE study = studies.id AND receipt_due)"
                " AND NOT EXISTS (SELECT 1 FROM deliveries WHERE study = studies.id"
                " AND state IN ('asking', 'waiting'))"
                " ORDER BY arrived_ms, rowid LIMIT ?2"
            ),
            (quiet_since_ms, limit),
        )
        return [_study(row) for row in rows]

    def quiet_since(self, study: bytes) -> int:
        """Return when a study last grew or settled, or its last grant ended or will end, ms."""
        row = self._session.row(
            "SELECT max(arrived_ms, coalesce(settled_ms, arrived_ms),"
            " coalesce((SELECT max(min(expires * 1000, coalesce(revoked_ms, expires * 1000)))"
            " FROM grants WHERE study = studies.id), 0))"
            " FROM studies WHERE id = ?",
            (study,),
        )
        return int(row[0]) if row else 0

    def put(self, study: Study) -> None:
        """Insert or replace by id.

        Raises:
            Conflict: Another study has this UID.
        """
        patient = study.patient
        # A line break between the fields, so that nothing matches across two of them.
        search = f"{patient.name}\n{patient.id}\n{study.accession}\n{study.uid}".casefold()
        self._session.write(
            _STUDIES.put(),
            (
                study.id,
                study.uid,
                patient.name,
                patient.id,
                patient.issuer,
                patient.birth_date,
                patient.sex,
                study.study_date,
                study.study_time,
                study.accession,
                study.description,
                json.dumps(study.modalities),
                study.sender,
                study.instances,
                study.size,
                study.waiting,
                study.state,
                study.reason,
                study.created_ms,
                study.arrived_ms,
                study.settled_ms,
                study.kept,
                search,
            ),
        )

    def grow(self, study: Study, packs: Iterable[Pack]) -> None:
        """Write counts, size and times of a study that is there, and what its packs grew to.

        Columns that stay are not named, so that their indexes and triggers stay untouched: of the
        twelve pages that `put` and `put_pack` write for an arrival, half are left.

        Raises:
            Conflict: It or one of them is not there.
        """
        written = self._session.write(
            "UPDATE studies SET instances = ?, size = ?, waiting = ?, arrived_ms = ?,"
            " settled_ms = ? WHERE id = ?",
            (
                study.instances,
                study.size,
                study.waiting,
                study.arrived_ms,
                study.settled_ms,
                study.id,
            ),
        )
        expected = 1
        for pack in packs:
            expected += 1
            written += self._session.write(
                "UPDATE packs SET length = ?, index_at = ? WHERE id = ?",
                (pack.length, pack.index_at, pack.id),
            )
        if written != expected:
            raise Conflict("a study or pack that is not there cannot grow")

    def remove(self, study: bytes, at_ms: int) -> None:
        """Remove the study and its pack rows; each pack leaves a tombstone."""
        for role in PackRole:
            for pack in self.packs(study, role):
                self.remove_pack(pack.id, at_ms)
        self._session.write("DELETE FROM studies WHERE id = ?", (study,))

    def packs(self, study: bytes, role: PackRole = PackRole.MAIN) -> Sequence[Pack]:
        """List a study's packs of one role, oldest first."""
        rows = self._session.rows(
            _PACKS.select("WHERE study = ? AND role = ? ORDER BY rowid"), (study, role)
        )
        return [_pack(row) for row in rows]

    def all_packs(self) -> Sequence[Pack]:
        """List every pack, oldest first."""
        return [_pack(row) for row in self._session.rows(_PACKS.select("ORDER BY rowid"))]

    def has_pack(self, pack: bytes) -> bool:
        """Tell whether a row names the pack."""
        return self._session.row("SELECT 1 FROM packs WHERE id = ?", (pack,)) is not None

    def put_pack(self, pack: Pack) -> None:
        """Insert or replace by id; at the end of the change its study must exist."""
        self._session.write(
            _PACKS.put(),
            (pack.id, pack.study, pack.role, pack.length, pack.index_at),
        )

    def remove_pack(self, pack: bytes, at_ms: int) -> None:
        """Remove a pack's row, and leave a tombstone; the file is the pack store's."""
        self._session.write(
            "INSERT INTO tombstones (pack, study, at_ms) SELECT id, study, ? FROM packs"
            " WHERE id = ?",
            (at_ms, pack),
        )
        self._session.write("DELETE FROM packs WHERE id = ?", (pack,))

    def tombstones(self) -> Mapping[bytes, Tombstone]:
        """Return every tombstone by pack id."""
        rows = self._session.rows("SELECT pack, study, at_ms FROM tombstones ORDER BY at_ms")
        return {row[0]: Tombstone(*row) for row in rows}

    def bury(self, tombstones: Iterable[Tombstone]) -> None:
        """Take over tombstones kept elsewhere; remove the rows of their packs and empty studies."""
        for one in tombstones:
            if self.has_pack(one.pack):
                self.remove_pack(one.pack, one.at_ms)
                self._session.write(
                    "DELETE FROM studies WHERE id = ?1"
                    " AND NOT EXISTS (SELECT 1 FROM packs WHERE study = ?1)",
                    (one.study,),
                )
            self._session.write(
                "INSERT INTO tombstones (pack, study, at_ms) VALUES (?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (one.pack, one.study, one.at_ms),
            )


def _study(row: Any) -> Study:
    return Study(
        id=row[0],
        uid=row[1],
        patient=Patient(*row[2:7]),
        study_date=row[7],
        study_time=row[8],
        accession=row[9],
        description=row[10],
        modalities=tuple(json.loads(row[11])),
        sender=row[12],
        instances=row[13],
        size=row[14],
        waiting=row[15],
        state=StudyState(row[16]),
        reason=row[17],
        created_ms=row[18],
        arrived_ms=row[19],
        settled_ms=row[20],
        kept=bool(row[21]),
    )


def _facts(row: Any) -> StudyFacts | None:
    return None if row[0] is None else StudyFacts(*row)


def _pack(row: Any) -> Pack:
    return Pack(row[0], row[1], PackRole(row[2]), row[3], row[4])
