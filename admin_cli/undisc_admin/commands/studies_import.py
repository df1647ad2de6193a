"""`undisc studies import`: brings discs, sticks, ZIP files and folders into the node."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from undisc_admin.command import Command
from undisc_admin.errors import CommandError, ExitCode
from undisc_admin.progress import MEGABYTE, Progress, Step
from undisc_admin.render import clean, count_of, size
from undisc_admin.screen import hint, note, say, say_json
from undisc_admin.session import Session, pass_session

if TYPE_CHECKING:  # loads threads and ZIP, which no other command needs
    from undisc_admin.importing import Outcome, Tally
    from undisc_admin.medium import Directory, Named
    from undisc_admin.people import Person

_SHOWN_MISSING = 5  # files of a DICOMDIR that are named; --json has all


@dataclass(slots=True)
class _Story:
    """What happened so far, for the summary and for JSON.

    Attributes:
        tally: Counts.
        listed: What became of every file.
        directories: Every DICOMDIR.
        people: Everybody on all media.
        error: What ended the import early, in the API's shape.
    """

    tally: Tally
    listed: list[dict[str, object]] = field(default_factory=list)
    directories: list[Directory] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    error: dict[str, str] | None = None

    def raw(self) -> dict[str, object]:
        """Return it as JSON."""
        return {
            "files": self.listed,
            "counts": dict(self.tally.statuses),
            "codes": dict(self.tally.codes),
            "studies": [one.raw() for one in self.tally.studies.values()],
            "patients": [one.raw() for one in self.people],
            "dicomdirs": [one.raw() for one in self.directories],
            "error": self.error,
        }


@click.command(
    "import",
    cls=Command,
    examples=[
        "undisc studies import /media/cdrom",
        "undisc studies import disc.zip --patient 4711",
        "undisc studies import -v scan.dcm series/",
    ],
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--patient", "patients", multiple=True, metavar="ID", help="Only files of this patient number."
)
@click.option("--all-patients", is_flag=True, help="Files of everybody who is on the medium.")
@click.option("-v", "--verbose", is_flag=True, help="List what became of every file.")
@pass_session
def import_studies(
    session: Session,
    paths: tuple[Path, ...],
    patients: tuple[str, ...],
    all_patients: bool,  # noqa: FBT001 - click's flag
    verbose: bool,  # noqa: FBT001 - click's flag
) -> ExitCode:
    """Bring DICOM files from discs, sticks, folders and ZIP files into the node, byte for byte.

    Files that are not DICOM are skipped. DICOM is found by content: a DICOMDIR is only compared.
    Symbolic links inside folders are not followed. Names of files never leave this command; the
    name of the disc, folder or ZIP file is kept with the study. When several patients are on it,
    you are asked whose files to import, and nothing is stored before. Running it again does no
    harm: what is there is recognized.

    Exit code 0 says that every DICOM file is in its study; 6, that some wait for your decision or
    that several patients are on the medium; 7, that no DICOM file was found.
    """
    from undisc_admin.importing import Tally  # noqa: PLC0415 - loads threads
    from undisc_admin.medium import opened  # noqa: PLC0415 - loads ZIP

    story = _Story(Tally())
    progress = Progress(now=session.now, quiet=verbose and not session.json_wanted)
    try:
        for path in paths:
            with opened(path) as named:
                _bring(session, named, story, progress, patients, all_patients, verbose)
    except CommandError as problem:
        story.error = problem.shape()["error"]
        raise
    finally:
        progress.end()
        if session.json_wanted:
            say_json(story.raw())
            session.json_wanted = False  # one document; an error is told on standard error
        else:
            _summarize(story)
    tally = story.tally
    if not tally.images and not tally.statuses["failed"] and not tally.codes["other_patient"]:
        note("error: no DICOM file was found")
        hint("name the folder that holds the images, not only the DICOMDIR")
    if tally.statuses["waiting"]:
        hint("decide on what waits: undisc studies list, then undisc studies show STUDY")
    return tally.exit_code()


def _bring(
    session: Session,
    named: Named,
    story: _Story,
    progress: Progress,
    patients: Sequence[str],
    everybody: bool,  # noqa: FBT001 - private
    verbose: bool,  # noqa: FBT001 - private
) -> None:
    """Import one of the things that were named: look at all of it first, then store."""
    from undisc_admin.importing import refused, send_all  # noqa: PLC0415 - loads threads
    from undisc_admin.looking import look  # noqa: PLC0415 - loads ZIP
    from undisc_admin.medium import compare, read_directory  # noqa: PLC0415 - loads ZIP
    from undisc_admin.people import choose, people_of, read_choice  # noqa: PLC0415

    begun, taken = session.now(), story.tally.size

    def report(outcome: Outcome) -> None:
        story.tally.add(outcome)
        if session.json_wanted:
            story.listed.append(outcome.raw())
        elif verbose:
            reason = f" ({outcome.code})" if outcome.code else ""
            note(f"{outcome.status}: {outcome.found.path}{reason}")
        seconds = max(session.now() - begun, 0.001)
        speed = (story.tally.size - taken) / MEGABYTE / seconds
        progress.show(Step(story.tally.images, 0, story.tally.size, 0, speed))

    directories: list[Directory] = []
    there = [*named.files]
    looked = list(
        look(
            session.client,
            there,
            report=report,
            directory=lambda found: directories.append(read_directory(session.client, found)),
        )
    )
    for directory in directories:
        compare(directory, there)
    story.directories += directories
    people = people_of(looked)
    story.people += people
    progress.end()
    chosen = choose(people, patients, everybody=everybody, ask=read_choice)
    for person in people:
        if person not in chosen:
            for one in person.files:
                report(refused(one.found, "other_patient"))
    files = [one for person in chosen for one in person.files]
    if files:
        story.tally.knows(files)
        medium = _begin(session, named, directories)
        send_all(session.client, (one.found for one in files), medium, report=report)


def _begin(session: Session, named: Named, directories: Iterable[Directory]) -> str:
    """Tell the node from what the files come; return its id for that."""
    listing = next((one.listing for one in directories if one.listing), None)
    answer = session.client.post(
        "imports",
        {
            "kind": named.kind,
            "label": named.label,
            "file_set": listing.text("file_set") if listing else "",
            "creator": listing.text("creator") if listing else "",
        },
    )
    return answer.part("medium").text("id")


def _summarize(story: _Story) -> None:
    tally = story.tally
    from undisc_admin.importing import ORDER  # noqa: PLC0415 - loads threads

    counted = [f"{tally.statuses[one]:,} {one}" for one in ORDER if tally.statuses.get(one)]
    if counted:
        click.echo(", ".join(counted) + (f" ({size(tally.size)})" if tally.size else ""))
    for code, count in sorted(tally.codes.items()):
        click.echo(f"  {code}: {count_of(count, 'file')}")
    say([clean(one.line()) for one in tally.studies.values() if one.id])
    for directory in story.directories:
        _say_directory(directory)


def _say_directory(directory: Directory) -> None:
    if directory.problem:
        note(f"{directory.found.path} cannot be read ({directory.problem}); it was not needed")
        return
    raw = directory.raw()
    listed = len(directory.listed)
    if directory.missing:
        note(
            f"{directory.found.path}: {len(directory.missing):,} of {count_of(listed, 'file')}"
            " listed are missing on the disc"
        )
        for name in directory.missing[:_SHOWN_MISSING]:
            note(f"  {name}")
    if raw["refused"]:
        note(f"{directory.found.path}: {raw['refused']} entries name places outside the disc")
    if raw["damaged"]:
        note(f"{directory.found.path} is damaged; only its beginning was compared")
