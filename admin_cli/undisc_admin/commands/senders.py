"""`undisc senders`: who may send images to the DICOM port, and who waits to be let in."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import click

from undisc_admin.answer import Answer
from undisc_admin.client import segment
from undisc_admin.command import Group
from undisc_admin.errors import CommandError, invalid
from undisc_admin.render import Column, count_of, day, facts, moment, size
from undisc_admin.screen import confirm, hint, note, say, say_json, say_table
from undisc_admin.session import Session, pass_session

_SENDER = click.argument("name")
_LARGEST_FILE = 32_768  # bytes of a certificate; real ones have a tenth of it
_GIB = 2**30
_PAIR = 2  # hex digits between two colons of a fingerprint


@click.group(cls=Group)
def senders() -> None:
    """Say who may send images to this node's DICOM port.

    A sender is known by its address, a network, or its client certificate for TLS. Its AE title
    can narrow that, and is never enough: any program can use any title.

    NAME is what a sender is called in the list. It stands beside the sender's studies and in the
    log. Senders can also stand in undisc.toml; those are changed there.
    """


def _described(function: Any) -> Any:
    """Add the options that say how a sender is known and what it may."""
    for option in reversed(
        (
            click.option("--address", metavar="ADDRESS", help="IP address or network."),
            click.option("--ae", "ae_title", metavar="TITLE", help="The only AE title it may use."),
            click.option(
                "--certificate",
                metavar="FILE",
                type=click.Path(path_type=Path, exists=True, dir_okay=False),
                help="Its client certificate for TLS, PEM or DER.",
            ),
            click.option(
                "--fingerprint",
                metavar="HEX",
                help="SHA-256 of its certificate; alone only with dicom.tls_clients.",
            ),
            click.option(
                "--query/--no-query",
                default=None,
                help="It may also search and retrieve; for trusted workstations.",
            ),
            click.option(
                "--quota",
                metavar="GIB",
                type=click.IntRange(1, 1_000_000),
                help="GiB its studies may have, instead of ingest.quota_sender_gib.",
            ),
            click.option(
                "--port",
                metavar="PORT",
                type=click.IntRange(1, 65_535),
                help="TCP port on which it takes calls itself, for echo and C-MOVE.",
            ),
        )
    ):
        function = option(function)
    return function


def _body(said: dict[str, Any]) -> dict[str, object]:
    """Return what was said about a sender, as the node takes it."""
    body: dict[str, object] = {
        key: said[key]
        for key in ("address", "ae_title", "fingerprint", "may_query", "port")
        if said[key] is not None
    }
    if said["quota"] is not None:
        body["quota"] = said["quota"] * _GIB
    path = said["certificate"]
    if path is not None:
        try:
            with path.open("rb") as file:
                data = file.read(_LARGEST_FILE + 1)
        except OSError as problem:
            raise invalid(f"the file cannot be read: {problem.strerror}") from problem
        if not data or len(data) > _LARGEST_FILE:
            raise invalid(
                "the file is no certificate", "give a PEM or DER file with one certificate"
            )
        body["certificate"] = base64.b64encode(data).decode()
    return body


@senders.command(
    "add",
    examples=[
        "undisc senders add ct1 --address 192.168.1.20",
        "undisc senders add ward --address 10.1.2.0/24 --ae WARD_PACS --query",
        "undisc senders add mobile-us --certificate us.pem --address 10.1.2.7",
    ],
)
@_SENDER
@_described
@pass_session
def add_sender(session: Session, /, name: str, query: bool | None, **said: Any) -> None:  # noqa: FBT001 - click's flag
    """Let a scanner, workstation or PACS send, at once and without a restart."""
    body = _body({**said, "may_query": query})
    answer = session.client.post("senders", {"name": name, **body})
    if session.json_wanted:
        say_json(answer.raw)
        return
    row = answer.part("sender")
    note(f"{row.text('name')} may send")
    hint("try it with C-ECHO from there (verify, ping), then look: undisc senders list")


@senders.command(
    "list",
    examples=["undisc senders list", "undisc senders list --all", "undisc senders list --json"],
)
@click.option("--all", "removed", is_flag=True, help="Also those that were removed.")
@pass_session
def list_senders(session: Session, removed: bool) -> None:  # noqa: FBT001 - click's flag
    """List who may send, who waits in quarantine, and who was refused lately."""
    answer = session.client.get("senders", {"removed": "true"} if removed else None)
    if session.json_wanted:
        say_json(answer.raw)
        return
    rows = answer.parts("senders")
    if rows:
        say_table(
            [
                Column("SENDER", shrinks=True),
                Column("STATE"),
                Column("KNOWN BY", shrinks=True),
                Column("MAY"),
                Column("LAST SEEN"),
                Column("IMAGES", right=True),
                Column("REFUSED", right=True),
                Column("IN QUARANTINE", shrinks=True),
            ],
            [_line(row) for row in rows],
        )
    else:
        note("nobody may send to this node's DICOM port yet")
        hint("let a scanner send: undisc senders add NAME --address ADDRESS")
    _say_refused(answer)
    waiting = [row for row in rows if row.text("state") == "pending"]
    if waiting:
        hint(f"look what {waiting[0].text('name')} sent: undisc senders show NAME")
        hint("then let it in or turn it away: undisc senders trust NAME, or remove NAME")


def _line(row: Answer) -> list[str]:
    return [
        row.text("name"),
        row.text("state"),
        _known_by(row),
        _may(row),
        moment(row.text_or_none("seen")) or "never",
        f"{row.integer('objects'):,}",
        f"{row.integer('refused'):,}",
        _kept(row.part("quarantine")),
    ]


def _known_by(row: Answer) -> str:
    pins = [row.text("address")]
    if row.text("fingerprint"):
        pins.append(f"certificate {row.text('fingerprint')[:8]}…")
    if row.text("ae_title"):
        pins.append(f"as {row.text('ae_title')}")
    return " ".join(pin for pin in pins if pin)


def _may(row: Answer) -> str:
    if row.text("state") != "trusted":
        return ""
    return "send, query" if row.flag("may_query") else "send"


def _kept(kept: Answer) -> str:
    number = kept.integer("objects")
    return f"{count_of(number, 'image')}, {size(kept.integer('bytes'))}" if number else ""


def _say_refused(answer: Answer) -> None:
    refused = answer.parts("refused")
    for one in refused[:5]:
        title = one.text("ae_title")
        note(
            f"refused: {one.text('address')}"
            + (f" as {title}" if title else "")
            + f", {count_of(one.integer('times'), 'time')}, last {moment(one.text('at'))}"
        )
    if refused:
        address = refused[0].text("address")
        hint(f"if it belongs to you: undisc senders add NAME --address {address}")


@senders.command("show", examples=["undisc senders show ct1", "undisc senders show ct1 --json"])
@_SENDER
@pass_session
def show_sender(session: Session, name: str) -> None:
    """Show how a sender is known, what came of it, and what it has in quarantine."""
    answer = session.client.get(f"senders/{segment(name)}")
    if session.json_wanted:
        say_json(answer.raw)
        return
    row = answer.part("sender")
    quota = row.integer("quota")
    say(
        facts(
            [
                ("sender", row.text("name")),
                ("state", row.text("state")),
                ("stands in", "undisc.toml" if row.flag("from_settings") else "the catalog"),
                ("address", row.text("address") or "any, with its certificate"),
                ("AE title", row.text("ae_title") or "any"),
                ("certificate", _grouped(row.text("fingerprint"))),
                ("takes calls on port", str(row.integer("port") or "")),
                ("may", _may(row) or "nothing"),
                ("quota", size(quota) if quota else "as all"),
                ("added", moment(row.text_or_none("added"))),
                ("last seen", moment(row.text_or_none("seen")) or "never"),
                ("images", f"{row.integer('objects'):,} ({size(row.integer('bytes'))})"),
                ("refused images", f"{row.integer('refused'):,}"),
                ("in quarantine", _kept(row.part("quarantine"))),
            ]
        )
    )
    studies = answer.parts("studies")
    if not studies:
        return
    say([""])
    say_table(
        [
            Column("PATIENT", shrinks=True),
            Column("PATIENT ID", shrinks=True),
            Column("DATE"),
            Column("KIND"),
            Column("DESCRIPTION", shrinks=True),
            Column("IMAGES", right=True),
            Column("SINCE"),
        ],
        [_study_line(one) for one in studies],
    )
    hint(f"let it in: undisc senders trust {name}; erase it: undisc senders remove {name}")


def _study_line(one: Answer) -> list[str]:
    patient = one.part_or_none("patient")
    return [
        patient.text("name") if patient else "",
        patient.text("id") if patient else "",
        day(one.text("study_date")),
        one.text("modality"),
        one.text("description"),
        f"{one.integer('objects'):,}",
        moment(one.text("since")),
    ]


def _grouped(fingerprint: str) -> str:
    pairs = range(0, len(fingerprint), _PAIR)
    return ":".join(fingerprint[at : at + _PAIR].upper() for at in pairs)


@senders.command(
    "trust",
    examples=[
        "undisc senders trust CT1@10.1.2.9 --name ct1",
        "undisc senders trust workstation --query",
        "undisc senders trust ct1 --certificate ct1-new.pem",
    ],
)
@_SENDER
@click.option("--name", "new_name", metavar="NAME", help="What it shall be called from now on.")
@_described
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@pass_session
def trust_sender(
    session: Session,
    /,
    *,
    name: str,
    new_name: str | None,
    query: bool | None,
    yes: bool,
    **said: Any,
) -> None:
    """Trust an unknown sender and let in what it sent; or change a trusted one.

    What it has in quarantine becomes studies, as if it were sent now. An option that is not given
    leaves that thing as it is.
    """
    body = _body({**said, "may_query": query})
    if new_name is not None:
        body["name"] = new_name
    if not yes:
        row = session.client.get(f"senders/{segment(name)}").part("sender")
        kept = _kept(row.part("quarantine"))
        if row.text("state") != "trusted":
            confirm(
                f"trust {name}, known by {_known_by(row)}"
                + (f", and let in {kept}?" if kept else "?"),
                assume_yes=False,
            )
    answer = session.client.post(f"senders/{segment(name)}/trust", body)
    if session.json_wanted:
        say_json(answer.raw)
        return
    note(f"{answer.part('sender').text('name')} may send")
    done = answer.part("let_in")
    if done.integer("objects"):
        note(
            f"let in {count_of(done.integer('objects'), 'image')}"
            f" of {count_of(done.integer('studies'), 'study', 'studies')}"
        )
    problem = done.part_or_none("problem")
    if problem is not None:
        raise CommandError(
            f"the rest stays in quarantine: {problem.text('message')}",
            code=problem.text("code"),
            hint=problem.text("hint") or f"run it again: undisc senders trust {name}",
        )


@senders.command("echo", examples=["undisc senders echo ct1", "undisc senders echo ct1 --port 104"])
@_SENDER
@click.option("--port", type=click.IntRange(1, 65_535), help="Its TCP port, if not known yet.")
@pass_session
def echo_sender(session: Session, name: str, port: int | None) -> None:
    """Ask a sender whether it answers (C-ECHO to its address)."""
    body = {} if port is None else {"port": port}
    answer = session.client.post(f"senders/{segment(name)}/echo", body)
    if session.json_wanted:
        say_json(answer.raw)
    else:
        note(f"{name} answers, after {answer.integer('milliseconds')} ms")


@senders.command(
    "remove", examples=["undisc senders remove ct1", "undisc senders remove CT1@10.1.2.9 --yes"]
)
@_SENDER
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@pass_session
def remove_sender(session: Session, name: str, yes: bool) -> None:  # noqa: FBT001 - click's flags
    """Refuse a sender from now on, also one that waits. Its studies stay.

    What it has in quarantine is erased.
    """
    confirm(f"refuse {name} from now on, and erase what it has in quarantine?", assume_yes=yes)
    answer = session.client.delete(f"senders/{segment(name)}")
    if session.json_wanted:
        say_json(answer.raw)
        return
    note(f"{answer.part('sender').text('name')} is refused from now on")
    erased = answer.part("erased").integer("objects")
    if erased:
        note(f"erased {count_of(erased, 'image')} of it in quarantine")
    hint(f"to let it in again: undisc senders trust {name}")
