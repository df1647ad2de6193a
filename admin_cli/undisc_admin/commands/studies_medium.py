"""`undisc studies export --media`: writes a study as an IHE PDI medium, a folder or a ZIP file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from undisc_admin.client import segment
from undisc_admin.errors import CommandError, ExitCode
from undisc_admin.progress import MEGABYTE, Progress, Step
from undisc_admin.render import count_of, size
from undisc_admin.screen import note, say_json
from undisc_admin.session import Session


def export_medium(session: Session, study: str, place: Path, *, force: bool) -> None:
    """Write a study as a medium.

    Args:
        session: What the command works with.
        study: Names the study.
        place: A folder, or a ZIP file when it ends so.
        force: Whether a folder may hold other things, or a ZIP file be replaced.

    Raises:
        CommandError: The place cannot be used, or the node refuses.
    """
    found = session.client.get(f"studies/{segment(study)}").part("study")
    identifier, images = found.text("id"), found.integer("instances")
    progress, begun = Progress(now=session.now), session.now()

    def report(done: int, total: int) -> None:
        seconds = max(session.now() - begun, 0.001)
        progress.show(Step(images, images, done, total, done / MEGABYTE / seconds))

    as_zip = place.suffix.lower() == ".zip"
    write = _write_zip if as_zip else _write_folder
    try:
        count = write(session, f"studies/{segment(identifier)}/medium", place, force, report)
    finally:
        progress.end()
    if session.json_wanted:
        said = {"study": identifier, "form": "zip" if as_zip else "folder", "bytes": count}
        say_json({**said, "path": str(place), "images": images})
    else:
        note(f"a medium with {count_of(images, 'image')}, {size(count)}, written to {place}")


def _write_zip(
    session: Session,
    path: str,
    place: Path,
    force: bool,  # noqa: FBT001 - private
    report: Callable[[int, int], None],
) -> int:
    """Write one file; it gets its name when it is whole."""
    if place.exists() and not force:
        raise CommandError(
            f"{place} is there already",
            exit_code=ExitCode.CONFLICT,
            code="file_exists",
            hint="name another file, or add --force to replace it",
        )
    partial = place.with_name(f".{place.name}.{os.getpid()}.part")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            count = session.client.download(path, file, report=report)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(place)
    finally:
        partial.unlink(missing_ok=True)
    return count


def _write_folder(
    session: Session,
    path: str,
    place: Path,
    force: bool,  # noqa: FBT001 - private
    report: Callable[[int, int], None],
) -> int:
    from undisc_admin.unpacking import Unpacker  # noqa: PLC0415 - only this needs it

    prepare(place, force=force)
    for name in ("DICOMDIR", "DICOM", "IHE_PDI", "REPORTS", "INDEX.HTM", "README.TXT"):
        if (place / name).exists() or (place / name).is_symlink():
            raise CommandError(
                f"{place} holds a medium already: {name} is there",
                exit_code=ExitCode.CONFLICT,
                code="medium_exists",
                hint="a medium is for one export; empty it, or name another folder",
            )
    unpacker = Unpacker(place)
    try:
        session.client.download(path, unpacker, report=report)
        unpacker.end()
    finally:
        unpacker.close()
    _sync(place)
    return unpacker.size


def _sync(place: Path) -> None:
    """Make a file system durable: a stick may be pulled out as soon as it is said to be written."""
    import ctypes  # noqa: PLC0415 - only this needs it

    one_file_system = getattr(ctypes.CDLL(None), "syncfs", None)  # Linux; Python has no name for it
    if one_file_system is None:
        os.sync()
        return
    descriptor = os.open(place, os.O_RDONLY)
    try:
        if one_file_system(descriptor):
            raise CommandError(f"{place} could not be written to the end", code="not_written")
    finally:
        os.close(descriptor)


def prepare(directory: Path, *, force: bool) -> None:
    """Make a directory to export into.

    Raises:
        CommandError: It cannot be used, or is not empty and may not be written into.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        occupied = any(directory.iterdir())
    except OSError as problem:
        raise CommandError(
            f"{directory} cannot be used: {(problem.strerror or 'failed').lower()}",
            exit_code=ExitCode.INVALID,
            code="directory_not_usable",
        ) from None
    if occupied and not force:
        raise CommandError(
            f"{directory} is not empty",
            exit_code=ExitCode.CONFLICT,
            code="directory_not_empty",
            hint="name a new directory, or add --force; files of the same number are replaced",
        )
