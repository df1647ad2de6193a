"""Accounts of the practice's own people: implements `ports.StaffRecords`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from undisc_node.services.errors import Conflict
from undisc_node.services.staff_rows import Role, StaffMember
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns

_STAFF: Final = Columns.of(
    "staff", "name role salt hash passes memory created_ms changed_ms disabled_ms"
)
_ADMINS: Final = "SELECT count(*) FROM staff WHERE role = 'admin' AND disabled_ms IS NULL"


class StaffTable:
    """Accounts within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, name: str) -> StaffMember | None:
        """Return the account of that name, or None."""
        row = self._session.row(_STAFF.select("WHERE name = ?"), (name,))
        return _member(row) if row else None

    def list(self) -> Sequence[StaffMember]:
        """List all accounts by name."""
        return [_member(row) for row in self._session.rows(_STAFF.select("ORDER BY name"))]

    def put(self, member: StaffMember) -> None:
        """Insert or replace by name.

        Raises:
            Conflict: Afterwards nobody could sign in as an administrator, though one could before.
        """
        known = self.get(member.name)
        leaves = (
            known is not None
            and (known.role, known.disabled_ms) == (Role.ADMIN, None)
            and (member.role, member.disabled_ms) != (Role.ADMIN, None)
        )
        if leaves and self._session.row(_ADMINS)[0] == 1:
            raise Conflict(
                "this is the last account of an administrator",
                code="last_admin",
                hint="make another one first: undisc staff add NAME --role admin",
            )
        self._session.write(
            _STAFF.put(),
            (
                member.name,
                member.role,
                member.salt,
                member.hash,
                member.passes,
                member.memory,
                member.created_ms,
                member.changed_ms,
                member.disabled_ms,
            ),
        )


def _member(row: Any) -> StaffMember:
    name, role, *rest = row
    return StaffMember(name, Role(role), *rest)
