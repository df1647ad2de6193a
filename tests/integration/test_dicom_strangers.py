"""Strangers at the DICOM port: what they send costs nothing and reaches nobody."""

from __future__ import annotations

import resource
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from support.clock import SeededEntropy
from support.dicom_files import SC, data_set
from support.dicom_port import (
    CONTEXTS,
    ECHO,
    LOCAL,
    Calling,
    Received,
    connect,
    drained,
    eventually,
    is_closed,
    running,
)
from support.raw_sender import RawSender, associate_request, pdu
from undisc_node.dicom.bounds import Bounds
from undisc_node.dicom.port import DicomPort
from undisc_node.services.sender_model import Sender
from undisc_node.storage.keyring import Keyring
from undisc_node.storage.packs.store import PackStore

pytestmark = pytest.mark.integration

SLOW_MACHINE = 5  # times slower than wanted, when other tests run beside this one


@pytest.fixture
def received() -> Received:
    return Received()


@pytest.fixture
def port(received) -> Iterator[DicomPort]:
    with running(received) as opened:
        yield opened


def test_an_unlisted_address_is_refused_before_a_byte_is_read(received, caplog):
    with running(received, senders=[Sender("ct", "10.1.2.3", "RAW")]) as port:
        with connect(port) as connection:
            assert is_closed(connection)  # although nothing was sent
        with pytest.raises((ConnectionError, TimeoutError)):
            RawSender(port.address, calling="RAW")
    assert "127.0.0.1 refused" in caplog.text


def test_a_spoofed_ae_title_does_not_help_at_another_address(received):
    """AE titles prove nothing: the attacker knows the CT's title, not its address."""
    senders = [Sender("ct", "10.1.2.3", "CT1"), Sender("mr", "127.0.0.1", "MR1")]
    with running(received, senders=senders) as port:
        with pytest.raises(ConnectionRefusedError, match="010103"):
            RawSender(port.address, calling="CT1")
        with RawSender(port.address, CONTEXTS, calling="MR1") as sender:
            assert sender.store(1, SC, "1.2.3.4", data_set())[0] == 0
    assert [name for _, name in received.files] == ["dicom:mr"]


