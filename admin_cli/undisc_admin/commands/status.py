"""`undisc status`: who this node is and how it is doing."""

from __future__ import annotations

import click

from undisc_admin.answer import Answer
from undisc_admin.command import Command
from undisc_admin.render import count_of, facts, moment, size, words_in_rows
from undisc_admin.screen import hint, say, say_json
from undisc_admin.session import Session, pass_session


@click.command(cls=Command, examples=["undisc status", "undisc --home /srv/undisc status --json"])
@pass_session
def status(session: Session) -> None:
    """Show who this node is, its addresses, and how it is doing.

    The twelve words are the node's id. Read them out to the administrator of another practice who
    adds this node as a peer.
    """
    answer = session.client.get("status")
    if session.json_wanted:
        say_json(answer.raw)
        return
    say(_lines(answer))
    _advise(answer)


def _lines(answer: Answer) -> list[str]:
    doors, log = answer.part("listeners"), answer.part("log")
    name = answer.text("name") + ("  (demo: not for patients' data)" if answer.flag("demo") else "")
    lines = facts(
        [
            ("node", name),
            ("node id", answer.text("node_id")),
            ("did", answer.text("did")),
            ("addresses", ", ".join(answer.texts("urls"))),
            ("public", _door(doors, "public")),
            ("internal", _door(doors, "internal")),
            ("dicom", _door(doors, "dicom")),
            ("dicom with TLS", doors.text_or_none("dicom-tls") or ""),
            ("hl7", doors.text_or_none("hl7") or ""),
            ("home", answer.text("home")),
            ("version", answer.text("version")),
            ("studies", _studies(answer.part("studies"))),
            ("peers", _counts(answer.part("peers"), ("trusted", "pending", "suspended"))),
            ("log", f"{count_of(log.integer('size'), 'event')}, root {log.text('root')}"),
            ("disk", f"{size(answer.integer('disk_free'))} free"),
            ("restored", _restored(answer)),
            ("recovery kit", "read back" if answer.flag("kit_verified") else "not read back"),
        ]
    )
    return [*lines[:2], "words", *words_in_rows(answer.texts("words")), *lines[2:]]


def _restored(answer: Answer) -> str:
    since = answer.text_or_none("restored_unconfirmed")
    return f"{moment(since)}; permissions wait for you" if since else ""


def _door(doors: Answer, name: str) -> str:
    return doors.text_or_none(name) or "closed"


def _counts(answer: Answer, names: tuple[str, ...]) -> str:
    counted = [f"{answer.integer(name):,} {name}" for name in names if answer.integer(name)]
    return ", ".join(counted) or "none"


def _studies(studies: Answer) -> str:
    counted = _counts(studies, ("active", "held", "withdrawn"))
    growing = studies.integer("unsettled")
    return f"{counted} ({growing:,} still growing)" if growing else counted


def _advise(answer: Answer) -> None:
    if waiting := answer.part("studies").integer("waiting"):
        hint(
            f"{count_of(waiting, 'arrival waits', 'arrivals wait')} for your decision: "
            "undisc studies list"
        )
    if strangers := answer.integer("strangers"):
        hint(f"{count_of(strangers, 'unknown sender')} in quarantine: undisc senders list")
    if queued := answer.integer("queue"):
        hint(
            f"{count_of(queued, 'thing waits', 'things wait')} for your decision: undisc queue list"
        )
    if alerts := answer.integer("peer_alerts"):
        hint(f"{count_of(alerts, 'peer has', 'peers have')} an alert: undisc peers list")
    if answer.flag("log_differs"):
        hint("a peer has seen more of this node's log than is here: undisc log verify")
    if answer.text_or_none("restored_unconfirmed"):
        hint("every permission from before the restore is suspended: undisc restored show")
    if not answer.flag("kit_verified"):
        hint("read the recovery kit back once, so that it is known to work: undisc-node doctor")
    if not answer.part("peers").integer("trusted"):
        hint("no peers are trusted yet: undisc peers invite")
