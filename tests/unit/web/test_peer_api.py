"""What other nodes get, and what a hostile or revoked one does not."""

from __future__ import annotations

import base64
import http.client
import os
import threading
from contextlib import closing

import pytest

from undisc_node.peers.client import PeerClient
from undisc_node.web.limits import Pace
from undisc_node.web.listeners import Bounds
from undisc_protocol import limits
from undisc_protocol.errors import BadTicket, Busy, Malformed, Unreachable
from unit.peers.conftest import certificate  # noqa: F401 - a fixture
from unit.web import fakes

TICKET_TEXT = base64.urlsafe_b64encode(fakes.TICKET).rstrip(b"=").decode()
SHOWN = {"Authorization": f"Undisc {TICKET_TEXT}"}
BIG = 10 * 2**20 + 12_345


def at(pack, start_at, count):
    """Bytes of the file; its position moves while it is served."""
    return os.pread(pack.fileno(), count, start_at)


@pytest.fixture
def pack(tmp_path):
    """A file whose bytes repeat at no power of two; ask for it before `start`, to close it last."""
    path = tmp_path / "pack"
    path.write_bytes((bytes(range(251)) * (BIG // 251 + 1))[:BIG])
    with path.open("rb") as file:
        yield file


def serving(pack, **options) -> fakes.FakeServing:
    return fakes.FakeServing(pack, BIG, options)


def test_the_document_is_for_anyone(node):
    answer = node.call("public", "GET", "/undisc/v1/node")
    assert (answer.status, answer.body) == (200, b"document")
    assert answer.headers["Content-Type"] == "application/octet-stream"


@pytest.mark.parametrize("size", [0, 1, 70_000, limits.MAX_REQUEST])
def test_a_request_reaches_the_use_case_as_it_was_sent(start, size):
    node = start()
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    answer = node.call("public", "POST", "/undisc/v1/fetch", body)
    assert answer.status == 200
    assert answer.body == b"answer to " + body[:20]
    assert node.public.serving.bodies == [body]


def test_a_signed_refusal_keeps_its_status_and_bytes(node):
    answer = node.call("public", "POST", "/undisc/v1/fetch", b"refuse")
    assert (answer.status, answer.body) == (403, b"answer to refuse")


def test_a_receipt_reaches_the_use_case(node):
    answer = node.call("public", "POST", "/undisc/v1/receipt", b"receipt")
    assert (answer.status, answer.body) == (200, b"taken")


def test_a_request_to_recall_reaches_the_use_case(node):
    answer = node.call("public", "POST", "/undisc/v1/recall", b"recall")
    assert (answer.status, answer.body) == (200, b"memory for recall")
    large = node.call("public", "POST", "/undisc/v1/recall", bytes(limits.MAX_RECALL + 1))
    assert large.status == 413


@pytest.mark.parametrize("problem", [Malformed("not canonical"), Busy("at a limit")])
def test_a_refusal_before_signing_has_the_error_shape(start, problem):
    node = start(public=fakes.public_uses(fakes.FakeServing(problem=problem)))
    answer = node.call("public", "POST", "/undisc/v1/fetch", b"x")
    assert (answer.status, answer.error) == (problem.status, problem.code)
    assert (answer.headers["Retry-After"] is not None) == isinstance(problem, Busy)


@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"Authorization": f"Bearer {TICKET_TEXT}"},
        {"Authorization": f"undisc {TICKET_TEXT}"},
        {"Authorization": f"Undisc  {TICKET_TEXT}"},
        {"Authorization": f"Undisc {TICKET_TEXT}="},
        {"Authorization": f"Undisc {TICKET_TEXT[:-1]}"},
        {"Authorization": f"Undisc {TICKET_TEXT[:-1]}9"},  # other bits after the last byte
        {"Authorization": f"Undisc {TICKET_TEXT[:-1]}\xe9"},
        {"Authorization": "Undisc " + "A" * 43},
        {"Authorization": "Undisc"},
    ],
)
def test_a_ticket_that_is_not_exactly_one_opens_nothing(pack, start, shown):
    node = start(public=fakes.public_uses(serving(pack)))
    answer = node.call("public", "GET", "/undisc/v1/packs", headers={**shown, "Range": "bytes=0-9"})
    assert (answer.status, answer.error) == (403, "bad_ticket")
    assert node.public.serving.streams == []


