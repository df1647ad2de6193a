"""The MLLP port: an own asyncio transport on the LAN, with bounds for whatever comes.

Listed addresses only. A message has a total deadline from its first byte to its last, so that a
dribble does not hold a connection; one message of a connection is worked on at a time, and nothing
is read meanwhile. What all connections keep of unfinished messages is bounded together.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from undisc_node.hl7.framing import MAX_MESSAGE, Framer, frame
from undisc_node.services.errors import Invalid, Unavailable

Network = IPv4Network | IPv6Network

log = logging.getLogger("undisc.hl7")

_UNREAD: Final = 65_536  # bytes of answers that a sender has not read; about 200 of them


@dataclass(frozen=True, slots=True)
class Bounds:
    """What to put up with.

    Attributes:
        message: Largest message, bytes.
        held: Bytes of unfinished messages, all connections together.
        message_seconds: From the first byte of a message to its last; 32 MiB in a minute are
            5 Mbit/s.
        idle_seconds: Without any message; senders keep their connection for days, but a dead one
            must go at some time.
        per_address: Connections of one address; an interface engine has one for each kind of
            message.
        connections: Of all addresses.
        waiting: Whole messages of one connection that wait for their turn; senders that wait for
            their answer have one.
    """

    message: int = MAX_MESSAGE
    held: int = 96 * 2**20
    message_seconds: float = 60.0
    idle_seconds: float = 86_400.0
    per_address: int = 8
    connections: int = 64
    waiting: int = 16


_THREADS: Final = 2  # messages worked on at once; storing is the disk's pace anyway


class MllpPort:
    """Listens for HL7 messages.

    Args:
        host: Address to listen on.
        port: TCP port; 0 lets the system choose.
        allowed: Networks that may connect.
        answer: Takes a message in and returns its acknowledgement; runs in a thread.
        bounds: What to put up with.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        allowed: Sequence[Network],
        answer: Callable[[bytes, str], bytes],
        bounds: Bounds | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._allowed = tuple(allowed)
        self.answer = answer
        self.bounds = bounds or Bounds()
        self.workers = ThreadPoolExecutor(_THREADS, thread_name_prefix="hl7")
        self.open: set[_Connection] = set()
        self.addresses: Counter[str] = Counter()
        self.held = 0
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where the port listens."""
        if self._server is None:
            raise Unavailable("the HL7 port is not open")
        name = self._server.sockets[0].getsockname()
        return str(name[0]), int(name[1])

    async def start(self) -> None:
        """Open the port.

        Raises:
            Unavailable: `port_in_use`, or `port_refused` when the system does not allow it.
        """
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: _Connection(self), self._host, self._port
            )
        except OSError as problem:
            if problem.errno == errno.EADDRINUSE:
                raise Unavailable(
                    f"the HL7 port {self._port} is in use by another program",
                    code="port_in_use",
                    hint="stop that program, or set another hl7.port",
                ) from None
            raise Unavailable(
                f"the HL7 port {self._port} on {self._host} cannot be opened",
                code="port_refused",
                hint="choose an address of this machine and a port from 1024 on",
            ) from problem

    async def stop(self) -> None:
        """Close the port; a message that is being taken in is finished and answered."""
        if self._server is None:
            return
        self._server.close()
        busy = [one.working for one in self.open if one.working is not None]
        for one in list(self.open):
            one.finish()
        if busy:
            await asyncio.wait(busy)
        for one in list(self.open):
            one.drop()
        self._server = None
        await asyncio.to_thread(self.workers.shutdown)

    def admits(self, address: str) -> bool:
        """Tell whether an address is listed and may open one more connection."""
        peer = ip_address(address.partition("%")[0])
        if isinstance(peer, IPv6Address) and peer.ipv4_mapped is not None:
            peer = peer.ipv4_mapped
        if not any(peer in network for network in self._allowed):
            log.warning("HL7: connection from %s refused, its address is not listed", address)
            return False
        bounds = self.bounds
        if len(self.open) >= bounds.connections or self.addresses[address] >= bounds.per_address:
            log.warning("HL7: too many connections from %s, one refused", address)
            return False
        return True


class _Connection(asyncio.Protocol):
    """One connection of a sender."""

    def __init__(self, port: MllpPort) -> None:
        self._port = port
        self._framer = Framer(most=port.bounds.message)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._address = ""
        self._held = 0
        self._waiting: deque[bytes] = deque()
        self._deadline: asyncio.TimerHandle | None = None
        self._in_message = False
        self._ending = False
        self.working: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a connection of TCP is a stream")
        self._transport = transport
        self._address = str(transport.get_extra_info("peername")[0])
        if not self._port.admits(self._address):
            self._address = ""
            transport.abort()
            return
        self._port.open.add(self)
        self._port.addresses[self._address] += 1
        self._set_deadline(self._port.bounds.idle_seconds)

    def connection_lost(self, _problem: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        if not self._address:
            return
        self._port.open.discard(self)
        self._port.addresses[self._address] -= 1
        self._port.addresses += Counter()  # forgets addresses that have none
        self._hold(0)
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        if self._ending or not self._address:
            return
        was_inside = self._framer.inside
        try:
            messages = self._framer.feed(data)
        except Invalid as problem:
            log.warning("HL7: connection from %s closed: %s", self._address, problem)
            self.drop()
            return
        self._waiting.extend(messages)
        self._hold(self._framer.held + sum(map(len, self._waiting)))
        bounds = self._port.bounds
        if self._port.held > bounds.held or len(self._waiting) > bounds.waiting:
            log.warning("HL7: connection from %s closed: it sends too much", self._address)
            self.drop()
            return
        if messages or self._framer.inside != was_inside:
            inside = self._framer.inside
            self._set_deadline(bounds.message_seconds if inside else bounds.idle_seconds)
        if self._waiting and self.working is None:
            if self._transport is not None:
                self._transport.pause_reading()
            self.working = self._loop.create_task(self._work())

    async def _work(self) -> None:
        """Answer what waits, one message after the other; then read on."""
        try:
            while self._waiting and self._transport is not None:
                message = self._waiting.popleft()
                answer = await self._loop.run_in_executor(
                    self._port.workers, self._port.answer, message, self._address
                )
                self._hold(self._framer.held + sum(map(len, self._waiting)))
                if self._transport.is_closing():
                    return
                self._transport.write(frame(answer))
                if self._transport.get_write_buffer_size() > _UNREAD:
                    self.drop()  # whoever never reads its answers gets no more of them
                    return
                if self._ending:
                    self._transport.close()
                    return
        finally:
            self.working = None
        if self._transport is not None and not self._transport.is_closing():
            bounds, inside = self._port.bounds, self._framer.inside
            self._set_deadline(bounds.message_seconds if inside else bounds.idle_seconds)
            self._transport.resume_reading()

    def _hold(self, count: int) -> None:
        self._port.held += count - self._held
        self._held = count

    def _set_deadline(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self._loop.call_later(seconds, self._too_late)

    def _too_late(self) -> None:
        if self.working is None:
            if self._framer.inside:
                log.warning(
                    "HL7: connection from %s closed: a message takes too long", self._address
                )
            self.drop()

    def finish(self) -> None:
        """End after the message that is being worked on."""
        self._ending = True
        if self.working is None:
            self.drop()

    def drop(self) -> None:
        """End now."""
        if self._transport is not None:
            self._transport.abort()
