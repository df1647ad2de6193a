"""`undisc fetch` and `undisc fetches`: brings studies from other practices."""

from __future__ import annotations

import base64
from collections import Counter
from pathlib import Path
from typing import Final

import click

from undisc_admin.answer import Answer
from undisc_admin.client import segment
from undisc_admin.command import Command, Group
from undisc_admin.errors import CommandError, ExitCode, exit_code_of
from undisc_admin.files import read_input
from undisc_admin.links import ask_code, ask_link, ask_passcode, read_code, read_passcode
from undisc_admin.progress import Progress, Step
from undisc_admin.render import Column, clean, clock_time, count_of, facts, moment, short, size
from undisc_admin.screen import hint, note, say, say_json, say_table
from undisc_admin.session import Session, pass_session
from undisc_protocol import limits

_LOOK_EVERY: Final = 0.5  # seconds between two looks; the node answers at once when it ends
_PAUSE: Final = 0.02  # seconds of rest between an answer and the next question
_RECEIPT_WAIT: Final = 3.0  # seconds to wait for the acknowledgement of a receipt
_QUESTIONS: Final = 3  # for one passcode, and for one code: every wrong one counts for good
_ASKED_FOR: Final = {
    "locked": "passcode",
    "wrong_passcode": "passcode",
    "code_asked": "code",
    "wrong_code": "code",
}  # what an answer of the other node asks for
_OFFER_BEGINS: Final = b"\x82"  # an envelope's first byte (SPEC.md §2.2), which no link has
_IN_LINKS: Final = (b"://", b"%3A%2F%2F", b"%3a%2f%2f")  # one of them is in every link
_NO_WAIT = click.option("--no-wait", is_flag=True, help="Start it and return at once.")


@click.command(
    "fetch",
    cls=Command,
    examples=[
        "undisc fetch riverside-3f2a81c0.undisc-offer",
        "undisc fetch - < offer",
        "undisc fetch",
        "undisc fetch - --passcode-file passcode.txt < link.txt",
        "undisc fetch - --passcode-file passcode.txt --code-file code.txt < link.txt",
    ],
)
@click.argument("source", metavar="[FILE|LINK]", required=False)
@click.option(
    "--passcode-file",
    type=click.Path(path_type=Path),
    help="The file whose first line is a link's passcode; asked for otherwise.",
)
@click.option(
    "--code-file",
    type=click.Path(path_type=Path),
    help="The file whose first line is the one-time code that was sent; asked for otherwise.",
)
@_NO_WAIT
@pass_session
def fetch(
    session: Session,
    source: str | None,
    passcode_file: Path | None,
    code_file: Path | None,
    no_wait: bool,  # noqa: FBT001 - click's flags
) -> None:
    """Fetch what an offer FILE or a LINK names from the practice that made it.

    Without FILE it asks for a link, and does not show it: a link is a secret, and what stands on
    a command line can be seen by other users of the machine. A file or standard input (-) may
    hold a link as well as an offer. The link may be pasted as it came, with the line breaks and
    escapes of a mail program. If it is protected, its passcode is asked for.

    A link in two steps asks for a code besides. The other practice sends it to the contact that
    the patient has named, once the passcode was right; then it is asked for here. A script tries
    without a code, is refused with `code_asked`, and tries again with --code-file.

    The node fetches, not this command: Ctrl-C stops watching and leaves the transfer running. It
    resumes by itself after a break of the connection.
    """
    offer, link = _read_source(source)
    if offer:
        answers = [session.client.post("fetches", {"offer": offer})]
    else:
        answers = _unlocked(session, link, passcode_file, code_file)
    if len(answers) > 1:
        note(f"the link opens {count_of(len(answers), 'study', 'studies')}")
    for answer in answers:
        _follow(session, answer, wait=not no_wait)


def _read_source(source: str | None) -> tuple[str, str]:
    """Return an offer in base64, or the text of a link."""
    if source is None:
        return "", ask_link()
    if "://" in source:
        note("other users of this machine can see a link on a command line")
        hint("type `undisc fetch` alone, and paste the link when it asks for it")
        return "", source
    content = read_input(Path(source), limit=limits.MAX_OFFER, what="an offer or a link")
    if content.startswith(_OFFER_BEGINS) or not any(one in content for one in _IN_LINKS):
        return base64.b64encode(content).decode(), ""  # the node checks what is in it
    return "", content.decode("utf-8", "replace")


