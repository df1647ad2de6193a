"""Exit codes, and the one error that a person sees.

Exit codes are stable: scripts may rely on them. Every failure prints `error: sentence` and, where
something can be done about it, `hint: …` on standard error; with `--json` standard output holds
the API's error shape as well, so that a script can read the stable `code`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from undisc_protocol.errors import REMOTE_CODES


class ExitCode(IntEnum):
    """What the command's exit code says."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    NODE_UNREACHABLE = 5
    CONFLICT = 6
    INVALID = 7
    UNAVAILABLE = 8
    DAMAGED = 9
    INTERRUPTED = 130


MEANINGS: Final[Mapping[ExitCode, str]] = {
    ExitCode.OK: "done",
    ExitCode.FAILED: "failed, or not confirmed; the message says why",
    ExitCode.USAGE: "the command line is wrong",
    ExitCode.NOT_FOUND: "nothing by that name",
    ExitCode.REFUSED: "refused by the rules of this node, or by the other node",
    ExitCode.NODE_UNREACHABLE: "no node answers on the socket",
    ExitCode.CONFLICT: "does not fit the state things are in, or waits for a decision",
    ExitCode.INVALID: "what was given cannot be used",
    ExitCode.UNAVAILABLE: "not possible for now: disk full, other node not reachable; try again",
    ExitCode.DAMAGED: "stored or received bytes do not authenticate",
    ExitCode.INTERRUPTED: "interrupted with Ctrl-C",
}
"""The table of `undisc --help` and of docs/reference/undisc.md."""

_BY_STATUS: Final[Mapping[int, ExitCode]] = {
    400: ExitCode.INVALID,
    403: ExitCode.REFUSED,
    404: ExitCode.NOT_FOUND,
    409: ExitCode.CONFLICT,
    413: ExitCode.INVALID,
    416: ExitCode.INVALID,
    503: ExitCode.UNAVAILABLE,
    507: ExitCode.UNAVAILABLE,
}
_BY_CODE: Final[Mapping[str, ExitCode]] = {
    # Codes of the node itself that a fetch's problem may carry without an HTTP status.
    "not_found": ExitCode.NOT_FOUND,
    "refused": ExitCode.REFUSED,
    "conflict": ExitCode.CONFLICT,
    "invalid": ExitCode.INVALID,
    "unavailable": ExitCode.UNAVAILABLE,
    "disk_full": ExitCode.UNAVAILABLE,
    # Damage is told apart from every other failure whatever status it travels with.
    "damaged": ExitCode.DAMAGED,
    "log_damaged": ExitCode.DAMAGED,
    "tampered": ExitCode.DAMAGED,
}


def exit_code_of(code: str, status: int | None = None) -> ExitCode:
    """Return the exit code of an error.

    Args:
        code: Its stable code, as in the API's error shape.
        status: The HTTP status it came with; None when it came inside an answer.
    """
    if code in _BY_CODE:
        return _BY_CODE[code]
    if status is None and code in REMOTE_CODES:
        status = REMOTE_CODES[code].status
    return _BY_STATUS.get(status or 0, ExitCode.FAILED)


class CommandError(Exception):
    """What the person who typed the command is told.

    Args:
        message: A sentence: lower case, no full stop, no secret.
        exit_code: What scripts see.
        code: Stable code of the API's error shape; by default the exit code's name.
        hint: What to do next; may be empty.
    """

    def __init__(
        self,
        message: str,
        *,
        exit_code: ExitCode = ExitCode.FAILED,
        code: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code
        self.code = code or exit_code.name.lower()
        self.hint = hint

    def shape(self) -> dict[str, dict[str, str]]:
        """Return the error shape of the admin API."""
        return {"error": {"code": self.code, "message": self.message, "hint": self.hint}}


def usage(message: str, hint: str = "") -> CommandError:
    """Make the error of a wrong command line."""
    return CommandError(message, exit_code=ExitCode.USAGE, hint=hint)


def invalid(message: str, hint: str = "") -> CommandError:
    """Make the error of a file or value that cannot be used."""
    return CommandError(message, exit_code=ExitCode.INVALID, hint=hint)
