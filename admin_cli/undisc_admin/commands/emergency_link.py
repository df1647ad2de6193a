"""`undisc grants create --to-link --basis emergency`: a link that opens once, shown once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import click

from undisc_admin.client import segment
from undisc_admin.commands.capabilities import keep
from undisc_admin.files import new_file
from undisc_admin.links import show_qr
from undisc_admin.render import moment, short
from undisc_admin.screen import hint, note, say_json
from undisc_admin.session import Session


def give_link(
    session: Session, study: str, body: Mapping[str, object], out: Path | None, *, force: bool
) -> None:
    """Give a study out by a link that opens once, and show the link.

    Args:
        session: The run.
        study: The study, as typed.
        body: What the node is asked for.
        out: File for the link, or None for standard output.
        force: Whether a file that is there may be replaced.
    """
    found = session.client.get(f"studies/{segment(study)}").part("study").text("id")
    with ExitStack() as places:
        place = places.enter_context(new_file(out, force=force)) if out else None
        answer = session.client.post("grants", {"study": found, **body})
        link, grant = answer.text("url"), answer.part("grant")
        if place:
            keep(place, f"{link}\n".encode("ascii"), f"grant {short(grant.text('id'))}")
    if session.json_wanted:
        # With a file, the link is there: standard output often ends in a log.
        say_json({**answer.raw, "url": None} if place and not place.standard else answer.raw)
        return
    name = short(grant.text("id"))
    note(f"grant {name} is {grant.text('state')} until {moment(grant.text('expires'))}")
    if place is None:
        click.echo(link)
        show_qr(link)
        note("the link opens once, in a browser or another node; it is shown only now")
    elif not place.standard:
        note(f"the link is in {place.path}; it opens once, in a browser or another node")
    if body.get("passcode"):
        hint("tell the passcode on another way than the link: by telephone")
    note("a second person has to look at it: undisc queue list --kind emergency-access")
    hint(f"take it back with: undisc grants revoke {name}")
