"""`undisc studies push` and `undisc pacs deliveries`: studies on their way into the PACS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from undisc_admin.answer import Answer
from undisc_admin.client import segment
from undisc_admin.command import Command
from undisc_admin.errors import CommandError, ExitCode, exit_code_of
from undisc_admin.progress import Progress, Step
from undisc_admin.render import Column, clean, day, moment, short
from undisc_admin.screen import confirm, hint, note, say, say_json, say_table
from undisc_admin.session import Session, pass_session

_FIRST_LOOK: Final = 0.05  # seconds until the first look at a running delivery
_LOOK_EVERY: Final = 0.5  # seconds between two looks at most
_GOES_ON: Final = frozenset({"sending", "waiting"})


@click.command(
    "push",
    cls=Command,
    examples=[
        "undisc studies push 3f2a --to main",
        "undisc studies push 3f2a --to main --patient L-1001 --accession A-77",
    ],
)
@click.argument("study")
@click.option("--to", "pacs", metavar="PACS", help="Which PACS; not needed with only one.")
@click.option("--patient", metavar="ID", help="The local patient id; else by name and birth date.")
@click.option("--accession", metavar="NO", help="The local accession number, if there is one.")
@click.option("--accept", is_flag=True, help="Send it although something differs; for scripts.")
@click.option("--no-wait", is_flag=True, help="Start it and return at once.")
@pass_session
def push_study(
    session: Session,
    *,
    study: str,
    pacs: str | None,
    patient: str | None,
    accession: str | None,
    accept: bool,
    no_wait: bool,
) -> None:
    """Put a study into the PACS under the patient's local number.

    What the study says and who the patient is here are shown side by side. If name or birth date
    differ you are asked. The PACS gets the local identity, with the outside one kept inside the
    images (IHE IRWF); what this node holds stays as it came.

    The node sends, not this command: Ctrl-C stops watching and leaves it running.
    """
    wish = {"pacs": pacs or "", "patient": patient or ""}
    path = f"studies/{segment(study)}/deliveries"
    seen = session.client.post(f"{path}/look", wish)
    local = seen.part_or_none("local")
    if not session.json_wanted:
        _compare(seen, local)
    if local is None:
        raise CommandError(
            "it is not certain whose study this is here; nothing was sent",
            exit_code=ExitCode.CONFLICT,
            code="no_match",
            hint="give the local number: --patient ID",
        )
    differs = seen.texts("differs")
    if differs and not accept:
        question = f"{_sentence(differs)}. Send it as {local.text('id')} all the same?"
        confirm(question, assume_yes=False)
    answer = session.client.post(
        path,
        {
            # What was shown before the question is what is sent after it.
            "pacs": seen.text("pacs"),
            "patient": local.text("id"),
            "accession": accession or "",
            "accept": bool(differs),
        },
    )
    if not no_wait:
        answer = _watch(session, answer)
    if session.json_wanted:
        say_json(answer.raw)
    _tell_end(session, answer.part("delivery"))


def _compare(seen: Answer, local: Answer | None) -> None:
    """Show both sides beside each other."""
    outside = seen.parts("outside")
    here = [local] if local else list(seen.parts("candidates"))
    rows = [["in the study", *_told(one)] for one in outside]
    rows += [["here" if local else "perhaps here", *_told(one)] for one in here]
    say_table(
        [
            Column(""),
            Column("NAME", shrinks=True),
            Column("BORN"),
            Column("SEX"),
            Column("PATIENT ID", shrinks=True),
            Column("ISSUER", shrinks=True),
        ],
        rows,
    )


def _told(one: Answer) -> list[str]:
    return [
        one.text("name"),
        day(one.text("birth_date")),
        one.text("sex"),
        one.text("id"),
        one.text("issuer"),
    ]


def _sentence(differs: Sequence[str]) -> str:
    special = {
        "number": "the PACS does not know this number",
        "patients": "the study names more than one patient",
    }
    plain = [one for one in differs if one not in special]
    said = [special[one] for one in differs if one in special]
    if plain:
        said.append(f"{' and '.join(plain)} {'differ' if len(plain) > 1 else 'differs'}")
    return "; ".join(said)


def _watch(session: Session, answer: Answer) -> Answer:
    progress = Progress(now=session.now, quiet=session.json_wanted)
    pause = _FIRST_LOOK
    try:
        while True:
            row = answer.part("delivery")
            if row.text("state") not in _GOES_ON or row.part_or_none("problem") is not None:
                return answer
            progress.show(Step(row.integer("handed_over"), row.integer("objects"), 0, 0, 0.0))
            session.sleep(pause)
            pause = min(2 * pause, _LOOK_EVERY)
            answer = session.client.get(f"deliveries/{segment(row.text('id'))}")
    except KeyboardInterrupt:
        name = short(answer.part("delivery").text("id"))
        raise CommandError(
            f"stopped watching; the delivery goes on as {name}",
            exit_code=ExitCode.INTERRUPTED,
            code="stopped_watching",
            hint="see how it is doing: undisc pacs deliveries",
        ) from None
    finally:
        progress.end()


def _tell_end(session: Session, row: Answer) -> None:
    problem = row.part_or_none("problem")
    if problem is not None:
        again = moment(row.text_or_none("next"))
        session.json_wanted = False  # one document; the problem is in it already
        raise CommandError(
            problem.text("message"),
            exit_code=exit_code_of(problem.text("code"), 503),
            code=problem.text("code"),
            hint=f"the node tries again by itself at {again}" if again else problem.text("hint"),
        )
    if session.json_wanted:
        return
    if row.text("state") in _GOES_ON:
        note(f"delivery {short(row.text('id'))} is under way")
        hint("see how it is doing: undisc pacs deliveries")
        return
    committed = row.integer("committed")
    kept = f", {committed:,} of them confirmed as kept" if committed else ""
    note(
        f"{row.integer('handed_over'):,} of {row.integer('objects'):,} images are in the PACS "
        f"{row.text('pacs')} under {row.part('patient').text('id')}{kept}"
    )


def say_deliveries(study: Answer) -> None:
    """Say in which of the practice's archives a study is, under which number, and how far."""
    for one in study.parts("deliveries"):
        number = clean(one.part("patient").text("id"))
        done = f"{one.integer('handed_over'):,} of {one.integer('objects'):,}"
        state = "" if one.text("state") == "done" else f", {one.text('state')}"
        under = f" under {number}" if number else ""
        say([f"{done} in the PACS {clean(one.text('pacs'))}{under}{state}"])


