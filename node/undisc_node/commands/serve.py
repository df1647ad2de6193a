"""`undisc-node serve`: run the node."""

from __future__ import annotations

import click

from undisc_node.commands.common import Given, clear_errors


@click.command()
@click.option(
    "--trust-clock",
    is_flag=True,
    help="The system's clock is right and was ahead before: do not wait for the times in the log.",
)
@click.pass_obj
@clear_errors
def serve(given: Given, trust_clock: bool) -> None:  # noqa: FBT001 - click's flags
    """Run the node until it is told to stop (Ctrl-C, or SIGTERM).

    Its time never goes back behind what the log has. With --trust-clock, once, it does: permissions
    that had ended in the meantime are valid again, so look through `undisc grants list` afterwards.

    \b
    Example:
      UNDISC_PUBLIC__PORT=8480 undisc-node --home /var/lib/undisc serve
    """
    from undisc_node import wiring  # noqa: PLC0415 - the whole stack takes a second to load

    wiring.serve(given.settings(), trust_clock=trust_clock)
