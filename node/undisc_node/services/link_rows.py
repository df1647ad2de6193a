"""Links that this node has shared something with: one row each, without their secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from undisc_protocol.did import Did, decode_did

DEFAULT_ATTEMPTS: Final = 10  # wrong passcodes in a link's life, if nobody says otherwise
MAX_ATTEMPTS: Final = 100  # that anybody may allow: four digits are then guessed once in a hundred


@dataclass(frozen=True, slots=True)
class KeptPasscode:
    """What is kept of a passcode.

    Attributes:
        salt: 16 random bytes.
        hash: Argon2id of the passcode, 32 bytes.
        passes: Passes over the memory that it took.
        memory: Bytes of memory that it took.
    """

    salt: bytes
    hash: bytes
    passes: int
    memory: int

    def __repr__(self) -> str:
        # A hash must not reach a traceback or a log.
        return "KeptPasscode()"


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A link, what protects it, and what of that is used up.

    Attributes:
        did: The link's key: the audience of its shares.
        passcode: What is kept of its passcode, or None without one.
        max_uses: How often it may be unlocked, or None for any number.
        uses: How often it was.
        max_attempts: How many wrong passcodes it bears in its life.
        attempts: How many there were since it was made or reopened; one that is being compared
            counts until it turns out to be right.
        created_ms: When it was made.
        revoked_ms: When it was revoked, or None.
    """

    did: Did
    passcode: KeptPasscode | None
    max_uses: int | None
    uses: int
    max_attempts: int
    attempts: int
    created_ms: int
    revoked_ms: int | None = None

    @property
    def id(self) -> bytes:
        """Its name for people: its public key, 32 bytes."""
        return decode_did(self.did)

    @property
    def attempts_used_up(self) -> bool:
        """Whether no passcode opens it any more."""
        return self.passcode is not None and self.attempts >= self.max_attempts

    @property
    def uses_used_up(self) -> bool:
        """Whether it was opened as often as it may be."""
        return self.max_uses is not None and self.uses >= self.max_uses