def test_a_ticket_in_the_query_string_is_not_looked_at(pack, start):
    """Query strings end in the logs of proxies."""
    node = start(public=fakes.public_uses(serving(pack)))
    path = f"/undisc/v1/packs?ticket={TICKET_TEXT}"
    assert node.call("public", "GET", path, headers={"Range": "bytes=0-9"}).error == "bad_ticket"


def test_two_tickets_in_one_request_are_refused(pack, start):
    node = start(public=fakes.public_uses(serving(pack)))
    line = f"Authorization: Undisc {TICKET_TEXT}\r\n"
    head = f"GET /undisc/v1/packs HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\n{line}{line}\r\n"
    assert node.raw("public", head.encode()).error in {"bad_ticket", "invalid"}
    assert node.public.serving.streams == []


@pytest.mark.parametrize(
    ("asked", "start_at", "stop_at"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-9", 0, 10),
        ("bytes=1000-2000999", 1000, 2_001_000),
        (f"bytes=0-{BIG - 1}", 0, BIG),
        ("bytes=5-", 5, BIG),
        (f"bytes={BIG - 1}-", BIG - 1, BIG),
    ],
)
def test_a_range_comes_back_exactly(pack, start, asked, start_at, stop_at):
    node = start(public=fakes.public_uses(serving(pack)))
    answer = node.call("public", "GET", "/undisc/v1/packs", headers={**SHOWN, "Range": asked})
    assert answer.status == 206
    assert answer.headers["Content-Range"] == f"bytes {start_at}-{stop_at - 1}/{BIG}"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.body == at(pack, start_at, stop_at - start_at)
    assert node.public.serving.streams[0].closed


@pytest.mark.parametrize(
    "asked",
    [
        None,
        "",
        "bytes=-10",
        "bytes=9-0",
        "bytes=0-1,5-6",
        "bytes 0-9",
        "items=0-9",
        "bytes=0x0-9",
        "bytes= 0-9",
        "bytes=\u0660-9".encode().decode("latin-1"),
        "bytes=0-99999999999999999999",
        f"bytes=0-{BIG}",
        f"bytes={BIG}-",
    ],
)
def test_another_range_is_refused(pack, start, asked):
    node = start(public=fakes.public_uses(serving(pack)))
    headers = SHOWN if asked is None else {**SHOWN, "Range": asked}
    answer = node.call("public", "GET", "/undisc/v1/packs", headers=headers)
    assert (answer.status, answer.error) == (416, "outside_extent")


def test_one_connection_serves_range_after_range(pack, start):
    node = start(public=fakes.public_uses(serving(pack, slice_size=3)))
    connection = http.client.HTTPConnection(*node.opened.public, timeout=10)
    for begin in (0, 10, 20):
        asked = {**SHOWN, "Range": f"bytes={begin}-{begin + 9}"}
        connection.request("GET", "/undisc/v1/packs", headers=asked)
        answer = connection.getresponse()
        assert answer.read() == at(pack, begin, 10)
    connection.close()


@pytest.mark.parametrize("revoked_at", [0, limits.SLICE, 2 * limits.SLICE])
def test_revocation_bites_at_the_next_slice_and_looks_like_a_break(pack, start, revoked_at):
    """The head promised everything; a clean end would look like a whole answer."""
    node = start(public=fakes.public_uses(serving(pack, revoked_at=revoked_at)))
    with node.socket("public") as connected:
        ask_for(connected, BIG)
        answer = http.client.HTTPResponse(connected)
        with closing(answer):
            answer.begin()
            assert answer.status == 206
            with pytest.raises((http.client.IncompleteRead, ConnectionResetError)) as broken:
                answer.read()
    if isinstance(broken.value, http.client.IncompleteRead):
        assert len(broken.value.partial) <= revoked_at
    assert node.public.serving.streams[0].closed


