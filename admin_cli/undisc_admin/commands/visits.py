"""`undisc visits`: what consents opened, and what came of it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from undisc_admin.answer import Answer
from undisc_admin.client import segment
from undisc_admin.command import Group
from undisc_admin.commands.capabilities import force_option, tell_next, write_offer
from undisc_admin.commands.visits_link import access, link, notices, pin, reopen, revoke, shares
from undisc_admin.commands.visits_reach import contacts, print_visit
from undisc_admin.files import new_file
from undisc_admin.render import Column, clean, count_of, day, facts, moment, short
from undisc_admin.screen import confirm, hint, note, say, say_json, say_table
from undisc_admin.session import Session, pass_session
from undisc_admin.values import offer_name


@click.group(cls=Group)
def visits() -> None:
    """See which studies belong to a consent, release them, and let the patient in.

    VISIT is the beginning of a visit's id (at least 4 hex digits).
    """


visits.add_command(contacts)
visits.add_command(print_visit)


@visits.command("list", examples=["undisc visits list", "undisc visits list --json"])
@click.option("--patient", default="", metavar="NUMBER", help="Only those of a patient number.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, help="At most so many.")
@pass_session
def list_visits(session: Session, patient: str, limit: int) -> None:
    """List visits, newest first."""
    answer = session.client.get("visits", {"patient": patient or None, "limit": limit})
    if session.json_wanted:
        say_json(answer.raw)
        return
    rows = answer.parts("visits")
    if not rows:
        note("there is no visit" + (" of this patient" if patient else " yet"))
        hint("a recorded consent opens one: undisc consents record")
        return
    say_table(
        [
            Column("VISIT"),
            Column("OPENED"),
            Column("PATIENT ID"),
            Column("NAME", shrinks=True),
            Column("ACCESSION", shrinks=True),
            Column("DECIDED"),
            Column("STUDIES", right=True),
            Column("RELEASED", right=True),
            Column("STATE"),
        ],
        [
            [
                short(row.text("id")),
                moment(row.text("opened")),
                row.part("patient").text("id"),
                row.part("patient").text("name"),
                ", ".join(row.texts("accessions")),
                row.text("decision"),
                str(len(_belonging(row))),
                str(sum(one.text_or_none("released") is not None for one in _belonging(row))),
                row.text("state"),
            ]
            for row in rows
        ],
    )


def _belonging(visit: Answer) -> list[Answer]:
    return [one for one in visit.parts("studies") if one.flag("belongs")]


@visits.command("show", examples=["undisc visits show 3f2a", "undisc visits show 3f2a --json"])
@click.argument("visit")
@pass_session
def show_visit(session: Session, visit: str) -> None:
    """Show a visit: its studies, whom the patient named, and what they were given."""
    answer = session.client.get(f"visits/{segment(visit)}")
    if session.json_wanted:
        say_json(answer.raw)
        return
    row = answer.part("visit")
    patient, days = row.part("patient"), (day(row.text("first")), day(row.text("last")))
    say(
        facts(
            [
                ("visit", row.text("id")),
                ("consent", row.text("consent")),
                ("decision", row.text("decision")),
                ("state", row.text("state")),
                ("patient", f"{patient.text('name')} ({patient.text('id')})"),
                ("born", day(patient.text("birth_date"))),
                ("accession", ", ".join(row.texts("accessions"))),
                ("days", " to ".join(dict.fromkeys(filter(None, days)))),
                ("opened", moment(row.text("opened"))),
            ]
        )
    )
    _say_studies(row)
    for one in answer.parts("recipients"):
        _say_recipient(one)


def _say_studies(visit: Answer) -> None:
    if not visit.parts("studies"):
        note("no study belongs to it yet")
        hint("one joins by itself when it settles; what differs waits: undisc queue list")
    for one in visit.parts("studies"):
        name = f"study {short(one.text('study'))} {clean(one.text('description'))}".rstrip()
        if not one.flag("belongs"):
            state = f"left out by {clean(one.text('by'))}"
        elif not one.flag("here"):
            state = "not here any more"
        elif released := one.text_or_none("released"):
            state = f"released {moment(released)}"
        else:
            state = "not released yet"
        say([f"{name}: {state}"])


def _say_recipient(one: Answer) -> None:
    grants = one.parts("grants")
    name = clean(one.text("name"))
    if not grants:
        say([f"{name}: nothing yet"])
    for grant in grants:
        what = f"grant {short(grant.text('id'))} on study {short(grant.text('study'))}"
        say([f"{name}: {what}, {grant.text('state')} until {moment(grant.text('expires'))}"])


@visits.command(
    "release", examples=["undisc visits release 3f2a", "undisc visits release 3f2a --yes"]
)
@click.argument("visit")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@pass_session
def release(session: Session, visit: str, yes: bool) -> None:  # noqa: FBT001 - click's flag
    """Give the studies of a visit to those whom the patient named, now.

    When that happens by itself is the setting release.when.
    """
    shown = session.client.get(f"visits/{segment(visit)}")
    names = ", ".join(clean(one.text("name")) for one in shown.parts("recipients")) or "nobody"
    row = shown.part("visit")
    confirm(
        f"release {count_of(len(_belonging(row)), 'study', 'studies')} of visit"
        f" {short(row.text('id'))} to {names}?",
        assume_yes=yes,
    )
    answer = session.client.post(f"visits/{segment(row.text('id'))}/release")
    if session.json_wanted:
        say_json(answer.raw)
        return
    note(f"{count_of(answer.integer('released'), 'study', 'studies')} released now")
    for one in answer.parts("recipients"):
        _say_recipient(one)
    hint(f"write the offers for their nodes: undisc visits offers {short(row.text('id'))}")


@visits.command(
    "offers",
    examples=["undisc visits offers 3f2a", "undisc visits offers 3f2a --into /srv/outgoing"],
)
@click.argument("visit")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Directory of the files; else this one.",
)
@force_option
@pass_session
def offers(session: Session, visit: str, into: Path, force: bool) -> None:  # noqa: FBT001 - click's flag
    """Write an offer file for each study that a named practice may fetch."""
    answer = session.client.get(f"visits/{segment(visit)}/offers")
    if session.json_wanted:
        say_json(answer.raw)
        return
    found = answer.parts("offers")
    if not found:
        note("there is nothing to offer: nothing was released, or nobody was named")
        hint(f"see what it waits for: undisc visits show {visit}")
        return
    for one in found:
        name = one.text_or_none("peer_name") or short(one.text("peer"))
        path = into / offer_name(name, one.text("study"))
        with ExitStack() as places:
            file = places.enter_context(new_file(path, force=force))
            write_offer(file, one, f"grant {short(one.text('grant'))}")
        tell_next(path, clean(name))


for _command in (link, pin, reopen, access, shares, revoke, notices):
    visits.add_command(_command)
