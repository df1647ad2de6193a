"""The one client for other nodes: implements `ports.PeerNetwork` with blocking reads.

A blocking `readinto` into the caller's buffers is about twice as fast as an asynchronous client,
and use cases run in threads anyway. The client follows no redirect, uses no proxy from the
environment, keeps no cookie, asks for no compression, and trusts nothing it reads: sizes are
counted while reading. Messages of errors never hold a ticket.

Invariants:
- Only addresses that `addresses.check_address` allows are connected.
- A request is never sent to a second address when the first may have acted on it in silence.
- A stream is exactly the range that was asked for, uncompressed.
"""

from __future__ import annotations

import base64
import http.client
import io
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Final, cast

from undisc_node.peers.addresses import Network
from undisc_node.peers.connector import (
    Connector,
    Monotonic,
    Patience,
    Resolve,
    TimedSocket,
    resolve_host,
)
from undisc_node.peers.locations import Location, read_location
from undisc_node.services.ports import ReadInto, Reply
from undisc_protocol import limits
from undisc_protocol.errors import BadTicket, LocalProtocolError, Unreachable

_NODE: Final = "/undisc/v1/node"
_PACKS: Final = "/undisc/v1/packs"
_ERRAND: Final = "/undisc/v1/errand"
_BYTES: Final = "application/octet-stream"
_REMEMBERED: Final = 1_024  # addresses that fell silent; only their order depends on it
_OK, _TAKEN, _PARTIAL, _FORBIDDEN = 200, 204, 206, 403
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,16})-([0-9]{1,16})/([0-9]{1,16})")
_HEADERS: Final = {
    "Accept": _BYTES,
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": "undisc",
}


