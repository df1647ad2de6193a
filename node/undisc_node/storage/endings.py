"""Who was given what, and what was said when it ended: implements `ports.EndingRecords`."""

from __future__ import annotations

from collections.abc import Sequence

from undisc_node.services.ending_rows import CopyAnswer, Ending, Given
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns
from undisc_protocol.notice import Acknowledgement, Does, Why

_GIVEN = Columns.of("given", "peer study grant_id share_id at_ms")
_ENDINGS = Columns.of("endings", "hash peer study token at_ms")


class EndingTable:
    """It within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def note_given(self, given: Given) -> None:
        """Note it for good; a second time changes nothing."""
        self._session.write(
            _GIVEN.insert("ON CONFLICT DO NOTHING"),
            (given.peer, given.study, given.grant, given.share or b"", given.at_ms),
        )

    def given(self, *, study: bytes | None = None, peer: bytes | None = None) -> Sequence[Given]:
        """List who was given what, oldest first."""
        wanted = [(f"{name} = ?", one) for name, one in (("study", study), ("peer", peer)) if one]
        where = "WHERE " + " AND ".join(text for text, _ in wanted) if wanted else ""
        rows = self._session.rows(
            _GIVEN.select(f"{where} ORDER BY at_ms, grant_id, share_id"),
            tuple(one for _, one in wanted),
        )
        return [Given(row[0], row[1], row[2], row[3] or None, row[4]) for row in rows]

    def keep(self, ending: Ending) -> None:
        """Keep a holder's notice; the same one again changes nothing."""
        self._session.write(
            _ENDINGS.insert("ON CONFLICT DO NOTHING"),
            (ending.hash, ending.peer, ending.study, ending.token, ending.at_ms),
        )

    def kept(
        self, peer: bytes, *, study: bytes | None = None, skip: int = 0, limit: int = 1_000
    ) -> Sequence[Ending]:
        """List a holder's notices, newest first."""
        rows = self._session.rows(
            _ENDINGS.select(
                "WHERE peer = ?1 AND (?2 IS NULL OR study = ?2)"
                " ORDER BY at_ms DESC, rowid DESC LIMIT ?3 OFFSET ?4"
            ),
            (peer, study, limit, skip),
        )
        return [Ending(*row) for row in rows]

    def answer(self, peer: bytes, study: bytes) -> CopyAnswer | None:
        """Return what was last answered a holder about a study, or None."""
        row = self._session.row(
            "SELECT does, why, passed, at_ms, by FROM copy_answers WHERE peer = ? AND study = ?",
            (peer, study),
        )
        if row is None:
            return None
        said = Acknowledgement(Does(row[0]), Why(row[1]) if row[1] else None, passed=bool(row[2]))
        return CopyAnswer(peer, study, said, row[3], row[4])

    def put_answer(self, answer: CopyAnswer) -> None:
        """Keep an answer, in the place of the one before it."""
        said = answer.said
        self._session.write(
            "INSERT INTO copy_answers (peer, study, does, why, passed, at_ms, by)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (peer, study) DO UPDATE SET"
            " does = excluded.does, why = excluded.why, passed = excluded.passed,"
            " at_ms = excluded.at_ms, by = excluded.by",
            (
                answer.peer,
                answer.study,
                said.does.value,
                said.why.value if said.why else "",
                int(said.passed),
                answer.at_ms,
                answer.by,
            ),
        )
