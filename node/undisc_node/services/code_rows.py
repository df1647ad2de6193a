"""One-time codes as rows: see `services.one_time_codes`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CodeRow:
    """The newest code of a context; the code itself is not here.

    Attributes:
        context: What it is for, 32 bytes.
        salt: 16 random bytes, new with each code.
        mac: Keyed hash of context, salt and code, 32 bytes.
        made_ms: When it was made.
        expires_ms: Until when it is good.
        tries: How often somebody tried.
        used: Whether it was accepted.
        since_ms: Since when codes of this context are counted.
        made: How many were made since then, this one among them.
    """

    context: bytes
    salt: bytes
    mac: bytes
    made_ms: int
    expires_ms: int
    tries: int
    used: bool
    since_ms: int
    made: int

    def __repr__(self) -> str:
        # A hash of six digits must not reach a traceback or a log.
        return "CodeRow()"
