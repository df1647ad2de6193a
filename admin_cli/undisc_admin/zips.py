"""Finds the files of a ZIP archive, and hands each out as a body of known size.

Nothing is unpacked to a disk, and no name of a member becomes a path: members are read from the
archive while they are sent. What an archive can do to its reader is bounded here: the size of its
list, the number and size of members, and how much larger they are than what they were packed into.
"""

from __future__ import annotations

import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from undisc_admin.errors import CommandError, ExitCode, invalid
from undisc_admin.walking import ChangedError, Found
from undisc_protocol import limits

SIGNATURE: Final = b"PK\x03\x04"  # of a member, at the start of nearly every archive
MAX_MEMBERS: Final = 200_000  # the largest study has 32,768 instances
MAX_LIST: Final = 64 * 2**20  # bytes of the central directory; 200,000 members need 20 MB
MAX_RATIO: Final = 200  # packed images shrink up to 10 times; what is nearly empty, a little more
SMALL: Final = 16 * 2**20  # bytes below which a member may be as empty as it likes
_END: Final = struct.Struct("<4s4H2LH")  # end of central directory (APPNOTE.TXT 4.3.16)
_END_64: Final = struct.Struct("<4sQ2H2L4Q")  # its ZIP64 form (4.3.14)
_LOCATOR_64: Final = struct.Struct("<4sLQL")  # where that lies (4.3.15)
_LONGEST_COMMENT: Final = 65_535
_ENCRYPTED: Final = 1 << 0 | 1 << 6
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # Unicode categories


class DamagedZipError(ChangedError):
    """A member is not what the archive's list says."""

    code = "zip_damaged"


def is_zip(path: Path) -> bool:
    """Tell whether a file that was named on the command line is a ZIP archive."""
    try:
        with path.open("rb") as file:
            return file.read(2) == SIGNATURE[:2] and zipfile.is_zipfile(file)
    except OSError:
        return False  # a folder, too


class ZipMedium:
    """An open archive.

    Args:
        path: The file.

    Raises:
        CommandError: It is damaged, or has more members than any real one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with path.open("rb") as file:
                _check_list(file)
            self._archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError, OSError):
            raise _damaged(path) from None

    def files(self) -> Iterator[Found]:
        """Yield every member that is a file, in order of name."""
        for info in sorted(self._archive.infolist(), key=lambda one: one.filename):
            if not info.filename.endswith("/"):  # `is_dir` fails for an empty name
                yield self._found(info)

    def _found(self, info: zipfile.ZipInfo) -> Found:
        parts = tuple(part for part in re.split(r"[/\\]", info.filename) if part != ".")
        # Shown only: every part stands for itself, so that none can seem to be somewhere else.
        shown = self._path.joinpath(*(part.strip("/") or "_" for part in parts))
        return Found(shown, parts, lambda: ZipBody(self._archive, info), _why_not(info, parts))

    def close(self) -> None:
        """Close the archive."""
        self._archive.close()


def _why_not(info: zipfile.ZipInfo, parts: tuple[str, ...]) -> str:
    """Say why a member is left out; empty for one to import."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "symbolic_link"
    if kind not in {0, stat.S_IFREG}:
        return "special_file"
    if not _is_safe(info.orig_filename, parts):
        return "unsafe_name"
    if info.flag_bits & _ENCRYPTED:
        return "zip_encrypted"
    if info.file_size > limits.MAX_OBJECT:
        return "too_large"
    if info.file_size > max(SMALL, MAX_RATIO * info.compress_size):
        return "zip_ratio"
    return "" if info.file_size else "empty_file"


def _is_safe(name: str, parts: tuple[str, ...]) -> bool:
    """Tell whether a name says plainly where below the archive's root it belongs."""
    return bool(parts) and not (
        _DRIVE.match(name)
        or any(part in {"", ".."} for part in parts)
        or any(unicodedata.category(one) in _UNSEEN for one in name)
    )


def _check_list(file: IO[bytes]) -> None:
    """Look at the size of the list before anything reads it as a whole.

    Raises:
        CommandError: It is larger than any real one.
        ValueError: There is no list.
    """
    size = file.seek(0, 2)
    file.seek(max(0, size - _END.size - _LONGEST_COMMENT))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0:
        raise ValueError
    _, _, _, _, count, length, _, _ = _END.unpack_from(tail, at)
    locator = at - _LOCATOR_64.size
    if locator >= 0 and tail[locator : locator + 4] == b"PK\x06\x07":
        _, _, place, _ = _LOCATOR_64.unpack_from(tail, locator)
        file.seek(min(place, size))
        _, _, _, _, _, _, _, count, length, _ = _END_64.unpack(file.read(_END_64.size))
    if count > MAX_MEMBERS or length > MAX_LIST:
        raise CommandError(
            f"the archive says that it has {count:,} members, more than any real one",
            exit_code=ExitCode.INVALID,
            code="zip_too_large",
            hint=f"unpack it, and import the folder in parts of up to {MAX_MEMBERS:,} files",
        )


def _damaged(path: Path) -> CommandError:
    return invalid(
        f"{path} is a ZIP file that cannot be read",
        "copy it again from where it came, or unpack it with another program",
    )


class ZipBody:
    """A member as the body of a request: exactly as many bytes as the archive's list says.

    Args:
        archive: The archive.
        info: The member.

    Raises:
        DamagedZipError: It cannot be opened.
    """

    def __init__(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        self.size = info.file_size
        self._rest = self.size
        try:
            self._file = archive.open(info)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, struct.error):
            raise DamagedZipError from None

    def read(self, count: int = -1, /) -> bytes:
        """Return up to `count` bytes; nothing at the end.

        Raises:
            DamagedZipError: The member is shorter than it should be, or its checksum is wrong.
        """
        wanted = self._rest if count < 0 else min(count, self._rest)
        try:
            block = self._file.read(wanted)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError):
            raise DamagedZipError from None
        if wanted and not block:
            raise DamagedZipError
        self._rest -= len(block)
        return block

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
