"""Unpacks the node's medium while it arrives, so that a stick needs no room for a ZIP file beside.

Understands what `services.zipping` writes and nothing else: members stored as they are, their size
in front, their checksum behind. Names are checked as if a stranger had sent them.
"""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, Final

from undisc_admin.errors import CommandError, ExitCode

_LOCAL = struct.Struct("<4s5H3L2H")
_EXTRA = struct.Struct("<2H2Q")
_DESCRIPTOR = struct.Struct("<4s3L")
_DESCRIPTOR_64 = struct.Struct("<4sL2Q")
_LARGE: Final = 0xFFFFFFFF
_MEMBER, _LIST = b"PK\3\4", b"PK\1\2"
_NAME: Final = re.compile(r"[A-Z0-9_]{1,8}(\.[A-Z]{3})?")  # ISO 9660 level 1, as every disc has it
_DEEPEST: Final = 8  # components (PS3.10 §8.2)


class Unpacker:
    """A file-like object to write a ZIP stream into.

    Args:
        folder: Where its members go; existing files are never replaced.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting = bytearray()  # the beginning of a header
        self._file: BinaryIO | None = None
        self._rest = 0  # bytes of the member that are still to come
        self._checksum = 0
        self._is_large = False
        self._ended = False
        self.files = 0
        self.size = 0

    def write(self, block: bytes) -> int:
        """Take the next bytes of the stream.

        Raises:
            CommandError: They are not what a node writes, or damaged on the way.
            OSError: The disk says no.
        """
        rest = memoryview(block)
        count = len(rest)
        while rest and not self._ended:
            rest = self._take_content(rest) if self._rest else self._take_header(rest)
        return count

    def end(self) -> None:
        """Say that the stream has ended.

        Raises:
            CommandError: It ended too early.
        """
        self.close()
        if not self._ended:
            raise _damaged("ends too early")

    def close(self) -> None:
        """Close a file that did not become whole."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _take_content(self, rest: memoryview) -> memoryview:
        piece = rest[: self._rest]
        if self._file is None:
            raise _damaged("has content without a name")
        self._file.write(piece)
        self._checksum = zlib.crc32(piece, self._checksum)
        self._rest -= len(piece)
        self.size += len(piece)
        return rest[len(piece) :]

    def _take_header(self, rest: memoryview) -> memoryview:
        """Gather a header or descriptor byte by byte; they are short."""
        wanted = self._wanted()
        taken = max(0, wanted - len(self._waiting))
        self._waiting += rest[:taken]
        if len(self._waiting) == wanted and self._wanted() == wanted:
            self._act()
            self._waiting.clear()
        return rest[taken:]

    def _wanted(self) -> int:
        """Return how long the header is, as far as that is known yet."""
        if self._file is not None:
            return (_DESCRIPTOR_64 if self._is_large else _DESCRIPTOR).size
        if len(self._waiting) < len(_MEMBER) or self._waiting[:4] == _LIST:
            return len(_MEMBER)
        if len(self._waiting) < _LOCAL.size:
            return _LOCAL.size
        *_, name, extra = _LOCAL.unpack_from(self._waiting)
        return _LOCAL.size + int(name) + int(extra)

    def _act(self) -> None:
        header = bytes(self._waiting)
        if self._file is not None:
            shape = _DESCRIPTOR_64 if self._is_large else _DESCRIPTOR
            if shape.unpack(header)[1] != self._checksum:
                raise _damaged("does not have the checksum that was announced")
            self.close()
            self.files += 1
        elif header == _LIST:
            self._ended = True
        else:
            self._begin(header)

    def _begin(self, header: bytes) -> None:
        signature, *_, size, _, length, _ = _LOCAL.unpack_from(header)
        if signature != _MEMBER:
            raise _damaged("is not laid out as a node writes it")
        extra = header[_LOCAL.size + length :]
        self._is_large = size == _LARGE
        self._rest = _EXTRA.unpack_from(extra)[2] if self._is_large else size
        self._checksum = 0
        parts = header[_LOCAL.size : _LOCAL.size + length].decode("ascii", "replace").split("/")
        if len(parts) > _DEEPEST or not all(_NAME.fullmatch(part) for part in parts):
            raise _damaged("has a file with a name that no medium has")
        path = self._folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("xb")


def _damaged(how: str) -> CommandError:
    return CommandError(
        f"the medium {how}",
        exit_code=ExitCode.DAMAGED,
        code="damaged",
        hint="what is written is not complete; delete it and export again",
    )
