"""Vetted connections: resolve, check every address, connect to one that passed, and keep time.

The name is resolved once and the numeric address that was checked is the one connected, so a name
that changes between check and connect gains nothing. Every read has a deadline, so a peer that
dribbles bytes cannot hold a thread.
"""

from __future__ import annotations

import io
import socket
import ssl
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from undisc_node.peers.addresses import ForbiddenAddress, Network, check_address
from undisc_node.peers.locations import Location
from undisc_protocol.errors import Unreachable

Monotonic = Callable[[], float]
"""Tells seconds on a clock that never goes back."""

Resolve = Callable[[str, int], Sequence[tuple[int, Any]]]
"""Turns a host and port into (address family, socket address) pairs."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a peer may take.

    Attributes:
        connect: Seconds for the TCP connection, and again for the TLS handshake.
        read: Seconds without a single byte.
        total: Seconds for a whole control message, request and answer.
        rate: Bytes per second below which a stream is given up, measured over `read` seconds of
            waiting for the peer; time in which this node is busy itself does not count.
    """

    connect: float = 10.0
    read: float = 30.0
    total: float = 60.0
    rate: int = 10_000


def resolve_host(host: str, port: int) -> Sequence[tuple[int, Any]]:
    """Ask the system for the addresses of a host.

    Raises:
        Unreachable: The name is unknown, or the resolver does not answer.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        raise Unreachable(f"the name {host} cannot be resolved") from problem
    return [(family, address) for family, _, _, _, address in found]


_TIMEVAL: Final = "ll"  # struct timeval, socket(7): seconds, microseconds
_MOST_ADDRESSES: Final = 8
"""Addresses of one name that are tried: a name server can list thousands that never answer."""


class TimedSocket:
    """A connected socket that keeps to `Patience`; what `http.client` reads from."""

    def __init__(self, connected: socket.socket, *, patience: Patience, now: Monotonic) -> None:
        self._socket = connected
        self._patience = patience
        self._now = now
        self._deadline: float | None = now() + patience.total
        self._waited = 0.0
        self._received = 0
        self._whole = False

    def stream_from_here(self) -> None:
        """From now on a minimum rate counts, not the total: long is fine, dribbling is not.

        Without TLS the system gathers whole buffers from here on: waking this process for every
        packet would cost more than copying it.
        """
        self._deadline = None
        self._waited = 0.0
        self._received = 0
        if type(self._socket) is socket.socket:  # not ssl.SSLSocket, which has no such mode
            seconds, part = divmod(self._patience.read, 1)
            limit = struct.pack(_TIMEVAL, int(seconds), int(part * 1e6))
            self._socket.settimeout(None)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            self._whole = True

    def pour_from_here(self) -> None:
        """From now on each piece that is sent has its own time, not the whole: long is fine."""
        self._deadline = None

    def _wait_at_most(self) -> float:
        if self._deadline is None:
            return self._patience.read
        left = self._deadline - self._now()
        if left <= 0:
            raise TimeoutError("the whole answer took too long")
        return min(left, self._patience.read)

    def sendall(self, data: bytes) -> None:
        """Send everything, or raise `OSError`; the time-out covers the whole of it."""
        self._socket.settimeout(self._wait_at_most())
        self._socket.sendall(data)

    def receive_into(self, buffer: memoryview) -> int:
        """Read what is there, at most the buffer; 0 at the end.

        Raises:
            TimeoutError: No byte in time, deadline passed, or slower than the minimum rate.
        """
        if not self._whole:
            self._socket.settimeout(self._wait_at_most())
        before = self._now()
        count = self._gather(buffer) if self._whole else self._socket.recv_into(buffer)
        self._waited += self._now() - before
        self._received += count
        if self._deadline is None and self._waited >= self._patience.read:
            if self._received < self._patience.rate * self._waited:
                raise TimeoutError("slower than the minimum rate")
            self._waited = 0.0
            self._received = 0
        return count

    def _gather(self, buffer: memoryview) -> int:
        """Wait until the buffer is full, the stream ends, or `Patience.read` is over."""
        try:
            return self._socket.recv_into(buffer, len(buffer), socket.MSG_WAITALL)
        except BlockingIOError:  # SO_RCVTIMEO, socket(7)
            raise TimeoutError("no byte in time") from None

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return the reading side as a file; large reads go past its buffer."""
        return io.BufferedReader(_Readable(self))

    def close(self) -> None:
        """Do nothing: `http.client` closes after the head of an answer; the owner calls `shut`."""

    def shut(self) -> None:
        """Close the connection; doing it again changes nothing."""
        self._socket.close()


class _Readable(io.RawIOBase):
    """The reading side of a `TimedSocket` as a raw file."""

    def __init__(self, timed: TimedSocket) -> None:
        super().__init__()
        self._timed = timed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        return self._timed.receive_into(memoryview(buffer))


class Connector:
    """Opens connections to peers.

    Args:
        private_addresses: Whether all private and loopback addresses are allowed.
        allow: Private networks that are allowed where not all are.
        tls: How certificates are checked.
        patience: How long a peer may take.
        now: A clock that never goes back.
        resolve: Turns names into addresses.
    """

    def __init__(
        self,
        *,
        private_addresses: bool,
        tls: ssl.SSLContext,
        patience: Patience,
        now: Monotonic,
        resolve: Resolve = resolve_host,
        allow: Sequence[Network] = (),
    ) -> None:
        self._private_addresses = private_addresses
        self._allow = allow
        self._tls = tls
        self._patience = patience
        self._now = now
        self._resolve = resolve

    def connect(self, location: Location) -> TimedSocket:
        """Connect to the first allowed address that accepts.

        Raises:
            Unreachable: No address accepted, or the certificate is not valid for the host.
            ForbiddenAddress: The host has none but forbidden addresses.
        """
        problem: Unreachable | None = None
        for family, address in self._resolve(location.host, location.port)[:_MOST_ADDRESSES]:
            try:
                self._check(address)
                return self._open(location, family, address)
            except ForbiddenAddress as refusal:
                problem = problem or refusal
            except OSError as failure:
                problem = Unreachable(f"{location.host} port {location.port} does not answer")
                problem.__cause__ = failure
        raise problem or Unreachable(f"the name {location.host} has no address")

    def _check(self, address: Any) -> None:
        check_address(str(address[0]), private_addresses=self._private_addresses, allow=self._allow)

    def _open(self, location: Location, family: int, address: Any) -> TimedSocket:
        connected = socket.socket(family, socket.SOCK_STREAM)
        try:
            connected.settimeout(self._patience.connect)
            connected.connect(address)
            self._check_other_end(connected)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if location.secure:
                connected = self._handshake(connected, location.host)
        except BaseException:
            connected.close()
            raise
        return TimedSocket(connected, patience=self._patience, now=self._now)

    def _check_other_end(self, connected: socket.socket) -> None:
        """Decide once more on the address that is really connected."""
        other = connected.getpeername()
        self._check(other)
        if other == connected.getsockname():
            # TCP lets a free loopback port connect to itself when nobody listens on it.
            raise ConnectionRefusedError("connected to itself")

    def _handshake(self, connected: socket.socket, host: str) -> ssl.SSLSocket:
        try:
            return self._tls.wrap_socket(connected, server_hostname=host)
        except ssl.SSLCertVerificationError as failure:
            raise Unreachable(
                f"the certificate of {host} is not valid: {failure.verify_message}"
            ) from failure
        except ssl.SSLError as failure:
            raise Unreachable(f"{host} does not speak TLS as expected") from failure
