"""What grants and shares have in common on the command line."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from undisc_admin.answer import Answer
from undisc_admin.errors import CommandError
from undisc_admin.files import NewFile
from undisc_admin.screen import note
from undisc_admin.values import MAX_DAYS

MAY: Final[Mapping[str, str]] = {
    "/img": "share on",
    "/img/read": "fetch",
    "/img/view": "view only",
}

days_option = click.option(
    "--days", type=click.IntRange(1, MAX_DAYS), help="End it that many days from now."
)
until_option = click.option(
    "--until", metavar="DATE", help="End it on that day, or at that RFC 3339 time."
)
force_option = click.option("--force", is_flag=True, help="Replace files that are there already.")
view_only_option = click.option(
    "--view-only", is_flag=True, help="Only look through our viewer; a deterrent, not a lock."
)


def recipient(row: Answer) -> str:
    """Say whom a capability names: a peer by its name, a link by the end of its key."""
    return row.text_or_none("peer_name") or f"link …{row.text('audience')[-6:]}"


def command_of(*, view_only: bool) -> str:
    """Return the capability's command."""
    return "/img/view" if view_only else "/img/read"


def write_offer(file: NewFile, answer: Answer, what: str) -> None:
    """Write the offer of an answer to its file.

    Args:
        file: Its place, taken before the node was asked.
        answer: The answer with `offer` in base64.
        what: What exists now whether or not the file can be written, for the message.

    Raises:
        CommandError: There is no offer, or it could not be written.
    """
    try:
        content = base64.b64decode(answer.text("offer"), validate=True)
    except binascii.Error:
        raise CommandError(f"{what} was made, but its offer is not base64") from None
    keep(file, content, what)


def keep(file: NewFile, content: bytes, what: str) -> None:
    """Write what is shown only once, and say what exists if that fails."""
    try:
        file.write(content)
    except CommandError as problem:
        raise CommandError(
            f"{what} was made, but {problem.message}",
            exit_code=problem.exit_code,
            code=problem.code,
            hint="revoke it, make room, and make a new one",
        ) from None


def tell_next(path: Path, name: str) -> None:
    """Say what to do with an offer."""
    note(f"offer written to {path}")
    note(f"send it to {name} by any way, e-mail too: it holds no patient data, and only {name}")
    note(f"can use it. Their administrator runs: undisc fetch {path.name}")
