"""`undisc grants`: permissions that this practice gives out of its own hand."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click

from undisc_admin.answer import Answer
from undisc_admin.client import segment
from undisc_admin.command import Group
from undisc_admin.commands.capabilities import (
    MAY,
    command_of,
    days_option,
    force_option,
    keep,
    recipient,
    tell_next,
    until_option,
    view_only_option,
    write_offer,
)
from undisc_admin.commands.copies import receipts_of, tell_copies
from undisc_admin.commands.emergency_link import give_link
from undisc_admin.commands.studies_reports import say_notices
from undisc_admin.files import NewFile, encode_link, new_file
from undisc_admin.links import ask_passcode, read_passcode
from undisc_admin.render import Column, clean, count_of, facts, moment, short
from undisc_admin.screen import confirm, hint, note, say, say_json, say_table
from undisc_admin.session import Session, pass_session
from undisc_admin.values import end_of, offer_name, rfc3339


@click.group(cls=Group)
def grants() -> None:
    """Give a study to another practice, and take it back.

    GRANT is the beginning of a grant's id (at least 4 hex digits).
    """


@dataclass(frozen=True, slots=True)
class _Wish:
    """What was asked for, checked as far as this side can."""

    study: str
    peer: str | None
    link_file: Path | None
    out: Path | None
    force: bool


@grants.command(
    "create",
    examples=[
        "undisc grants create 3f2a --to 'Riverside Radiology' --basis treatment \\",
        "    --staff 'Dr. Ada Example' --purpose 'second opinion' --days 30",
        "undisc grants create 3f2a --to-link --basis emergency \\",
        "    --staff 'Dr. Ada Example' --purpose unconscious --passcode",
        "undisc grants create 3f2a --to-link --link-file link.txt --staff demo --purpose demo",
    ],
)
@click.argument("study")
@click.option("--to", "peer", metavar="PEER", help="The trusted peer that may fetch the study.")
@click.option(
    "--to-link",
    is_flag=True,
    help="A new link instead: in an emergency one that opens once; else one that can share on"
    " (demo nodes).",
)
@click.option(
    "--basis",
    type=click.Choice(["treatment", "emergency", "operator"]),
    help="On whose authority; treatment for a peer, operator (demo nodes only) for a link. In an"
    " emergency a second person and the patient are told, and it ends within 72 hours.",
)
@click.option("--staff", required=True, help="The member of staff who answers for it.")
@click.option("--purpose", required=True, help="Why; goes into the log.")
@days_option
@until_option
@view_only_option
@click.option("--out", type=click.Path(path_type=Path), help="Where the offer file goes.")
@click.option("--link-file", type=click.Path(path_type=Path), help="Where the link's secret goes.")
@click.option(
    "--passcode", "ask", is_flag=True, help="An emergency's link asks for a passcode; you type it."
)
@click.option(
    "--passcode-file",
    type=click.Path(path_type=Path),
    help="The file whose first line is that passcode.",
)
@force_option
@pass_session
def create_grant(
    session: Session,
    *,
    study: str,
    peer: str | None,
    to_link: bool,
    basis: str | None,
    staff: str,
    purpose: str,
    days: int | None,
    until: str | None,
    view_only: bool,
    out: Path | None,
    link_file: Path | None,
    ask: bool,
    passcode_file: Path | None,
    force: bool,
) -> None:
    """Let a peer fetch STUDY, and write the offer file that tells it where and how.

    With --to-link the grant names a new link instead of a peer. The link's secret is written to
    --link-file, readable by you alone, and is shown only this once: whoever has it has the link.

    In an emergency --to-link makes a link that opens once, in a browser or in another practice's
    node, and prints it (or writes it to --link-file). Somebody else than you has to look at it.
    """
    if to_link == (peer is not None):
        raise click.UsageError("say whom: either --to PEER or --to-link")
    opens_once = to_link and basis == "emergency"
    if not opens_once and to_link == (link_file is None):
        raise click.UsageError("--to-link and --link-file belong together")
    if (ask or passcode_file) and not opens_once:
        raise click.UsageError("a passcode belongs to the link of an emergency")
    if to_link and view_only and not opens_once:
        raise click.UsageError("--view-only is said when the link is shared: undisc shares create")
    end = end_of(days=days, until=until, now=session.now())
    body = {
        "peer": peer,
        "link": to_link,
        "basis": basis or ("operator" if to_link else "treatment"),
        "staff": staff,
        "purpose": purpose,
        # Days are counted by the node, from its own clock.
        "expires": None if end is None or days is not None else rfc3339(end),
        "days": days,
        "command": "/img" if to_link and not opens_once else command_of(view_only=view_only),
    }
    if opens_once:
        if ask or passcode_file:
            body["passcode"] = (
                read_passcode(passcode_file) if passcode_file else ask_passcode(new=True)
            )
        give_link(session, study, body, link_file, force=force)
        return
    _create(session, _Wish(study, peer, link_file, out, force), body)


def _create(session: Session, wish: _Wish, body: Mapping[str, object]) -> None:
    study = session.client.get(f"studies/{segment(wish.study)}").part("study").text("id")
    out = wish.out or (Path(offer_name(wish.peer, study)) if wish.peer else None)
    with ExitStack() as places:
        offer = places.enter_context(new_file(out, force=wish.force)) if out else None
        link = (
            places.enter_context(new_file(wish.link_file, force=wish.force))
            if wish.link_file
            else None
        )
        answer = session.client.post("grants", {"study": study, **body})
        what = f"grant {short(answer.part('grant').text('id'))}"
        if link and not (link.standard and session.json_wanted):
            keep(link, encode_link(answer.text("link")), what)
        if offer:
            write_offer(offer, answer, what)
    _tell_created(session, answer, offer, link)


def _tell_created(
    session: Session, answer: Answer, offer: NewFile | None, link: NewFile | None
) -> None:
    if session.json_wanted:
        # The secret is in its file; standard output often ends in a log.
        hidden = link is not None and not link.standard
        say_json({**answer.raw, "link": None} if hidden else answer.raw)
        return
    grant = answer.part("grant")
    note(f"grant {short(grant.text('id'))} is {grant.text('state')} until {_until(grant)}")
    if link and not link.standard:
        note(f"the link's secret is in {link.path}: whoever has that file has the link")
        hint(
            f"share it: undisc shares create {short(grant.text('study'))} "
            f"--link-file {link.path} --to PEER"
        )
    if offer and not offer.standard:
        tell_next(offer.path, clean(recipient(grant)))
        hint(f"take it back with: undisc grants revoke {short(grant.text('id'))}")


def _until(row: Answer) -> str:
    return moment(row.text("expires"))


@grants.command("list", examples=["undisc grants list", "undisc grants list --study 3f2a"])
@click.option("--study", help="Only grants on this study.")
@pass_session
def list_grants(session: Session, study: str | None) -> None:
    """List grants, newest first."""
    answer = session.client.get("grants", {"study": study})
    if session.json_wanted:
        say_json(answer.raw)
        return
    rows = answer.parts("grants")
    if not rows:
        note("there are no grants on this study" if study else "there are no grants yet")
        hint("give a study to a trusted peer with `undisc grants create STUDY --to PEER …`")
        return
    say_table(
        [
            Column("GRANT"),
            Column("STUDY"),
            Column("TO", shrinks=True),
            Column("MAY"),
            Column("BASIS"),
            Column("STAFF", shrinks=True),
            Column("UNTIL"),
            Column("STATE"),
        ],
        [
            [
                short(row.text("id")),
                short(row.text("study")),
                recipient(row),
                MAY.get(row.text("command"), row.text("command")),
                row.text("basis"),
                row.text("staff"),
                _until(row),
                row.text("state"),
            ]
            for row in rows
        ],
    )


@grants.command("show", examples=["undisc grants show 8d10"])
@click.argument("grant")
@pass_session
def show_grant(session: Session, grant: str) -> None:
    """Show a grant, the shares on it, and what those answered who were told of its end."""
    answer = session.client.get(f"grants/{segment(grant)}")
    if session.json_wanted:
        say_json(answer.raw)
        return
    row = answer.part("grant")
    say(
        facts(
            [
                ("grant", row.text("id")),
                ("study", row.text("study")),
                ("to", recipient(row)),
                ("audience", row.text("audience")),
                ("may", MAY.get(row.text("command"), row.text("command"))),
                ("basis", row.text("basis")),
                ("staff", row.text("staff")),
                ("purpose", row.text("purpose")),
                ("made", moment(row.text("created"))),
                ("until", _until(row)),
                ("revoked", moment(row.text_or_none("revoked"))),
                ("state", row.text("state")),
            ]
        )
    )
    for share in answer.parts("shares"):
        to = clean(recipient(share))
        say([f"share {short(share.text('id'))} to {to}, {share.text('state')}"])
    say_notices(answer)


@grants.command("revoke", examples=["undisc grants revoke 8d10", "undisc grants revoke 8d10 --yes"])
@click.argument("grant")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@pass_session
def revoke_grant(session: Session, grant: str, yes: bool) -> None:  # noqa: FBT001 - click's flags
    """End a grant and every share on it at once. Cannot be undone.

    Running transfers stop at the next slice. What was copied already cannot be called back.
    """
    detail = session.client.get(f"grants/{segment(grant)}")
    row = detail.part("grant")
    tell_copies(receipts_of(session, segment(row.text("study"))))
    active = [share for share in detail.parts("shares") if share.text("state") == "active"]
    also = f" and {count_of(len(active), 'active share')} on it" if active else ""
    confirm(
        f"revoke grant {short(row.text('id'))} to {recipient(row)}{also}? This cannot be undone",
        assume_yes=yes,
    )
    answer = session.client.post(f"grants/{segment(row.text('id'))}/revoke")
    if session.json_wanted:
        say_json(answer.raw)
    else:
        note(f"grant {short(row.text('id'))} is revoked: nothing more can be fetched with it")
