"""The gate lets whole, bounded, timely PDUs through and keeps data sets to itself."""

from __future__ import annotations

import struct

import pytest

from support.raw_sender import associate_request, pdu
from undisc_node.dicom.guard import Admission, Bounds, Gate, Violation

ASSOCIATE = associate_request([("1.2.840.10008.1.1", "1.2.840.10008.1.2")])


class FakeConnection:
    """Delivers prepared bytes in portions; each read takes some seconds of a clock that stands."""

    def __init__(self, data: bytes, *, portion: int = 10**9, seconds: float = 0.0) -> None:
        self.data = data
        self.portion = portion
        self.seconds = seconds
        self.now = 0.0
        self.given = 0

    def settimeout(self, seconds: float) -> None:
        self.patience = seconds

    def setsockopt(self, *_options: int) -> None:
        pass

    def recv_into(self, target: memoryview) -> int:
        if self.seconds > self.patience:
            self.now += self.patience
            raise TimeoutError
        self.now += self.seconds
        part = self.data[self.given : self.given + min(self.portion, len(target))]
        target[: len(part)] = part
        self.given += len(part)
        return len(part)


def gate(connection: FakeConnection, bounds: Bounds | None = None) -> Gate:
    limits = bounds or Bounds()
    return Gate(
        connection,
        bounds=limits,
        admission=Admission(limits),
        monotonic=lambda: connection.now,
    )


def fragment(data: bytes, *, context: int = 1, command: bool = False, last: bool = False) -> bytes:
    control = (1 if command else 0) | (2 if last else 0)
    return struct.pack(">LBB", len(data) + 2, context, control) + data


def data_pdu(*fragments: bytes) -> bytes:
    return pdu(4, b"".join(fragments))


COMMAND = data_pdu(fragment(b"command", command=True, last=True))


@pytest.mark.parametrize("portion", [1, 2, 5, 6, 7, 100, 10**9])
def test_a_message_comes_through_whole_however_it_is_cut_by_the_network(portion):
    stream = ASSOCIATE + COMMAND + data_pdu(fragment(b"ab")) + data_pdu(fragment(b"cd", last=True))
    reader = gate(FakeConnection(stream + pdu(5, bytes(4)), portion=portion))
    assert reader.read() == ASSOCIATE
    assert reader.read() == COMMAND
    assert reader.read() == data_pdu(fragment(b"\0\0", last=True))
    assert reader.take_data_set() == b"abcd"
    reader.message_done()
    assert reader.read() == pdu(5, bytes(4))
    assert reader.read() == b""


def test_command_and_data_in_one_pdu_are_told_apart():
    together = data_pdu(fragment(b"command", command=True, last=True), fragment(b"data", last=True))
    reader = gate(FakeConnection(ASSOCIATE + together))
    reader.read()
    assert reader.read() == data_pdu(
        fragment(b"command", command=True, last=True), fragment(b"\0\0", last=True)
    )
    assert reader.take_data_set() == b"data"


@pytest.mark.parametrize(
    ("head", "read"),
    [
        (b"\x01\x00\xff\xff\xff\xff", 6),
        (b"\x01\x00\x00\x01\x00\x01", 6),
        (b"\x04\x00\x00\x00\x00\x10", 6),  # data before an association
        (b"\x05\x00\x00\x00\x00\x04", 6),
        (b"\x00\x00\x00\x00\x00\x04", 6),
        (b"GET / ", 6),
        (b"\x16\x03\x01\x02\x00\x01", 6),  # a TLS client
    ],
)
def test_a_wrong_start_is_refused_before_anything_else_is_read(head, read):
    connection = FakeConnection(head + bytes(10**6))
    with pytest.raises(Violation):
        gate(connection).read()
    assert connection.given == read


@pytest.mark.parametrize(
    "head",
    [
        b"\x04\x00\x00\x02\x00\x01",  # one more than was announced
        b"\x04\x00\xff\xff\xff\xff",
        b"\x05\x00\x00\x01\x00\x00",
        b"\x08\x00\x00\x00\x00\x04",
        b"\x01\x00\x00\x00\x00\x10",  # a second association request
    ],
)
def test_a_wrong_pdu_of_an_association_is_refused_before_it_is_read(head):
    connection = FakeConnection(ASSOCIATE + head + bytes(10**6))
    reader = gate(connection)
    reader.read()
    with pytest.raises(Violation):
        reader.read()
    assert connection.given == len(ASSOCIATE) + 6


