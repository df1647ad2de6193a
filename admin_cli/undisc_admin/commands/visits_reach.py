"""`undisc visits contacts` and `undisc visits print`: how the patient gets the link."""

from __future__ import annotations

import base64
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import click

from undisc_admin.asking import ask
from undisc_admin.client import segment
from undisc_admin.command import Command
from undisc_admin.commands.capabilities import force_option
from undisc_admin.errors import CommandError, ExitCode
from undisc_admin.files import new_file, read_input
from undisc_admin.render import Column, moment, short
from undisc_admin.screen import confirm, hint, note, say_json, say_table
from undisc_admin.session import Session, pass_session

_MAX_FACTS: Final = 65_536  # bytes; what the node takes in one request
_WARNING: Final = (
    "e-mail and text messages are not encrypted: others may read them on their way."
    " Does the patient accept that?"
)


@click.command(
    "contacts",
    cls=Command,
    examples=[
        "undisc visits contacts 3f2a",
        "undisc visits contacts 3f2a --choose",
        "undisc visits contacts 3f2a --facts contacts.json --json",
    ],
)
@click.argument("visit")
@click.option("--choose", is_flag=True, help="Say anew where the link is to go; you are asked.")
@click.option(
    "--facts",
    type=click.Path(path_type=Path),
    help="The same as JSON, as the admin API takes it; - for standard input.",
)
@pass_session
def contacts(session: Session, visit: str, choose: bool, facts: Path | None) -> None:  # noqa: FBT001 - click's flag
    """Show or say where the patient wants the link of a visit: e-mail, text message, print-out.

    Addresses and numbers are asked for, or read from a file: other users of the machine can see
    command lines. The link goes there by itself as soon as the visit is released.
    """
    path = f"visits/{segment(visit)}/contacts"
    if choose or facts:
        answer = session.client.post(path, _from_file(facts) if facts else _asked())
    else:
        answer = session.client.get(path)
    if session.json_wanted:
        say_json(answer.raw)
        return
    rows = answer.parts("contacts")
    if not rows:
        note("nobody has said where the link is to go")
        hint(f"say it: undisc visits contacts {visit} --choose")
        return
    say_table(
        [Column("BY"), Column("TO", shrinks=True), Column("LANGUAGE"), Column("WARNING ACCEPTED")],
        [
            [
                row.text("channel"),
                row.text("to"),
                row.text("language"),
                moment(row.text_or_none("warning_accepted")),
            ]
            for row in rows
        ],
    )
    hint(f"see what was sent: undisc messages list --visit {visit}")


def _asked() -> dict[str, object]:
    emails = ask("e-mail addresses, separated by spaces (empty: none)", needed=False).split()
    number = ask("number for text messages, such as +1 415 555 0132 (empty: none)", needed=False)
    wants_print = ask("a print-out too", choices=("yes", "no"), default="yes") == "yes"
    if emails or number:
        confirm(_WARNING, assume_yes=False)
    return {
        "emails": emails,
        "numbers": [number] if number else [],
        "print": wants_print,
        "warning_accepted": bool(emails or number),
    }


def _from_file(path: Path) -> dict[str, object]:
    try:
        body = json.loads(read_input(path, limit=_MAX_FACTS, what="contacts"))
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise CommandError(
            "the contacts are not a JSON object",
            exit_code=ExitCode.INVALID,
            code="bad_facts",
            hint="docs/howto/deliver-links.md has an example",
        )
    return body


@click.command(
    "print",
    cls=Command,
    examples=[
        "undisc visits print 3f2a --out jane.pdf",
        "undisc visits print 3f2a --language es --out - | lp",
    ],
)
@click.argument("visit")
@click.option(
    "--out",
    type=click.Path(path_type=Path, allow_dash=True),
    required=True,
    help="The PDF file to write; - for standard output.",
)
@click.option("--language", default="", help="Of the sheet; else that of the consent.")
@force_option
@pass_session
def print_visit(session: Session, visit: str, out: Path, language: str, force: bool) -> None:  # noqa: FBT001 - click's flag
    """Write the sheet of paper that opens a visit: QR code, address, code, whom to call.

    Whoever has the sheet can try to open the link: hand it to the patient alone, and do not keep
    the file. It can be printed until the patient claims the link.
    """
    with ExitStack() as places:
        file = places.enter_context(new_file(out, force=force))
        answer = session.client.post(f"visits/{segment(visit)}/print", {"language": language})
        sheet = base64.b64decode(answer.text("pdf"))
        if file.standard:
            sys.stdout.buffer.write(sheet)
        else:
            file.write(sheet)
    if session.json_wanted and not file.standard:
        say_json({"visit": answer.text("visit"), "file": str(out)})
        return
    if not file.standard:
        note(f"the sheet of visit {short(answer.text('visit'))} is in {out}")
        hint("delete the file when it is printed: whoever has it has the link")