class PeerClient:
    """Carries bytes to and from other nodes.

    Args:
        private_addresses: Whether all private and loopback addresses are allowed.
        allow: Private networks that are allowed where not all are.
        tls: How certificates are checked; by default the system's authorities and host names.
        patience: How long a peer may take.
        now: A clock that never goes back.
        resolve: Turns names into addresses.
    """

    def __init__(
        self,
        *,
        private_addresses: bool = False,
        allow: Sequence[Network] = (),
        tls: ssl.SSLContext | None = None,
        patience: Patience | None = None,
        now: Monotonic = time.monotonic,
        resolve: Resolve = resolve_host,
    ) -> None:
        self._connector = Connector(
            private_addresses=private_addresses,
            allow=allow,
            tls=tls or ssl.create_default_context(),
            patience=patience or Patience(),
            now=now,
            resolve=resolve,
        )
        self._lock = threading.Lock()
        self._broken: set[str] = set()

    def introduce(self, url: str) -> bytes:
        """Ask for a node's document; see `ports.PeerNetwork.introduce`."""
        location = read_location(url)
        with _exchange(location), _shutting(self._connector.connect(location)) as timed:
            answer = _send(timed, location, "GET", _NODE, {})
            body = _read_whole(answer, location, limits.MAX_NODE_DOCUMENT)
        if answer.status != _OK or _media_type(answer) != _BYTES:
            raise Unreachable(f"{location.host} answered, but not as a node does")
        return body

    def shown_date(self, url: str) -> str:
        """Return the `Date` that a node shows with its document; empty when it shows none.

        Raises:
            Unreachable: It does not answer as a node does.
        """
        location = read_location(url)
        with _exchange(location), _shutting(self._connector.connect(location)) as timed:
            answer = _send(timed, location, "GET", _NODE, {})
            _read_whole(answer, location, limits.MAX_NODE_DOCUMENT)
        if answer.status != _OK:
            raise Unreachable(f"{location.host} answered, but not as a node does")
        return answer.getheader("Date", "")

    def ask(self, urls: Sequence[str], path: str, body: bytes, *, limit: int) -> Reply:
        """Post bytes to the first address that answers; see `ports.PeerNetwork.ask`.

        An answer that no node gives (a web page, a redirect, a node at its limit) counts only when
        no other address does better. Once an address was connected and then fell silent, no other
        is tried: the request may have been used up there. That address comes last next time.
        """
        fallback: Reply | None = None
        problem: Unreachable | None = None
        for url in self._in_order(urls):
            try:
                location = read_location(url)
                timed = self._connector.connect(location)
            except Unreachable as failure:
                problem = failure
                continue
            try:
                with _exchange(location), _shutting(timed):
                    answer = _send(timed, location, "POST", path, {"Content-Type": _BYTES}, body)
                    reply = Reply(answer.status, _read_whole(answer, location, limit))
            except Unreachable:
                self._note(url, broken=True)
                raise
            self._note(url, broken=False)
            if _media_type(answer) == _BYTES:
                return reply
            fallback = fallback or reply
        if fallback is not None:
            return fallback
        raise problem or Unreachable("the peer has no address")

    @contextmanager
    def stream(
        self, urls: Sequence[str], ticket: bytes, start: int, stop: int
    ) -> Iterator[ReadInto]:
        """Open the bytes `[start, stop)` of a ticket's stream; see `ports.PeerNetwork.stream`."""
        if not 0 <= start < stop:
            raise LocalProtocolError("a stream has at least one byte")
        problem: Unreachable | BadTicket | None = None
        for url in self._in_order(urls):
            try:
                location = read_location(url)
                reading = self._open_stream(location, ticket, start, stop)
            except BadTicket as refusal:
                problem = refusal
            except Unreachable as failure:
                problem = problem or failure
            else:
                with closing(reading):
                    yield reading.read_into
                return
        raise problem or Unreachable("the peer has no address")

    def bring(
        self,
        urls: Sequence[str],
        handle: bytes,
        status: int,
        pieces: Iterable[bytes],
        *,
        length: int,
    ) -> None:
        """Say what an errand is answered with; see `ports.BringsAnswers.bring`."""
        problem: Unreachable | None = None
        for url in self._in_order(urls):
            try:
                location = read_location(url)
                timed = self._connector.connect(location)
            except Unreachable as failure:
                problem = failure
                continue
            with _exchange(location), _shutting(timed):
                headers = {
                    "Authorization": f"Undisc {_text_of(handle)}",
                    "Undisc-Status": str(status),
                    "Content-Type": _BYTES,
                    "Content-Length": str(length),
                }
                answer = _pour(timed, location, headers, pieces)
                _read_whole(answer, location, limits.MAX_REFUSAL)
            if answer.status == _FORBIDDEN:
                raise BadTicket(f"nobody at {location.host} waits for this answer")
            if answer.status != _TAKEN:
                raise Unreachable(f"{location.host} did not take the answer")
            return
        raise problem or Unreachable("the peer has no address")

    def _open_stream(self, location: Location, ticket: bytes, start: int, stop: int) -> _Stream:
        timed = self._connector.connect(location)
        try:
            with _exchange(location):
                answer = _send(
                    timed,
                    location,
                    "GET",
                    _PACKS,
                    {
                        "Authorization": f"Undisc {_text_of(ticket)}",
                        "Range": f"bytes={start}-{stop - 1}",
                    },
                )
            _check_range(answer, location, start, stop)
        except BaseException:
            timed.shut()
            raise
        timed.stream_from_here()
        return _Stream(timed, answer, location, stop - start)

    def _in_order(self, urls: Sequence[str]) -> list[str]:
        with self._lock:
            return sorted(urls, key=lambda url: url in self._broken)

    def _note(self, url: str, *, broken: bool) -> None:
        with self._lock:
            if len(self._broken) >= _REMEMBERED:
                self._broken.clear()
            (self._broken.add if broken else self._broken.discard)(url)


class _Stream:
    """One open range: fills buffers until it is used up."""

    def __init__(
        self, timed: TimedSocket, answer: http.client.HTTPResponse, location: Location, left: int
    ) -> None:
        self._timed = timed
        self._answer = answer
        self._location = location
        self._left = left
        self._early: memoryview | None = None

    def read_into(self, buffer: memoryview, /) -> None:
        """Fill the buffer completely, or raise `Unreachable`."""
        if len(buffer) > self._left:
            raise LocalProtocolError("more bytes were read than the range holds")
        with _exchange(self._location):
            filled = self._take_early(buffer)
            while filled < len(buffer):
                count = self._timed.receive_into(buffer[filled:])
                if not count:
                    raise Unreachable(f"{self._location.host} broke the stream off")
                filled += count
        self._left -= filled

    def _take_early(self, buffer: memoryview) -> int:
        """Use up what came together with the head; all else goes straight into the buffers."""
        if self._early is None:
            most = min(self._left, io.DEFAULT_BUFFER_SIZE)  # no more than that was read ahead
            self._early = memoryview(self._answer.read1(most))
        count = min(len(self._early), len(buffer))
        buffer[:count] = self._early[:count]
        self._early = self._early[count:]
        return count

    def close(self) -> None:
        self._answer.close()
        self._timed.shut()


