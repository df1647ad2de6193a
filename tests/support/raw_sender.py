"""A DICOM sender made of a socket and `struct`: sends exactly the bytes it is told to (PS3.8 §9.3).

It shares no code with the node or with pynetdicom, so it can also send what they never would.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Sequence
from types import TracebackType
from typing import Self

VERIFICATION = "1.2.840.10008.1.1"
IMPLICIT = "1.2.840.10008.1.2"


class RawSender:
    """One association.

    Args:
        address: Address and port of the receiver.
        contexts: Abstract syntax and transfer syntax of each presentation context.
        calling: Our AE title.
        timeout: Seconds to wait for any answer.
        source: Our address; empty for the usual one.
        secured: Speaks TLS; None for none.
    """

    def __init__(
        self,
        address: tuple[str, int],
        contexts: Sequence[tuple[str, str]] = ((VERIFICATION, IMPLICIT),),
        *,
        calling: str = "RAW",
        timeout: float = 10.0,
        source: str = "",
        secured: ssl.SSLContext | None = None,
    ) -> None:
        self.connection = socket.create_connection(
            address, timeout=timeout, source_address=(source, 0) if source else None
        )
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._message = 0
        try:
            if secured is not None:
                self.connection = secured.wrap_socket(self.connection)
            self.connection.sendall(associate_request(contexts, calling=calling))
            kind, body = self.receive()
            if kind != 2:
                raise ConnectionRefusedError(body[1:4].hex())
        except OSError:
            self.connection.close()
            raise
        self.accepted = _accepted(body)
        self.max_pdu = _max_pdu(body)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.connection.close()

    def echo(self) -> int:
        """Send C-ECHO; return the status."""
        command = _us(0x0100, 0x30) + _us(0x0110, self._next()) + _us(0x0800, 0x0101)
        self.send(1, _command(VERIFICATION, command), is_command=True)
        return self.answer()[0]

    def store(
        self, context: int, sop_class: str, sop_uid: str, data: bytes, *, fragment: int = 16_000
    ) -> tuple[int, str]:
        """Send one object; return status and error comment."""
        self.ask_to_store(context, sop_class, sop_uid, data, fragment=fragment)
        return self.answer()

    def ask_to_store(
        self,
        context: int,
        sop_class: str,
        sop_uid: str,
        data: bytes,
        *,
        fragment: int = 16_000,
        is_last: bool = True,
    ) -> None:
        """Send one object, or its start, and do not wait for the answer."""
        command = (
            _us(0x0100, 0x01)
            + _us(0x0110, self._next())
            + _us(0x0700, 2)
            + _us(0x0800, 0x0001)
            + _element(0x1000, _padded(sop_uid))
        )
        self.send(context, _command(sop_class, command), is_command=True)
        self.send(context, data, fragment=fragment, is_last=is_last)

    def send(
        self,
        context: int,
        data: bytes,
        *,
        is_command: bool = False,
        fragment: int = 16_000,
        is_last: bool = True,
    ) -> None:
        """Send a command or a data set, or a part of it, in fragments."""
        for start in range(0, max(1, len(data)), fragment):
            part = data[start : start + fragment]
            control = (1 if is_command else 0) | (
                2 if is_last and start + fragment >= len(data) else 0
            )
            value = struct.pack(">LBB", len(part) + 2, context, control) + part
            self.connection.sendall(pdu(4, value))

    def answer(self) -> tuple[int, str]:
        """Receive a response; return status and error comment."""
        kind, body = self.receive()
        if kind != 4:
            raise ConnectionAbortedError(f"PDU type {kind}")
        fields = _fields(body[6:])
        comment = fields.get(0x0902, b"").decode("ascii").strip()
        return int.from_bytes(fields[0x0900], "little"), comment

    def release(self) -> None:
        """Release the association and wait for the answer."""
        self.connection.sendall(pdu(5, bytes(4)))
        kind, _ = self.receive()
        if kind != 6:
            raise ConnectionAbortedError(f"PDU type {kind}")

    def receive(self) -> tuple[int, bytes]:
        """Receive one PDU; type and what follows its header."""
        kind, length = struct.unpack(">BxL", self._exactly(6))
        return kind, self._exactly(length)

    def _next(self) -> int:
        self._message += 1
        return self._message

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self.connection.recv(count - len(data))
            if not part:
                raise ConnectionAbortedError("closed")
            data += part
        return data


def pdu(kind: int, body: bytes) -> bytes:
    """Frame a PDU."""
    return struct.pack(">BxL", kind, len(body)) + body


def associate_request(contexts: Sequence[tuple[str, str]], *, calling: str = "RAW") -> bytes:
    """Encode A-ASSOCIATE-RQ with contexts 1, 3, 5 …"""
    items = _item(0x10, b"1.2.840.10008.3.1.1.1")
    for number, (abstract, transfer) in enumerate(contexts):
        inner = _item(0x30, abstract.encode()) + _item(0x40, transfer.encode())
        items += _item(0x20, struct.pack(">Bxxx", 2 * number + 1) + inner)
    user = _item(0x51, struct.pack(">L", 16_384)) + _item(0x52, b"2.25.1")
    items += _item(0x50, user)
    titles = b"UNDISC".ljust(16) + calling.encode().ljust(16)
    return pdu(1, struct.pack(">Hxx", 1) + titles + bytes(32) + items)


def _item(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(body)) + body


def _items(data: bytes) -> list[tuple[int, bytes]]:
    found = []
    while data:
        kind, length = struct.unpack_from(">BxH", data)
        found.append((kind, data[4 : 4 + length]))
        data = data[4 + length :]
    return found


def _accepted(body: bytes) -> set[int]:
    return {item[0] for kind, item in _items(body[68:]) if kind == 0x21 and item[2] == 0}


def _max_pdu(body: bytes) -> int:
    user = next(item for kind, item in _items(body[68:]) if kind == 0x50)
    return int.from_bytes(next(item for kind, item in _items(user) if kind == 0x51), "big")


def _padded(uid: str) -> bytes:
    return uid.encode() + b"\0" * (len(uid) % 2)


def _element(element: int, value: bytes) -> bytes:
    return struct.pack("<HHL", 0, element, len(value)) + value


def _us(element: int, value: int) -> bytes:
    return _element(element, struct.pack("<H", value))


def _command(sop_class: str, rest: bytes) -> bytes:
    body = _element(0x0002, _padded(sop_class)) + rest
    return _element(0x0000, struct.pack("<L", len(body))) + body


def _fields(data: bytes) -> dict[int, bytes]:
    found = {}
    while data:
        _, element, length = struct.unpack_from("<HHL", data)
        found[element] = data[8 : 8 + length]
        data = data[8 + length :]
    return found
