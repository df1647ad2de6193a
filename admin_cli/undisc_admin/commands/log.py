"""`undisc log`: who did what to whose images, when, under which authority."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from undisc_admin.answer import Answer
from undisc_admin.command import Command, Group
from undisc_admin.errors import CommandError, ExitCode
from undisc_admin.render import Column, count_of, facts, moment, short
from undisc_admin.screen import hint, note, say, say_json, say_table
from undisc_admin.session import Session, pass_session

_STUDY_UID: Final = "110180"  # ParticipantObjectIDTypeCode (PS3.15 A.5.2)
_PATIENT_NUMBER: Final = "2"  # the same
_LOOK_EVERY: Final = 1.0  # seconds between two looks for new events
_OUTCOMES: Final = {0: "ok", 4: "minor failure", 8: "serious failure", 12: "major failure"}
_COLUMNS: Final = (
    Column("NO", right=True),
    Column("WHEN"),
    Column("EVENT"),
    Column("OUTCOME"),
    Column("WHO", shrinks=True),
    Column("WHAT", shrinks=True),
    Column("WHY", shrinks=True),
)


class _LogGroup(Group):
    """`undisc log` lists, `undisc log verify` verifies: options without a command mean `list`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `list` in front where no command is named."""
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_LogGroup)
def log() -> None:
    """Read and verify this node's log.

    Without a command it lists: `undisc log --follow` is short for `undisc log list --follow`.
    """


@log.command(
    "list",
    cls=Command,
    examples=["undisc log", "undisc log --limit 200", "undisc log --follow --json"],
)
@click.option("--after", type=click.IntRange(0), help="Only events after this number.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--follow", is_flag=True, help="Go on as events happen, until Ctrl-C.")
@pass_session
def list_log(session: Session, after: int | None, limit: int, follow: bool) -> None:  # noqa: FBT001 - click's flags
    """List the newest events, oldest of them first; with --follow --json one event a line."""
    answer = session.client.get("log", {"after": after, "limit": limit})
    if session.json_wanted and not follow:
        say_json(answer.raw)
        return
    events = _sorted(answer)
    if not events and not follow:
        note("the log has no events" + ("" if after is None else f" after {after}"))
        return
    _say(session, events)
    while follow:
        after = events[-1].integer("number") if events else after
        if len(events) < limit:
            session.sleep(_LOOK_EVERY)
        fresh = _sorted(session.client.get("log", {"after": after, "limit": limit}))
        if fresh:
            _say(session, fresh, titles=not events)
            events = fresh
        else:
            events = events[-1:]


def _sorted(answer: Answer) -> list[Answer]:
    return sorted(answer.parts("events"), key=lambda event: event.integer("number"))


def _say(session: Session, events: Sequence[Answer], *, titles: bool = True) -> None:
    if session.json_wanted:
        for event in events:
            say_json(event.raw, indent=None)
    elif events:
        say_table(_COLUMNS, [_row(event) for event in events], titles=titles)


def _row(event: Answer) -> list[str]:
    number = str(event.integer("number"))
    if event.raw.get("erased"):
        return [number, "", "(erased)", "", "", "", ""]
    outcome = event.integer("outcome")
    return [
        number,
        moment(event.text("at")),
        event.text("type"),
        _OUTCOMES.get(outcome, str(outcome)),
        ", ".join(who.text("name") or who.text("user") for who in event.parts("who")),
        ", ".join(filter(None, (_subject(what) for what in event.parts("what")))),
        event.text("why"),
    ]


def _subject(what: Answer) -> str:
    """Name a subject of an event as the lists do; a Study UID only repeats the study's id."""
    kind, identifier = what.text("idtype"), what.text("id")
    if kind == _STUDY_UID:
        return ""
    if kind == _PATIENT_NUMBER:
        return f"patient {identifier}"
    return f"{kind} {short(identifier)}"


@log.command(
    "verify",
    cls=Command,
    examples=["undisc log verify", "undisc log verify --no-peers", "undisc log verify --json"],
)
@click.option("--no-peers", is_flag=True, help="Ask no peer; only compute the log again.")
@pass_session
def verify_log(session: Session, no_peers: bool) -> None:  # noqa: FBT001 - click's flags
    """Compute the whole log again, and compare it with what peers have seen of it.

    Each trusted peer keeps the newest head it has seen of this log, and is asked for it now. Exit
    code 9 says that the log was changed, or that it does not contain what a peer has seen. What
    this proves reaches back to the newest head that an honest peer keeps, and no further.
    """
    answer = session.client.post("log/verify", {"peers": not no_peers})
    differs = [one for one in answer.parts("witnesses") if one.text_or_none("differs")]
    if session.json_wanted:
        say_json(answer.raw)
        if differs:
            raise click.exceptions.Exit(ExitCode.DAMAGED)
        return
    _say_verified(answer)
    if differs:
        raise CommandError(
            f"the log is not what {count_of(len(differs), 'peer has', 'peers have')} seen of it",
            exit_code=ExitCode.DAMAGED,
            code="log_differs",
            hint="keep the disk as it is; a peer that came back from a backup does not cause this",
        )


def _say_verified(answer: Answer) -> None:
    say(
        facts(
            [
                ("log", answer.text("origin")),
                ("events", f"{answer.integer('size'):,}"),
                ("erased", str(answer.integer("erased") or "")),
                ("root", answer.text("root")),
            ]
        )
    )
    note(f"{count_of(answer.integer('size'), 'event')}: the log adds up to its root")
    witnesses = answer.parts("witnesses")
    if not witnesses:
        hint("no peer was asked: only what another node has seen proves that nothing is missing")
        return
    say([""])
    say_table(
        [
            Column("PEER", shrinks=True),
            Column("HAS SEEN", right=True),
            Column("SAID SO"),
            Column("OUTCOME", shrinks=True),
        ],
        [
            [
                one.text("peer_name") or short(one.text("peer")),
                "" if one.raw.get("lines") is None else f"{one.integer('lines'):,}",
                moment(one.text_or_none("at")),
                _outcome(one),
            ]
            for one in witnesses
        ],
    )


def _outcome(one: Answer) -> str:
    if differs := one.text_or_none("differs"):
        return f"DIFFERS: {differs}"
    silent = "" if one.flag("answered") else " (does not answer now)"
    if one.raw.get("lines") is None:
        return "nothing seen yet" + silent
    if one.flag("other_log"):
        return "only a log of before a restore" + silent
    return "ok" + silent
