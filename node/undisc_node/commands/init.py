"""`undisc-node init`: make a new node."""

from __future__ import annotations

from pathlib import Path

import click

from undisc_node import founding
from undisc_node.commands.common import Given, clear_errors, passphrase


@click.command()
@click.option("--name", required=True, help="The practice's name, as other nodes see it.")
@click.option(
    "--recovery-kit",
    "kit_path",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the recovery kit; keep it away from this machine.",
)
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File with the kit's passphrase, instead of a prompt.",
)
@click.option(
    "--keys",
    "keys_elsewhere",
    type=click.Path(path_type=Path, file_okay=False),
    help="Empty directory for the node's keys, such as another disk; by default in the home.",
)
@click.option("--url", "urls", multiple=True, help="Public address of this node (repeatable).")
@click.option("--demo", is_flag=True, help="A node for demonstrations; never for real patients.")
@click.pass_obj
@clear_errors
def init(
    given: Given,
    name: str,
    kit_path: Path,
    passphrase_file: Path | None,
    keys_elsewhere: Path | None,
    urls: tuple[str, ...],
    demo: bool,  # noqa: FBT001 - click passes options by name
) -> None:
    """Make a new node: keys, settings, and the recovery kit.

    \b
    Example:
      undisc-node init --name "Practice A" --recovery-kit /media/stick/kit.txt
    """
    made = founding.found(
        given.home,
        name=name,
        urls=urls,
        demo=demo,
        kit_path=kit_path,
        passphrase=passphrase(passphrase_file, confirm=True),
        keys_elsewhere=keys_elsewhere,
    )
    click.echo(f"made node '{name}' in {given.home}")
    click.echo("its id, as words that others compare with you on the phone:")
    click.echo("  " + " ".join(made.words[:6]))
    click.echo("  " + " ".join(made.words[6:]))
    click.echo(f"recovery kit: {kit_path}")
    click.echo("next:")
    click.echo(
        f"  undisc-node --home {given.home} kit verify {kit_path}"
        "    (then print it, and move it away)"
    )
    click.echo(f"  undisc-node --home {given.home} serve")
