"""`undisc keys`: the node's own key, and the recovery kit that makes the next one."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

import click

from undisc_admin.answer import Answer
from undisc_admin.command import Group
from undisc_admin.kits import read_kit, read_passphrase, warn_of_own_disk, write_kit
from undisc_admin.render import Column, clean, facts, moment, short, words_in_rows
from undisc_admin.screen import confirm, hint, note, say, say_json, say_table
from undisc_admin.session import Session, pass_session

_FILE: Final = click.Path(path_type=Path, dir_okay=False)
_KIT = click.argument("kit", type=_FILE)
_PASSPHRASE = click.option(
    "--passphrase-file", type=_FILE, help="File with the kit's passphrase, instead of a prompt."
)
_NEW_KIT = click.option(
    "--new-kit",
    required=True,
    type=_FILE,
    help="Where to write the new kit; best a stick that leaves this machine.",
)
_PDF = click.option("--pdf", type=_FILE, help="Write the new kit as PDF too, for a printer.")
_NEW_PASSPHRASE = click.option(
    "--new-passphrase-file",
    type=_FILE,
    help="File with the new kit's passphrase; that of the old one if not given.",
)
_YES = click.option("--yes", is_flag=True, help="Do not ask; for scripts.")


@click.group(cls=Group)
def keys() -> None:
    """Look after the node's own key and its recovery kit.

    The key signs in the practice's name. The next key lies in the recovery kit, away from this
    machine, so that a thief of the machine cannot make it.
    """


@keys.command("status", examples=["undisc keys status", "undisc keys status --json"])
@pass_session
def status(session: Session) -> None:
    """Show the node's key, its recovery kit, and which peers know the newest key."""
    answer = session.client.get("keys")
    if session.json_wanted:
        say_json(answer.raw)
        return
    _say_status(answer.part("keys"))


def _say_status(row: Answer) -> None:
    kit = row.part("kit")
    if kit.flag("fits"):
        read_back = moment(kit.text_or_none("read_back")) or "yes"
    else:
        read_back = "never, for the present kit"
    say(facts([("node", row.text("node_id"))]))
    say(["words", *words_in_rows(row.texts("words"))])
    say(
        facts(
            [
                ("key", row.text("did")),
                ("identity record", f"{row.integer('number')}, of {moment(row.text('since'))}"),
                ("kit read back", read_back),
                ("status card", f"lasts until {moment(row.text('card_expires'))}"),
            ]
        )
    )
    _say_knowers(row)
    if row.flag("change_begun"):
        note("a change of the key was begun, and waits until its new kit is confirmed")
        hint("go on with the same kit and passphrases: undisc keys rotate")
    if kit.flag("drill_due"):
        note("a drill with the recovery kit is due")
        hint("fetch the kit from where it is kept: undisc keys drill FILE")


def _say_knowers(row: Answer) -> None:
    number, peers = row.integer("number"), row.parts("peers")
    if not peers:
        return
    say([""])
    say_table(
        [
            Column("PEER"),
            Column("NAME", shrinks=True),
            Column("STATE"),
            Column("KNOWS THIS KEY"),
            Column("LAST HEARD"),
        ],
        [
            [
                short(one.text("id")),
                one.text("name"),
                one.text("state"),
                _knows(one, number),
                moment(one.text_or_none("heard")),
            ]
            for one in peers
        ],
    )


def _knows(one: Answer, number: int) -> str:
    if one.text_or_none("heard") is None or one.raw.get("knows") is None:
        return "not heard yet"
    return "yes" if one.integer("knows") == number else f"not yet: record {one.integer('knows')}"


@keys.command(
    "drill",
    examples=[
        "undisc keys drill /media/stick/kit.txt",
        "undisc keys drill kit.txt --passphrase-file secret.txt",
    ],
)
@_KIT
@_PASSPHRASE
@pass_session
def drill(session: Session, kit: Path, passphrase_file: Path | None) -> None:
    """Prove that the recovery kit KIT opens and holds the right next key. Changes nothing.

    Do it from the copy that you would use one day: type a printed page in, or scan its QR code. The
    date is kept, and `undisc-node doctor` says when the next drill is due.
    """
    page = read_kit(kit)
    passphrase = read_passphrase(passphrase_file, "the recovery kit")
    answer = session.client.post("keys/drill", {"kit": page, "passphrase": passphrase})
    if session.json_wanted:
        say_json(answer.raw)
        return
    note("the recovery kit opens, and holds the next key of this node")
    note("nothing was changed; put it back where it is kept")


