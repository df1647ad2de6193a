"""`undisc peers invite`, `accept` and `pairings`: two nodes come to trust each other.

Both administrators see the same words and compare them on the phone; each then says yes. Who is not
at a terminal does it in two steps: `invite --json` or `accept --json`, and then `pairings confirm`.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Final

import click

from undisc_admin.answer import Answer
from undisc_admin.asking import ask
from undisc_admin.client import segment
from undisc_admin.command import Command, Group
from undisc_admin.errors import CommandError, ExitCode
from undisc_admin.files import new_file, read_input
from undisc_admin.render import Column, clean, clock_time, moment, short, words_in_rows
from undisc_admin.screen import hint, is_terminal, note, say, say_json, say_table
from undisc_admin.session import Session, pass_session
from undisc_protocol import limits
from undisc_protocol.invitation import PREFIX, read_invitation

_LOOK_EVERY: Final = 1.0  # seconds between two looks at a pairing that goes on
_STILL_EVERY: Final = 30  # looks between two lines that say that it still waits
_SUFFIX: Final = ".undisc-pairing"
_OPEN: Final = ("waiting", "comparing", "confirmed")

_SCOPE = click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["fetch", "offer"]),
    help="What the other practice may do here; may be repeated. Both by default.",
)
_NO_WAIT = click.option(
    "--no-wait", is_flag=True, help="Do not wait for the other side; `pairings confirm` later."
)


@click.command(
    "invite",
    cls=Command,
    examples=[
        "undisc peers invite",
        "undisc peers invite --scope fetch",
        "undisc peers invite --file riverside.undisc-pairing",
        "undisc peers invite --json",
    ],
)
@_SCOPE
@click.option(
    "--file",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a file to carry there, for nodes that cannot reach each other.",
)
@click.option("--qr/--no-qr", default=None, help="Show the invitation as a QR code as well.")
@_NO_WAIT
@pass_session
def invite_peer(
    session: Session,
    *,
    scopes: tuple[str, ...],
    path: Path | None,
    qr: bool | None,
    no_wait: bool,
) -> None:
    """Invite another practice's node to pair with this one.

    Prints one line to send to its administrator, who gives it to `undisc peers accept` within five
    minutes. Both then see the same four words: compare them on the phone, on a number you know, and
    confirm on both sides. Only this node has to be reachable.

    With --file, two files are carried instead; the words are eight, and there is no hurry.
    """
    wish = {"scopes": list(scopes or ("fetch", "offer"))}
    if path is not None:
        with new_file(path, force=False) as file:
            answer = session.client.post("pairings", {**wish, "by_file": True})
            file.write(_decoded(answer.text("file")))
        if session.json_wanted:
            say_json(answer.raw)
            return
        note(f"{path} is for the other practice; it is good until {_until(answer, 'taken_by')}")
        hint("there: undisc peers accept FILE; then carry its answer back and accept it here")
        return
    answer = session.client.post("pairings", wish)
    if session.json_wanted:
        say_json(answer.raw)
        return
    text = answer.text("invitation")
    say([clean(text)])
    if qr or (qr is None and is_terminal(sys.stderr)):
        for line in answer.texts("qr"):
            click.echo(clean(line), err=True)
    pairing = answer.part("pairing")
    note(f"this node answers at {', '.join(read_invitation(text).urls)}")
    note("send the line to the other administrator: undisc peers accept")
    note(f"it is good for one try, until {clock_time(pairing.text('taken_by'))}")
    if no_wait:
        hint(f"when they came: undisc peers pairings confirm {_id(pairing)}")
    else:
        _follow(session, pairing)


@click.command(
    "accept",
    cls=Command,
    examples=[
        "undisc peers accept",
        "undisc peers accept riverside.undisc-pairing",
        "undisc peers accept - < invitation.txt",
    ],
)
@click.argument("path", metavar="[FILE]", type=click.Path(path_type=Path), required=False)
@_SCOPE
@click.option(
    "--reply",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the file that goes back is written; beside FILE by default.",
)
@_NO_WAIT
@pass_session
def accept_peer(
    session: Session,
    *,
    path: Path | None,
    scopes: tuple[str, ...],
    reply: Path | None,
    no_wait: bool,
) -> None:
    """Take up the invitation of another practice's node.

    Asks for the invitation line, or reads it from FILE or from standard input; it is never an
    argument, where others on this machine could see it. FILE may also be what `undisc peers
    invite --file` wrote, or the answer to that. Then both sides see the same words.
    """
    given = _given(path)
    wish: dict[str, object] = {"scopes": list(scopes or ("fetch", "offer"))}
    kind = "invitation" if PREFIX.encode() in given or path is None else "file"
    wish[kind] = base64.b64encode(given).decode()
    answer = session.client.post("pairings/accept", wish)
    back = answer.text_or_none("file")
    if back is not None:
        reply = reply or _answer_to(path)
        if reply.exists() and reply.read_bytes() == _decoded(back):
            note(f"{reply} is there already")
        else:
            with new_file(reply, force=False) as file:
                file.write(_decoded(back))
    if session.json_wanted:
        say_json(answer.raw)
        return
    pairing = answer.part("pairing")
    if back is not None:
        note(f"{reply} goes back to the other practice: undisc peers accept FILE")
        note("its administrator sees the words when it is there")
    if no_wait:
        _show_words(pairing)
        hint(f"when you have compared them: undisc peers pairings confirm {_id(pairing)}")
    else:
        _follow(session, pairing)


def _given(path: Path | None) -> bytes:
    if path is None:
        return ask("Invitation").encode()
    return read_input(path, limit=limits.MAX_PAIRING, what="an invitation or a pairing file")


def _answer_to(path: Path | None) -> Path:
    if path is None or str(path) == "-":
        raise CommandError(
            "there is a file to carry back, and no name for it",
            exit_code=ExitCode.USAGE,
            hint="say where it goes: --reply FILE",
        )
    return path.with_name(f"{path.name.removesuffix(_SUFFIX)}-answer{_SUFFIX}")


def _decoded(text: str) -> bytes:
    return base64.b64decode(text)


@click.group("pairings", cls=Group)
def pairings() -> None:
    """See how far pairings are, and decide on them later or from a script.

    PAIRING is the beginning of its id (at least 4 hex digits).
    """


@pairings.command(
    "list", examples=["undisc peers pairings list", "undisc peers pairings list --json"]
)
@pass_session
def list_pairings(session: Session) -> None:
    """List pairings that go on, and those that ended within a month."""
    answer = session.client.get("pairings")
    if session.json_wanted:
        say_json(answer.raw)
        return
    rows = answer.parts("pairings")
    if not rows:
        note("this node is not pairing with anybody")
        hint("begin with `undisc peers invite`, or with `undisc peers accept`")
        return
    say_table(
        [
            Column("PAIRING"),
            Column("BEGUN"),
            Column("WITH", shrinks=True),
            Column("WAY"),
            Column("STATE"),
            Column("WORDS OR REASON", shrinks=True),
        ],
        [
            [
                _id(row),
                moment(row.text("made")),
                row.text("name") or "(nobody yet)",
                "file" if row.flag("by_file") else "line",
                row.text("state"),
                " ".join(row.texts("words")) if row.text("state") in _OPEN else row.text("problem"),
            ]
            for row in rows
        ],
    )


@pairings.command(
    "confirm",
    examples=[
        "undisc peers pairings confirm 91c4",
        "undisc peers pairings confirm 91c4 --expect 'zoo able about yard'",
    ],
)
@click.argument("pairing")
@click.option(
    "--expect",
    "expected",
    metavar="WORDS",
    help="The words as the other administrator reads them, in quotes; asks nothing.",
)
@pass_session
def confirm_pairing(session: Session, pairing: str, expected: str | None) -> None:
    """Confirm that both administrators see the same words, and trust the other node."""
    row = session.client.get(f"pairings/{segment(pairing)}").part("pairing")
    if expected is not None:
        if expected.lower().split() != list(row.texts("words")):
            raise CommandError(
                "these are not the words of this pairing; nothing was changed",
                exit_code=ExitCode.REFUSED,
                code="words_differ",
                hint="if the other side really has these words, somebody is between you: "
                f"undisc peers pairings refuse {_id(row)}",
            )
    elif row.text("state") == "comparing":
        _show_words(row)
        if _compared() is not True:
            raise CommandError(
                "not confirmed; nothing was changed",
                code="not_confirmed",
                hint=f"if the words differ: undisc peers pairings refuse {_id(row)}",
            )
    _tell(session, session.client.post(f"pairings/{segment(row.text('id'))}/confirm"))


@pairings.command("refuse", examples=["undisc peers pairings refuse 91c4"])
@click.argument("pairing")
@pass_session
def refuse_pairing(session: Session, pairing: str) -> None:
    """End a pairing on both sides: the words differ, or the invitation was a mistake."""
    _tell(session, session.client.post(f"pairings/{segment(pairing)}/refuse"))


@click.command(
    "discover",
    cls=Command,
    examples=["undisc peers discover", "undisc peers discover --seconds 10 --json"],
)
@click.option(
    "--seconds",
    type=click.IntRange(1, 30),
    default=3,
    show_default=True,
    help="How long to listen.",
)
@pass_session
def discover_peers(session: Session, seconds: int) -> None:
    """List nodes that say on the local network that they are there.

    Anybody on the network can say anything; nothing is kept of it, and trust comes from comparing
    words. A node is heard only if its setting discovery.announce is true.
    """
    answer = session.client.get("discovered", {"seconds": seconds})
    if session.json_wanted:
        say_json(answer.raw)
        return
    rows = [one for one in answer.parts("discovered") if not one.flag("claims_own")]
    if not rows:
        note("no other node says on the local network that it is there")
        hint("nodes say so with discovery.announce = true; without: undisc peers invite")
        return
    say_table(
        [
            Column("SAYS IT IS", shrinks=True),
            Column("NODE ID BEGINS"),
            Column("ADDRESS", shrinks=True),
            Column("KNOWN AS", shrinks=True),
        ],
        [
            [
                one.text("name"),
                one.text("node_id_begins"),
                one.text("url") or ", ".join(one.texts("addresses")),
                one.text_or_none("claims_peer") or "",
            ]
            for one in rows
        ],
    )
    hint("nothing of this is proven; call them, and pair: undisc peers invite")


# --- Following a pairing to its end -----------------------------------------------------------


def _follow(session: Session, pairing: Answer) -> None:
    """Wait for the other side, ask about the words, wait for the other's decision.

    Raises:
        CommandError: It ended otherwise than with trust, or nobody could be asked.
    """
    shown, looks = "", 0
    while True:
        state = pairing.text("state")
        if state not in _OPEN:
            _say_end(pairing)
            return
        if state == "comparing":
            pairing = _decide(session, pairing)
            continue
        if state != shown:
            shown, looks = state, 0
            _say_waiting(pairing)
        elif looks % _STILL_EVERY == 0:
            note("still waiting")
        looks += 1
        session.sleep(_LOOK_EVERY)
        pairing = session.client.get(f"pairings/{pairing.text('id')}").part("pairing")


def _say_waiting(pairing: Answer) -> None:
    if pairing.text("state") == "waiting":
        note("waiting for the other practice; Ctrl-C stops the waiting, not the invitation")
    else:
        until = clock_time(pairing.text("ends"))
        note(f"confirmed here; waiting until {until} for {pairing.text('name')} to confirm")


def _decide(session: Session, pairing: Answer) -> Answer:
    _show_words(pairing)
    same = _compared()
    if same is None:
        raise CommandError(
            "nobody could be asked about the words; the pairing waits",
            code="not_confirmed",
            hint=f"undisc peers pairings confirm {_id(pairing)}, or refuse it",
        )
    act = "confirm" if same else "refuse"
    return session.client.post(f"pairings/{pairing.text('id')}/{act}").part("pairing")


def _show_words(pairing: Answer) -> None:
    note(f"{pairing.text('name')}, node id {pairing.text_or_none('node_id')}")
    note(f"they may {_may(pairing, 'scopes')} here; you may {_may(pairing, 'their_scopes')} there")
    note("")
    for line in words_in_rows(pairing.texts("words")):
        note(line)
    note("")


def _may(pairing: Answer, name: str) -> str:
    return " and ".join(pairing.texts(name)) or "do nothing"


def _compared() -> bool | None:
    """Ask about the words; None when nobody is there to answer."""
    click.echo(
        "Call the other administrator. Do they read the same words? [y/N] ", err=True, nl=False
    )
    line = sys.stdin.readline()
    if not line:
        click.echo(err=True)
        return None
    return line.strip().lower() in {"y", "yes"}


def _say_end(pairing: Answer) -> None:
    state, name = pairing.text("state"), pairing.text("name")
    if state == "trusted":
        note(f"{name} is trusted: they may {_may(pairing, 'scopes')} here")
        if pairing.flag("by_file"):
            hint("the other side decides for itself; `undisc peers list` there shows it")
        return
    raise CommandError(
        f"the pairing ended: {pairing.text('problem') or state}; nothing is trusted",
        exit_code=ExitCode.REFUSED,
        code=f"pairing_{state}",
        hint="if the words differed, somebody may be between you; "
        "to begin anew: undisc peers invite",
    )


def _tell(session: Session, answer: Answer) -> None:
    if session.json_wanted:
        say_json(answer.raw)
        return
    pairing = answer.part("pairing")
    if pairing.text("state") == "trusted":
        _say_end(pairing)
    elif pairing.text("state") == "confirmed":
        note("confirmed here; the other node is trusted as soon as the other side confirms")
    else:
        note(f"pairing {_id(pairing)} is over; nothing is trusted")


def _id(pairing: Answer) -> str:
    return short(pairing.text("id"))


def _until(answer: Answer, name: str) -> str:
    return moment(answer.part("pairing").text(name))
