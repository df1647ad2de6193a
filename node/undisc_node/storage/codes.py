"""One-time codes: implements `ports.CodeRecords`.

A try is counted by one UPDATE whose WHERE is the limit, and a code is used by one UPDATE whose
WHERE is that it was not: however many come at once, none counts beyond that.
"""

from __future__ import annotations

from typing import Final

from undisc_node.services.code_rows import CodeRow
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns

_CODES: Final = Columns.of(
    "one_time_codes", "context salt mac made_ms expires_ms tries used since_ms made"
)


class CodeTable:
    """One-time codes within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, context: bytes) -> CodeRow | None:
        """Return the newest code of a context."""
        row = self._session.row(_CODES.select("WHERE context = ?"), (context,))
        if row is None:
            return None
        context, salt, mac, made_ms, expires_ms, tries, used, since_ms, made = row
        return CodeRow(context, salt, mac, made_ms, expires_ms, tries, bool(used), since_ms, made)

    def put(self, code: CodeRow) -> None:
        """Insert, or replace the earlier code of the context."""
        self._session.write(
            _CODES.put(),
            (
                code.context,
                code.salt,
                code.mac,
                code.made_ms,
                code.expires_ms,
                code.tries,
                int(code.used),
                code.since_ms,
                code.made,
            ),
        )

    def take_try(self, context: bytes, most: int) -> bool:
        """Count a try; False, and nothing is counted, when all are used up."""
        return bool(
            self._session.write(
                "UPDATE one_time_codes SET tries = tries + 1"
                " WHERE context = ? AND tries < ? AND used = 0",
                (context, most),
            )
        )

    def use(self, context: bytes, salt: bytes) -> bool:
        """Use a code up; False when it was used already, or is not the newest any more."""
        return bool(
            self._session.write(
                "UPDATE one_time_codes SET used = 1 WHERE context = ? AND salt = ? AND used = 0",
                (context, salt),
            )
        )

    def forget(self, before_ms: int) -> None:
        """Remove codes that are counted since before then."""
        self._session.write("DELETE FROM one_time_codes WHERE since_ms <= ?", (before_ms,))
