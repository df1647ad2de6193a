r"""The frames of MLLP release 1 without I/O: bytes in, whole messages out.

    <VT> message <FS><CR>

Between frames only CR and LF are put up with, as some senders add them; the CR after FS may be
missing. Nothing is kept of a message that is too large.
"""

from __future__ import annotations

from typing import Final

from undisc_node.services.errors import Invalid

START: Final = 0x0B  # VT
END: Final = 0x1C  # FS
RETURN: Final = 0x0D
FEED: Final = 0x0A
MAX_MESSAGE: Final = 32 * 2**20
"""Bytes of one message. A scanned report of 20 pages as base64 has about 10 MiB; images never come
this way."""


class Framer:
    """Cuts the bytes of one connection into messages.

    Args:
        most: Largest message in bytes.
    """

    def __init__(self, *, most: int = MAX_MESSAGE) -> None:
        self._most = most
        self._buffer = bytearray()
        self._inside = False
        self._searched = 0

    @property
    def held(self) -> int:
        """Bytes that are kept until their message is whole."""
        return len(self._buffer)

    @property
    def inside(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._inside

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes in; return the messages that are whole now.

        Raises:
            Invalid: Bytes outside a frame (`not_mllp`), or a message that is too large
                (`message_too_large`); the connection is of no use any more.
        """
        messages: list[bytes] = []
        view = memoryview(data)
        while view:
            if not self._inside:
                view = self._enter(view)
                continue
            self._buffer += view
            view = memoryview(b"")
            end = self._buffer.find(END, self._searched)
            self._searched = len(self._buffer)
            if end > self._most or (end < 0 and len(self._buffer) > self._most):
                self._buffer = bytearray()
                raise Invalid(
                    f"a message has more than {self._most} bytes", code="message_too_large"
                )
            if end >= 0:
                messages.append(bytes(self._buffer[:end]))
                view = memoryview(bytes(self._buffer[end + 1 :]))
                self._buffer, self._inside, self._searched = bytearray(), False, 0
        return messages

    def _enter(self, view: memoryview) -> memoryview:
        """Look for the beginning of a message; return what follows it."""
        for place, byte in enumerate(view):
            if byte == START:
                self._inside = True
                return view[place + 1 :]
            if byte not in (RETURN, FEED):
                raise Invalid("the bytes are not those of MLLP", code="not_mllp")
        return memoryview(b"")


def frame(message: bytes) -> bytes:
    """Put a message into its frame."""
    return bytes([START]) + message + bytes([END, RETURN])
