"""`undisc orders`: the day list."""

from __future__ import annotations

import click

from undisc_admin.answer import Answer
from undisc_admin.command import Group
from undisc_admin.render import Column, count_of, day, moment
from undisc_admin.screen import hint, note, say_json, say_table
from undisc_admin.session import Session, pass_session


@click.group(cls=Group)
def orders() -> None:
    """Look at the day list: what the worklist and the RIS say is to be done."""


@orders.command(
    "list",
    examples=["undisc orders list", "undisc orders list --from 2026-11-24 --to 2026-11-30 --json"],
)
@click.option("--from", "first", default="", metavar="DAY", help="First day; else today.")
@click.option("--to", "last", default="", metavar="DAY", help="Last day; else the first.")
@click.option("--text", default="", help="Part of name, patient id, accession or procedure.")
@click.option("--limit", type=click.IntRange(1, 5000), default=500, help="At most so many.")
@pass_session
def list_orders(session: Session, first: str, last: str, text: str, limit: int) -> None:
    """List orders by time."""
    query = {"first": first, "last": last, "text": text, "limit": str(limit)}
    answer = session.client.get("orders", {name: value for name, value in query.items() if value})
    if session.json_wanted:
        say_json(answer.raw)
        return
    found = answer.parts("orders")
    if found:
        say_table(
            [
                Column("TIME"),
                Column("ACCESSION"),
                Column("PATIENT ID"),
                Column("NAME", shrinks=True),
                Column("BORN"),
                Column("MOD"),
                Column("PROCEDURE", shrinks=True),
                Column("STATE"),
            ],
            [
                [
                    _time(one.text("scheduled")),
                    one.text("accession"),
                    one.part("patient").text("id"),
                    one.part("patient").text("name"),
                    day(one.part("patient").text("birth_date")),
                    one.text("modality"),
                    one.text("description"),
                    one.text("state"),
                ]
                for one in found
            ],
        )
    else:
        note("no orders on these days")
        hint("ask the worklist now: undisc orders refresh")
    _say_worklist(answer.part("worklist"))


def _time(text: str) -> str:
    """Show a DICOM date and time with its separators."""
    clock = text[8:12]
    return f"{day(text[:8])} {clock[:2]}:{clock[2:] or '00'}" if clock else day(text)


def _say_worklist(worklist: Answer) -> None:
    problem = worklist.text_or_none("problem")
    if problem:
        note(f"the worklist was asked at {moment(worklist.text_or_none('at'))}: {problem}")


@orders.command("refresh", examples=["undisc orders refresh", "undisc orders refresh --json"])
@pass_session
def refresh(session: Session) -> None:
    """Ask the worklist now; the node does it by itself every few minutes."""
    answer = session.client.post("orders/refresh")
    if session.json_wanted:
        say_json(answer.raw)
        return
    note(f"the worklist told {count_of(answer.part('worklist').integer('orders'), 'step')}")


@orders.command("reports", examples=["undisc orders reports", "undisc orders reports --json"])
@pass_session
def reports(session: Session) -> None:
    """List reports that have not found their study yet; they attach by themselves when it comes."""
    answer = session.client.get("reports")
    if session.json_wanted:
        say_json(answer.raw)
        return
    found = answer.parts("reports")
    if not found:
        note("no report waits for its study")
        hint("the reports of a study: undisc studies show STUDY")
        return
    say_table(
        [
            Column("SINCE"),
            Column("ACCESSION"),
            Column("PATIENT ID"),
            Column("NAME", shrinks=True),
            Column("TITLE", shrinks=True),
            Column("STATE"),
            Column("FROM"),
        ],
        [
            [
                moment(one.text("since")),
                one.text("accession"),
                one.part("patient").text("id"),
                one.part("patient").text("name"),
                one.text("title"),
                one.text("state"),
                one.text("source"),
            ]
            for one in found
        ],
    )
    hint("attach one to a study of your choice: undisc queue list --kind unmatched-report")
