"""Who is signed in at the desk, and what is being asked: implements `ports.DeskRecords`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from undisc_node.services.desk_rows import Ask, Passkey, SecondFactor, StaffSession, Stage
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns

_SESSIONS: Final = Columns.of("staff_sessions", "id name stage created_ms seen_ms until_ms wrong")
_FACTORS: Final = Columns.of("staff_factors", "name sealed last_step confirmed_ms")
_PASSKEYS: Final = Columns.of("staff_passkeys", "id name label key count created_ms used_ms")
_ASKS: Final = Columns.of("asks", "id handle session by facts created_ms until_ms done_ms visit")


class DeskTable:
    """Sessions, authenticators and what is asked, within one session of the database."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def session(self, session: bytes) -> StaffSession | None:
        """Return a session by its id, or None."""
        row = self._session.row(_SESSIONS.select("WHERE id = ?"), (session,))
        return _staff_session(row) if row else None

    def sessions(self, name: str) -> Sequence[StaffSession]:
        """List somebody's sessions, newest first."""
        rows = self._session.rows(
            _SESSIONS.select("WHERE name = ? ORDER BY created_ms DESC, id"), (name,)
        )
        return [_staff_session(row) for row in rows]

    def put_session(self, session: StaffSession) -> None:
        """Insert or replace by id."""
        self._session.write(
            _SESSIONS.put(),
            (
                session.id,
                session.name,
                session.stage,
                session.created_ms,
                session.seen_ms,
                session.until_ms,
                session.wrong,
            ),
        )

    def end_session(self, session: bytes) -> None:
        """Remove a session; again changes nothing."""
        self._session.write("DELETE FROM staff_sessions WHERE id = ?", (session,))

    def end_sessions(self, name: str) -> int:
        """Remove all of somebody's sessions; return how many there were."""
        return self._session.write("DELETE FROM staff_sessions WHERE name = ?", (name,))

    def factor(self, name: str) -> SecondFactor | None:
        """Return somebody's authenticator, or None."""
        row = self._session.row(_FACTORS.select("WHERE name = ?"), (name,))
        return SecondFactor(*row) if row else None

    def put_factor(self, factor: SecondFactor) -> None:
        """Insert or replace by name."""
        self._session.write(
            _FACTORS.put(), (factor.name, factor.sealed, factor.last_step, factor.confirmed_ms)
        )

    def drop_factor(self, name: str) -> None:
        """Forget somebody's authenticator; again changes nothing."""
        self._session.write("DELETE FROM staff_factors WHERE name = ?", (name,))

    def use_step(self, name: str, step: int) -> bool:
        """Use a time step up; False, and nothing changes, when it or a later one was used."""
        changed = self._session.write(
            "UPDATE staff_factors SET last_step = ?1 WHERE name = ?2 AND last_step < ?1",
            (step, name),
        )
        return changed == 1

    def passkey(self, passkey: bytes) -> Passkey | None:
        """Return a passkey by its id, or None."""
        row = self._session.row(_PASSKEYS.select("WHERE id = ?"), (passkey,))
        return Passkey(*row) if row else None

    def passkeys(self, name: str) -> Sequence[Passkey]:
        """List somebody's passkeys, oldest first."""
        rows = self._session.rows(
            _PASSKEYS.select("WHERE name = ? ORDER BY created_ms, id"), (name,)
        )
        return [Passkey(*row) for row in rows]

    def put_passkey(self, passkey: Passkey) -> None:
        """Insert or replace by id."""
        self._session.write(
            _PASSKEYS.put(),
            (
                passkey.id,
                passkey.name,
                passkey.label,
                passkey.key,
                passkey.count,
                passkey.created_ms,
                passkey.used_ms,
            ),
        )

    def drop_passkey(self, passkey: bytes) -> None:
        """Forget a passkey; again changes nothing."""
        self._session.write("DELETE FROM staff_passkeys WHERE id = ?", (passkey,))

    def drop_passkeys(self, name: str) -> int:
        """Forget all passkeys of somebody; return how many there were."""
        return self._session.write("DELETE FROM staff_passkeys WHERE name = ?", (name,))

    def ask(self, ask: bytes) -> Ask | None:
        """Return what is asked by its id, or None."""
        return self._ask("WHERE id = ?", ask)

    def ask_by_handle(self, handle: bytes) -> Ask | None:
        """Return what a handle opens, or None."""
        return self._ask("WHERE handle = ? AND length(handle) > 0", handle)

    def ask_by_session(self, session: bytes) -> Ask | None:
        """Return what a browser was opened for, or None."""
        return self._ask("WHERE session = ? AND length(session) > 0", session)

    def asks(self, since_ms: int) -> Sequence[Ask]:
        """List what was asked since then, newest first."""
        rows = self._session.rows(
            _ASKS.select("WHERE created_ms >= ? ORDER BY created_ms DESC, id"), (since_ms,)
        )
        return [Ask(*row) for row in rows]

    def put_ask(self, ask: Ask) -> None:
        """Insert or replace by id."""
        self._session.write(
            _ASKS.put(),
            (
                ask.id,
                ask.handle,
                ask.session,
                ask.by,
                ask.facts,
                ask.created_ms,
                ask.until_ms,
                ask.done_ms,
                ask.visit,
            ),
        )

    def forget(self, now_ms: int, asked_ms: int) -> int:
        """Remove sessions that are over and what was asked before a time; return how many."""
        over = self._session.write("DELETE FROM staff_sessions WHERE until_ms <= ?", (now_ms,))
        return over + self._session.write("DELETE FROM asks WHERE created_ms < ?", (asked_ms,))

    def _ask(self, rest: str, value: bytes) -> Ask | None:
        row = self._session.row(_ASKS.select(rest), (value,))
        return Ask(*row) if row else None


def _staff_session(row: Any) -> StaffSession:
    id_, name, stage, *rest = row
    return StaffSession(id_, name, Stage(stage), *rest)
