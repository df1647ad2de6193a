"""`undisc restored`: permissions that wait after the node came back from a copy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from undisc_admin.answer import Answer
from undisc_admin.command import Group
from undisc_admin.commands.capabilities import MAY, recipient
from undisc_admin.errors import CommandError, ExitCode
from undisc_admin.render import Column, clean, count_of, facts, moment, short
from undisc_admin.screen import confirm, hint, note, say, say_json, say_table
from undisc_admin.session import Session, pass_session

_HOW: Final = {
    "restore": "a backup",
    "rebuild": "its packs; grants, peers and log of before are not in them",
    "rollback": "the copy made before an upgrade",
    "theft": "no copy: keys were stolen, see `undisc keys recover`",
}


@click.group(cls=Group)
def restored() -> None:
    """Decide about permissions after the node came back from a copy.

    A backup does not know what was revoked after it was made. So after a restore every permission
    in it is suspended until you have kept or revoked it.
    """


@restored.command("show", examples=["undisc restored show", "undisc restored show --json"])
@pass_session
def show(session: Session) -> None:
    """Show when and from what the node came back, and every permission that is suspended."""
    answer = session.client.get("restored")
    if session.json_wanted:
        say_json(answer.raw)
        return
    latest = answer.part_or_none("restored")
    if latest is None:
        note("this node never came back from a copy; nothing is suspended")
        return
    confirmed = latest.text_or_none("confirmed")
    say(
        facts(
            [
                ("came back", moment(latest.text("since"))),
                ("from", _HOW.get(latest.text("how"), latest.text("how"))),
                ("copy made", moment(latest.text_or_none("taken")) or "unknown"),
                ("confirmed", moment(confirmed) if confirmed else "not yet"),
            ]
        )
    )
    _say_recalled(answer.parts("recalled"))
    if confirmed:
        return
    waiting = answer.parts("suspended")
    if waiting:
        say([""])
        _say_waiting(waiting)
        note("what was revoked after the copy was made is listed here too: look through your notes")
        hint("keep those that are still right: undisc restored confirm --keep ID --keep ID …")
        hint("or keep them all: undisc restored confirm --keep-all")
    else:
        note("no permission is suspended")
        hint("end restored mode: undisc restored confirm")


def _say_recalled(recalled: Sequence[Answer]) -> None:
    """Say what this node forgot and its peers know."""
    if not recalled:
        return
    say([""])
    say_table(
        [
            Column("PEER", shrinks=True),
            Column("ASKED"),
            Column("LOG LINES LOST", right=True),
            Column("RECEIPTS IT GAVE", right=True),
            Column("RECEIPTS WE GAVE", right=True),
            Column("TAKEN BACK", right=True),
            Column("PROBLEM", shrinks=True),
        ],
        [
            [
                one.text_or_none("peer_name") or short(one.text("peer")),
                moment(one.text("at")),
                f"{one.integer('missing_lines'):,}",
                f"{one.integer('stored'):,}",
                f"{one.integer('fetched'):,}",
                f"{one.integer('ended'):,}",
                one.text_or_none("problem") or "",
            ]
            for one in recalled
        ],
    )
    if any(one.integer("missing_lines") for one in recalled):
        note("log lines that a peer has seen are not in the copy: things happened after it")
    if any(one.integer("ended") for one in recalled):
        note("what was taken back after the copy is revoked again: peers showed our notices")


@restored.command("recall", examples=["undisc restored recall", "undisc restored recall --json"])
@pass_session
def recall(session: Session) -> None:
    """Ask the peers again what they remember of this node; the node does it once by itself.

    They have seen how long its log was, and both sides keep the receipts they gave each other.
    Receipts that were missing are filed; no permission ever comes from it.
    """
    answer = session.client.post("restored/recall")
    if session.json_wanted:
        say_json(answer.raw)
        return
    found = answer.parts("recalled")
    if not found:
        note("no peer is known that could be asked")
        hint("see `undisc peers list`")
    _say_recalled(found)


def _say_waiting(waiting: Sequence[Answer]) -> None:
    say_table(
        [
            Column("KIND"),
            Column("ID"),
            Column("STUDY"),
            Column("TO", shrinks=True),
            Column("MAY"),
            Column("MADE"),
            Column("UNTIL"),
        ],
        [
            [
                one.text("kind"),
                short(one.text("id")),
                short(one.text("study")),
                clean(recipient(one)),
                MAY.get(one.text("command"), one.text("command")),
                moment(one.text("created")),
                moment(one.text("expires")),
            ]
            for one in waiting
        ],
    )


@restored.command(
    "confirm",
    examples=[
        "undisc restored confirm --keep 8d10 --keep 5b77",
        "undisc restored confirm --keep-all",
    ],
)
@click.option("--keep", multiple=True, metavar="ID", help="A grant or share to keep (repeatable).")
@click.option("--keep-all", is_flag=True, help="Keep every suspended grant and share.")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@pass_session
def confirm_restored(
    session: Session,
    keep: tuple[str, ...],
    keep_all: bool,  # noqa: FBT001 - click's flags
    yes: bool,  # noqa: FBT001 - the same
) -> None:
    """Keep what is still right, revoke everything else, and end restored mode.

    A share needs its grant: keep both. What is revoked here cannot be brought back; a new grant can
    be made at any time.
    """
    if keep and keep_all:
        raise CommandError(
            "--keep and --keep-all contradict each other: give one of them",
            exit_code=ExitCode.USAGE,
            hint="see `undisc restored confirm --help`",
        )
    waiting = session.client.get("restored").parts("suspended")
    revoked = 0 if keep_all else max(len(waiting) - len(keep), 0)
    if waiting:
        kept = count_of(len(waiting) - revoked, "permission")
        confirm(f"keep {kept} and revoke {revoked:,}? This cannot be undone", assume_yes=yes)
    answer = session.client.post(
        "restored/confirm", {"keep": list(keep), "keep_all": keep_all or not waiting}
    )
    if session.json_wanted:
        say_json(answer.raw)
        return
    note(
        f"restored mode is over: {count_of(answer.integer('kept'), 'permission')} kept, "
        f"{answer.integer('revoked'):,} revoked"
    )
