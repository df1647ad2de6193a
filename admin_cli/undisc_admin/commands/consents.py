"""`undisc consents`: what patients decided."""

from __future__ import annotations

import click

from undisc_admin.answer import Answer
from undisc_admin.client import segment
from undisc_admin.command import Group
from undisc_admin.commands.capabilities import MAY, recipient
from undisc_admin.commands.consents_record import record
from undisc_admin.render import Column, clean, count_of, day, facts, moment, short
from undisc_admin.screen import confirm, hint, note, say, say_json, say_table
from undisc_admin.session import Session, pass_session


@click.group(cls=Group)
def consents() -> None:
    """Take down what patients decide about their images, show it, and take it back.

    CONSENT is the beginning of a consent's id (at least 4 hex digits).
    """


consents.add_command(record)


@consents.command("list", examples=["undisc consents list", "undisc consents list --json"])
@click.option("--patient", default="", metavar="NUMBER", help="Only those of a patient number.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, help="At most so many.")
@pass_session
def list_consents(session: Session, patient: str, limit: int) -> None:
    """List decisions, newest first."""
    query = {"patient": patient or None, "limit": limit}
    answer = session.client.get("consents", query)
    if session.json_wanted:
        say_json(answer.raw)
        return
    rows = answer.parts("consents")
    if not rows:
        note("no decision is recorded" + (" of this patient" if patient else " yet"))
        hint("take one down with `undisc consents record`")
        return
    say_table(
        [
            Column("CONSENT"),
            Column("RECORDED"),
            Column("PATIENT ID"),
            Column("NAME", shrinks=True),
            Column("DECIDED"),
            Column("BY"),
            Column("NAMES", shrinks=True),
            Column("STATE"),
        ],
        [
            [
                short(row.text("id")),
                moment(row.text("recorded")),
                row.part("patient").text("id"),
                row.part("patient").text("name"),
                row.text("decision"),
                row.text("decider"),
                ", ".join(one.text("name") for one in row.parts("recipients")),
                row.text("state"),
            ]
            for row in rows
        ],
    )


@consents.command(
    "show", examples=["undisc consents show 8d10", "undisc consents show 8d10 --text"]
)
@click.argument("consent")
@click.option("--text", "with_text", is_flag=True, help="The very words it was about, too.")
@pass_session
def show_consent(session: Session, consent: str, with_text: bool) -> None:  # noqa: FBT001 - click's flag
    """Show a decision: who, what, when, and in which words."""
    answer = session.client.get(f"consents/{segment(consent)}")
    if session.json_wanted:
        say_json(answer.raw)
        return
    row, visit = answer.part("consent"), answer.part_or_none("visit")
    patient, text = row.part("patient"), row.part("text")
    say(
        facts(
            [
                ("consent", row.text("id")),
                ("state", row.text("state")),
                ("decision", row.text("decision")),
                ("patient", f"{patient.text('name')} ({patient.text('id')})"),
                ("born", day(patient.text("birth_date"))),
                ("decided by", f"{row.text('decider')}: {row.text('decider_name')}"),
                ("authority", row.text("authority")),
                ("about", _about(row.part("scope"))),
                ("text", f"{text.text('language')}, of {text.text('version')}"),
                ("text's SHA-256", text.text("sha256")),
                ("expressed", row.text("method")),
                ("witness", row.text("witness")),
                ("evidence", row.text("evidence")),
                ("recorded", moment(row.text("recorded"))),
                ("until", moment(row.text_or_none("ends"))),
                ("withdrawn", moment(row.text_or_none("withdrawn"))),
                ("by", row.text("withdrawn_by")),
                ("because", row.text("withdrawn_why")),
                ("visit", visit.text("id") if visit else ""),
            ]
        )
    )
    for one in row.parts("recipients"):
        may = MAY.get(one.text("command"), one.text("command"))
        say([f"names {clean(one.text('name'))}, who may {may}"])
    if with_text:
        say(["", *map(clean, answer.part("text").text("text").splitlines())])


def _about(scope: Answer) -> str:
    orders = ", ".join(scope.texts("orders"))
    match scope.text("covers"):
        case "dates":
            days = f"{day(scope.text('first'))} to {day(scope.text('last'))}"
            return f"examinations from {days}" + (f", {orders}" if orders else "")
        case "orders":
            return f"orders {orders}"
        case _:
            visit = f"the visit of {day(scope.text('first'))}"
            return visit + (f", orders {orders}" if orders else "")


@consents.command(
    "withdraw", examples=["undisc consents withdraw 8d10", "undisc consents withdraw 8d10 --yes"]
)
@click.argument("consent")
@click.option("--why", default="", help="The reason, if one was given; none is needed.")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@pass_session
def withdraw(session: Session, consent: str, why: str, yes: bool) -> None:  # noqa: FBT001 - click's flag
    """Take a decision back, and every permission that rests on it, at once.

    What was copied already cannot be called back; `undisc studies show` says who has it.
    """
    row = session.client.get(f"consents/{segment(consent)}").part("consent")
    name, patient = short(row.text("id")), row.part("patient").text("id")
    confirm(
        f"take back the {row.text('decision')} {name} of patient {clean(patient)},"
        " and all that rests on it? This cannot be undone",
        assume_yes=yes,
    )
    answer = session.client.post(f"consents/{segment(row.text('id'))}/withdraw", {"why": why})
    if session.json_wanted:
        say_json(answer.raw)
        return
    ended = answer.parts("ended")
    note(f"consent {name} is withdrawn, and {count_of(len(ended), 'permission')} with it")
    for grant in ended:
        note(f"{clean(recipient(grant))} can fetch study {short(grant.text('study'))} no more")
    for study in dict.fromkeys(short(grant.text("study")) for grant in ended):
        hint(f"who has a copy already: undisc studies show {study}")


@consents.command("text", examples=["undisc consents text", "undisc consents text --language es"])
@click.option("--language", help="In which language; without it, the languages are listed.")
@pass_session
def text(session: Session, language: str | None) -> None:
    """Print the text that patients are shown before they decide."""
    if language is None:
        answer = session.client.get("consent-texts")
        if session.json_wanted:
            say_json(answer.raw)
            return
        say_table(
            [Column("LANGUAGE"), Column("VERSION"), Column("SHA-256")],
            [
                [one.text("language"), one.text("version"), one.text("sha256")]
                for one in answer.parts("texts")
            ],
        )
        hint("read one: undisc consents text --language en")
        return
    answer = session.client.get(f"consent-texts/{segment(language)}")
    if session.json_wanted:
        say_json(answer.raw)
        return
    say(map(clean, answer.part("text").text("text").splitlines()))
