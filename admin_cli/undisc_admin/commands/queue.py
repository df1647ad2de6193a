"""`undisc queue`: what waits for a person, and deciding about it; what waits for peers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from undisc_admin.answer import Answer
from undisc_admin.client import segment
from undisc_admin.command import Group
from undisc_admin.commands.queue_outgoing import drop, list_outgoing, retry
from undisc_admin.render import Column, clean, facts, moment, short, table
from undisc_admin.screen import confirm, hint, note, say, say_json, say_table
from undisc_admin.session import Session, pass_session

_IN_A_LINE: Final = 3  # facts that a list shows of each row


@click.group(cls=Group)
def queue() -> None:
    """Decide about what waits for a person, and look after what waits for other practices.

    Reports that fit no study, changed patient identities, arrivals of another patient: what no
    program may decide waits here, and nothing goes on until you have decided. `undisc queue
    outgoing` lists what this node still has to tell or ask other practices; that goes on by itself.
    """


queue.add_command(list_outgoing)
queue.add_command(retry)
queue.add_command(drop)


@queue.command("list", examples=["undisc queue list", "undisc queue list --done --json"])
@click.option("--kind", default="", metavar="KIND", help="Only this kind, as the list shows it.")
@click.option("--done", is_flag=True, help="What was decided, newest first.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, help="At most so many.")
@pass_session
def list_rows(
    session: Session,
    kind: str,
    done: bool,  # noqa: FBT001 - click's flag
    limit: int,
) -> None:
    """List what waits, oldest first."""
    query = {"limit": str(limit), "kind": kind, "done": "1" if done else ""}
    answer = session.client.get("queue", {name: value for name, value in query.items() if value})
    if session.json_wanted:
        say_json(answer.raw)
        return
    rows = answer.parts("queue")
    if not rows:
        note("nothing was decided yet" if done else "nothing waits for a decision")
        hint(
            "see what is decided: undisc queue list"
            if done
            else "earlier: undisc queue list --done"
        )
        return
    last = Column("OUTCOME" if done else "WHAT IS KNOWN", shrinks=True)
    say_table(
        [
            Column("ID"),
            Column("KIND"),
            Column("STUDY"),
            Column("DECIDED" if done else "SINCE"),
            last,
        ],
        [
            [
                short(row.text("id")),
                row.text("kind"),
                short(row.text_or_none("study") or ""),
                moment(row.text("done" if done else "since")),
                row.text("outcome") if done else _in_a_line(row),
            ]
            for row in rows
        ],
    )
    if not done:
        hint("look at one, and at what may be done: undisc queue show ID")


def _in_a_line(row: Answer) -> str:
    shown = []
    known = row.parts("facts")  # what is the same on both sides tells nothing in a list
    telling = [one for one in known if one.text("here") != one.text_or_none("there")]
    for fact in (telling or known)[:_IN_A_LINE]:
        there = fact.text_or_none("there")
        sides = [fact.text("here"), *([] if there is None else [there])]
        shown.append(f"{fact.text('name')}: {' → '.join(side or '-' for side in sides)}")
    return ", ".join(shown)


@queue.command("show", examples=["undisc queue show 3f2a", "undisc queue show 3f2a --json"])
@click.argument("row", metavar="ID")
@pass_session
def show(session: Session, row: str) -> None:
    """Show what waits, both sides of it, and what may be done about it."""
    answer = session.client.get(f"queue/{segment(row)}")
    if session.json_wanted:
        say_json(answer.raw)
        return
    shown = answer.part("row")
    done = shown.text_or_none("done")
    say(
        facts(
            [
                ("id", shown.text("id")),
                ("kind", shown.text("kind")),
                ("study", shown.text_or_none("study") or ""),
                ("since", moment(shown.text("since"))),
                ("decided", moment(done)),
                ("outcome", shown.text("outcome")),
            ]
        )
    )
    _say_facts(shown.parts("facts"))
    decisions = answer.parts("decisions")
    if decisions:
        say([""])
        for one in decisions:
            typed = f"{one.text('decision')} {one.text_or_none('value') or ''}".strip()
            hint(
                f"{clean(one.text('text'))}: undisc queue resolve {short(shown.text('id'))} {typed}"
            )


def _say_facts(known: Sequence[Answer]) -> None:
    if not known:
        return
    say([""])
    two_sided = [one for one in known if one.text_or_none("there") is not None]
    if two_sided:
        rows = [
            [one.text("name"), one.text("here"), one.text("there"),
             "" if one.text("there") == one.text("here") else "differs"]
            for one in two_sided
        ]  # fmt: skip
        columns = [Column(title) for title in ("", "HERE", "AS IT CAME", "")]
        say(table(columns, rows))
        known = [one for one in known if one not in two_sided]
        say([""] if known else [])
    say(facts([(one.text("name"), one.text("here")) for one in known]))


@queue.command(
    "resolve",
    examples=[
        "undisc queue resolve 3f2a attach 77ab",
        "undisc queue resolve 3f2a keep --yes",
    ],
)
@click.argument("row", metavar="ID")
@click.argument("decision")
@click.argument("value", default="")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@pass_session
def resolve(
    session: Session,
    row: str,
    decision: str,
    value: str,
    yes: bool,  # noqa: FBT001 - click's flag
) -> None:
    """Carry out a decision that `undisc queue show` names; some need a VALUE, such as a study."""
    path = f"queue/{segment(row)}"
    known = session.client.get(path).parts("decisions")
    text = next((one.text("text") for one in known if one.text("decision") == decision), "")
    if text:  # otherwise the node says what it knows
        confirm(clean(text), assume_yes=yes)
    answer = session.client.post(f"{path}/resolve", {"decision": decision, "value": value})
    if session.json_wanted:
        say_json(answer.raw)
        return
    note(clean(answer.part("row").text("outcome")))
