"""A line with a rate and a delay between a browser and a node: plain TCP, in this process.

Bytes of all connections share the rate, as on a real line; the delay is on each way, half of the
round trip.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Final

_BLOCK: Final = 16_384  # bytes that pass at once


class SlowLine:
    """Listens on a port of its own; what goes in comes out at the node, later.

    Args:
        port: The node's, on the loopback address.
        rate: Bits per second, each way.
        delay: Seconds that each way takes.

    Attributes:
        port: Where a browser connects.
        down: Bytes that went to the browser.
    """

    def __init__(self, port: int, *, rate: float, delay: float) -> None:
        self._to, self._rate, self._delay = port, rate / 8, delay
        self._free = {"up": 0.0, "down": 0.0}
        self.down = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop
        )
        self._server = server.result(10)
        self.port: int = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Break every connection and stop listening."""

        async def end() -> None:
            self._server.close()
            rest = asyncio.all_tasks() - {asyncio.current_task()}
            for one in rest:
                one.cancel()
            await asyncio.gather(*rest, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._to)
            try:
                await asyncio.gather(
                    self._pass(reader, to_writer, "up"), self._pass(to_reader, writer, "down")
                )
            finally:
                for one in (writer, to_writer):
                    one.close()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str
    ) -> None:
        """Pass blocks on: each waits for its place in the line, then travels."""
        travelling: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=64)

        async def arrive() -> None:
            while True:
                at, block = await travelling.get()
                await asyncio.sleep(max(0.0, at - self._loop.time()))
                if not block:
                    with contextlib.suppress(OSError):
                        writer.write_eof()
                    return
                writer.write(block)
                await writer.drain()

        arriving = asyncio.ensure_future(arrive())
        try:
            while block := await reader.read(_BLOCK):
                now = self._loop.time()
                self._free[way] = max(now, self._free[way]) + len(block) / self._rate
                if way == "down":
                    self.down += len(block)
                await asyncio.sleep(self._free[way] - now)
                await travelling.put((self._loop.time() + self._delay, block))
            await travelling.put((self._loop.time() + self._delay, b""))
            await arriving
        finally:
            arriving.cancel()
