"""The reports of a study, as `undisc studies show` lists them."""

from __future__ import annotations

from undisc_admin.answer import Answer
from undisc_admin.render import Column, day, moment
from undisc_admin.screen import say, say_table


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
                one.text("sender"),
                one.text("sop_uid"),
            ]
            for one in reports
        ],
    )


def _state(report: Answer) -> str:
    said = report.text_or_none("state") or "unreadable"
    return f"{said}, replaced" if report.flag("replaced") else said
