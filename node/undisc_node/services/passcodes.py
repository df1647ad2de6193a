"""Passcodes of links: how they are typed, kept and compared."""

from __future__ import annotations

import unicodedata
from threading import Lock
from typing import Final

from undisc_node.services.errors import Invalid
from undisc_node.services.link_rows import KeptPasscode
from undisc_node.services.ports import Entropy
from undisc_protocol import limits, passwords

MIN_PASSCODE: Final = 4  # characters: with ten attempts in all, four digits fall once in a thousand


def normal(typed: str) -> str:
    """Return a passcode as it is compared (SPEC.md §6.12): NFC, without spaces around it."""
    return unicodedata.normalize("NFC", typed).strip()


class Passcodes:
    """Hashes passcodes, one at a time, which bounds the memory that strangers can make us use.

    Args:
        entropy: Salts.
        passes: Cost of a hash; less in tests only.
        memory: Likewise, in bytes.
    """

    def __init__(
        self,
        *,
        entropy: Entropy,
        passes: int = passwords.PASSES,
        memory: int = passwords.MEMORY,
    ) -> None:
        self._entropy = entropy
        self._passes, self._memory = passes, memory
        self._hashing = Lock()

    def keep(self, typed: str) -> KeptPasscode:
        """Return what is kept of a new passcode.

        Raises:
            Invalid: Too short or too long.
        """
        passcode = normal(typed)
        if not MIN_PASSCODE <= len(passcode) <= limits.MAX_PASSCODE:
            raise Invalid(
                f"a passcode has {MIN_PASSCODE} to {limits.MAX_PASSCODE} characters",
                code="bad_passcode",
                hint="two or three words are easy to say on the telephone",
            )
        salt = self._entropy.random(passwords.SALT)
        with self._hashing:
            made = passwords.hash_password(passcode, salt, passes=self._passes, memory=self._memory)
        return KeptPasscode(salt, made, self._passes, self._memory)

    def fits(self, kept: KeptPasscode, typed: str) -> bool:
        """Compare."""
        with self._hashing:
            found = passwords.hash_password(
                normal(typed), kept.salt, passes=kept.passes, memory=kept.memory
            )
        return passwords.same(found, kept.hash)
