"""`undisc studies pull`: brings a patient's studies from the practice's own PACS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from undisc_admin.answer import Answer
from undisc_admin.client import segment
from undisc_admin.command import Command
from undisc_admin.errors import CommandError, ExitCode, exit_code_of
from undisc_admin.progress import MEGABYTE, Progress, Step
from undisc_admin.render import Column, count_of, day, size
from undisc_admin.screen import hint, note, say_json, say_table
from undisc_admin.session import Session, pass_session

_FIRST_LOOK: Final = 0.05  # seconds until the first look at a running pull
_LOOK_EVERY: Final = 0.5  # seconds between two looks at most


@click.command(
    "pull",
    cls=Command,
    examples=[
        "undisc studies pull --patient P-100",
        "undisc studies pull --accession A-7 --from main",
        "undisc studies pull --patient P-100 --dry-run",
    ],
)
@click.option("--patient", metavar="ID", help="All studies of this patient id.")
@click.option("--accession", metavar="NO", help="The study of this accession number.")
@click.option("--study", metavar="UID", help="The study with this Study Instance UID.")
@click.option("--from", "pacs", metavar="PACS", help="Which PACS; not needed with only one.")
@click.option("--dry-run", is_flag=True, help="Only show what there is.")
@pass_session
def pull_studies(
    session: Session,
    *,
    patient: str | None,
    accession: str | None,
    study: str | None,
    pacs: str | None,
    dry_run: bool,
) -> None:
    """Bring studies from the practice's PACS into this node: priors, walk-ins, old studies.

    Studies that are here whole are left out, so it can be repeated. Ctrl-C ends the pull; what has
    come by then stays.
    """
    if not (patient or accession or study):
        raise click.UsageError("give --patient, --accession or --study")
    wish = {
        "pacs": pacs or "",
        "patient": patient or "",
        "accession": accession or "",
        "study": study or "",
    }
    seen = session.client.post("pulls/look", wish)
    rows = seen.parts("studies")
    if not session.json_wanted:
        _show(seen.text("pacs"), rows)
    missing = [row.text("uid") for row in rows if not row.flag("complete")]
    if dry_run or not missing:
        if session.json_wanted:
            say_json({**seen.raw, "pull": None})
        elif rows and not missing:
            note("all of them are here already")
        return
    begun = session.now()
    answer = session.client.post("pulls", {"pacs": seen.text("pacs"), "studies": missing})
    try:
        answer = _watch(session, answer, begun)
    except KeyboardInterrupt:
        answer = session.client.post(f"pulls/{segment(answer.part('pull').text('id'))}/cancel")
        raise CommandError(
            "the pull is cancelled; what has come stays",
            exit_code=ExitCode.INTERRUPTED,
            code="cancelled",
            hint="repeat the command to go on",
        ) from None
    pull = answer.part("pull")
    if session.json_wanted:
        say_json({**seen.raw, "pull": pull.raw})
    _tell_end(session, pull)


def _show(pacs: str, rows: Sequence[Answer]) -> None:
    if not rows:
        note(f"PACS {pacs} has no such study")
        hint("check the number; a DICOM archive compares it exactly")
        return
    say_table(
        [
            Column("PATIENT", shrinks=True),
            Column("PATIENT ID", shrinks=True),
            Column("BORN"),
            Column("DATE"),
            Column("KIND", shrinks=True),
            Column("DESCRIPTION", shrinks=True),
            Column("ACCESSION", shrinks=True),
            Column("IMAGES", right=True),
            Column("HERE", right=True),
        ],
        [_row(row) for row in rows],
    )


def _row(row: Answer) -> list[str]:
    patient = row.part("patient")
    return [
        patient.text("name"),
        patient.text("id"),
        day(patient.text("birth_date")),
        day(row.text("study_date")),
        "/".join(row.texts("modalities")),
        row.text("description"),
        row.text("accession"),
        f"{row.integer('instances'):,}" if row.integer("instances") else "?",
        f"{row.integer('here'):,}",
    ]


def _watch(session: Session, answer: Answer, begun: float) -> Answer:
    progress = Progress(now=session.now, quiet=session.json_wanted)
    pause = _FIRST_LOOK
    try:
        while answer.part("pull").text("state") == "running":
            row = answer.part("pull")
            seconds = max(session.now() - begun, 0.001)
            done = row.integer("bytes")
            progress.show(
                Step(
                    row.integer("images"),
                    row.integer("images_total"),
                    done,
                    0,
                    done / MEGABYTE / seconds,
                )
            )
            session.sleep(pause)
            pause = min(2 * pause, _LOOK_EVERY)
            answer = session.client.get(f"pulls/{segment(row.text('id'))}")
    finally:
        progress.end()
    return answer


def _tell_end(session: Session, pull: Answer) -> None:
    problem = pull.part_or_none("problem")
    if problem is not None:
        error = CommandError(
            problem.text("message"),
            exit_code=exit_code_of(problem.text("code"), 503),
            code=problem.text("code"),
            hint=problem.text("hint") or "repeat the command to go on; what has come stays",
        )
        session.json_wanted = False  # one document; the problem is in it already
        raise error
    if session.json_wanted:
        return
    came = pull.integer("bytes")
    told = f", {size(came)}" if came else ""
    studies = count_of(pull.integer("studies_done"), "study", "studies")
    note(f"pulled {studies}, {count_of(pull.integer('images'), 'image')}{told}")