@keys.command(
    "rotate",
    examples=[
        "undisc keys rotate kit.txt --new-kit /media/stick/kit-2.txt --pdf /media/stick/kit-2.pdf",
        "undisc keys rotate kit.txt --new-kit kit-2.txt --passphrase-file secret.txt --yes",
    ],
)
@_KIT
@_NEW_KIT
@_PDF
@_PASSPHRASE
@_NEW_PASSPHRASE
@_YES
@pass_session
def rotate(
    session: Session,
    kit: Path,
    new_kit: Path,
    pdf: Path | None,
    passphrase_file: Path | None,
    new_passphrase_file: Path | None,
    yes: bool,  # noqa: FBT001 - click's flags
) -> None:
    """Replace the node's key by the one in the recovery kit KIT, and write a new kit.

    The new kit comes first: it is written, read back and confirmed before anybody sees the new key.
    Then the running node takes the key up; its doors close for some seconds, and transfers go on
    where they were. Shares and grants of before stay good; peers follow by themselves. If it is
    interrupted, run it again: it goes on.
    """
    _change(session, kit, new_kit, pdf, passphrase_file, new_passphrase_file, yes=yes, theft=False)


@keys.command(
    "recover",
    examples=["undisc keys recover kit.txt --new-kit /media/stick/kit-2.txt"],
)
@_KIT
@_NEW_KIT
@_PDF
@_PASSPHRASE
@_NEW_PASSPHRASE
@_YES
@pass_session
def recover(
    session: Session,
    kit: Path,
    new_kit: Path,
    pdf: Path | None,
    passphrase_file: Path | None,
    new_passphrase_file: Path | None,
    yes: bool,  # noqa: FBT001 - click's flags
) -> None:
    """Replace a key that was stolen, and stop what the thief could use.

    As `rotate`, and besides every permission is suspended until you have gone through them
    (`undisc restored show`), everything that is on its way stops, and your people sign in again.
    From then on peers refuse whatever the thief signs with the old key.

    On a new machine, from a backup and the kit, the same is done by `undisc-node restore`.
    """
    note("use this on a machine that is yours and clean; if the thief may still be in it, make the")
    note("node anew elsewhere: undisc-node restore --from BACKUPS --recovery-kit KIT")
    _change(session, kit, new_kit, pdf, passphrase_file, new_passphrase_file, yes=yes, theft=True)
    if session.json_wanted:
        return
    note("what to do now:")
    note("  1. call your peers' administrators: what the old key signs from now on is not yours")
    note("  2. undisc restored show      go through the permissions that wait, then confirm")
    note("  3. undisc staff reset NAME   new passwords: the thief may have their hashes")
    note("  4. undisc visits link --new  new links for patients whose link was not opened yet")
    note("  5. undisc-node backup        until then the new kit fits no backup")


def _change(
    session: Session,
    kit: Path,
    new_kit: Path,
    pdf: Path | None,
    passphrase_file: Path | None,
    new_passphrase_file: Path | None,
    *,
    yes: bool,
    theft: bool,
) -> None:
    old = read_kit(kit)
    passphrase = read_passphrase(passphrase_file, "the present kit")
    new_passphrase = (
        passphrase
        if new_passphrase_file is None
        else read_passphrase(new_passphrase_file, "the new kit", twice=True)
    )
    begun = session.client.post(
        "keys/change",
        {
            "kit": old,
            "passphrase": passphrase,
            "new_passphrase": new_passphrase,
            "pdf": pdf is not None,
        },
    )
    if begun.flag("resumed"):
        note("going on with the change that was begun before")
    write_kit(new_kit, begun.text("kit").encode())
    note(f"new recovery kit: {new_kit}")
    if pdf is not None:
        write_kit(pdf, base64.b64decode(begun.text("pdf")))
        note(f"the same to print: {pdf}")
    warn_of_own_disk(new_kit, session.directory)
    confirm(
        "Is the new kit where you will find it again? Only then the key is changed, and the old kit"
        " is used up",
        assume_yes=yes,
    )
    changed = session.client.post(
        "keys/confirm",
        {
            "kit": old,
            "passphrase": passphrase,
            # As it lies there now: what was not written whole is noticed before anything changes.
            "new_kit": read_kit(new_kit),
            "new_passphrase": new_passphrase,
            "theft": theft,
        },
    )
    if session.json_wanted:
        say_json(changed.raw)
        return
    note(f"the node's key is now {clean(changed.text('did'))}")
    note("its doors open again within seconds; peers are told, and follow by themselves")
    if theft:
        note(f"permissions that wait for you: {changed.integer('suspended')}")
    hint("make a backup now, the new kit fits no earlier one: undisc-node backup")
    hint(f"the old kit is used up: destroy {kit} and its prints; undisc keys status")
