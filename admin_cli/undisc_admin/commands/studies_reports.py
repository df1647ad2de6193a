"""The reports of a study and the notices about it, as `undisc studies show` lists them."""

from __future__ import annotations

from typing import Final

from undisc_admin.answer import Answer
from undisc_admin.render import Column, clean, count_of, day, moment
from undisc_admin.screen import say, say_table

_TOLD: Final = {
    "grown": "what was added",
    "patient": "the patient's corrected identity",
    "ended": "the end of a permission",
    "held": "the hold of the study",
    "released": "the release of the study",
    "withdrawn": "the withdrawal of the study",
}
_SAYS: Final = {
    "decides": "a person there decides",
    "not-fetched": "it never had a copy",
    "purged": "it has erased its copy",
}
_WHY: Final = {
    "treatment": "somebody was treated by it",
    "law": "it has to keep records by law",
    "claim": "a complaint or a case is open",
    "own": "it has the study in its own right too",
    "locked": "the bytes stay there, and are served to nobody",
    "other": "it gives no further reason",
}


def brought_by(sender: str, study: Answer) -> str:
    """Name who brought something: a peer, known by 64 digits, by the name that people know."""
    for step in study.parts("provenance"):
        name = step.text_or_none("peer_name")
        if name and sender == f"peer:{step.text('peer')}":
            return f"peer:{clean(name)}"
    return sender


def say_reports(study: Answer) -> None:
    """List reports, newest first; older versions are marked as replaced."""
    reports = study.parts("reports")
    if not reports:
        return
    say([""])
    say_table(
        [
            Column("REPORT", shrinks=True),
            Column("STATE"),
            Column("WRITTEN"),
            Column("ARRIVED"),
            Column("FROM", shrinks=True),
            Column("INSTANCE"),
        ],
        [
            [
                one.text("title") or "without a title",
                _state(one),
                day(one.text("reported")[:8]),
                moment(one.text("arrived")),
                brought_by(one.text("sender"), study),
                one.text("sop_uid"),
            ]
            for one in reports
        ],
    )


def say_notices(study: Answer) -> None:
    """Say who was told that something happened to the study, and what came of it."""
    for one in study.parts("notices"):
        name = clean(one.text_or_none("peer_name") or one.text("peer"))
        what = _TOLD.get(one.text("kind"), one.text("kind"))
        done = one.text_or_none("done")
        outcome = clean(one.text("outcome"))
        if (said := one.text_or_none("does")) in _SAYS or said == "kept":
            say([f"{name} was told of {what}, and answered {moment(one.text_or_none('heard'))}:"])
            say([f"  {_answer_of(one)}"])
        elif done:
            say([f"{name} was told of {what}, {moment(done)}: {outcome}"])
        else:
            tries = count_of(one.integer("attempts"), "try", "tries")
            say([f"{name} is to be told of {what}, after {tries}: {outcome or 'due'}"])


def _answer_of(notice: Answer) -> str:
    """Say in honest words what another node has signed that it does."""
    does, why = notice.text("does"), notice.text_or_none("why")
    said = _SAYS.get(does) or f"it keeps its copy: {_WHY.get(why or '', clean(why or ''))}"
    if notice.flag("passed"):
        said += "; a copy went on from there to where that node cannot erase it"
    return said


def _state(report: Answer) -> str:
    said = report.text_or_none("state") or "unreadable"
    return f"{said}, replaced" if report.flag("replaced") else said