@click.command("deliveries", cls=Command, examples=["undisc pacs deliveries"])
@pass_session
def list_deliveries(session: Session) -> None:
    """List studies on their way into a PACS, and those that are there."""
    answer = session.client.get("deliveries")
    if session.json_wanted:
        say_json(answer.raw)
        return
    rows = answer.parts("deliveries")
    if not rows:
        note("nothing was put into a PACS yet")
        hint("put a study there with `undisc studies push STUDY --to PACS`")
        return
    say_table(
        [
            Column("DELIVERY"),
            Column("STUDY"),
            Column("PACS", shrinks=True),
            Column("STATE"),
            Column("PATIENT ID", shrinks=True),
            Column("IMAGES", right=True),
            Column("KEPT", right=True),
            Column("NEXT TRY"),
            Column("PROBLEM", shrinks=True),
        ],
        [_row(row) for row in rows],
    )
    if any(row.text("state") == "asking" for row in rows):
        hint("some ask whose study it is here: undisc queue list")


def _row(row: Answer) -> list[str]:
    problem = row.part_or_none("problem")
    return [
        short(row.text("id")),
        short(row.text("study")),
        row.text("pacs"),
        row.text("state"),
        row.part("patient").text("id"),
        f"{row.integer('handed_over'):,}/{row.integer('objects'):,}",
        f"{row.integer('committed'):,}" if row.integer("committed") else "",
        moment(row.text_or_none("next")),
        problem.text("message") if problem else "",
    ]


@click.command("cancel", cls=Command, examples=["undisc pacs cancel 5e0a"])
@click.argument("delivery")
@pass_session
def cancel_delivery(session: Session, delivery: str) -> None:
    """Stop putting a study into a PACS. What is there already stays there.

    DELIVERY is the beginning of its id, as `undisc pacs deliveries` shows it.
    """
    answer = session.client.post(f"deliveries/{segment(delivery)}/cancel")
    if session.json_wanted:
        say_json(answer.raw)
    else:
        note(f"delivery {short(answer.part('delivery').text('id'))} is cancelled")
