"""`undisc-node migrate`: bring the databases of a stopped node up to date."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict

import click

from undisc_node.commands.common import EXIT_FAILED, Given, clear_errors


@click.command()
@click.option("--check", is_flag=True, help="Only say what would be done; exit code 1 if anything.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
@clear_errors
def migrate(given: Given, check: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Upgrade the databases after a new version was installed.

    `serve` does the same when it starts. First the databases are copied into the home, below
    before-upgrade/; `undisc-node rollback` goes back to such a copy. The node must be stopped.

    \b
    Example:
      undisc-node migrate --check
    """
    from undisc_node.storage import upgrade  # noqa: PLC0415 - slow to load, as in serve
    from undisc_node.storage.home import holding_home  # noqa: PLC0415

    if check:
        found = upgrade.pending(given.home)
    else:
        with holding_home(given.home):
            found = upgrade.bring_up_to_date(given.home, now=time.time())
    if as_json:
        body = asdict(found) if found else {}
        click.echo(json.dumps({"done": found is not None and not check} | body, default=str))
    elif found is None:
        click.echo("the databases are up to date")
    elif check:
        click.echo(f"an upgrade from {found.before} to {found.after} is due:")
        for step in found.steps:
            click.echo(f"  {step}")
        click.echo("next: stop the node, then undisc-node migrate (or just start this version)")
    else:
        click.echo(f"upgraded the databases from {found.before} to {found.after}")
        click.echo(f"as they were before: {found.copy}")
        click.echo("to go back: undisc-node rollback")
    if check and found is not None:
        sys.exit(EXIT_FAILED)
