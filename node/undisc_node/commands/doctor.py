"""`undisc-node doctor`: look at a node and say what to do."""

from __future__ import annotations

import json
import sys
from collections import Counter

import click

from undisc_node.commands.common import EXIT_FAILED, Given, clear_errors


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_obj
@clear_errors
def doctor(given: Given, as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Look at the node from all sides, and say what to do.

    Changes nothing, and is done within seconds, also beside a running node. The exit code is 1 when
    something does not work or is not safe; 'undisc-node check' looks at the stored images.

    \b
    Example:
      undisc-node doctor --json
    """
    from undisc_node import checks  # noqa: PLC0415 - slow to load, as in serve

    findings = checks.examine(given.home, given.environment, given.overrides)
    if as_json:
        click.echo(json.dumps([finding.as_json() for finding in findings], indent=2))
    else:
        for finding in findings:
            click.echo(f"{finding.level:<5} {finding.name:<18} {finding.sentence}")
            if finding.hint:
                click.echo(f"      {'':<18} hint: {finding.hint}")
        counts = Counter(finding.level for finding in findings)
        click.echo(", ".join(f"{counts[level]} {level}" for level in checks.Level))
    if any(finding.level is checks.Level.FAIL for finding in findings):
        sys.exit(EXIT_FAILED)
