"""The `undisc` command: puts the commands together."""

from __future__ import annotations

from pathlib import Path

import click

from undisc_admin.command import Program
from undisc_admin.errors import MEANINGS
from undisc_admin.session import Session

_COMMANDS = {
    "status": "status",
    "studies": "studies",
    "peers": "peers",
    "keys": "keys",
    "grants": "grants",
    "shares": "shares",
    "links": "links",
    "fetch": "fetches",
    "fetches": "fetches",
    "orders": "orders",
    "consents": "consents",
    "visits": "visits",
    "messages": "messages",
    "offers": "offers",
    "queue": "queue",
    "staff": "staff",
    "pacs": "pacs",
    "senders": "senders",
    "log": "log",
    "restored": "restored",
}
"""The commands, and the module of `undisc_admin.commands` that each is in."""


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


@click.group(
    cls=Program,
    exit_codes=MEANINGS,
    modules=_COMMANDS,
    context_settings={"max_content_width": 100},
)
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
