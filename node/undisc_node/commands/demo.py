"""`undisc-node demo`: let a study cross between two nodes on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from undisc_node.commands.common import clear_errors


@click.command()
@click.option("--keep", is_flag=True, help="Leave both nodes running, and say how to reach them.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to work; a temporary directory if not given.",
)
@clear_errors
def demo(keep: bool, directory: Path | None) -> None:  # noqa: FBT001 - click passes options by name
    """Let a study cross between two nodes on this machine, and try to break it.

    \b
    Example:
      undisc-node demo --keep
    """
    from undisc_node.demo import story  # noqa: PLC0415 - slow to load, as in serve

    sys.exit(story.run(directory, keep=keep, say=click.echo))
