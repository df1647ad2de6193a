"""What `undisc-node check --rebuild` does."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from undisc_node.clocks import SystemClock, SystemEntropy
from undisc_node.commands.common import EXIT_FAILED
from undisc_node.commands.problems import say_problem
from undisc_node.storage import home as homes
from undisc_node.storage.checking.problems import Level
from undisc_node.storage.rebuilding.rebuild import Outcome, Rebuilding, needs_new_catalog


def rebuild(home: Path, *, anew: bool, as_json: bool) -> None:
    """Make the catalog again if it is lost, damaged or not wanted; else add what it lacks."""
    with homes.holding_home(home):
        work = Rebuilding(
            home,
            key_encryption_key=homes.read_home(home).key_encryption_key,
            clock=SystemClock(),
            entropy=SystemEntropy(),
            progress=_say_progress,
        )
        outcome = work.make_anew() if anew or needs_new_catalog(home) else work.adopt()
    if as_json:
        click.echo(json.dumps(outcome.as_json(), indent=2))
    else:
        _say(outcome)
    if any(problem.level is Level.FAIL for problem in outcome.problems):
        sys.exit(EXIT_FAILED)


def _say_progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = done == total
        click.echo(f"\rtaking in: {done} of {total} packs", nl=end, err=True)


def _say(outcome: Outcome) -> None:
    for problem in outcome.problems:
        say_problem(problem)
    if not outcome.new_catalog:
        if not outcome.packs:
            click.echo(
                "the catalog can be read and names every pack that opens; nothing was taken in"
            )
            return
        click.echo(f"took in {outcome.packs} packs of {outcome.studies} studies")
    else:
        click.echo(f"made a new catalog with {outcome.studies} studies from {outcome.packs} packs")
        if outcome.kept:
            click.echo(f"the old one is kept as {outcome.kept}")
    if outcome.held:
        click.echo(f"{outcome.held} studies are held, because something in them waits for you:")
        click.echo("  undisc studies list, then undisc studies resolve")
    if outcome.new_catalog:
        click.echo("permissions, peers and the log were in the old catalog only. next:")
        click.echo("  undisc-node serve, then undisc restored confirm")
        click.echo("  undisc peers add, then grant again what patients have agreed to")
