"""`undisc queue outgoing|retry|drop`: what this node still has to tell or ask its peers."""

from __future__ import annotations

import click

from undisc_admin.answer import Answer
from undisc_admin.client import segment
from undisc_admin.command import Command
from undisc_admin.render import Column, clean, moment, short
from undisc_admin.screen import confirm, hint, note, say_json, say_table
from undisc_admin.session import Session, pass_session


def _what(row: Answer) -> str:
    return f"{row.text('kind')} {row.text('about')}".strip()


def _next(row: Answer) -> str:
    return moment(row.text_or_none("next_try")) or "when it comes"


def _problem(row: Answer) -> str:
    problem = row.part_or_none("problem")
    return clean(problem.text("message")) if problem else ""


@click.command(
    "outgoing",
    cls=Command,
    examples=["undisc queue outgoing", "undisc queue outgoing --peer 'City Hospital' --json"],
)
@click.option("--peer", default="", metavar="PEER", help="Only what waits for this peer.")
@pass_session
def list_outgoing(session: Session, peer: str) -> None:
    """List what waits for other practices: offers, notices, and fetches from them.

    The node tries by itself: with growing pauses, and at once when the other node comes. A node
    behind NAT has to come; "when it comes" is what stands there.
    """
    answer = session.client.get("outgoing", {"peer": peer} if peer else {})
    if session.json_wanted:
        say_json(answer.raw)
        return
    rows = answer.parts("outgoing")
    if not rows:
        note("nothing waits for another practice")
        hint("what was handed over: undisc offers list --sent")
        return
    say_table(
        [
            Column("ID"),
            Column("FOR", shrinks=True),
            Column("WHAT"),
            Column("STUDY"),
            Column("SINCE"),
            Column("TRIES", right=True),
            Column("NEXT"),
            Column("PROBLEM", shrinks=True),
        ],
        [
            [
                short(row.text("id")),
                row.text_or_none("peer_name") or short(row.text("peer")),
                _what(row),
                short(row.text_or_none("study") or ""),
                moment(row.text("since")),
                str(row.integer("attempts")),
                _next(row),
                _problem(row),
            ]
            for row in rows
        ],
    )
    hint("try one now: undisc queue retry ID")


@click.command("retry", cls=Command, examples=["undisc queue retry 8d10"])
@click.argument("row", metavar="ID")
@pass_session
def retry(session: Session, row: str) -> None:
    """Try to reach the other practice now, with what `undisc queue outgoing` shows."""
    answer = session.client.post(f"outgoing/{segment(row)}/retry")
    if session.json_wanted:
        say_json(answer.raw)
        return
    note(f"{_what(answer.part('row'))} {short(answer.part('row').text('id'))} is tried now")
    hint("see what came of it: undisc queue outgoing")


@click.command("drop", cls=Command, examples=["undisc queue drop 8d10 --yes"])
@click.argument("row", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@pass_session
def drop(session: Session, row: str, yes: bool) -> None:  # noqa: FBT001 - click's flag
    """Give an offer or notice up: the other practice does not hear of it.

    The permission behind an offer stays as it is, and its offer file still works.
    """
    confirm(f"give {row} up, so that the other practice does not hear of it?", assume_yes=yes)
    answer = session.client.post(f"outgoing/{segment(row)}/drop")
    if session.json_wanted:
        say_json(answer.raw)
        return
    note(f"{_what(answer.part('row'))} {short(answer.part('row').text('id'))} is given up")