def test_a_length_of_four_gibibytes_costs_nothing(port):
    """The library alone allocates what the header announces, before any association."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with connect(port) as connection:
        connection.sendall(b"\x01\x00\xff\xff\xff\xff")
        with suppress(ConnectionError):
            for _ in range(100):
                connection.sendall(bytes(2**20))
        drained(connection)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 5 * 1024  # KiB
    with RawSender(port.address) as sender:
        assert sender.echo() == 0


def test_half_sent_pdus_do_not_close_the_port(received):
    """Twelve half PDUs stop the library alone for good; here each address has its own allowance."""
    senders = [LOCAL, Sender("other", "127.0.0.2")]
    with running(received, senders=senders) as port:
        halves = [connect(port) for _ in range(20)]
        for connection in halves:
            with suppress(ConnectionError):  # beyond the eight of one address
                connection.sendall(b"\x01\x00\x00")
        with socket.create_connection(
            port.address, timeout=5, source_address=("127.0.0.2", 0)
        ) as legitimate:
            legitimate.sendall(associate_request(CONTEXTS))
            assert legitimate.recv(1) == b"\x02"
        for connection in halves:
            connection.close()
        with eventually(port, ECHO) as sender:
            assert sender.echo() == 0


@pytest.mark.parametrize("start", [b"", b"\x01\x00\x00", b"\x01\x00\x00\x00\x00\x64half"])
def test_a_connection_that_does_not_get_on_is_closed(received, start):
    with (
        running(received, bounds=Bounds(associate_seconds=0.3)) as port,
        connect(port) as connection,
    ):
        connection.sendall(start)
        assert is_closed(connection)


def test_a_drip_of_bytes_is_closed_at_the_deadline(received):
    """One byte now and then looks alive for ever to a timeout that each byte starts anew."""
    with (
        running(received, bounds=Bounds(associate_seconds=0.5)) as port,
        connect(port) as connection,
    ):
        connection.settimeout(0.05)
        sent = 0
        for byte in associate_request(CONTEXTS):
            try:
                connection.sendall(bytes([byte]))
                sent += 1
                if not connection.recv(100):
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
    assert 2 < sent < 20


def test_an_association_that_falls_silent_in_a_pdu_is_ended(received):
    bounds = Bounds(pdu_seconds=0.3)
    with running(received, bounds=bounds) as port, RawSender(port.address, CONTEXTS) as sender:
        sender.connection.sendall(b"\x04\x00\x00\x00\x10\x00half")
        assert sender.receive()[0] == 7  # A-ABORT
        assert is_closed(sender.connection)


def test_an_idle_association_is_ended(received):
    bounds = Bounds(idle_seconds=0.3)
    with running(received, bounds=bounds) as port, RawSender(port.address, CONTEXTS) as sender:
        assert sender.receive()[0] == 7  # A-ABORT


def test_an_address_gets_its_connections_and_no_more(received):
    with running(received, bounds=Bounds(per_address=2)) as port:
        with RawSender(port.address) as first, RawSender(port.address) as second:
            with pytest.raises((ConnectionError, TimeoutError)):
                RawSender(port.address)
            assert first.echo() == second.echo() == 0
            first.release()
        for _ in range(20):
            with eventually(port, ECHO) as again:  # what ended is given back
                assert again.echo() == 0
                again.release()


def test_a_second_request_waits_for_the_first_answer():
    """A sender that does not wait cannot fill the memory: nothing more is read meanwhile."""
    at_once, most = 0, 0
    lock = threading.Lock()

    def store(_source, _sender):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        with lock:
            at_once -= 1

    with running(Calling(store)) as port, RawSender(port.address, CONTEXTS) as sender:
        for _ in range(20):
            sender.ask_to_store(1, SC, "1.2.3.4", data_set())
        assert [sender.answer()[0] for _ in range(20)] == [0] * 20
    assert most == 1


@pytest.mark.parametrize(
    "garbage",
    [
        pdu(1, b""),
        pdu(1, bytes(67)),
        pdu(1, b"\xff" * 500),
        associate_request(CONTEXTS)[:-10] + b"\xff" * 10,
        b"GET / HTTP/1.1\r\nHost: node\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        pdu(7, bytes(4)),
        pdu(2, bytes(100)),
    ],
)
def test_garbage_ends_its_own_connection_only(port, garbage):
    with connect(port) as connection:
        connection.sendall(garbage)
        connection.shutdown(socket.SHUT_WR)
        drained(connection)
    with RawSender(port.address) as sender:
        assert sender.echo() == 0


@pytest.mark.parametrize(
    "garbage",
    [
        pdu(4, b""),
        pdu(4, b"\0\0\0\x06\x01\x03oops"),
        pdu(4, b"\0\0\0\x06\x63\x03oops"),
        pdu(4, b"\0\0\0\x04\x01\x02no"),
        pdu(3, bytes(4)),
        pdu(6, bytes(4)),
    ],
)
def test_garbage_in_an_association_ends_that_association_only(port, received, garbage):
    with RawSender(port.address, CONTEXTS) as sender:
        sender.connection.sendall(garbage)
        sender.connection.shutdown(socket.SHUT_WR)
        drained(sender.connection)
    with RawSender(port.address, CONTEXTS) as sender:
        assert sender.store(1, SC, "1.2.3.4", data_set())[0] == 0
    assert len(received.files) == 1


def test_two_hundred_stalled_connections_do_not_keep_a_real_one_out(received):
    """From 25 addresses, half silent and half dribbling; the real sender is one of them."""
    senders = [Sender("lan", "127.0.0.0/8")]
    bounds = Bounds(associate_seconds=3.0, connections=100)
    with running(received, senders=senders, bounds=bounds) as port:
        stalled = [
            socket.create_connection(
                port.address, timeout=5, source_address=(f"127.0.1.{1 + number % 25}", 0)
            )
            for number in range(200)
        ]
        began = time.monotonic()
        for number, connection in enumerate(stalled):
            with suppress(OSError):  # some gave way to later ones
                connection.sendall(associate_request(CONTEXTS)[: 3 + number % 2 * 40])
        with RawSender(port.address, CONTEXTS, timeout=5.0) as sender:
            assert sender.store(1, SC, "1.2.3.4", data_set())[0] == 0
        took = time.monotonic() - began
        print(f"\n  a real association beside 200 stalled ones: {took:.2f} s")
        assert took < 1.0 * SLOW_MACHINE
        for connection in stalled:
            drained(connection)
            connection.close()
        assert time.monotonic() - began < 10 * bounds.associate_seconds
    assert len(received.files) == 1


def test_a_stalled_connection_gives_way_to_a_new_one_from_its_address(received):
    with running(received, bounds=Bounds(per_address=2)) as port:
        first, second = connect(port), connect(port)
        second.sendall(associate_request(ECHO)[:9])
        with RawSender(port.address, CONTEXTS) as sender:
            assert is_closed(first)
            assert sender.store(1, SC, "1.2.3.4", data_set())[0] == 0
        first.close()
        second.close()


def test_an_instance_of_many_chunks_costs_a_chunk_of_memory(tmp_path):
    """What arrives is sealed into a file without a name, not gathered in memory."""
    keyring = Keyring(
        tmp_path / "keyring.sqlite3",
        key_encryption_key=bytes(32),
        entropy=SeededEntropy("keyring"),
        create=True,
    )
    packs = PackStore(tmp_path, keyring=keyring, entropy=SeededEntropy("packs"))
    sizes = []

    class Sizes:
        def begin(self):
            return packs.spool(lambda _: None)

        def store(self, source, sender, digest, _facts):
            sizes.append(source.size)

    body = data_set(description=b"d" * 100) + struct.pack("<HHL", 0x7FE0, 0x10, 256 * 2**20)
    with running(Sizes()) as port, RawSender(port.address, CONTEXTS, timeout=60) as sender:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        sender.ask_to_store(1, SC, "1.2.3.4", body, is_last=False)
        megabyte = bytes(2**20)
        for number in range(256):
            sender.send(1, megabyte, fragment=131_000, is_last=number == 255)
        assert sender.answer() == (0, "")
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024  # KiB
        assert not list((tmp_path / "staging").iterdir())
    keyring.close()
    assert sizes[0] > 256 * 2**20