def test_our_own_client_sees_a_revocation_as_unreachable_and_then_as_a_bad_ticket(pack, start):
    node = start(public=fakes.public_uses(serving(pack, revoked_at=limits.SLICE)))
    host, port = node.opened.public
    urls = [f"http://{host}:{port}"]
    client = PeerClient(private_addresses=True)
    with (
        client.stream(urls, fakes.TICKET, 0, BIG) as read_into,
        pytest.raises(Unreachable),
    ):
        read_into(memoryview(bytearray(BIG)))
    with pytest.raises(BadTicket), client.stream(urls, b"?" * 32, 0, BIG):
        pytest.fail("the stream was opened")
    assert client.introduce(urls[0]) == b"document"


def test_a_pack_that_is_shorter_than_its_extents_breaks_the_stream(pack, start, caplog):
    node = start(public=fakes.public_uses(fakes.FakeServing(pack, BIG + 100)))
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        node.call("public", "GET", "/undisc/v1/packs", headers={**SHOWN, "Range": "bytes=0-"})
    assert node.public.serving.streams[0].closed


def test_a_receiver_that_stops_reading_is_cut_off(tmp_path, start):
    """It would otherwise hold a file and a place among the requests for ever."""
    size = 256 * 2**20  # far more than the system buffers
    with (tmp_path / "large").open("w+b") as large:
        large.truncate(size)
        bounds = Bounds(pace=Pace(grace=0.2, rate=10**9))
        node = start(public=fakes.public_uses(fakes.FakeServing(large, size)), bounds=bounds)
        with node.socket("public") as connected:
            ask_for(connected, size)
            connected.recv(10)
            assert node.public.serving.streams[0].closed
            received = 0
            while piece := receive(connected):
                received += len(piece)
    assert received < size


def test_a_receiver_that_hangs_up_frees_the_stream(pack, start):
    go = threading.Event()
    node = start(public=fakes.public_uses(serving(pack, before_slice=lambda at: at and go.wait(5))))
    with node.socket("public") as connected:
        ask_for(connected, BIG)
        connected.recv(10)
    go.set()
    assert node.public.serving.streams[0].closed


def test_over_tls_the_same_bytes_arrive(pack, start, certificate):  # noqa: F811 - a fixture
    server, trusting = certificate
    node = start(public=fakes.public_uses(serving(pack, slice_size=3_000_000)), tls=server)
    host, port = node.opened.public
    client = PeerClient(private_addresses=True, tls=trusting)
    buffer = bytearray(BIG - 5)
    with client.stream([f"https://{host}:{port}"], fakes.TICKET, 5, BIG) as read_into:
        read_into(memoryview(buffer))
    assert buffer == at(pack, 5, BIG)


def test_over_tls_a_revocation_is_a_break_too(pack, start, certificate):  # noqa: F811 - a fixture
    server, trusting = certificate
    revoked = serving(pack, slice_size=1_000_000, revoked_at=2_000_000)
    node = start(public=fakes.public_uses(revoked), tls=server)
    host, port = node.opened.public
    client = PeerClient(private_addresses=True, tls=trusting)
    with (
        client.stream([f"https://{host}:{port}"], fakes.TICKET, 0, BIG) as read_into,
        pytest.raises(Unreachable),
    ):
        read_into(memoryview(bytearray(BIG)))


def ask_for(connected, size) -> None:
    connected.sendall(
        f"GET /undisc/v1/packs HTTP/1.1\r\nHost: x\r\nRange: bytes=0-{size - 1}\r\n"
        f"Authorization: Undisc {TICKET_TEXT}\r\n\r\n".encode()
    )


def receive(connected) -> bytes:
    try:
        return connected.recv(65_536)
    except ConnectionResetError:
        return b""
