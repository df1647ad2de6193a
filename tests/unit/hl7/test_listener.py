"""The MLLP port on real sockets: senders, and whoever is none."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from ipaddress import ip_network

import pytest

from undisc_node.hl7.framing import frame
from undisc_node.hl7.listener import Bounds, MllpPort
from undisc_node.services.errors import Unavailable

LOOPBACK = (ip_network("127.0.0.0/8"),)


@contextlib.asynccontextmanager
async def opened(answer=lambda raw, _: b"ACK:" + raw, allowed=LOOPBACK, **bounds):
    port = MllpPort(
        host="127.0.0.1", port=0, allowed=allowed, answer=answer, bounds=Bounds(**bounds)
    )
    await port.start()
    port.clients = []
    try:
        yield port
    finally:
        await port.stop()
        for writer in port.clients:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def connect(port):
    reader, writer = await asyncio.open_connection(*port.address)
    port.clients.append(writer)
    return reader, writer


async def read_all(reader):
    with contextlib.suppress(ConnectionError):
        return await asyncio.wait_for(reader.read(-1), 10)
    return b""


def run(story):
    """Run a story, with an end."""
    asyncio.run(asyncio.wait_for(story, 30))


def test_messages_are_answered_in_order_on_one_connection():
    async def story():
        async with opened() as port:
            reader, writer = await connect(port)
            writer.write(frame(b"one") + frame(b"two"))
            expected = frame(b"ACK:one") + frame(b"ACK:two")
            assert await reader.readexactly(len(expected)) == expected
            for byte in frame(b"three"):
                writer.write(bytes([byte]))
                await writer.drain()
            assert await reader.readexactly(len(frame(b"ACK:three"))) == frame(b"ACK:three")
            writer.close()

    run(story())


def test_an_address_that_is_not_listed_is_not_listened_to():
    async def story():
        async with opened(allowed=(ip_network("10.1.2.0/24"),)) as port:
            reader, writer = await connect(port)
            writer.write(frame(b"one"))
            assert await read_all(reader) == b""
            assert port.open == set()

    run(story())


def test_a_message_that_never_ends_is_cut_off_at_its_deadline():
    """A dribble: a byte now and then resets nothing."""

    async def story():
        async with opened(message_seconds=0.3) as port:
            reader, writer = await connect(port)
            writer.write(b"\x0b")
            ended = asyncio.ensure_future(read_all(reader))
            dribbled = 0
            while not ended.done():
                with contextlib.suppress(ConnectionError):
                    writer.write(b"x")
                    await writer.drain()
                dribbled += 1
                await asyncio.wait([ended], timeout=0.02)
            assert await ended == b""
            assert 2 < dribbled < 200
            assert port.held == 0

    run(story())


def test_a_gigabyte_is_not_kept():
    """The connection ends soon behind the bound; nothing of it stays."""

    async def story():
        async with opened(message=100_000) as port:
            reader, writer = await connect(port)
            writer.write(b"\x0b")
            sent = 0
            with contextlib.suppress(ConnectionError):
                for _ in range(16_384):
                    writer.write(bytes(65_536))
                    await writer.drain()
                    sent += 65_536
            assert sent < 64 * 2**20
            assert await read_all(reader) == b""
            assert port.held == 0

    run(story())


def test_all_unfinished_messages_together_are_bounded():
    async def story():
        async with opened(message=100_000, held=150_000) as port:
            one = await connect(port)
            two = await connect(port)
            for _, writer in (one, two):
                writer.write(b"\x0b" + bytes(90_000))
                await writer.drain()
            done, waiting = await asyncio.wait(
                [asyncio.ensure_future(read_all(reader)) for reader, _ in (one, two)],
                timeout=5,
                return_when=asyncio.FIRST_COMPLETED,
            )
            assert (len(done), len(waiting)) == (1, 1)
            assert 0 < port.held <= 150_000
            for task in waiting:
                task.cancel()

    run(story())


def test_two_hundred_connections_of_one_address_get_eight():
    async def story():
        async with opened() as port:
            connections = [await connect(port) for _ in range(200)]
            answers = []
            for _, writer in connections:
                with contextlib.suppress(ConnectionError):
                    writer.write(frame(b"one"))
            for reader, _ in connections:
                with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                    answers.append(await asyncio.wait_for(reader.readexactly(9), 5))
            assert len(answers) == port.bounds.per_address == len(port.open)
            for _, writer in connections:
                writer.transport.abort()
            for _ in range(1_000):
                await asyncio.sleep(0.001)  # the ends of the connections have to arrive
                if not port.open:
                    break
            assert port.addresses == {}

    run(story())


def test_what_is_no_mllp_ends_the_connection():
    async def story():
        async with opened() as port:
            reader, writer = await connect(port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            assert await read_all(reader) == b""

    run(story())


def test_a_message_that_is_being_taken_in_is_answered_before_the_port_closes():
    """The sender would send it again, and wonder."""
    begun, go = threading.Event(), threading.Event()

    def slow(raw, _):
        begun.set()
        go.wait(10)
        return b"ACK"

    async def story():
        async with opened(slow) as port:
            reader, writer = await connect(port)
            writer.write(frame(b"one"))
            await asyncio.to_thread(begun.wait, 10)
            stopping = asyncio.ensure_future(port.stop())
            await asyncio.sleep(0)
            go.set()
            assert await reader.readexactly(len(frame(b"ACK"))) == frame(b"ACK")
            await stopping

    run(story())


def test_a_port_that_is_taken_is_named():
    async def story():
        async with opened() as port:
            other = MllpPort(
                host="127.0.0.1", port=port.address[1], allowed=LOOPBACK, answer=lambda *_: b""
            )
            with pytest.raises(Unavailable) as refused:
                await other.start()
            assert refused.value.reason == "port_in_use"

    run(story())
