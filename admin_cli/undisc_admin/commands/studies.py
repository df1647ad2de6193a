"""`undisc studies`: what this node holds, and what may be done with it."""

from __future__ import annotations

from collections import Counter

import click

from undisc_admin.answer import Answer
from undisc_admin.client import segment
from undisc_admin.command import Group
from undisc_admin.commands.copies import copies, tell_copies
from undisc_admin.commands.deliveries import push_study, say_deliveries
from undisc_admin.commands.studies_export import export_study
from undisc_admin.commands.studies_import import import_studies
from undisc_admin.commands.studies_leaving import keep, leaving
from undisc_admin.commands.studies_pull import pull_studies
from undisc_admin.commands.studies_reports import brought_by, say_notices, say_reports
from undisc_admin.render import Column, clean, count_of, day, facts, moment, short, size
from undisc_admin.screen import confirm, hint, note, say, say_json, say_table
from undisc_admin.session import Session, pass_session

_YES = click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
_REASON = click.option("--reason", required=True, metavar="TEXT", help="Why; goes into the log.")
_STUDY = click.argument("study")


@click.group(cls=Group)
def studies() -> None:
    """Look after the studies that this node holds.

    STUDY is the beginning of a study's id (at least 4 hex digits) or its Study Instance UID.
    """


studies.add_command(import_studies)
studies.add_command(export_study)
studies.add_command(pull_studies)
studies.add_command(push_study)
studies.add_command(leaving)
studies.add_command(keep)


