"""`undisc-node kit`: look after the recovery kit."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from undisc_node import backups, founding
from undisc_node.commands.common import Given, clear_errors, passphrase


@click.group()
def kit() -> None:
    """Look after the recovery kit."""


@kit.command("verify")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File with the kit's passphrase, instead of a prompt.",
)
@click.pass_obj
@clear_errors
def verify(given: Given, path: Path, passphrase_file: Path | None) -> None:
    """Read a recovery kit back, to be sure that it can be used one day.

    Where the node is backed up, the newest backup is opened with the key in the kit: both together
    are what a restore needs.

    \b
    Example:
      undisc-node kit verify /media/stick/kit.txt
    """
    opened = founding.verify_kit(given.home, path, passphrase(passphrase_file, confirm=False))
    click.echo("the recovery kit opens and belongs to this node")
    found = backups.open_with_kit(given.settings(), opened)
    if found is None:
        click.echo("there is no backup yet; a kit without one brings no image back:")
        click.echo("  undisc-node backup --to DIRECTORY")
    else:
        moment = datetime.fromtimestamp(found.at_ms / 1000, UTC)
        click.echo(f"it opens the newest backup, of {moment:%Y-%m-%d %H:%M:%S} UTC")
