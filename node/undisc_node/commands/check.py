"""`undisc-node check`: look at everything the node has stored."""

from __future__ import annotations

import json
import sys

import click

from undisc_node.clocks import SystemEntropy
from undisc_node.commands import rebuilding
from undisc_node.commands.common import EXIT_FAILED, Given, clear_errors
from undisc_node.commands.meter import Meter
from undisc_node.commands.problems import say_problem
from undisc_node.services.errors import Invalid
from undisc_node.storage import home as homes
from undisc_node.storage.checking.home import Report, Totals, check_home
from undisc_node.storage.checking.subset import Subset
from undisc_node.storage.running import is_running


@click.command()
@click.option("--read-data", is_flag=True, help="Read and verify every byte of every object.")
@click.option(
    "--subset",
    "part",
    metavar="5%|N/M",
    help="With --read-data: only a random 5 %, or part N of M, so that M runs read everything.",
)
@click.option(
    "--rebuild",
    is_flag=True,
    help="With the node stopped: take in packs that the catalog does not name; make a lost or"
    " damaged catalog again.",
)
@click.option(
    "--anew",
    is_flag=True,
    help="With --rebuild: make the catalog again even if the one that is there can be read.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_obj
@clear_errors
def check(
    given: Given,
    read_data: bool,  # noqa: FBT001 - click passes options by name
    part: str | None,
    rebuild: bool,  # noqa: FBT001
    anew: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> None:
    """Look at everything that is stored, and say what is damaged and what to do.

    Opens every header of every pack and compares it with the catalog; works beside a running node
    and on a stopped one, and changes nothing unless --rebuild is given.

    --rebuild makes study rows again from the packs and the keyring, and deletes nothing. Grants,
    shares, peers and the log are in the catalog only: where that is lost, they are lost.

    \b
    Examples:
      undisc-node check
      undisc-node check --read-data --subset 3/20
      undisc-node check --rebuild
    """
    if rebuild and (read_data or part is not None):
        raise Invalid("--rebuild works alone", hint="read the data afterwards, with --read-data")
    if anew and not rebuild:
        raise Invalid("--anew says how to rebuild", hint="add --rebuild")
    if rebuild:
        rebuilding.rebuild(given.home, anew=anew, as_json=as_json)
        return
    if part is not None and not read_data:
        raise Invalid("--subset says what --read-data reads", hint="add --read-data")
    subset = None
    if read_data:
        subset = Subset.parse(part, entropy=SystemEntropy()) if part else Subset()
    meter = Meter("reading")

    def begun(totals: Totals) -> None:
        if subset is not None:
            meter.begin(totals.read)

    report = check_home(
        given.home,
        key_encryption_key=homes.read_home(given.home).key_encryption_key,
        running=is_running(given.home),
        subset=subset,
        begun=begun,
        moved=meter.moved,
    )
    meter.end()
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=2))
    else:
        _say(report)
    if report.failed:
        sys.exit(EXIT_FAILED)


def _say(report: Report) -> None:
    for problem in report.problems:
        say_problem(problem)
    read = f"; objects read: part {report.subset}" if report.subset else ""
    click.echo(
        f"looked at {report.studies} studies, {report.packs} packs, {report.objects} objects{read}"
    )
    if not report.problems:
        click.echo("everything is as it was written")