@studies.command(
    "list",
    examples=["undisc studies list", "undisc studies list --text 'Doe^Jane' --state active"],
)
@click.option("--text", help="Only where patient name or id, accession number or UID match.")
@click.option("--patient", metavar="ID", help="Only of this patient id, exactly.")
@click.option("--state", type=click.Choice(["active", "held", "withdrawn"]), help="Only these.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0, help="Leave out that many.")
@pass_session
def list_studies(
    session: Session,
    text: str | None,
    patient: str | None,
    state: str | None,
    limit: int,
    offset: int,
) -> None:
    """List studies, newest first."""
    answer = session.client.get(
        "studies",
        {"text": text, "patient": patient, "state": state, "limit": limit, "offset": offset},
    )
    if session.json_wanted:
        say_json(answer.raw)
        return
    rows = answer.parts("studies")
    if not rows:
        _tell_none(filtered=bool(text or patient or state or offset))
        return
    say_table(
        [
            Column("STUDY"),
            Column("PATIENT", shrinks=True),
            Column("PATIENT ID", shrinks=True),
            Column("DATE"),
            Column("KIND", shrinks=True),
            Column("DESCRIPTION", shrinks=True),
            Column("IMAGES", right=True),
            Column("SIZE", right=True),
            Column("STATE"),
        ],
        [_row(study) for study in rows],
    )
    if len(rows) == limit:
        hint(f"there may be more: --offset {offset + limit}")


def _tell_none(*, filtered: bool) -> None:
    if filtered:
        note("no study matches")
    else:
        note("this node holds no studies yet")
        hint("import files with `undisc studies import PATH`, or send them to the DICOM port")


def _row(study: Answer) -> list[str]:
    patient = study.part("patient")
    return [
        short(study.text("id")),
        patient.text("name"),
        patient.text("id"),
        day(study.text("study_date")),
        "/".join(study.texts("modalities")),
        study.text("description"),
        f"{study.integer('instances'):,}",
        size(study.integer("bytes")),
        _state(study),
    ]


def _state(study: Answer) -> str:
    words = [study.text("state")]
    if study.text_or_none("settled") is None:
        words.append("growing")
    if study.flag("kept"):
        words.append("kept")
    if study.integer("waiting"):
        words.append(f"{study.integer('waiting'):,} waiting")
    return ", ".join(words)


@studies.command(
    "show", examples=["undisc studies show 3f2a", "undisc studies show 3f2a --instances"]
)
@_STUDY
@click.option("--instances", is_flag=True, help="List every instance.")
@pass_session
def show_study(session: Session, study: str, instances: bool) -> None:  # noqa: FBT001 - click's flags
    """Show a study: its series, where it came from, who holds a copy."""
    answer = session.client.get(f"studies/{segment(study)}")
    if session.json_wanted:
        say_json(answer.raw)
        return
    row = answer.part("study")
    say(_facts(row, brought_by(row.text("sender"), answer)))
    _say_series(answer)
    say_reports(answer)
    if instances:
        _say_instances(answer)
    say([""])
    for step in answer.parts("provenance"):
        name = clean(step.text_or_none("peer_name") or step.text("peer"))
        say([f"fetched from {name}, {moment(step.text_or_none('at'))}"])
    say(map(_came_from, answer.parts("media")))
    say_deliveries(answer)
    say(copies(answer.parts("receipts")))
    say_notices(answer)
    if row.integer("waiting"):
        hint(f"decide on what waits: undisc studies resolve {short(row.text('id'))} --accept")


def _came_from(medium: Answer) -> str:
    """Say in one line who imported a study from what, and who had written that."""
    kind = {"zip": "ZIP file"}.get(medium.text("kind"), medium.text("kind"))
    label, creator = medium.text("label"), medium.text("creator")
    facts = [
        f"imported from {kind}{label and f' {label!r}'}",
        f"by {medium.text('by')}",
        moment(medium.text("at")),
        f"file set {medium.text('file_set')}" if medium.text("file_set") else "",
        f"written by {creator}" if creator else "",
    ]
    return clean(", ".join(filter(None, facts)))


def _facts(study: Answer, sender: str) -> list[str]:
    patient = study.part("patient")
    return facts(
        [
            ("study", study.text("id")),
            ("uid", study.text("uid")),
            ("patient", patient.text("name")),
            ("patient id", " of ".join(filter(None, (patient.text("id"), patient.text("issuer"))))),
            ("born", day(patient.text("birth_date"))),
            ("sex", patient.text("sex")),
            ("date", day(study.text("study_date"))),
            ("accession", study.text("accession")),
            ("description", study.text("description")),
            ("brought by", sender),
            ("images", f"{study.integer('instances'):,}, {size(study.integer('bytes'))}"),
            ("state", _state(study)),
            ("reason", study.text("reason")),
            ("first arrival", moment(study.text("created"))),
            ("last arrival", moment(study.text("arrived"))),
        ]
    )


def _say_series(answer: Answer) -> None:
    current = [row for row in answer.parts("instances") if row.text("state") == "current"]
    counted = Counter((row.text("series_uid"), row.text("modality")) for row in current)
    if counted:
        say([""])
        say_table(
            [Column("SERIES"), Column("KIND"), Column("IMAGES", right=True)],
            [[uid, kind, f"{count:,}"] for (uid, kind), count in counted.items()],
        )


def _say_instances(answer: Answer) -> None:
    say([""])
    say_table(
        [Column("INSTANCE"), Column("NO", right=True), Column("SIZE", right=True), Column("STATE")],
        [
            [
                row.text("sop_uid"),
                str(row.integer("number")),
                size(row.integer("bytes")),
                row.text("state"),
            ]
            for row in answer.parts("instances")
        ],
    )


@studies.command("settle", examples=["undisc studies settle 3f2a"])
@_STUDY
@pass_session
def settle_study(session: Session, study: str) -> None:
    """Close a study now instead of after the quiet period. More may still arrive."""
    answer = session.client.post(f"studies/{segment(study)}/settle")
    _tell(session, answer, "settled")


@studies.command(
    "hold", examples=["undisc studies hold 3f2a --reason 'wrong patient on the worklist'"]
)
@_STUDY
@_REASON
@pass_session
def hold_study(session: Session, study: str, reason: str) -> None:
    """Stop every byte of a study at once. `undisc studies release` undoes it."""
    answer = session.client.post(f"studies/{segment(study)}/hold", {"reason": reason})
    _tell(session, answer, "held: nobody gets any of it")
    hint(f"undo it with: undisc studies release {_id(answer)}")


@studies.command("release", examples=["undisc studies release 3f2a"])
@_STUDY
@pass_session
def release_study(session: Session, study: str) -> None:
    """End a hold: grants and shares of the study work again."""
    answer = session.client.post(f"studies/{segment(study)}/release")
    _tell(session, answer, "released")


@studies.command(
    "withdraw", examples=["undisc studies withdraw 3f2a --reason 'images of another patient'"]
)
@_STUDY
@_REASON
@_YES
@pass_session
def withdraw_study(session: Session, study: str, reason: str, yes: bool) -> None:  # noqa: FBT001 - click's flags
    """Stop every byte of a study for good; it stays on this node. Cannot be undone."""
    detail = session.client.get(f"studies/{segment(study)}")
    tell_copies(detail.parts("receipts"))
    confirm(
        f"withdraw {_name(detail)} for good? A withdrawal cannot be undone, a hold can",
        assume_yes=yes,
    )
    answer = session.client.post(f"studies/{_full_id(detail)}/withdraw", {"reason": reason})
    _tell(session, answer, "withdrawn: nobody gets any of it")


@studies.command(
    "resolve",
    examples=["undisc studies resolve 3f2a --accept", "undisc studies resolve 3f2a --reject --yes"],
)
@_STUDY
@click.option(
    "--accept/--reject",
    default=None,
    help="Let the waiting arrivals into the study, or throw them away.",
)
@_YES
@pass_session
def resolve_study(session: Session, study: str, accept: bool | None, yes: bool) -> None:  # noqa: FBT001 - click's flags
    """Decide on arrivals that wait: another sender's version, or another patient's identity."""
    if accept is None:
        raise click.UsageError("say --accept or --reject")
    detail = session.client.get(f"studies/{segment(study)}")
    waiting = count_of(detail.part("study").integer("waiting"), "waiting arrival")
    question = (
        f"let {waiting} into {_name(detail)}? They replace what they conflict with"
        if accept
        else f"throw {waiting} of {_name(detail)} away? This cannot be undone"
    )
    confirm(question, assume_yes=yes)
    answer = session.client.post(f"studies/{_full_id(detail)}/resolve", {"accept": accept})
    _tell(session, answer, "resolved")


@studies.command(
    "delete", examples=["undisc studies delete 3f2a", "undisc studies delete 3f2a --yes"]
)
@_STUDY
@_YES
@pass_session
def delete_study(session: Session, study: str, yes: bool) -> None:  # noqa: FBT001 - click's flags
    """Erase a study: its key is destroyed and its files are removed. Cannot be undone."""
    detail = session.client.get(f"studies/{segment(study)}")
    tell_copies(detail.parts("receipts"))
    confirm(f"delete {_name(detail)}? This cannot be undone", assume_yes=yes)
    answer = session.client.delete(f"studies/{_full_id(detail)}")
    if session.json_wanted:
        say_json(answer.raw)
    else:
        note(f"study {short(answer.text('deleted'))} is deleted")


def _id(answer: Answer) -> str:
    return short(answer.part("study").text("id"))


def _full_id(detail: Answer) -> str:
    """What was shown before the question is what is changed after it."""
    return segment(detail.part("study").text("id"))


def _name(detail: Answer) -> str:
    row = detail.part("study")
    images = count_of(row.integer("instances"), "image")
    return f"study {short(row.text('id'))} ({row.part('patient').text('name')}, {images})"


def _tell(session: Session, answer: Answer, what: str) -> None:
    if session.json_wanted:
        say_json(answer.raw)
    else:
        note(f"study {_id(answer)} is {what}")
