"""The drop folder for reports: PDF files named by their accession number.

`A-77.pdf` is a report of the order A-77. A file is taken when it has not grown for a moment, moved
into `taken` after it is durable here, or into `refused`. What a file is called there is made here:
no name from outside is ever joined to a path, and what is no plain file is not touched.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from undisc_node.services.errors import Invalid, ServiceError

TAKEN: Final = "taken"
REFUSED: Final = "refused"
MAX_PDF: Final = 64 * 2**20  # bytes; a scanned report of 100 pages
MAX_ROUND: Final = 200  # files of one round
_QUIET_NS: Final = 2 * 10**9  # without a change, before a file counts as complete
_LONGEST_NAME: Final = 64  # characters of an accession number here; SH has 16, RIS names have more


@dataclass(frozen=True, slots=True)
class ReportFolder:
    """A folder that is watched.

    Attributes:
        path: The folder.
        take: Takes a report in, durably: accession number and file; raises `ServiceError` for what
            it does not take now, `Invalid` for what it never takes.
        now_ns: Time of the file system's clock, in nanoseconds.
    """

    path: Path
    take: Callable[[str, bytes], None]
    now_ns: Callable[[], int]

    def sweep(self) -> int:
        """Take what lies in the folder; return how many reports.

        Raises:
            Invalid: There is no such folder.
            ServiceError: A report could not be stored now; the rest waits.
        """
        taken = 0
        for name in self._names():
            data = self._read(name)
            if data is None:
                continue
            try:
                accession = _accession(name)
                self.take(accession, _pdf(data))
            except Invalid:
                self._put_away(name, data, REFUSED)
            else:
                self._put_away(name, data, TAKEN)
                taken += 1
        return taken

    def _names(self) -> Iterator[str]:
        try:
            entries = sorted(os.scandir(self.path), key=lambda entry: entry.name)
        except OSError as problem:
            raise ServiceError(
                "the folder of reports cannot be read",
                code="no_report_folder",
                hint="reports.folder must exist, and the node's user may read and write it",
            ) from problem
        found = (entry.name for entry in entries if entry.name.lower().endswith(".pdf"))
        for _, name in zip(range(MAX_ROUND), found, strict=False):
            yield name

    def _read(self, name: str) -> bytes | None:
        """Return a file's bytes; None for one that grows, is too large, or is no plain file."""
        try:
            opened = os.open(self.path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        with open(opened, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
            about = os.fstat(opened)
            grows = self.now_ns() - about.st_mtime_ns < _QUIET_NS
            if not stat.S_ISREG(about.st_mode) or grows or not 0 < about.st_size <= MAX_PDF:
                return None
            return file.read(MAX_PDF)

    def _put_away(self, name: str, data: bytes, where: str) -> None:
        """Move a file under a name of our own; one that stays is taken again, without effect."""
        with suppress(OSError):
            folder = self.path / where
            folder.mkdir(mode=0o700, exist_ok=True)
            os.replace(self.path / name, folder / f"{sha256(data).hexdigest()[:32]}.pdf")  # noqa: PTH105


def _pdf(data: bytes) -> bytes:
    """Return the bytes of a PDF file.

    Raises:
        Invalid: They are none.
    """
    if not data.startswith(b"%PDF-"):
        raise Invalid("the file is no PDF", code="not_pdf")
    return data


def _accession(name: str) -> str:
    """Return the accession number that a file name says.

    Raises:
        Invalid: It is none.
    """
    accession = name[: -len(".pdf")].strip()
    if not 0 < len(accession) <= _LONGEST_NAME or not accession.isprintable():
        raise Invalid("the file's name is no accession number", code="bad_file_name")
    return accession
