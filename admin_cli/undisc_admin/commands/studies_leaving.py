"""`undisc studies leaving` and `keep`: what will be erased by itself, and how it may stay."""

from __future__ import annotations

import click

from undisc_admin.client import segment
from undisc_admin.command import Command
from undisc_admin.render import Column, clean, day, moment, short, size
from undisc_admin.screen import hint, note, say_json, say_table
from undisc_admin.session import Session, pass_session


@click.command(
    "leaving", cls=Command, examples=["undisc studies leaving", "undisc studies leaving --days 30"]
)
@click.option("--days", type=click.IntRange(0, 3650), default=7, show_default=True)
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@pass_session
def leaving(session: Session, days: int, limit: int) -> None:
    """List studies that will be erased within some days, because nobody has a permission for them.

    After how many days a study leaves is the setting retention.days.
    """
    answer = session.client.get("leaving", {"days": days, "limit": limit})
    if session.json_wanted:
        say_json(answer.raw)
        return
    rows = answer.parts("studies")
    if not rows:
        note(f"no study leaves within {days:,} days")
        hint("look further ahead with `undisc studies leaving --days 60`")
        return
    say_table(
        [
            Column("STUDY"),
            Column("PATIENT", shrinks=True),
            Column("DATE"),
            Column("DESCRIPTION", shrinks=True),
            Column("SIZE", right=True),
            Column("LEAVES"),
        ],
        [
            [
                short(row.text("id")),
                clean(row.part("patient").text("name")),
                day(row.text("study_date")),
                clean(row.text("description")),
                size(row.integer("bytes")),
                moment(row.text("leaves")),
            ]
            for row in rows
        ],
    )
    hint("let one stay with `undisc studies keep STUDY`; a new grant lets it stay, too")


@click.command(
    "keep", cls=Command, examples=["undisc studies keep 3f2a", "undisc studies keep 3f2a --off"]
)
@click.argument("study")
@click.option("--off", is_flag=True, help="Let it leave again.")
@pass_session
def keep(session: Session, study: str, off: bool) -> None:  # noqa: FBT001 - click's flags
    """Let a study stay, however long nobody has a permission for it."""
    answer = session.client.post(f"studies/{segment(study)}/keep", {"keep": not off})
    if session.json_wanted:
        say_json(answer.raw)
        return
    name = short(answer.part("study").text("id"))
    note(f"study {name} may leave again" if off else f"study {name} stays until you erase it")
