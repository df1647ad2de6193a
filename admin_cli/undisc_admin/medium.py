"""What was named on the command line of an import: a disc, stick, folder, file or archive."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from undisc_admin.answer import Answer
from undisc_admin.client import Client
from undisc_admin.errors import CommandError
from undisc_admin.walking import ChangedError, Found, walk
from undisc_admin.zips import ZipMedium, is_zip

_DISCS: Final = frozenset({"iso9660", "udf"})  # file systems of CDs and DVDs
_LABELS: Final = Path("/dev/disk/by-label")
_MOUNTS: Final = Path("/proc/self/mountinfo")
_LONGEST: Final = 64  # characters of a label
_VERSION: Final = re.compile(r"(?:\.?;[0-9]+|\.)$")  # what ISO 9660 puts behind a name


@dataclass(slots=True)
class Directory:
    """A DICOMDIR, and how the files it lists compare with those that are there.

    Attributes:
        found: Where it is.
        listing: What the node read from it; None when it cannot be read.
        problem: Why not.
        missing: Files that it lists and that are not there.
    """

    found: Found
    listing: Answer | None
    problem: str = ""
    missing: list[str] = field(default_factory=list)

    def raw(self) -> dict[str, object]:
        """Return it as JSON."""
        listing = self.listing.raw if self.listing else {}
        return {
            "path": str(self.found.path),
            "problem": self.problem,
            "file_set": listing.get("file_set", ""),
            "creator": listing.get("creator", ""),
            "listed": len(self.listed),
            "refused": listing.get("refused", 0),
            "damaged": listing.get("damaged", False),
            "missing": self.missing,
        }

    @property
    def listed(self) -> list[tuple[str, ...]]:
        """File ids that it lists."""
        files = self.listing.raw.get("files") if self.listing else None
        return [tuple(map(str, parts)) for parts in files] if isinstance(files, list) else []


@dataclass(frozen=True, slots=True)
class Named:
    """Something that was named on the command line.

    Attributes:
        path: As it was typed.
        kind: `disc`, `folder` or `zip`.
        label: What the person would call it: the volume's label, or the name of folder or file.
        files: What is in it.
    """

    path: Path
    kind: str
    label: str
    files: Iterator[Found]


@contextmanager
def opened(path: Path) -> Iterator[Named]:
    """Open what was named; files can be read until the block ends.

    Raises:
        CommandError: It is a ZIP file that cannot be read.
    """
    if is_zip(path):
        archive = ZipMedium(path)
        try:
            yield Named(path, "zip", _short(path.name), archive.files())
        finally:
            archive.close()
        return
    real = path.resolve()
    device = os.stat(real).st_dev  # noqa: PTH116 - the link was followed already
    kind = "disc" if _file_system(device) in _DISCS else "folder"
    name = _volume(device) if kind == "disc" or real.is_mount() else ""
    yield Named(path, kind, _short(name or real.name), walk(path))


def _file_system(device: int) -> str:
    """Return the type of the file system on a device (proc(5), mountinfo)."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = _MOUNTS.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""  # not Linux
    for line in lines:
        before, _, after = line.partition(" - ")
        if before.split()[2:3] == [wanted] and after:
            return after.split()[0]
    return ""


def _volume(device: int) -> str:
    """Return the label of the volume on a device, as udev knows it."""
    try:
        for link in sorted(_LABELS.iterdir()):
            if link.stat().st_rdev == device:
                return re.sub(r"\\x([0-9a-f]{2})", lambda one: chr(int(one[1], 16)), link.name)
    except OSError:
        pass
    return ""


def _short(text: str) -> str:
    return "".join(one for one in text if one.isprintable())[:_LONGEST]


def read_directory(client: Client, found: Found) -> Directory:
    """Let the node read a DICOMDIR; one that cannot be read is only a missing hint."""
    try:
        with found.open() as body:
            return Directory(found, client.upload("imports/directory", body))
    except (ChangedError, OSError):
        return Directory(found, None, "unreadable")
    except CommandError as problem:
        if problem.code == "node_unreachable":
            raise
        return Directory(found, None, problem.code)


def compare(directory: Directory, there: Sequence[Found]) -> None:
    """Find what a DICOMDIR lists and what is not there."""
    below = directory.found.parts[:-1]
    names = {_key(one.parts) for one in there}
    directory.missing = [
        "/".join(parts) for parts in directory.listed if _key((*below, *parts)) not in names
    ]


def _key(parts: Sequence[str]) -> str:
    """Write a place as every way of mounting a disc would: no case, no version."""
    return "/".join(_VERSION.sub("", part).upper() for part in parts)
