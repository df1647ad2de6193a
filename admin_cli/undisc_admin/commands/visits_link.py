"""`undisc visits link`, `pin`, `reopen`, `access`, `shares`, `revoke`, `notices`: for a patient."""

from __future__ import annotations

from pathlib import Path

import click

from undisc_admin.answer import Answer
from undisc_admin.client import segment
from undisc_admin.command import Command
from undisc_admin.errors import invalid
from undisc_admin.links import read_passcode, show_qr
from undisc_admin.render import Column, clean, count_of, moment, short
from undisc_admin.screen import confirm, hint, note, say, say_json, say_table
from undisc_admin.session import Session, pass_session


@click.command(
    "link",
    cls=Command,
    examples=["undisc visits link 3f2a", "undisc visits link 3f2a --new --yes"],
)
@click.argument("visit")
@click.option("--new", is_flag=True, help="Make a new one: lost phone, lost letter, wrong address.")
@click.option("--no-qr", is_flag=True, help="Do not draw the link as a QR code.")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@pass_session
def link(session: Session, visit: str, *, new: bool, no_qr: bool, yes: bool) -> None:
    """Show the patient's link of a visit, with the code that can be typed instead.

    It is made when the first study is released, and can be shown until the patient has claimed it.
    With --new an earlier link that nobody claimed ends at once, and all that was shared with it;
    what a claimed one has shared stays alive.
    """
    if new:
        confirm(f"make a new link for visit {visit}? An earlier one ends", assume_yes=yes)
    answer = session.client.post(f"visits/{segment(visit)}/link", {"new": new})
    if session.json_wanted:
        say_json(answer.raw)
        return
    expires = answer.text_or_none("expires")
    until = f"valid until {moment(expires)}" if expires else "empty until a study is released"
    note(f"the patient's link, {until}; whoever has it and the PIN can use it")
    click.echo(answer.text("link"))
    if not no_qr:
        show_qr(answer.text("link"))
    note(f"where it cannot be clicked, this code is typed instead: {answer.text('code')}")
    _say_pin(answer)
    if not answer.text("pin"):
        hint(f"the PIN is the one that was chosen; another one: undisc visits pin {visit}")


def _say_pin(answer: Answer) -> None:
    if answer.text("pin"):
        note(f"PIN: {answer.text('pin')} - it is shown only this once")
        hint("tell the PIN on another way than the link: by telephone, or on paper")


@click.command(
    "pin",
    cls=Command,
    examples=["undisc visits pin 3f2a", "undisc visits pin 3f2a --pin-file pin.txt"],
)
@click.argument("visit")
@click.option(
    "--pin-file",
    type=click.Path(path_type=Path),
    help="The file whose first line is the PIN; else one is drawn and shown.",
)
@pass_session
def pin(session: Session, visit: str, pin_file: Path | None) -> None:
    """Set the PIN that the patient's link asks for; wrong ones before do not count any more."""
    body = {"pin": read_passcode(pin_file)} if pin_file else {}
    answer = session.client.post(f"visits/{segment(visit)}/pin", body)
    if session.json_wanted:
        say_json(answer.raw)
        return
    note("the PIN is set")
    _say_pin(answer)


@click.command(
    "reopen",
    cls=Command,
    examples=["undisc visits reopen 3f2a"],
)
@click.argument("visit")
@pass_session
def reopen(session: Session, visit: str) -> None:
    """Allow new attempts at the PIN, after too many wrong ones. Ask first who typed them."""
    answer = session.client.post(f"visits/{segment(visit)}/reopen")
    if session.json_wanted:
        say_json(answer.raw)
        return
    note("the PIN can be tried again")


