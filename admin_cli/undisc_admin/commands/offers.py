"""`undisc offers`: studies that other practices offer to this node, and those it offers."""

from __future__ import annotations

from collections.abc import Sequence

import click

from undisc_admin.answer import Answer
from undisc_admin.client import segment
from undisc_admin.command import Group
from undisc_admin.render import Column, clean, facts, moment, short
from undisc_admin.screen import confirm, hint, note, say, say_json, say_table
from undisc_admin.session import Session, pass_session


@click.group(cls=Group)
def offers() -> None:
    """Decide about studies that other practices offer.

    OFFER is the beginning of an offer's id (at least 4 hex digits). The setting offers.take says
    whether offers are fetched by themselves, shown here, or refused.
    """


def _name(row: Answer) -> str:
    return row.text_or_none("peer_name") or short(row.text("peer"))


@offers.command("list", examples=["undisc offers list", "undisc offers list --sent --json"])
@click.option("--sent", is_flag=True, help="Those that this node hands to others.")
@pass_session
def list_offers(session: Session, sent: bool) -> None:  # noqa: FBT001 - click's flag
    """List offers, newest first."""
    answer = session.client.get("offers")
    if session.json_wanted:
        say_json(answer.raw)
        return
    rows = answer.parts("outgoing" if sent else "offers")
    if not rows:
        note("no offer was handed over yet" if sent else "nobody has offered a study yet")
        hint("an offer file is fetched with: undisc fetch FILE")
        return
    if sent:
        _say_sent(rows)
        return
    say_table(
        [
            Column("OFFER"),
            Column("ARRIVED"),
            Column("FROM", shrinks=True),
            Column("UNTIL"),
            Column("STATE"),
        ],
        [
            [
                short(row.text("id")),
                moment(row.text("arrived")),
                _name(row),
                moment(row.text("expires")),
                row.text("state"),
            ]
            for row in rows
        ],
    )
    if any(row.text("state") == "shown" for row in rows):
        hint("decide: undisc offers accept OFFER, or undisc offers refuse OFFER")


def _say_sent(rows: Sequence[Answer]) -> None:
    say_table(
        [
            Column("GRANT"),
            Column("STUDY"),
            Column("TO", shrinks=True),
            Column("MADE"),
            Column("THEIR NODE", shrinks=True),
        ],
        [
            [
                short(row.text("grant")),
                short(row.text("study")),
                _name(row),
                moment(row.text("made")),
                row.text("outcome") or "is asked now",
            ]
            for row in rows
        ],
    )


@offers.command("show", examples=["undisc offers show 8d10"])
@click.argument("offer")
@pass_session
def show_offer(session: Session, offer: str) -> None:
    """Show an offer. What is in the study, only fetching it tells."""
    answer = session.client.get(f"offers/{segment(offer)}")
    if session.json_wanted:
        say_json(answer.raw)
        return
    row = answer.part("offer")
    say(
        facts(
            [
                ("offer", row.text("id")),
                ("from", clean(_name(row))),
                ("node", row.text("peer")),
                ("study there", row.text("study")),
                ("arrived", moment(row.text("arrived"))),
                ("until", moment(row.text("expires"))),
                ("state", row.text("state")),
                ("decided", moment(row.text_or_none("decided"))),
                ("by", clean(row.text("by"))),
            ]
        )
    )


@offers.command("accept", examples=["undisc offers accept 8d10"])
@click.argument("offer")
@pass_session
def accept(session: Session, offer: str) -> None:
    """Fetch what an offer names, in the background."""
    answer = session.client.post(f"offers/{segment(offer)}/accept")
    if session.json_wanted:
        say_json(answer.raw)
        return
    name = short(answer.part("fetch").text("id"))
    note(f"the study is being fetched as {name}")
    hint(f"see how it goes: undisc fetches show {name}")


@offers.command("refuse", examples=["undisc offers refuse 8d10 --yes"])
@click.argument("offer")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@pass_session
def refuse(session: Session, offer: str, yes: bool) -> None:  # noqa: FBT001 - click's flag
    """Do not fetch what an offer names. It can still be accepted later."""
    confirm(f"refuse offer {offer}?", assume_yes=yes)
    answer = session.client.post(f"offers/{segment(offer)}/refuse")
    if session.json_wanted:
        say_json(answer.raw)
    else:
        note(f"offer {short(answer.part('offer').text('id'))} is refused")
