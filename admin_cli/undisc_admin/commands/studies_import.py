"""`undisc studies import`: brings files and folders into the node."""

from __future__ import annotations

from pathlib import Path

import click

from undisc_admin.command import Command
from undisc_admin.errors import ExitCode
from undisc_admin.progress import MEGABYTE, Progress, Step
from undisc_admin.render import count_of, short, size
from undisc_admin.screen import hint, note, say_json
from undisc_admin.session import Session, pass_session
from undisc_admin.walking import walk


@click.command(
    "import",
    cls=Command,
    examples=["undisc studies import /media/cdrom", "undisc studies import -v scan.dcm series/"],
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("-v", "--verbose", is_flag=True, help="List what became of every file.")
@pass_session
def import_studies(session: Session, paths: tuple[Path, ...], verbose: bool) -> ExitCode:  # noqa: FBT001 - click's flags
    """Bring DICOM files and folders into the node, byte for byte.

    Files that are not DICOM are skipped. Symbolic links inside folders are not followed. Names of
    files never leave this command. Running it again does no harm: what is there is recognized.

    Exit code 0 says that every DICOM file is in its study; 6, that some wait for your decision; 7,
    that no DICOM file was found.
    """
    from undisc_admin.importing import Outcome, Tally, send_all  # noqa: PLC0415 - loads threads

    tally, listed = Tally(), list[dict[str, object]]()
    progress = Progress(now=session.now, quiet=verbose and not session.json_wanted)
    begun = session.now()

    def report(outcome: Outcome) -> None:
        tally.add(outcome)
        if session.json_wanted:
            listed.append(
                {
                    "path": str(outcome.found.path),
                    "outcome": outcome.status,
                    "code": outcome.code,
                    "answer": outcome.answer,
                }
            )
        elif verbose:
            reason = f" ({outcome.code})" if outcome.code else ""
            note(f"{outcome.status}: {outcome.found.path}{reason}")
        seconds = max(session.now() - begun, 0.001)
        progress.show(Step(tally.images, 0, tally.size, 0, tally.size / MEGABYTE / seconds))

    try:
        send_all(session.client, walk(paths), report=report)
    finally:
        progress.end()
        if session.json_wanted:
            say_json({"files": listed, "counts": dict(tally.statuses), "codes": dict(tally.codes)})
            session.json_wanted = False  # one document; an error is in it already
        else:
            _summarize(tally.statuses, tally.codes, tally.size, sorted(tally.studies))
    if not tally.images and not tally.statuses["failed"]:
        note("error: no DICOM file was found")
        hint("name the folder that holds the images, not only the DICOMDIR")
    if tally.statuses["waiting"]:
        hint("decide on what waits: undisc studies list, then undisc studies show STUDY")
    return tally.exit_code()


def _summarize(
    statuses: dict[str, int], codes: dict[str, int], taken: int, studies: list[str]
) -> None:
    order = ("stored", "duplicate", "superseded", "waiting", "skipped", "failed")
    counted = [f"{statuses[status]:,} {status}" for status in order if statuses.get(status)]
    if counted:
        click.echo(", ".join(counted) + (f" ({size(taken)})" if taken else ""))
    for code, count in sorted(codes.items()):
        click.echo(f"  {code}: {count_of(count, 'file')}")
    if studies:
        shown = ", ".join(short(study) for study in studies[:8])
        more = f" and {len(studies) - 8} more" if len(studies) > 8 else ""  # noqa: PLR2004 - one line
        click.echo(f"{count_of(len(studies), 'study', 'studies')}: {shown}{more}")
