"""`undisc-node serve`: run the node."""

from __future__ import annotations

import click

from undisc_node.commands.common import Given, clear_errors


@click.command()
@click.pass_obj
@clear_errors
def serve(given: Given) -> None:
    """Run the node until it is told to stop (Ctrl-C, or SIGTERM).

    \b
    Example:
      UNDISC_PUBLIC__PORT=8480 undisc-node --home /var/lib/undisc serve
    """
    from undisc_node import wiring  # noqa: PLC0415 - the whole stack takes a second to load

    wiring.serve(given.settings())
