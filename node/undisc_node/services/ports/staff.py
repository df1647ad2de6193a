"""Port to the accounts of the practice's own people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from undisc_node.services.staff_rows import StaffMember


class StaffRecords(Protocol):
    """Who of the practice signs in."""

    def get(self, name: str) -> StaffMember | None:
        """Return the account of that name, or None."""

    def list(self) -> Sequence[StaffMember]:
        """List all accounts by name."""

    def put(self, member: StaffMember) -> None:
        """Insert or replace by name.

        Raises:
            Conflict: Afterwards nobody could sign in as an administrator, though one could before.
        """
