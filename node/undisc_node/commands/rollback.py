"""`undisc-node rollback`: make a stopped node's databases fit the version before the upgrade."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict

import click

from undisc_node.commands.common import Given, clear_errors
from undisc_node.services.errors import Invalid


@click.command()
@click.option("--yes", is_flag=True, help="Do it without asking.")
@click.option(
    "--as-it-was",
    is_flag=True,
    help="Put the copy back without anything that came since; no permission in it stays valid.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
@clear_errors
def rollback(given: Given, yes: bool, as_it_was: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Go back to the version that was used before the last upgrade.

    The databases get the older version's tables again, with all that was stored and decided since.
    The newer ones are kept in the home, below before-rollback/. The node must be stopped.

    \b
    Example:
      undisc-node rollback --yes
    """
    from undisc_node.storage import rollback as storage  # noqa: PLC0415 - slow to load, as in serve
    from undisc_node.storage.home import holding_home  # noqa: PLC0415

    with holding_home(given.home):
        plan = storage.look(given.home)
        if not yes:
            _ask(plan.before, plan.after, plan.taken, as_it_was=as_it_was)
        done = storage.roll_back(given.home, now=time.time(), as_it_was=as_it_was)
    if as_json:
        click.echo(json.dumps(asdict(done), default=str))
        return
    click.echo(f"the databases fit undisc {done.after} again")
    click.echo(f"those of {done.before} are kept: {done.aside}")
    if done.packs_aside:
        click.echo(f"packs that its catalog does not know are kept there too: {done.packs_aside}")
    if as_it_was:
        click.echo("no permission in them is valid: they were made before the copy")
    click.echo(f"next: install undisc {done.after}, and start it; this version would upgrade again")


def _ask(before: str, after: str, taken: int, *, as_it_was: bool) -> None:
    if not sys.stdin.isatty():
        raise Invalid("a rollback must be confirmed", hint="use --yes where nobody can be asked")
    day = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(taken))
    click.echo(f"from {before} back to {after}, with the tables of the copy of {day}")
    if as_it_was:
        click.echo("everything stored and decided since will be missing, and permissions end")
    click.confirm("go back?", abort=True)