def test_the_largest_announced_pdu_is_taken():
    whole = data_pdu(fragment(bytes(131_072 - 6), last=True))
    reader = gate(FakeConnection(ASSOCIATE + COMMAND + whole))
    reader.read()
    reader.read()
    reader.read()
    assert len(reader.take_data_set()) == 131_066


@pytest.mark.parametrize(("seconds", "bytes_given"), [(2.0, 5), (0.5, 20), (100.0, 0)])
def test_a_drip_of_bytes_does_not_extend_the_time_for_the_request(seconds, bytes_given):
    connection = FakeConnection(ASSOCIATE, portion=1, seconds=seconds)
    with pytest.raises(Violation, match="too long"):
        gate(connection).read()
    assert connection.given == bytes_given
    assert connection.now == 10.0


def test_a_drip_of_bytes_does_not_extend_the_time_for_a_pdu():
    connection = FakeConnection(ASSOCIATE + COMMAND)
    reader = gate(connection)
    reader.read()
    connection.portion, connection.seconds = 1, 3.0
    with pytest.raises(Violation, match="too long"):
        reader.read()
    assert connection.given == len(ASSOCIATE) + 10
    assert connection.now == 30.0


def test_a_long_data_set_may_take_long_as_long_as_each_pdu_comes_in_time():
    piece = data_pdu(fragment(bytes(1_000)))
    connection = FakeConnection(
        ASSOCIATE + COMMAND + piece * 50 + data_pdu(fragment(b"", last=True))
    )
    reader = gate(connection)
    reader.read()
    connection.seconds = 9.0
    reader.read()
    reader.read()
    assert len(reader.take_data_set()) == 50_000
    assert connection.now > Bounds().idle_seconds


def test_idleness_counts_from_the_last_pdu_and_not_during_a_message():
    connection = FakeConnection(ASSOCIATE + COMMAND)
    reader = gate(connection)
    reader.read()
    connection.now += 299
    assert not reader.is_idle()
    reader.read()
    connection.now += 1_000
    assert not reader.is_idle()  # being stored
    reader.message_done()
    assert not reader.is_idle()
    connection.now += 301
    assert reader.is_idle()


@pytest.mark.parametrize(
    "body",
    [
        b"\0",
        fragment(b"data") + b"\0\0\0",
        struct.pack(">LBB", 1, 1, 0),
        struct.pack(">LBB", 0, 1, 0),
        struct.pack(">LBB", 100, 1, 0) + b"short",
        struct.pack(">LBB", 0xFFFFFFFF, 1, 0),
        fragment(b"one") + fragment(b"two", context=3),
    ],
)
def test_fragments_that_do_not_fit_are_refused(body):
    reader = gate(FakeConnection(ASSOCIATE + pdu(4, body)))
    reader.read()
    with pytest.raises(Violation):
        reader.read()


@pytest.mark.parametrize("cut", [3, 6, 20])
def test_half_a_pdu_is_not_passed_on(cut):
    with pytest.raises(Violation, match="middle"):
        gate(FakeConnection(ASSOCIATE[:cut])).read()


def test_a_data_set_is_bounded():
    piece = data_pdu(fragment(bytes(60)))
    reader = gate(FakeConnection(ASSOCIATE + COMMAND + piece * 2), Bounds(data_set=100))
    reader.read()
    reader.read()
    with pytest.raises(Violation, match="data set that is too long"):
        reader.read()


def test_all_data_sets_in_memory_together_are_bounded_and_give_their_room_back():
    bounds = Bounds(memory=150)
    admission = Admission(bounds)

    def half_received():
        stream = ASSOCIATE + COMMAND + data_pdu(fragment(bytes(60)))
        reader = Gate(FakeConnection(stream), bounds=bounds, admission=admission)
        reader.read()
        reader.read()
        reader.read()
        return reader

    first = half_received()
    half_received()
    with pytest.raises(Violation, match="memory"):
        half_received()
    first.message_done()
    half_received()


def test_an_endless_command_is_refused():
    reader = gate(FakeConnection(ASSOCIATE + data_pdu(fragment(bytes(30_000), command=True)) * 3))
    for _ in range(3):
        reader.read()
    with pytest.raises(Violation, match="command"):
        reader.read()


def test_connections_are_counted_per_address_and_in_total():
    admission = Admission(Bounds(per_address=2, connections=3))
    assert admission.enter("a")
    assert admission.enter("a")
    assert not admission.enter("a")
    assert admission.enter("b")
    assert not admission.enter("c")
    admission.leave("a")
    assert admission.enter("c")
