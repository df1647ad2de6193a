"""Bodies of several parts: reads them while they arrive (RFC 2046 §5.1, PS3.18 §8.6.1.2).

Nothing is kept but what is needed to see the next boundary, whatever the size of a part.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Final

from undisc_node.services.errors import Invalid
from undisc_node.web.errors import TooLarge

MAX_HEAD: Final = 8_192  # bytes of the header lines of one part
MAX_PARTS: Final = 40_000  # more than a study may have instances
MAX_PREAMBLE: Final = 65_536  # bytes before the first boundary, which mean nothing
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_EVENT: Final = 262_144  # bytes handed on at a time at most


class MultipartReader:
    """Reads the parts of a body one after the other.

    Args:
        blocks: The body as it arrives.
        boundary: From the request's head.
        part_limit: Largest part in bytes.

    Raises:
        Invalid: The boundary cannot be one.
    """

    def __init__(self, blocks: AsyncIterator[bytes], boundary: str, *, part_limit: int) -> None:
        if not _BOUNDARY.fullmatch(boundary):
            raise _broken()
        self._blocks = blocks
        self._mark = b"\r\n--" + boundary.encode("ascii")
        self._limit = part_limit
        self._held = bytearray(b"\r\n")  # so that the first boundary looks like every other
        self._ended = False
        self._parts = 0
        self._in_part = False

    async def next_part(self) -> Mapping[str, str] | None:
        """Go to the next part and return its header lines; None at the end of the body.

        Raises:
            Invalid: This is no body of several parts.
            TooLarge: Too many parts.
        """
        if self._in_part:
            async for _ in self.content():
                pass
        elif self._parts == 0 and not await self._to_first():
            return None
        while len(self._held) < 2 and await self._more():  # noqa: PLR2004 - what follows a boundary
            pass
        if self._held[:2] == b"--":
            return None
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise TooLarge(f"the body has more than {MAX_PARTS} parts")
        self._in_part = True
        return await self._head()

    async def content(self) -> AsyncIterator[bytes]:
        """Yield what the part holds.

        Raises:
            Invalid: The body ends within it.
            TooLarge: It is larger than a part may be.
        """
        size = 0
        while self._in_part:
            at = self._held.find(self._mark)
            count = at if at >= 0 else len(self._held) - len(self._mark)
            count = min(count, _EVENT)
            if count > 0:
                size += count
                if size > self._limit:
                    raise TooLarge(f"a part has more than {self._limit} bytes")
                yield bytes(self._held[:count])
                del self._held[:count]
            elif at == 0:
                del self._held[: len(self._mark)]
                self._in_part = False
            elif not await self._more():
                raise _broken()

    async def _to_first(self) -> bool:
        while (at := self._held.find(self._mark)) < 0:
            if len(self._held) > MAX_PREAMBLE or not await self._more():
                raise _broken()
        del self._held[: at + len(self._mark)]
        return True

    async def _head(self) -> Mapping[str, str]:
        """Read the rest of the boundary's line and the header lines behind it."""
        while (end := self._held.find(b"\r\n\r\n")) < 0 or end > MAX_HEAD:
            if end > MAX_HEAD or len(self._held) > MAX_HEAD or not await self._more():
                raise _broken()
        lines = bytes(self._held[:end]).decode("latin-1").split("\r\n")
        # The line break before a part's content also ends its head, so that a boundary right
        # behind it is found.
        del self._held[: end + 4]
        if lines[0].strip(" \t"):
            raise _broken()
        head = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon:
                raise _broken()
            head[name.strip().lower()] = value.strip()
        return head

    async def _more(self) -> bool:
        if self._ended:
            return False
        block = await anext(self._blocks, b"")
        self._ended = not block
        self._held += block
        return not self._ended


def _broken() -> Invalid:
    return Invalid(
        "the request's body is not in the parts that its head announces",
        code="bad_multipart",
        hint='send multipart/related; type="application/dicom"; boundary=...',
    )
