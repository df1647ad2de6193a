"""`undisc-node restore`: bring a node back from its backups."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from undisc_node.clocks import SystemClock, SystemEntropy
from undisc_node.commands.common import Given, clear_errors, passphrase
from undisc_node.commands.meter import StagesMeter
from undisc_node.services.errors import Invalid

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_MB = 1_000_000


@click.command()
@click.option(
    "--from",
    "repository",
    required=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Directory of the backups.",
)
@click.option("--recovery-kit", "kit_path", type=_FILE, help="The newest recovery kit.")
@click.option(
    "--new-recovery-kit",
    "new_kit",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the new recovery kit; the old one is used up.",
)
@click.option(
    "--passphrase-file", type=_FILE, help="File with the old kit's passphrase, instead of a prompt."
)
@click.option(
    "--new-passphrase-file",
    type=_FILE,
    help="File with the new kit's passphrase; that of the old one if not given.",
)
@click.option(
    "--keys",
    "keys",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="The old keys directory, if it survived: no kit is needed, and the node keeps its key.",
)
@click.option("--snapshot", "name", help="Which snapshot; the newest if not given.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
@clear_errors
def restore(  # noqa: PLR0917 - one for each option
    given: Given,
    repository: Path,
    kit_path: Path | None,
    new_kit: Path | None,
    passphrase_file: Path | None,
    new_passphrase_file: Path | None,
    keys: Path | None,
    name: str | None,
    as_json: bool,  # noqa: FBT001 - click passes options by name
) -> None:
    """Bring a node back onto an empty home, from its backups and its recovery kit.

    The key in the kit becomes the node's key, and a new kit is written. Permissions are suspended
    until you have gone through them, because some may have been revoked after the backup. If it is
    interrupted, run it again: it goes on.

    \b
    Examples:
      undisc-node --home /var/lib/undisc restore --from /mnt/backup/undisc \\
          --recovery-kit kit.txt --new-recovery-kit /media/stick/new-kit.txt
      undisc-node --home /var/lib/undisc restore --from /mnt/backup/undisc --keys /mnt/keys
    """
    from undisc_node import restores  # noqa: PLC0415 - slow to load, as in serve

    clock, entropy = SystemClock(), SystemEntropy()
    identity: restores.Identity
    if keys is not None:
        if kit_path or new_kit:
            raise Invalid("--keys and a recovery kit exclude each other", hint="give one of them")
        identity = restores.KeptKeys(keys.absolute())
    elif kit_path is None or new_kit is None:
        raise Invalid(
            "a restore needs the recovery kit, and a place for the new one",
            hint="--recovery-kit FILE --new-recovery-kit FILE, or --keys DIRECTORY",
        )
    else:
        secret = passphrase(passphrase_file, confirm=False)
        identity = restores.recovered_keys(
            kit_path,
            secret,
            new_kit=new_kit.absolute(),
            new_passphrase=_new_passphrase(new_passphrase_file, secret),
            clock=clock,
            entropy=entropy,
        )
    with StagesMeter() as meter:
        done = restores.restore(
            given.home,
            repository.absolute(),
            identity,
            wanted=name,
            progress=meter.moved,
            clock=clock,
            entropy=entropy,
        )
    for warning in done.warnings:
        click.echo(f"warning: {warning}", err=True)
    if as_json:
        click.echo(json.dumps(done.as_json(), indent=2))
        return
    if done.snapshot is None:
        click.echo(f"the node is restored in {given.home}; an earlier run had done the work")
    else:
        moment = datetime.fromtimestamp(done.snapshot.at_ms / 1000, UTC)
        click.echo(
            f"restored the node as of {moment:%Y-%m-%d %H:%M:%S} UTC in {given.home}:"
            f" {done.snapshot.counts.get('studies', 0)} studies, {done.size / _MB:.0f} MB"
            f" in {done.seconds:.1f} s ({done.size / _MB / max(done.seconds, 1e-3):.0f} MB/s)"
        )
    if done.erased:
        click.echo(f"left out {done.erased} packs that were erased since")
    if new_kit is not None:
        click.echo(
            f"new recovery kit: {new_kit}    (print it, and move it away; the old is used up)"
        )
    click.echo("next:")
    click.echo(f"  undisc-node --home {given.home} serve")
    click.echo("  undisc restored show    (permissions are suspended until you confirm them)")
    soon = "" if keys is not None else "    (soon: until then the new kit fits no backup)"
    click.echo(f"  undisc-node --home {given.home} backup --to {repository}{soon}")


def _new_passphrase(path: Path | None, old: str) -> str:
    return passphrase(path, confirm=True) if path is not None else old