@contextmanager
def _shutting(timed: TimedSocket) -> Iterator[TimedSocket]:
    try:
        yield timed
    finally:
        timed.shut()


@contextmanager
def _exchange(location: Location) -> Iterator[None]:
    """Turn what goes wrong on the wire into `Unreachable`, without the bytes that went over it."""
    try:
        yield
    except TimeoutError as problem:
        raise Unreachable(f"{location.host} is too slow") from problem
    except (OSError, http.client.HTTPException, ValueError) as problem:
        raise Unreachable(f"the connection to {location.host} broke") from problem


def _connection(timed: TimedSocket, location: Location) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection(location.host, location.port)
    connection.auto_open = 0  # nothing but the vetted socket is ever used
    connection.default_port = http.client.HTTPS_PORT if location.secure else http.client.HTTP_PORT
    connection.sock = cast("socket.socket", timed)  # it calls sendall, makefile and close only
    return connection


def _send(
    timed: TimedSocket,
    location: Location,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes | None = None,
) -> http.client.HTTPResponse:
    """Send one request and read the head of its answer."""
    connection = _connection(timed, location)
    connection.request(method, location.prefix + path, body, {**_HEADERS, **headers})
    return connection.getresponse()


def _pour(
    timed: TimedSocket, location: Location, headers: Mapping[str, str], pieces: Iterable[bytes]
) -> http.client.HTTPResponse:
    """Send a body piece by piece and read the head of what is said to it."""
    connection = _connection(timed, location)
    connection.putrequest("POST", location.prefix + _ERRAND, skip_accept_encoding=True)
    for name, value in {**_HEADERS, **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    timed.pour_from_here()
    for piece in pieces:
        timed.sendall(piece)
    return connection.getresponse()


def _text_of(secret: bytes) -> str:
    """Return a ticket or handle as it stands in the header that holds it."""
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def _read_whole(answer: http.client.HTTPResponse, location: Location, limit: int) -> bytes:
    """Read a body of at most `limit` bytes; what its head does not bound is not read at all."""
    if answer.getheader("Content-Encoding", "identity") != "identity":
        raise Unreachable(f"{location.host} answered with compressed bytes")
    if answer.length is None:
        raise Unreachable(f"{location.host} answered without saying how long its answer is")
    if answer.length > limit:
        raise Unreachable(f"{location.host} answered with more than {limit} bytes")
    body = answer.read(answer.length)
    if answer.length:
        raise Unreachable(f"{location.host} broke its answer off")
    return body


def _check_range(
    answer: http.client.HTTPResponse, location: Location, start: int, stop: int
) -> None:
    """Accept exactly the range that was asked for, as plain bytes of known length."""
    if answer.status == _FORBIDDEN:
        raise BadTicket(f"{location.host} no longer accepts the ticket")
    found = _CONTENT_RANGE.fullmatch(answer.getheader("Content-Range", ""))
    if answer.status != _PARTIAL or found is None:
        raise Unreachable(f"{location.host} did not answer with the range that was asked for")
    first, last, total = (int(text) for text in found.groups())
    encoded = answer.getheader("Content-Encoding") is not None or answer.chunked
    if (first, last + 1) != (start, stop) or total < stop or encoded:
        raise Unreachable(f"{location.host} did not answer with the range that was asked for")
    if answer.length != stop - start:
        raise Unreachable(f"{location.host} announced another length than the range has")


def _media_type(answer: http.client.HTTPResponse) -> str:
    return answer.getheader("Content-Type", "").partition(";")[0].strip().lower()