def _unlocked(
    session: Session, link: str, passcode_file: Path | None, code_file: Path | None
) -> list[Answer]:
    """Begin to fetch what a link opens; ask for what protects it, as often as that is bearable."""
    body = {"link": base64.b64encode(link.encode("utf-8", "replace")).decode()}
    if passcode_file:
        body["passcode"] = read_passcode(passcode_file)
    if code_file:
        body["code"] = read_code(code_file)
    in_files = set(body)
    asked: Counter[str] = Counter()
    while True:
        try:
            answer = session.client.post("fetches/link", body)
        except CommandError as problem:
            what = _ASKED_FOR.get(problem.code)
            if what is None or what in in_files or asked[what] == _QUESTIONS:
                raise
            asked[what] += 1
            body[what] = _ask(what, problem, again=what in body)
        else:
            return [Answer({"fetch": row.raw}) for row in answer.parts("fetches")]


def _ask(what: str, problem: CommandError, *, again: bool) -> str:
    if what == "code":
        return ask_code(problem)
    if again:
        note(problem.message)
        hint(problem.hint)
    return ask_passcode()


@click.group(cls=Group)
def fetches() -> None:
    """Look after what this node brings from others.

    FETCH is the beginning of a fetch's id (at least 4 hex digits).
    """


@fetches.command("list", examples=["undisc fetches list", "undisc fetches list --json"])
@pass_session
def list_fetches(session: Session) -> None:
    """List fetches, newest first."""
    answer = session.client.get("fetches")
    if session.json_wanted:
        say_json(answer.raw)
        return
    rows = answer.parts("fetches")
    if not rows:
        note("this node has fetched nothing yet")
        hint("start with the offer file that another practice sent: undisc fetch FILE")
        return
    say_table(
        [
            Column("FETCH"),
            Column("FROM", shrinks=True),
            Column("STATE"),
            Column("IMAGES", right=True),
            Column("SIZE", right=True),
            Column("STUDY"),
            Column("BEGUN"),
            Column("PROBLEM", shrinks=True),
        ],
        [
            [
                short(row.text("id")),
                _holder(row),
                _state(row),
                f"{row.integer('objects_done'):,}/{row.integer('objects'):,}",
                size(row.integer("bytes")),
                short(row.text_or_none("study") or ""),
                moment(row.text("created")),
                _problem(row),
            ]
            for row in rows
        ],
    )


@fetches.command("show", examples=["undisc fetches show 77ab"])
@click.argument("fetch_name", metavar="FETCH")
@pass_session
def show_fetch(session: Session, fetch_name: str) -> None:
    """Show a fetch: how far it is, and what stopped it."""
    answer = session.client.get(f"fetches/{segment(fetch_name)}")
    if session.json_wanted:
        say_json(answer.raw)
        return
    row = answer.part("fetch")
    done, total = row.integer("objects_done"), row.integer("objects")
    say(
        facts(
            [
                ("fetch", row.text("id")),
                ("from", _holder(row)),
                ("state", _state(row)),
                ("study", row.text_or_none("study") or ""),
                ("images", f"{done:,} of {total:,}"),
                ("bytes", f"{size(row.integer('bytes_done'))} of {size(row.integer('bytes'))}"),
                ("speed", f"{row.number('mb_per_s'):.1f} MB/s" if row.number("mb_per_s") else ""),
                ("not sent again", size(row.integer("reused_bytes"))),
                ("receipt", row.text("receipt")),
                ("begun", moment(row.text("created"))),
                ("ended", moment(row.text_or_none("ended"))),
                ("problem", _problem(row)),
                ("next try", clock_time(row.text_or_none("next_try"))),
            ]
        )
    )
    if _waits(row):
        hint(_advice(row))
    if row.text("state") == "paused":
        hint(f"go on with: undisc fetches resume {short(row.text('id'))}")


@fetches.command("resume", examples=["undisc fetches resume 77ab"])
@click.argument("fetch_name", metavar="FETCH")
@_NO_WAIT
@pass_session
def resume_fetch(session: Session, fetch_name: str, no_wait: bool) -> None:  # noqa: FBT001 - click's flags
    """Go on with a paused fetch. What is here already is not asked for again."""
    answer = session.client.post(f"fetches/{segment(fetch_name)}/resume")
    _follow(session, answer, wait=not no_wait)


