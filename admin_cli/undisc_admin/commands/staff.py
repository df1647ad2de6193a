"""`undisc staff`: accounts of the practice's own people."""

from __future__ import annotations

import sys

import click

from undisc_admin.client import segment
from undisc_admin.command import Group
from undisc_admin.render import Column, moment
from undisc_admin.screen import confirm, hint, note, say_json, say_table
from undisc_admin.session import Session, pass_session


@click.group(cls=Group)
def staff() -> None:
    """Look after the accounts with which your own people sign in.

    They use them on the internal listener: people at the desk, with a one-time code besides, and
    viewers and workstations for DICOMweb, with name and password. Passwords are typed when asked
    for, or read as the first line of standard input; they are never given on the command line,
    where other users of the machine could see them.
    """


def _password(name: str) -> str:
    """Ask for a password twice, or read the first line of standard input when that is no person."""
    if sys.stdin.isatty():
        typed: str = click.prompt(
            f"password for {name}", hide_input=True, confirmation_prompt=True, err=True
        )
        return typed
    return sys.stdin.readline().rstrip("\r\n")


@staff.command("list", examples=["undisc staff list", "undisc staff list --json"])
@pass_session
def list_staff(session: Session) -> None:
    """List all accounts."""
    answer = session.client.get("staff")
    if session.json_wanted:
        say_json(answer.raw)
        return
    rows = answer.parts("staff")
    if not rows:
        note("nobody has an account yet")
        hint("make one: undisc staff add NAME --role admin")
        return
    say_table(
        [Column("NAME"), Column("ROLE"), Column("PASSWORD SET"), Column("DISABLED")],
        [
            [
                row.text("name"),
                row.text("role"),
                moment(row.text("changed")),
                moment(row.text_or_none("disabled")),
            ]
            for row in rows
        ],
    )


@staff.command(
    "add",
    examples=["undisc staff add anna --role admin", "pass show undisc | undisc staff add viewer"],
)
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["desk", "admin"]),
    default="desk",
    show_default=True,
    help="What they may do.",
)
@pass_session
def add(session: Session, name: str, role: str) -> None:
    """Make an account; asks for its password."""
    body = {"name": name, "role": role, "password": _password(name)}
    answer = session.client.post("staff", body)
    if session.json_wanted:
        say_json(answer.raw)
        return
    note(f"{answer.part('member').text('name')} can sign in")


@staff.command("disable", examples=["undisc staff disable anna", "undisc staff disable anna --yes"])
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@pass_session
def disable(
    session: Session,
    name: str,
    yes: bool,  # noqa: FBT001 - click's flag
) -> None:
    """Let somebody sign in no more, at once; `reset` lets them in again."""
    confirm(f"let {name} sign in no more", assume_yes=yes)
    answer = session.client.post(f"staff/{segment(name)}/disable", {})
    if session.json_wanted:
        say_json(answer.raw)
        return
    note(f"{answer.part('member').text('name')} cannot sign in any more")


@staff.command("reset", examples=["undisc staff reset anna"])
@click.argument("name")
@pass_session
def reset(session: Session, name: str) -> None:
    """Give somebody a new password; asks for it. A disabled account can be used again.

    At the desk their sessions end, and they set up their authenticator anew.
    """
    answer = session.client.post(f"staff/{segment(name)}/reset", {"password": _password(name)})
    if session.json_wanted:
        say_json(answer.raw)
        return
    note(f"{answer.part('member').text('name')} can sign in with the new password")
