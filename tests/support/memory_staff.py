"""Accounts in memory; part of `support.memory_catalog`."""

from __future__ import annotations

from collections.abc import Sequence

from support.memory_tables import Part
from undisc_node.services.errors import Conflict
from undisc_node.services.staff_rows import Role, StaffMember


class StaffAccounts(Part):
    def get(self, name: str) -> StaffMember | None:
        return self._now.staff.get(name)

    def list(self) -> Sequence[StaffMember]:
        return [self._now.staff[name] for name in sorted(self._now.staff)]

    def put(self, member: StaffMember) -> None:
        others = [one for one in self._now.staff.values() if one.name != member.name]
        known = self.get(member.name)

        def is_admin(one: StaffMember | None) -> bool:
            return one is not None and one.role is Role.ADMIN and one.disabled_ms is None

        if is_admin(known) and not is_admin(member) and not any(map(is_admin, others)):
            raise Conflict("the last administrator stays", code="last_admin")
        self._new.staff[member.name] = member
