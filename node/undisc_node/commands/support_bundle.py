"""`undisc-node support-bundle`: what somebody who helps needs to know."""

from __future__ import annotations

from pathlib import Path

import click

from undisc_node.commands.common import Given, clear_errors


@click.command("support-bundle")
@click.argument("path", metavar="FILE.zip", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--with-names",
    is_flag=True,
    help="Leave names, addresses and URLs of practices and senders in.",
)
@click.pass_obj
@clear_errors
def support_bundle(given: Given, path: Path, with_names: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Write a file for somebody who helps: findings, settings, versions, counts.

    No patient, key or line of the log is in it. Names of practices, senders and machines are
    replaced by placeholders unless --with-names is given.

    \b
    Example:
      undisc-node support-bundle support.zip
    """
    from undisc_node.support.bundle import CONTENTS, write_bundle  # noqa: PLC0415 - slow to load, as in serve

    size = write_bundle(
        path,
        home=given.home,
        environment=given.environment,
        overrides=given.overrides,
        with_names=with_names,
    )
    click.echo(f"wrote {path}, {size} bytes, which only you can read; in it:")
    for name, text in CONTENTS.items():
        click.echo(f"  {name:<15} {text}")
    if with_names:
        click.echo("names, addresses and URLs of practices and senders are in it")
    click.echo("look through it before you send it")
