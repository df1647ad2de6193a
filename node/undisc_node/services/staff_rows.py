"""People of the practice who sign in: one row each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody of the practice may do."""

    DESK = "desk"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class StaffMember:
    """Somebody of the practice who signs in with a password.

    Attributes:
        name: What they type; lower case.
        role: What they may do.
        salt: 16 random bytes.
        hash: Argon2id of the password, 32 bytes.
        passes: Passes over the memory that it took.
        memory: Bytes of memory that it took.
        created_ms: When the account was made.
        changed_ms: When the password was last set.
        disabled_ms: Since when they may not sign in, or None.
    """

    name: str
    role: Role
    salt: bytes
    hash: bytes
    passes: int
    memory: int
    created_ms: int
    changed_ms: int
    disabled_ms: int | None = None

    def __repr__(self) -> str:
        # A hash must not reach a traceback or a log.
        return f"StaffMember(name={self.name!r}, role={self.role!s})"
