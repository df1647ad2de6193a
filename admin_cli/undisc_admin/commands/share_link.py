"""`undisc shares create --to link`: makes a link here, and shows it once."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click

from undisc_admin.errors import CommandError, ExitCode
from undisc_admin.files import new_file
from undisc_admin.links import show_qr
from undisc_admin.render import count_of, moment, short
from undisc_admin.screen import hint, note, say_json
from undisc_admin.session import Session

TO_LINK = "link"
"""What `--to` says for a new link, in the place of a peer's name."""


@dataclass(frozen=True, slots=True)
class LinkWish:
    """How a link is protected and handed over.

    Attributes:
        passcode: As typed, or None.
        uses: How often it may be opened, or None for any number.
        attempts: How many wrong passcodes it bears, or None for the node's default.
        out: File for the link, or None for standard output.
        force: Whether a file that is there may be replaced.
        qr: Whether to draw it.
    """

    passcode: str | None
    uses: int | None
    attempts: int | None
    out: Path | None
    force: bool
    qr: bool


def address_of(session: Session) -> str:
    """Return the address with which links of this node begin.

    Raises:
        CommandError: The node has none.
    """
    urls = session.client.get("status").texts("urls")
    if not urls:
        raise CommandError(
            "this node has no public address, so a link to it would lead nowhere",
            exit_code=ExitCode.CONFLICT,
            code="no_address",
            hint="set urls under [public] in undisc.toml and restart the node",
        )
    return urls[0]


def make_link(
    session: Session, *, signed: str, address: str, secret: bytes, wish: LinkWish
) -> None:
    """Register a share to a new link, and show the link.

    Args:
        session: The run.
        signed: The share in base64.
        address: Where the link leads.
        secret: Its secret; goes nowhere but into the link that is shown.
        wish: How it is protected and handed over.
    """
    from undisc_protocol.link import write_link  # noqa: PLC0415 - loads libsodium

    link = write_link(address, secret)
    body = {
        "token": signed,
        "passcode": wish.passcode,
        "uses": wish.uses,
        "attempts": wish.attempts,
    }
    with ExitStack() as places:
        place = places.enter_context(new_file(wish.out, force=wish.force)) if wish.out else None
        answer = session.client.post(
            "links", {name: value for name, value in body.items() if value is not None}
        )
        if place:
            place.write(f"{link}\n".encode("ascii"))
    if session.json_wanted:
        # With a file, the link is there: standard output often ends in a log.
        say_json({**answer.raw, "url": None if place and not place.standard else link})
        return
    row, share = answer.part("link"), answer.part("share")
    name = short(row.text("id"))
    note(f"link {name} is valid until {moment(share.text('expires'))}; {_protection(wish)}")
    if place is None:
        click.echo(link)
        if wish.qr:
            show_qr(link)
        note("it is shown only this once: whoever has it can use it")
    elif not place.standard:
        note(f"the link is in {place.path}: whoever has that file can use it")
    if wish.passcode:
        hint("tell the passcode on another way than the link: by telephone, or on paper")
    hint(f"take it back with: undisc links revoke {name}")


def _protection(wish: LinkWish) -> str:
    asks = "it asks for the passcode" if wish.passcode else "it asks for no passcode"
    return f"{asks}, and opens {count_of(wish.uses, 'time')}" if wish.uses else asks
