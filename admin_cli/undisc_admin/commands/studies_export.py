"""`undisc studies export`: writes a study's files, as they were received."""

from __future__ import annotations

from pathlib import Path

import click

from undisc_admin.answer import Answer
from undisc_admin.client import segment
from undisc_admin.command import Command
from undisc_admin.commands.studies_medium import export_medium, prepare
from undisc_admin.errors import CommandError, ExitCode
from undisc_admin.progress import MEGABYTE, Progress, Step
from undisc_admin.render import count_of, size
from undisc_admin.screen import note, say_json
from undisc_admin.session import Session, pass_session


@click.command(
    "export",
    cls=Command,
    examples=[
        "undisc studies export 3f2a ./out",
        "undisc studies export 3f2a /media/stick --media --force",
        "undisc studies export 3f2a disc.zip --media",
    ],
)
@click.argument("study")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--media", is_flag=True, help="Write a medium that every DICOM system reads (IHE PDI)."
)
@click.option("--force", is_flag=True, help="Write into a directory that is not empty.")
@pass_session
def export_study(
    session: Session,
    study: str,
    directory: Path,
    media: bool,  # noqa: FBT001 - click's flag
    force: bool,  # noqa: FBT001 - click's flag
) -> None:
    """Write the current instances of a study to DIRECTORY as 00001.dcm, 00002.dcm and so on.

    The files are what was received, byte for byte, except that their first 128 bytes become zeros
    where these are not those of a TIFF image: a program can hide there. They lie unprotected in
    DIRECTORY: what is done with them, the node no longer knows.

    With --media DIRECTORY becomes an IHE PDI medium for a disc or stick: DICOMDIR, the images,
    pages for people, and reports as PDF. A name that ends in .zip gets it as one ZIP file.
    """
    if media:
        export_medium(session, study, directory, force=force)
        return
    answer = session.client.get(f"studies/{segment(study)}")
    current = [row for row in answer.parts("instances") if row.text("state") == "current"]
    if not current:
        raise CommandError(
            "the study has no instances to export", exit_code=ExitCode.CONFLICT, code="no_instances"
        )
    prepare(directory, force=force)
    identifier = segment(answer.part("study").text("id"))
    total = sum(row.integer("bytes") for row in current)
    progress, begun, done = Progress(now=session.now), session.now(), 0
    try:
        for number, row in enumerate(current, start=1):
            done += _write(session, identifier, row, directory / f"{number:05}.dcm")
            seconds = max(session.now() - begun, 0.001)
            progress.show(Step(number, len(current), done, total, done / MEGABYTE / seconds))
    finally:
        progress.end()
    if session.json_wanted:
        say_json(answer.raw)
    else:
        note(f"{count_of(len(current), 'image')}, {size(done)}, written to {directory}")


def _write(session: Session, study: str, row: Answer, path: Path) -> int:
    """Write one file; it gets its name when it is whole."""
    partial = path.with_suffix(".part")
    instance = segment(row.text("id"))
    try:
        partial.unlink(missing_ok=True)
        with partial.open("xb") as file:
            count = session.client.download(f"studies/{study}/instances/{instance}/file", file)
        if count != row.integer("bytes"):
            raise CommandError(
                f"an instance came with {count} bytes instead of {row.integer('bytes')}",
                exit_code=ExitCode.DAMAGED,
                code="damaged",
                hint="ask the node to check its storage: undisc-node doctor",
            )
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return count
