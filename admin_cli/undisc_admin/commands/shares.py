"""`undisc shares`: permissions that a patient's link gives, made here with the link's file."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from undisc_admin.answer import Answer
from undisc_admin.client import segment
from undisc_admin.command import Group
from undisc_admin.commands.capabilities import (
    MAY,
    command_of,
    days_option,
    force_option,
    recipient,
    tell_next,
    until_option,
    view_only_option,
    write_offer,
)
from undisc_admin.commands.copies import receipts_of, tell_copies
from undisc_admin.commands.share_link import TO_LINK, LinkWish, address_of, make_link
from undisc_admin.commands.studies_reports import say_notices
from undisc_admin.errors import CommandError, ExitCode
from undisc_admin.files import SECRET, new_file, read_link
from undisc_admin.links import ask_passcode, read_passcode
from undisc_admin.render import Column, clean, facts, moment, short
from undisc_admin.screen import confirm, hint, is_terminal, note, say, say_json, say_table
from undisc_admin.session import Session, pass_session
from undisc_admin.values import end_of, offer_name, seconds_of

if TYPE_CHECKING:
    from undisc_protocol.did import Did

_SERIES_NAME = re.compile(r"[0-9a-f]{32}")


@click.group(cls=Group)
def shares() -> None:
    """Share a study with the key of a link, and take it back.

    SHARE is the beginning of a share's id (at least 4 hex digits).
    """


@shares.command(
    "create",
    examples=[
        "undisc shares create 3f2a --link-file link.txt --to 'Riverside Radiology'",
        "undisc shares create 3f2a --link-file - --to 91c4 --days 7 --out out.undisc-offer",
        "undisc shares create 3f2a --link-file link.txt --to link --passcode --uses 1 --days 7",
    ],
)
@click.argument("study")
@click.option(
    "--link-file",
    required=True,
    type=click.Path(path_type=Path),
    help="The file with the link's secret; - for standard input.",
)
@click.option(
    "--to",
    "peer",
    required=True,
    metavar="PEER|link",
    help="The peer that may fetch; or the word link, for a new link that anybody may use.",
)
@click.option(
    "--series",
    multiple=True,
    metavar="SERIES",
    help="Only this series, by UID or name; may be repeated. The whole study by default.",
)
@days_option
@until_option
@view_only_option
@click.option("--out", type=click.Path(path_type=Path), help="Where the offer or link goes.")
@click.option("--passcode", "ask", is_flag=True, help="A link asks for a passcode; you type it.")
@click.option(
    "--passcode-file",
    type=click.Path(path_type=Path),
    help="The file whose first line is the link's passcode.",
)
@click.option("--uses", type=click.IntRange(1), help="How often a link may be opened; any number.")
@click.option(
    "--attempts",
    type=click.IntRange(1, 100),
    help="Wrong passcodes that a link bears in its life; 10 by default.",
)
@click.option("--no-qr", is_flag=True, help="Do not draw the link as a QR code.")
@force_option
@pass_session
def create_share(
    session: Session,
    *,
    study: str,
    link_file: Path,
    peer: str,
    series: tuple[str, ...],
    days: int | None,
    until: str | None,
    view_only: bool,
    out: Path | None,
    ask: bool,
    passcode_file: Path | None,
    uses: int | None,
    attempts: int | None,
    no_qr: bool,
    force: bool,
) -> None:
    """Share STUDY with a peer or a new link, in the name of whoever holds the link.

    The share is signed here: the link's secret goes nowhere. It ends with the grant it stands on,
    unless --days or --until say earlier.

    With --to link, a new link is made and shown once, for whoever shall have it: a practice
    fetches with it by `undisc fetch`. It can ask for a passcode, and count how often it is opened.
    """
    # Keys and signatures load libsodium, which no other command needs.
    from undisc_admin.agent import NONCE, ShareWish, key_of_link, share_on  # noqa: PLC0415

    end = end_of(days=days, until=until, now=session.now())
    key = key_of_link(read_link(link_file))
    detail = session.client.get(f"studies/{segment(study)}")
    identifier = detail.part("study").text("id")
    grant = _grant_of(session, identifier, key.did)
    to_link = peer == TO_LINK
    if not to_link and (ask or passcode_file or uses or attempts):
        raise click.UsageError("a passcode, uses and attempts belong to a link: --to link")
    if ask and passcode_file:
        raise click.UsageError("--passcode asks for it, --passcode-file reads it: one of them")
    address, secret = (address_of(session), session.random(SECRET)) if to_link else ("", b"")
    audience = key_of_link(secret).did if to_link else _did_of(session, peer)
    wish = ShareWish(
        audience=audience,
        command=command_of(view_only=view_only),
        series=_series_names(detail, series),
        made=int(session.now()),
        expires=end,
        nonce=session.random(NONCE),
    )
    token = session.client.get(f"grants/{segment(grant.text('id'))}/token").text("token")
    signed = share_on(token, key, wish)
    if to_link:
        passcode = read_passcode(passcode_file) if passcode_file else None
        handed = LinkWish(
            passcode=ask_passcode(new=True) if ask else passcode,
            uses=uses,
            attempts=attempts,
            out=out,
            force=force,
            qr=not no_qr and is_terminal(sys.stderr),
        )
        make_link(session, signed=signed, address=address, secret=secret, wish=handed)
        return
    path = out or Path(offer_name(peer, identifier))
    with ExitStack() as places:
        offer = places.enter_context(new_file(path, force=force))
        answer = session.client.post("shares", {"token": signed})
        write_offer(offer, answer, f"share {short(answer.part('share').text('id'))}")
    if session.json_wanted:
        say_json(answer.raw)
        return
    share = answer.part("share")
    note(f"share {short(share.text('id'))} is valid until {moment(share.text('expires'))}")
    if not offer.standard:
        tell_next(path, clean(recipient(share)))
        hint(f"take it back with: undisc shares revoke {short(share.text('id'))}")


def _did_of(session: Session, peer: str) -> Did:
    to = session.client.get(f"peers/{segment(peer)}")
    return _checked((to.part("peer") if "peer" in to.raw else to).text("did"))


def _checked(text: str) -> Did:
    from undisc_protocol.did import check_did  # noqa: PLC0415 - as above
    from undisc_protocol.errors import ProtocolError  # noqa: PLC0415

    try:
        return check_did(text)
    except ProtocolError:
        raise CommandError("the node named a peer without a usable key", code="bad_key") from None


def _grant_of(session: Session, study: str, audience: str) -> Answer:
    """Find the active grant whose audience is the link; of several the one that lasts longest."""
    found = [
        grant
        for grant in session.client.get("grants", {"study": study}).parts("grants")
        if grant.text("audience") == audience and grant.text("state") == "active"
    ]
    if not found:
        raise CommandError(
            "this link has no active grant on the study",
            exit_code=ExitCode.NOT_FOUND,
            code="no_grant",
            hint="see what there is: undisc grants list --study " + short(study),
        )
    return max(found, key=lambda grant: seconds_of(grant.text("expires")))


def _series_names(detail: Answer, wanted: Sequence[str]) -> tuple[bytes, ...]:
    """Turn series UIDs and names into names; only the node can compute them from UIDs."""
    known = {
        str(row.raw["series_uid"]): str(row.raw["series"])
        for row in detail.parts("instances")
        if row.raw.get("series") and row.raw.get("series_uid")
    }
    names = []
    for one in wanted:
        name = known.get(one, one.lower())
        if not _SERIES_NAME.fullmatch(name):
            raise CommandError(
                "the study has no such series",
                exit_code=ExitCode.NOT_FOUND,
                code="no_series",
                hint="undisc studies show lists the series with their UIDs",
            )
        names.append(bytes.fromhex(name))
    return tuple(names)


@shares.command("list", examples=["undisc shares list", "undisc shares list --study 3f2a"])
@click.option("--study", help="Only shares of this study.")
@pass_session
def list_shares(session: Session, study: str | None) -> None:
    """List shares, newest first."""
    answer = session.client.get("shares", {"study": study})
    if session.json_wanted:
        say_json(answer.raw)
        return
    rows = answer.parts("shares")
    if not rows:
        note("nobody has shared this study" if study else "nobody has shared anything yet")
        hint("share with a link's file: undisc shares create STUDY --link-file FILE --to PEER")
        return
    say_table(
        [
            Column("SHARE"),
            Column("STUDY"),
            Column("TO", shrinks=True),
            Column("MAY"),
            Column("SERIES"),
            Column("UNTIL"),
            Column("STATE"),
        ],
        [
            [
                short(row.text("id")),
                short(row.text("study")),
                recipient(row),
                MAY.get(row.text("command"), row.text("command")),
                str(len(row.texts("series")) or "all"),
                moment(row.text("expires")),
                row.text("state"),
            ]
            for row in rows
        ],
    )


@shares.command("show", examples=["undisc shares show 5b77"])
@click.argument("share")
@pass_session
def show_share(session: Session, share: str) -> None:
    """Show a share, and what those answered who were told of its end."""
    answer = session.client.get(f"shares/{segment(share)}")
    if session.json_wanted:
        say_json(answer.raw)
        return
    row = answer.part("share")
    say(
        facts(
            [
                ("share", row.text("id")),
                ("study", row.text("study")),
                ("to", recipient(row)),
                ("may", MAY.get(row.text("command"), row.text("command"))),
                ("series", str(len(row.texts("series")) or "all")),
                ("until", moment(row.text("expires"))),
                ("revoked", moment(row.text_or_none("revoked"))),
                ("state", row.text("state")),
            ]
        )
    )
    say_notices(answer)


@shares.command("revoke", examples=["undisc shares revoke 5b77", "undisc shares revoke 5b77 --yes"])
@click.argument("share")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@pass_session
def revoke_share(session: Session, share: str, yes: bool) -> None:  # noqa: FBT001 - click's flags
    """End a share at once. Cannot be undone; the grant below it stays.

    Running transfers stop at the next slice. What was copied already cannot be called back.
    """
    named = [
        row
        for row in session.client.get("shares").parts("shares")
        if row.text("id").startswith(share.lower())
    ]
    what = f"share {clean(share)}"
    if len(named) == 1:
        what = f"share {short(named[0].text('id'))} to {recipient(named[0])}"
        share = named[0].text("id")
        tell_copies(receipts_of(session, segment(named[0].text("study"))))
    confirm(f"revoke {what}? This cannot be undone", assume_yes=yes)
    answer = session.client.post(f"shares/{segment(share)}/revoke")
    if session.json_wanted:
        say_json(answer.raw)
    else:
        identifier = short(answer.part("share").text("id"))
        note(f"share {identifier} is revoked: nothing more can be fetched with it")