@click.command(
    "access",
    cls=Command,
    examples=["undisc visits access 3f2a", "undisc visits access 3f2a --json"],
)
@click.argument("visit")
@pass_session
def access(session: Session, visit: str) -> None:
    """Show whether the patient of a visit can get in: link, PIN, keys. Opens nothing."""
    answer = session.client.get(f"visits/{segment(visit)}/access")
    if session.json_wanted:
        say_json(answer.raw)
        return
    row = answer.part("access")
    wrong = f"set, {row.integer('attempts')} of {row.integer('max_attempts')} wrong"
    claimed = row.text_or_none("claimed")
    if claimed:
        state = f"claimed by the patient's browser {moment(claimed)}"
    else:
        state = "made, not claimed yet" if row.flag("link") else "none yet"
    say([f"link: {state}", f"PIN: {wrong if row.flag('pin') else 'none'}"])
    if row.flag("locked"):
        hint(f"allow new attempts at the PIN: undisc visits reopen {visit}")
    if not claimed and not row.flag("link"):
        hint(f"it is made when a study is released: undisc visits release {visit}")


@click.command(
    "shares",
    cls=Command,
    examples=["undisc visits shares 3f2a", "undisc visits shares 3f2a --json"],
)
@click.argument("visit")
@pass_session
def shares(session: Session, visit: str) -> None:
    """Show what the patient of a visit has shared, and who came with it."""
    answer = session.client.get(f"visits/{segment(visit)}/shares")
    if session.json_wanted:
        say_json(answer.raw)
        return
    rows = answer.parts("shares")
    if not rows:
        note("the patient has shared nothing")
    else:
        say_table(
            [
                Column("SHARE"),
                Column("FOR", shrinks=True),
                Column("STATE"),
                Column("MADE"),
                Column("TRIED"),
            ],
            [
                [
                    short(row.text("id")),
                    row.text("label"),
                    row.text("state"),
                    moment(row.text("created")),
                    moment(tested) if (tested := row.text_or_none("tested")) else "",
                ]
                for row in rows
            ],
        )
        hint(f"end one because the patient says so: undisc visits revoke {visit} --share ID")
    for row in answer.parts("accesses"):
        who = row.text("who") or row.text("with") or "the patient's link"
        say([f"{moment(row.text('at'))}  {row.text('what'):<8}  {clean(who)}"])


@click.command(
    "revoke",
    cls=Command,
    examples=["undisc visits revoke 3f2a --yes", "undisc visits revoke 3f2a --share 5b77 --yes"],
)
@click.argument("visit")
@click.option("--share", metavar="ID", help="Only this one; else everything that was shared.")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@pass_session
def revoke(session: Session, visit: str, share: str | None, *, yes: bool) -> None:
    """End what the patient of a visit has shared, because the patient says so.

    At once and for good. What was copied already cannot be called back. The patient's own link
    stays; to end the permission altogether, withdraw the consent.
    """
    body = {}
    if share:
        known = session.client.get(f"visits/{segment(visit)}/shares").parts("shares")
        found = [row.text("id") for row in known if row.text("id").startswith(share.lower())]
        if len(found) != 1:
            raise invalid(f"not exactly one share of the visit begins with {clean(share)}")
        body = {"share": found[0]}
    what = f"share {share}" if share else "everything that the patient shared"
    confirm(f"end {what} of visit {visit}? This cannot be undone", assume_yes=yes)
    answer = session.client.post(f"visits/{segment(visit)}/revoke", body)
    if session.json_wanted:
        say_json(answer.raw)
        return
    note(f"{count_of(answer.integer('ended'), 'recipient')} lost access")


@click.command(
    "notices",
    cls=Command,
    examples=["undisc visits notices 3f2a --on", "undisc visits notices 3f2a --off"],
)
@click.argument("visit")
@click.option("--on/--off", "wanted", required=True, help="Whether the patient wants them.")
@pass_session
def notices(session: Session, visit: str, *, wanted: bool) -> None:
    """Tell the patient of each use of what they shared, because they want it, or not any more.

    A message goes to the addresses of the visit when somebody else looked or downloaded: at most
    four in an hour, without a name.
    """
    answer = session.client.post(f"visits/{segment(visit)}/notices", {"wanted": wanted})
    if session.json_wanted:
        say_json(answer.raw)
        return
    row = answer.part("notices")
    note("the patient is told of each use" if row.flag("wanted") else "the patient is not told")
    if row.flag("wanted") and not row.flag("possible"):
        hint(f"there is no address to which it could go: undisc visits contacts {visit}")
