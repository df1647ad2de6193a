"""`undisc links`: links that were made here; what protects them, and the way back."""

from __future__ import annotations

import click

from undisc_admin.answer import Answer
from undisc_admin.client import segment
from undisc_admin.command import Group
from undisc_admin.render import Column, count_of, moment, short
from undisc_admin.screen import confirm, hint, note, say_json, say_table
from undisc_admin.session import Session, pass_session


@click.group(cls=Group)
def links() -> None:
    """Look after the links with which studies were shared.

    LINK is the beginning of a link's id (at least 4 hex digits). The id opens nothing: the link
    itself was shown once, when it was made, and is kept nowhere here.
    """


def _protection(row: Answer) -> str:
    if not row.flag("passcode"):
        return "none"
    return f"passcode, {row.integer('attempts')} of {row.integer('max_attempts')} wrong"


def _uses(row: Answer) -> str:
    most = row.raw.get("max_uses")
    return f"{row.integer('uses')} of {most}" if most else str(row.integer("uses"))


@links.command("list", examples=["undisc links list", "undisc links list --json"])
@pass_session
def list_links(session: Session) -> None:
    """List links, newest first."""
    answer = session.client.get("links")
    if session.json_wanted:
        say_json(answer.raw)
        return
    rows = answer.parts("links")
    if not rows:
        note("no link has been made yet")
        hint("make one: undisc shares create STUDY --link-file FILE --to link")
        return
    say_table(
        [
            Column("LINK"),
            Column("STUDIES", right=True),
            Column("USES"),
            Column("PROTECTION", shrinks=True),
            Column("MADE"),
            Column("STATE"),
        ],
        [
            [
                short(row.text("id")),
                str(row.integer("shares")),
                _uses(row),
                _protection(row),
                moment(row.text("created")),
                row.text("state"),
            ]
            for row in rows
        ],
    )
    if any(row.text("state") == "locked" for row in rows):
        hint("allow new attempts at a passcode: undisc links reopen LINK")


@links.command("reopen", examples=["undisc links reopen 5b77"])
@click.argument("link")
@pass_session
def reopen_link(session: Session, link: str) -> None:
    """Allow new attempts at a link's passcode, after too many wrong ones.

    Ask first who typed them: `undisc log` names the node of each wrong passcode. Passcode and
    number of uses stay as they are.
    """
    answer = session.client.post(f"links/{segment(link)}/reopen")
    if session.json_wanted:
        say_json(answer.raw)
        return
    row = answer.part("link")
    attempts = count_of(row.integer("max_attempts"), "wrong passcode")
    note(f"link {short(row.text('id'))} is open again, and bears {attempts}")


@links.command("revoke", examples=["undisc links revoke 5b77", "undisc links revoke 5b77 --yes"])
@click.argument("link")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@pass_session
def revoke_link(session: Session, link: str, yes: bool) -> None:  # noqa: FBT001 - click's flags
    """End a link and everything shared with it at once. Cannot be undone.

    Running transfers stop at the next slice. What was copied already cannot be called back.
    """
    confirm(f"revoke link {link} and all that it opens? This cannot be undone", assume_yes=yes)
    answer = session.client.post(f"links/{segment(link)}/revoke")
    if session.json_wanted:
        say_json(answer.raw)
    else:
        note(f"link {short(answer.part('link').text('id'))} is revoked: it opens nothing any more")
