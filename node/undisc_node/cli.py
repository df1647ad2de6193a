"""The `undisc-node` command: make a node, run it, look after it.

What works on a node's home is here; everything else is the `undisc` command, which talks to a
running node. Each command is a module of `undisc_node.commands`; only they exit.
"""

from __future__ import annotations

import os
from pathlib import Path

import click
import platformdirs

import undisc_node.apart  # noqa: F401 - first: what follows imports pydicom
from undisc_node.commands.backup import backup
from undisc_node.commands.check import check
from undisc_node.commands.common import Given, clear_errors
from undisc_node.commands.config import config
from undisc_node.commands.demo import demo
from undisc_node.commands.doctor import doctor
from undisc_node.commands.health import health
from undisc_node.commands.init import init
from undisc_node.commands.kit import kit
from undisc_node.commands.migrate import migrate
from undisc_node.commands.restore import restore
from undisc_node.commands.rollback import rollback
from undisc_node.commands.serve import serve
from undisc_node.commands.support_bundle import support_bundle
from undisc_node.config import read_overrides


def _default_home() -> Path:
    return Path(os.environ.get("UNDISC_HOME") or platformdirs.user_data_dir("undisc"))


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="undisc", prog_name="undisc-node")
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False, readable=False),
    default=_default_home,
    show_default="UNDISC_HOME, or the user's data directory",
    help="Directory of the node's state.",
)
@click.option(
    "--set",
    "wishes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set something for this run: public.port=8480 (repeatable).",
)
@click.pass_context
@clear_errors
def main(context: click.Context, home: Path, wishes: tuple[str, ...]) -> None:
    """Run one practice's node of undisc.

    \b
    A first node:
      undisc-node init --name "Practice A" --recovery-kit kit.txt
      undisc-node serve
    """
    context.obj = Given(home.expanduser().absolute(), overrides=read_overrides(wishes))


for _command in (
    init,
    serve,
    health,
    config,
    doctor,
    support_bundle,
    check,
    kit,
    backup,
    restore,
    migrate,
    rollback,
    demo,
):
    main.add_command(_command)
