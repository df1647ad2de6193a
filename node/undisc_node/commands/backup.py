"""`undisc-node backup`: take snapshots of a node, list them, try them."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from undisc_node import backups
from undisc_node.clocks import SystemEntropy
from undisc_node.commands.common import EXIT_FAILED, Given, clear_errors
from undisc_node.commands.meter import StagesMeter
from undisc_node.config import Settings
from undisc_node.storage.checking.subset import Subset

_TO = click.option(
    "--to",
    "wanted",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory of the backups; the setting backup.path if not given.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
_MB = 1_000_000


@click.group(invoke_without_command=True)
@_TO
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    help="How many snapshots to keep; the setting backup.keep if not given.",
)
@click.option(
    "--keyrings",
    "keyring_days",
    type=click.IntRange(min=0),
    metavar="DAYS",
    help="How long to keep older keyrings; the setting backup.keyring_days if not given.",
)
@_JSON
@click.pass_context
@clear_errors
def backup(
    context: click.Context,
    wanted: Path | None,
    keep: int | None,
    keyring_days: int | None,
    as_json: bool,  # noqa: FBT001 - click passes options by name
) -> None:
    """Take a snapshot of the node: images, catalog, keyring, settings; never the keys.

    Runs beside a running node. Only what is new is written, encrypted, so the directory may lie on
    any disk or share. With the recovery kit it is all that a restore needs.

    \b
    Examples:
      undisc-node backup --to /mnt/backup/undisc
      undisc-node backup list
      undisc-node backup verify
    """
    if context.invoked_subcommand is not None:
        return
    given: Given = context.obj
    settings = given.settings()
    with StagesMeter() as meter:
        made = backups.back_up(
            settings,
            backups.repository_of(settings, wanted),
            keep=settings.backup_keep if keep is None else keep,
            keyring_days=settings.backup_keyring_days if keyring_days is None else keyring_days,
            progress=meter.moved,
        )
    if as_json:
        click.echo(json.dumps(made.as_json(), indent=2))
        return
    snapshot = made.snapshot
    click.echo(
        f"snapshot {snapshot.name}: {snapshot.pack_count} packs, {_size(snapshot.pack_bytes)};"
        f" {_size(made.new_bytes)} new, {made.seconds:.1f} s"
    )
    if snapshot.skipped:
        click.echo(f"{len(snapshot.skipped)} packs were erased meanwhile, and are not in it")
    if made.pruned.snapshots or made.pruned.keyrings:
        click.echo(
            f"removed {made.pruned.snapshots} older snapshots and {made.pruned.keyrings} keyrings"
        )
    for name in made.pruned.unreadable:
        click.echo(f"warning: snapshot {name} does not open; nothing else was removed", err=True)


@backup.command("list")
@_TO
@_JSON
@click.pass_context
@clear_errors
def list_snapshots(context: click.Context, wanted: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """List the snapshots, oldest first.

    \b
    Example:
      undisc-node backup list --to /mnt/backup/undisc
    """
    settings, repository = _place(context, wanted)
    listed = backups.list_backups(settings, repository)
    if as_json:
        rows = [
            backups.summary(one.snapshot)
            if one.snapshot
            else {"snapshot": one.name, "problem": one.problem}
            for one in listed
        ]
        click.echo(json.dumps(rows, indent=2))
    elif not listed:
        click.echo(f"there is no snapshot in {repository} yet; make one: undisc-node backup")
    else:
        for one in listed:
            click.echo(_line(one))
    if any(one.problem for one in listed):
        sys.exit(EXIT_FAILED)


@backup.command("verify")
@_TO
@click.option("--snapshot", "name", help="Which snapshot; the newest if not given.")
@click.option(
    "--subset",
    "part",
    metavar="5%|N/M",
    help="Only a random 5 % of the packs, or part N of M; catalog and keyring always.",
)
@click.option(
    "--work",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Where to restore to, on a disk with room; the home's staging folder if not given.",
)
@_JSON
@click.pass_context
@clear_errors
def verify(
    context: click.Context,
    wanted: Path | None,
    name: str | None,
    part: str | None,
    work: Path | None,
    as_json: bool,  # noqa: FBT001 - click passes options by name
) -> None:
    """Really restore a snapshot into a temporary place, and check every byte of it.

    Needs room for what it restores, and removes it afterwards. Nothing is changed, neither in the
    backup nor in the node.

    \b
    Examples:
      undisc-node backup verify
      undisc-node backup verify --subset 5% --work /mnt/scratch
    """
    from undisc_node import rehearsals  # noqa: PLC0415 - slow to load, as in serve

    settings, repository = _place(context, wanted)
    with StagesMeter() as meter:
        tried = rehearsals.rehearse(
            settings,
            repository,
            wanted=name,
            subset=Subset.parse(part, entropy=SystemEntropy()) if part else None,
            work=work,
            progress=meter.moved,
        )
    if as_json:
        click.echo(json.dumps(tried.as_json(), indent=2))
    else:
        for warning in tried.warnings:
            click.echo(f"fail  {warning}")
        for problem in tried.report.problems:
            click.echo(f"{problem.level:<5} {problem.sentence}")
            click.echo(f"      hint: {problem.hint}")
        click.echo(
            f"snapshot {tried.snapshot.name}: restored and read {tried.report.studies} studies,"
            f" {_size(tried.size)}, in {tried.seconds:.1f} s"
        )
        if not tried.failed:
            click.echo("it can be restored; every byte is as it was written")
    if tried.failed:
        sys.exit(EXIT_FAILED)


def _place(context: click.Context, wanted: Path | None) -> tuple[Settings, Path]:
    """Return settings and repository; `--to` may stand before or behind the subcommand."""
    given: Given = context.obj
    above = context.parent.params.get("wanted") if context.parent else None
    settings = given.settings()
    return settings, backups.repository_of(settings, wanted or above)


def _line(one: backups.Listed) -> str:
    if one.snapshot is None:
        return f"{one.name}  DAMAGED  {one.problem}"
    moment = datetime.fromtimestamp(one.snapshot.at_ms / 1000, UTC)
    counts = one.snapshot.counts
    return (
        f"{one.name}  {moment:%Y-%m-%d %H:%M:%S} UTC  {counts.get('studies', 0)} studies"
        f"  {_size(one.snapshot.pack_bytes)}  log {one.snapshot.log_size}"
        f"  undisc {one.snapshot.version}"
    )


def _size(count: int) -> str:
    return f"{count / _MB:.1f} MB" if count < 10_000 * _MB else f"{count / _MB / 1000:.1f} GB"
