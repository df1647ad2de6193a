"""`undisc messages`: what was sent to patients, what could not be, and what to do about it."""

from __future__ import annotations

import click

from undisc_admin.answer import Answer
from undisc_admin.client import segment
from undisc_admin.command import Group
from undisc_admin.render import Column, clean, facts, moment, short
from undisc_admin.screen import confirm, hint, note, say, say_json, say_table
from undisc_admin.session import Session, pass_session


@click.group(cls=Group)
def messages() -> None:
    """See the e-mail and text messages to patients, send again, and try whether sending works.

    MESSAGE is the beginning of a message's id (at least 4 hex digits).
    """


@messages.command(
    "list", examples=["undisc messages list", "undisc messages list --visit 3f2a --json"]
)
@click.option("--visit", default="", metavar="VISIT", help="Only those of a visit.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, help="At most so many.")
@pass_session
def list_messages(session: Session, visit: str, limit: int) -> None:
    """List messages, newest first."""
    answer = session.client.get("messages", {"visit": visit or None, "limit": limit})
    if session.json_wanted:
        say_json(answer.raw)
        return
    rows = answer.parts("messages")
    if not rows:
        note("no message was sent" + (" for this visit" if visit else " yet"))
        hint("say where a patient wants the link: undisc visits contacts VISIT --choose")
        return
    say_table(
        [
            Column("MESSAGE"),
            Column("MADE"),
            Column("ABOUT"),
            Column("BY"),
            Column("TO", shrinks=True),
            Column("STATE"),
            Column("PROBLEM", shrinks=True),
        ],
        [
            [
                short(row.text("id")),
                moment(row.text("made")),
                row.text("kind"),
                row.text("channel"),
                row.text("to"),
                row.text("state"),
                row.text("problem"),
            ]
            for row in rows
        ],
    )
    if any(row.text("state") in ("failed", "unsure") for row in rows):
        hint("see what to do about one: undisc messages show MESSAGE")


@messages.command("show", examples=["undisc messages show 3f2a"])
@click.argument("message")
@pass_session
def show_message(session: Session, message: str) -> None:
    """Show a message and what stands in its way."""
    answer = session.client.get(f"messages/{segment(message)}")
    if session.json_wanted:
        say_json(answer.raw)
        return
    row = answer.part("message")
    say(
        facts(
            [
                ("message", row.text("id")),
                ("about", f"{row.text('kind')} {short(row.text('subject'))}"),
                ("by", row.text("channel")),
                ("to", clean(row.text("to"))),
                ("language", row.text("language")),
                ("state", row.text("state")),
                ("attempts", str(row.integer("attempts"))),
                ("problem", clean(row.text("problem"))),
                ("they call it", clean(row.text("reference"))),
                ("made", moment(row.text("made"))),
                ("next", moment(row.text_or_none("next"))),
                ("ended", moment(row.text_or_none("ended"))),
            ]
        )
    )
    _tell_next(row)


def _tell_next(row: Answer) -> None:
    name, state = short(row.text("id")), row.text("state")
    if state == "failed":
        hint(f"when the reason is gone, or for another try: undisc messages retry {name}")
    elif state == "unsure":
        hint(f"ask the patient whether it came; if not: undisc messages retry {name}")
    elif state == "waiting" and row.integer("attempts"):
        hint(f"it is tried again by itself; at once: undisc messages retry {name}")


@messages.command(
    "retry", examples=["undisc messages retry 3f2a", "undisc messages retry 3f2a --again"]
)
@click.argument("message")
@click.option("--again", is_flag=True, help="Send it once more although it was sent.")
@pass_session
def retry(session: Session, message: str, again: bool) -> None:  # noqa: FBT001 - click's flag
    """Send a message once more, now."""
    answer = session.client.post(f"messages/{segment(message)}/retry", {"again": again})
    if session.json_wanted:
        say_json(answer.raw)
        return
    name = short(answer.part("message").text("id"))
    note(f"message {name} is sent within seconds")
    hint(f"see what became of it: undisc messages show {name}")


@messages.command("cancel", examples=["undisc messages cancel 3f2a --yes"])
@click.argument("message")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@pass_session
def cancel(session: Session, message: str, yes: bool) -> None:  # noqa: FBT001 - click's flag
    """Do not send a message that waits."""
    confirm(f"not send message {message}?", assume_yes=yes)
    answer = session.client.post(f"messages/{segment(message)}/cancel")
    if session.json_wanted:
        say_json(answer.raw)
    else:
        note(f"message {short(answer.part('message').text('id'))} is not sent")


@messages.command(
    "test",
    examples=[
        "undisc messages test --email admin@practice.example",
        "undisc messages test --text '+1 415 555 0132'",
    ],
)
@click.option("--email", metavar="ADDRESS", help="Send a test e-mail to this address.")
@click.option("--text", "number", metavar="NUMBER", help="Send a test message to this number.")
@click.option("--language", default="en", help="Of the message.")
@pass_session
def test(session: Session, email: str | None, number: str | None, language: str) -> None:
    """Send a test message now, and say what the mail server or gateway answered.

    Use an address of your own: other users of this machine can see command lines.
    """
    if (email is None) == (number is None):
        raise click.UsageError("say where: either --email ADDRESS or --text NUMBER")
    channel, to = ("email", email) if email is not None else ("text", number)
    answer = session.client.post(
        "messages/test", {"channel": channel, "to": to, "language": language}
    )
    if session.json_wanted:
        say_json(answer.raw)
        return
    note("the message was taken over; look whether it arrives, and not among the spam")
