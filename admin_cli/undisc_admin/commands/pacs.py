"""`undisc pacs`: the practice's own archives, from which studies come and into which they go."""

from __future__ import annotations

from pathlib import Path

import click

from undisc_admin.answer import Answer
from undisc_admin.client import segment
from undisc_admin.command import Group
from undisc_admin.commands.deliveries import cancel_delivery, list_deliveries
from undisc_admin.render import Column
from undisc_admin.screen import confirm, hint, note, say_json, say_table
from undisc_admin.session import Session, pass_session

_PACS = click.argument("name")


@click.group(cls=Group)
def pacs() -> None:
    """Look after the practice's own archives (PACS).

    NAME is what a PACS was called when it was added.
    """


@pacs.command(
    "add",
    examples=[
        "undisc pacs add main --dimse ORTHANC@10.1.2.3:4242 --fetched",
        "undisc pacs add web --dicomweb https://pacs.example/dicom-web --credentials /etc/pacs.pw",
    ],
)
@_PACS
@click.option("--dimse", metavar="AE@HOST:PORT", help="Its DICOM address.")
@click.option("--dicomweb", metavar="URL", help="Base of its DICOMweb services.")
@click.option(
    "--calling-ae", metavar="AE", help="Our AE title when we call it; the node's own by default."
)
@click.option(
    "--credentials",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="File with user:password for DICOMweb; the node reads it.",
)
@click.option(
    "--retrieve",
    type=click.Choice(["move", "get", "wado"]),
    help="How studies come from it; move with --dimse, wado with --dicomweb by default.",
)
@click.option("--fetched", is_flag=True, help="Put studies fetched from peers into it.")
@click.option("--issuer", metavar="TEXT", help="Issuer of its patient ids, for DICOM (0010,0021).")
@pass_session
def add_pacs(
    session: Session,
    *,
    name: str,
    dimse: str | None,
    dicomweb: str | None,
    calling_ae: str | None,
    credentials: Path | None,
    retrieve: str | None,
    fetched: bool,
    issuer: str | None,
) -> None:
    """Tell the node about a PACS, by its DICOM address or its DICOMweb URL.

    The PACS has to know this node as well: its address, its AE title and its DICOM port, which
    `undisc status` shows.
    """
    if bool(dimse) == bool(dicomweb):
        raise click.UsageError("give either --dimse or --dicomweb")
    answer = session.client.post(
        "pacs",
        {
            "name": name,
            "dimse": dimse or "",
            "url": dicomweb or "",
            "calling_ae": calling_ae or "",
            "credentials": "" if credentials is None else str(credentials.absolute()),
            "retrieve": retrieve or "",
            "takes_fetched": fetched,
            "issuer": issuer or "",
        },
    )
    if session.json_wanted:
        say_json(answer.raw)
        return
    row = answer.part("pacs")
    note(f"PACS {row.text('name')} is added")
    hint(f"see whether it answers: undisc pacs echo {row.text('name')}")
    if row.text("retrieve") == "move":
        hint("it sends to this node's DICOM port: undisc senders add NAME --address ADDRESS")


pacs.add_command(list_deliveries)
pacs.add_command(cancel_delivery)


@pacs.command("list", examples=["undisc pacs list", "undisc pacs list --json"])
@pass_session
def list_pacs(session: Session) -> None:
    """List the archives that this node knows."""
    answer = session.client.get("pacs")
    if session.json_wanted:
        say_json(answer.raw)
        return
    rows = answer.parts("pacs")
    if not rows:
        note("this node knows no PACS yet")
        hint("add one: undisc pacs add NAME --dimse AE@HOST:PORT")
        return
    say_table(
        [
            Column("PACS"),
            Column("ADDRESS", shrinks=True),
            Column("RETRIEVE"),
            Column("FETCHED STUDIES"),
            Column("ISSUER", shrinks=True),
        ],
        [
            [
                row.text("name"),
                _address(row),
                row.text("retrieve"),
                "go there" if row.flag("takes_fetched") else "",
                row.text("issuer"),
            ]
            for row in rows
        ],
    )


def _address(row: Answer) -> str:
    return row.text("url") or f"{row.text('ae_title')}@{row.text('host')}:{row.integer('port')}"


@pacs.command("echo", examples=["undisc pacs echo main"])
@_PACS
@pass_session
def echo_pacs(session: Session, name: str) -> None:
    """Ask a PACS whether it answers (C-ECHO, or a query by DICOMweb)."""
    answer = session.client.post(f"pacs/{segment(name)}/echo")
    if session.json_wanted:
        say_json(answer.raw)
    else:
        note(f"PACS {name} answers, after {answer.integer('milliseconds')} ms")


@pacs.command("remove", examples=["undisc pacs remove main", "undisc pacs remove main --yes"])
@_PACS
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@pass_session
def remove_pacs(session: Session, name: str, yes: bool) -> None:  # noqa: FBT001 - click's flags
    """Forget a PACS. What it holds stays there; what is on its way to it stays here."""
    confirm(f"forget the PACS {name} and what is on its way there?", assume_yes=yes)
    answer = session.client.delete(f"pacs/{segment(name)}")
    if session.json_wanted:
        say_json(answer.raw)
    else:
        note(f"PACS {answer.text('removed')} is removed")
