"""The `undisc` command: puts the commands together."""

from __future__ import annotations

from pathlib import Path

import click

from undisc_admin.command import Program
from undisc_admin.commands.consents import consents
from undisc_admin.commands.fetches import fetch, fetches
from undisc_admin.commands.grants import grants
from undisc_admin.commands.links import links
from undisc_admin.commands.log import log
from undisc_admin.commands.messages import messages
from undisc_admin.commands.offers import offers
from undisc_admin.commands.orders import orders
from undisc_admin.commands.pacs import pacs
from undisc_admin.commands.peers import peers
from undisc_admin.commands.queue import queue
from undisc_admin.commands.restored import restored
from undisc_admin.commands.senders import senders
from undisc_admin.commands.shares import shares
from undisc_admin.commands.staff import staff
from undisc_admin.commands.status import status
from undisc_admin.commands.studies import studies
from undisc_admin.commands.visits import visits
from undisc_admin.errors import MEANINGS
from undisc_admin.session import Session


def _print_version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's callback
    if not value or context.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - slow to load

    try:
        found = version("undisc")
    except PackageNotFoundError:
        found = "unknown (not installed)"
    click.echo(f"undisc {found}")
    context.exit()


@click.group(cls=Program, exit_codes=MEANINGS, context_settings={"max_content_width": 100})
@click.option(
    "--home",
    envvar="UNDISC_HOME",
    show_envvar=True,
    type=click.Path(path_type=Path),
    help="The node's home directory; by default undisc in the platform's data directory.",
)
@click.option(
    "--socket",
    type=click.Path(path_type=Path),
    help="The node's admin socket; by default admin.sock in its home.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
@click.pass_context
def main(context: click.Context, home: Path | None, socket: Path | None) -> None:
    """Administer an undisc node: its studies, its peers, and who may fetch what.

    The node must be running on this machine. Every command has --help with examples, and --json
    for scripts. Ids may be shortened to 4 hex digits as long as they are unique.
    """
    session = context.ensure_object(Session)
    session.home, session.socket = home, socket


for _command in (
    status,
    studies,
    peers,
    grants,
    shares,
    links,
    fetch,
    fetches,
    orders,
    consents,
    visits,
    messages,
    offers,
    queue,
    staff,
    pacs,
    senders,
    log,
    restored,
):
    main.add_command(_command)
