"""Reads what a person types: days and dates, node ids as words or hex, names for files."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from undisc_admin.errors import CommandError, usage
from undisc_protocol import limits

_DAY: Final = 86_400  # seconds
MAX_DAYS: Final = limits.GRANT_LIFETIME // _DAY
_NAME_LENGTH: Final = 40  # characters of a file name that come from what was typed
_WORDS: Final = 12  # words that show a node id
_NODE_ID: Final = re.compile(r"[0-9a-f]{64}")


def end_of(*, days: int | None, until: str | None, now: float) -> int | None:
    """Return when something ends, in seconds since 1970; None if nothing was said.

    Args:
        days: Days from now on.
        until: A date, meaning its end in the local time zone, or an RFC 3339 time.
        now: Seconds since 1970.

    Raises:
        CommandError: Both were given, or the end cannot be read, is past, or too far away.
    """
    if days is not None and until is not None:
        raise usage("--days and --until say the same thing; give one of them")
    if days is not None:
        return int(now) + days * _DAY
    if until is None:
        return None
    end = _moment(until)
    if end <= now:
        raise usage(f"{until} is past")
    if end > now + limits.GRANT_LIFETIME:
        raise usage(f"{until} is more than {MAX_DAYS} days away")
    return end


def _moment(text: str) -> int:
    try:
        if len(text) == len("2026-12-31"):
            next_day = date.fromisoformat(text) + timedelta(days=1)
            return int(datetime.combine(next_day, time.min).astimezone().timestamp()) - 1
        return int(datetime.fromisoformat(text).astimezone().timestamp())
    except (ValueError, OverflowError):
        raise usage(
            f"{text!r} is not a date", "write it as 2026-12-31 or 2026-12-31T18:00:00+01:00"
        ) from None


def rfc3339(seconds: int) -> str:
    """Write a time as the API does: UTC, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(text: str) -> int:
    """Read a time of the API; seconds since 1970.

    Raises:
        CommandError: It is none.
    """
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        raise CommandError(
            "the node's answer has a time that cannot be read",
            code="unknown_answer",
            hint="undisc and the node must come from the same release",
        ) from None


def words(text: str) -> tuple[str, ...]:
    """Read the twelve words of a node id, however they are separated or numbered.

    Raises:
        CommandError: There are not exactly twelve.
    """
    found = tuple(re.findall(r"[a-z]+", text.lower()))
    if len(found) != _WORDS:
        raise usage(
            f"--expect needs the {_WORDS} words of a node id, not {len(found)}",
            "the other administrator reads them from `undisc status`",
        )
    return found


def node_id(text: str) -> str:
    """Read a complete node id in hex.

    Raises:
        CommandError: It is not 64 hex digits.
    """
    lowered = text.lower()
    if not _NODE_ID.fullmatch(lowered):
        raise usage("--expect-id needs a whole node id: 64 hex digits")
    return lowered


def offer_name(recipient: str, study: str) -> str:
    """Name an offer file after what was typed for the recipient, and the study's id.

    Only letters, digits and dashes get through, so no name can lead into another directory.
    """
    typed = re.sub(r"[^a-z0-9]+", "-", recipient.lower()).strip("-")[:_NAME_LENGTH].strip("-")
    return f"{typed or 'recipient'}-{study[:8]}.undisc-offer"