def _follow(session: Session, answer: Answer, *, wait: bool) -> None:
    """Watch a fetch until it stops, and say how it ended."""
    identifier = answer.part("fetch").text("id")
    if wait:
        try:
            answer = _watch(session, answer)
        except KeyboardInterrupt:
            raise CommandError(
                f"stopped watching; the transfer goes on as fetch {short(identifier)}",
                exit_code=ExitCode.INTERRUPTED,
                code="stopped_watching",
                hint=f"see how it is doing: undisc fetches show {short(identifier)}",
            ) from None
    if session.json_wanted:
        say_json(answer.raw)
    _tell_end(session, answer.part("fetch"))


def _watch(session: Session, answer: Answer) -> Answer:
    progress = Progress(now=session.now, quiet=session.json_wanted)
    told = ""
    try:
        for_receipt = _RECEIPT_WAIT
        while True:
            row = answer.part("fetch")
            if row.text("state") not in {"running", "waiting"}:
                # The study is here; its receipt usually is acknowledged a moment later.
                if row.text("receipt") != "due" or for_receipt <= 0:
                    break
                for_receipt -= _LOOK_EVERY
            if _waits(row) and _problem(row) != told:
                told = _problem(row)
                progress.end()
                _tell_wait(session, row)
            progress.show(_step(row))
            # A fetch that waits for its holder answers at once: nothing happens there meanwhile.
            session.sleep(_LOOK_EVERY if row.text("state") == "waiting" else _PAUSE)
            answer = session.client.get(
                f"fetches/{segment(row.text('id'))}", {"wait": int(_LOOK_EVERY * 1000)}
            )
    finally:
        progress.end()
    return answer


def _step(row: Answer) -> Step:
    return Step(
        images=row.integer("objects_done"),
        images_total=row.integer("objects"),
        done=row.integer("bytes_done"),
        total=row.integer("bytes"),
        speed=row.number("mb_per_s"),
        waiting=clock_time(row.text_or_none("next_try")),
    )


def _waits(row: Answer) -> bool:
    """Tell whether a fetch waits: for something to pass, or for its holder to come."""
    tries_again = row.text_or_none("next_try") is not None
    return row.text("state") == "waiting" or (row.text("state") == "running" and tries_again)


def _tell_wait(session: Session, row: Answer) -> None:
    """Say once what a fetch waits for."""
    if session.json_wanted:
        return
    note(f"fetch {short(row.text('id'))} waits and tries again by itself: {_problem(row)}")
    hint(_advice(row))


def _state(row: Answer) -> str:
    return "waiting" if _waits(row) else row.text("state")


def _advice(row: Answer) -> str:
    problem = row.part_or_none("problem")
    return str(problem.raw.get("hint") or "") if problem else ""


def _tell_end(session: Session, row: Answer) -> None:
    """Say how it stands; a stopped fetch is an error with the exit code of its cause."""
    name, state = short(row.text("id")), row.text("state")
    if state in {"failed", "paused"}:
        raise _stopped(session, row)
    if session.json_wanted:
        return
    if state in {"running", "waiting"}:
        note(f"fetch {name} is {state}" + (": " + _problem(row) if state == "waiting" else ""))
        hint(f"see how it is doing: undisc fetches show {name}")
        return
    speed = f" at {row.number('mb_per_s'):.1f} MB/s" if row.number("mb_per_s") else ""
    images = count_of(row.integer("objects"), "image")
    note(f"fetched {images}, {size(row.integer('bytes'))}, from {_holder(row)}{speed}")
    if study := row.text_or_none("study"):
        click.echo(clean(study))
        hint(f"look at it: undisc studies show {short(study)}")
    if row.text("receipt") == "due":
        note("the other node has not taken our receipt yet; this node tries again by itself")


def _stopped(session: Session, row: Answer) -> CommandError:
    name, state = short(row.text("id")), row.text("state")
    problem = row.part_or_none("problem")
    code = problem.text("code") if problem else state
    sentence = problem.text("message") if problem else "no reason is known"
    advice = _advice(row)
    if state == "paused":
        advice = f"go on with: undisc fetches resume {name}" + (f"; {advice}" if advice else "")
    error = CommandError(
        f"fetch {name} has {'failed' if state == 'failed' else 'paused'}: {sentence}",
        exit_code=ExitCode.UNAVAILABLE if state == "paused" else exit_code_of(code),
        code=code,
        hint=advice,
    )
    session.json_wanted = False  # the fetch itself, with its problem, is on standard output already
    return error


def _holder(row: Answer) -> str:
    return row.text_or_none("peer_name") or short(row.text("peer"))


def _problem(row: Answer) -> str:
    problem = row.part_or_none("problem")
    return problem.text("message") if problem else ""
