"""What hostile and broken peers can do to the client, and what a good one gets."""

from __future__ import annotations

import socket
import threading
import traceback

import pytest

from undisc_node.peers.addresses import ForbiddenAddress
from undisc_node.peers.client import PeerClient
from undisc_node.peers.connector import Patience
from undisc_protocol import limits
from undisc_protocol.errors import BadTicket, LocalProtocolError, Unreachable

TICKET = bytes(range(32))
TICKET_TEXT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


def http(
    body: bytes, *headers: str, status: str = "200 OK", kind: str = "application/octet-stream"
):
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", *headers]
    if not any(line.lower().startswith(("content-length", "transfer-enc")) for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def partial(body: bytes, content_range: str, *headers: str):
    return http(body, f"Content-Range: {content_range}", *headers, status="206 Partial Content")


def client(**settings) -> PeerClient:
    return PeerClient(private_addresses=True, **settings)


@pytest.fixture
def nobody():
    """An address where nothing listens, and nothing will while the test runs."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def test_introduce_brings_the_document_and_sends_nothing_that_tells_more(peer):
    node = peer(http(b"document"))
    assert client().introduce(node.url) == b"document"
    head = node.requests[0].lower()
    assert head.startswith(b"get /undisc/v1/node http/1.1\r\n")
    assert b"cookie" not in head
    assert b"accept-encoding: identity" in head


def test_a_proxy_in_the_environment_is_not_used(peer, monkeypatch, nobody):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, nobody)
    assert client().introduce(peer(http(b"document")).url) == b"document"


@pytest.mark.parametrize(
    "answer",
    [
        http(b"", "Location: http://127.0.0.1:1/", status="302 Found"),
        http(b"<html>", kind="text/html"),
        http(b"gone", status="404 Not Found"),
        http(b"x" * (limits.MAX_NODE_DOCUMENT + 1)),
        http(b"x" * 20_000, "Content-Length: 10000000000"),
        http(b"x" * 100, "Content-Length: 101"),
        http(b"\x1f\x8b", "Content-Encoding: gzip"),
        http(b"5\r\nhello\r\nzz\r\n", "Transfer-Encoding: chunked"),
        http(b"", "Transfer-Encoding: chunked"),
        b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n" + b"x" * 20_000,
        b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 -1 What\r\n\r\n",
        b"",
    ],
)
def test_an_answer_that_no_node_gives_is_unreachable(peer, answer):
    with pytest.raises(Unreachable):
        client().introduce(peer(answer).url)


def test_a_redirect_is_not_followed(peer):
    target = peer(http(b"secret of the intranet"))
    redirect = peer(http(b"", f"Location: {target.url}", status="307 Temporary Redirect"))
    with pytest.raises(Unreachable):
        client().introduce(redirect.url)
    assert target.connections == 0


def test_a_private_address_is_not_even_connected(peer):
    node = peer(http(b"document"))
    with pytest.raises(ForbiddenAddress):
        PeerClient(private_addresses=False).introduce(node.url)
    assert node.connections == 0


def test_a_name_with_a_forbidden_and_an_allowed_address_uses_the_allowed_one(peer):
    node = peer(http(b"document"))
    inet = socket.AF_INET
    mixed = [(inet, ("169.254.169.254", 80)), (inet, ("127.0.0.1", node.port))]
    assert client(resolve=lambda *_: mixed).introduce("http://peer.example") == b"document"


def test_the_name_is_resolved_once_so_that_it_cannot_change_after_the_check(peer):
    node = peer(http(b"document"))
    answers = iter([[(socket.AF_INET, ("127.0.0.1", node.port))]])
    assert client(resolve=lambda *_: next(answers)).introduce("http://peer.example") == b"document"
    assert b"\r\nHost: peer.example\r\n" in node.requests[0]


def test_a_silent_peer_is_given_up(peer):
    hold = threading.Event()
    node = peer(lambda *_: hold.wait(10))
    with pytest.raises(Unreachable, match="too slow"):
        client(patience=Patience(read=0.05)).introduce(node.url)
    hold.set()


def test_a_peer_that_dribbles_its_headers_is_given_up_after_the_total_time(peer):
    """One byte within every read time-out would otherwise hold a thread for ever."""
    hold = threading.Event()

    def dribble(connected, _request):
        connected.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while not hold.wait(0.01):
            connected.sendall(b"x")

    node = peer(dribble)
    with pytest.raises(Unreachable, match="too slow"):
        client(patience=Patience(read=5, total=0.2)).introduce(node.url)
    hold.set()


def test_ask_posts_to_the_first_address_that_answers(peer, nobody):
    node = peer(http(b"answer"))
    never = peer(http(b"other"))
    urls = ["ftp://nonsense", nobody, node.url, never.url]
    reply = client().ask(urls, "/undisc/v1/fetch", b"request", limit=100)
    assert (reply.status, reply.body) == (200, b"answer")
    assert node.requests[0].endswith(b"\r\n\r\nrequest")
    assert never.connections == 0


def test_ask_takes_a_refusal_of_a_node_as_an_answer(peer):
    node = peer(http(b"signed refusal", status="403 Forbidden"))
    assert client().ask([node.url], "/x", b"", limit=100).status == 403


def test_a_web_server_at_an_old_address_does_not_hide_the_node_at_a_new_one(peer):
    old = peer(http(b"{}", status="404 Not Found", kind="application/json"))
    new = peer(http(b"answer"))
    assert client().ask([old.url, new.url], "/x", b"", limit=100).body == b"answer"
    assert client().ask([old.url], "/x", b"", limit=100).status == 404


def test_a_request_that_may_have_been_used_up_is_not_sent_twice(peer):
    """An invocation counts once; a second address would only answer "replayed"."""
    breaks = peer(lambda *_: None)
    other = peer(http(b"answer"))
    asking = client()
    with pytest.raises(Unreachable):
        asking.ask([breaks.url, other.url], "/x", b"first", limit=100)
    assert other.connections == 0
    assert asking.ask([breaks.url, other.url], "/x", b"second", limit=100).body == b"answer"
    assert len(breaks.requests) == 1


def test_an_answer_above_its_limit_is_refused(peer):
    assert client().ask([peer(http(b"x" * 10)).url], "/x", b"", limit=10).body == b"x" * 10
    with pytest.raises(Unreachable, match="more than 10 bytes"):
        client().ask([peer(http(b"x" * 11)).url], "/x", b"", limit=10)


def test_no_address_at_all_is_unreachable():
    with pytest.raises(Unreachable):
        client().ask([], "/x", b"", limit=10)


def test_stream_fills_buffers_from_exactly_the_range(peer):
    body = bytes(range(256)) * 4
    node = peer(partial(body, "bytes 100-1123/5000"))
    first, second = bytearray(1000), bytearray(24)
    with client().stream([node.url], TICKET, 100, 1124) as read_into:
        read_into(memoryview(first))
        read_into(memoryview(second))
        with pytest.raises(LocalProtocolError):
            read_into(memoryview(bytearray(1)))
    assert first + second == body
    assert b"\r\nRange: bytes=100-1123\r\n" in node.requests[0]
    assert f"\r\nAuthorization: Undisc {TICKET_TEXT}\r\n".encode() in node.requests[0]


@pytest.mark.parametrize(
    "answer",
    [
        http(b"x" * 10),
        partial(b"x" * 10, "bytes 1-10/10"),
        partial(b"x" * 10, "bytes 0-10/11"),
        partial(b"x" * 10, "bytes 0-9/9"),
        partial(b"x" * 10, "bytes 0-9/*"),
        partial(b"x" * 10, "bytes=0-9/10"),
        partial(b"x" * 9, "bytes 0-9/10"),
        partial(b"x" * 11, "bytes 0-9/10"),
        partial(b"x" * 10, "bytes 0-9/10", "Content-Encoding: gzip"),
        partial(b"a\r\nxxxxxxxxxx\r\n0\r\n\r\n", "bytes 0-9/10", "Transfer-Encoding: chunked"),
        partial(b"x" * 10, "bytes \u0660-\u0669/10"),
        http(b"", "Location: /other", status="302 Found"),
        http(b"{}", status="416 Range Not Satisfiable", kind="application/json"),
        http(b"{}", status="503 Service Unavailable", kind="application/json"),
    ],
)
def test_a_stream_that_is_not_exactly_the_range_is_refused(peer, answer):
    node = peer(answer)
    with pytest.raises(Unreachable), client().stream([node.url], TICKET, 0, 10):
        pytest.fail("the stream was opened")


def test_a_refused_ticket_is_told_apart(peer):
    node = peer(http(b"{}", status="403 Forbidden", kind="application/json"))
    with pytest.raises(BadTicket), client().stream([node.url], TICKET, 0, 10):
        pytest.fail("the stream was opened")


def test_a_break_in_the_middle_of_a_stream_is_unreachable(peer):
    node = peer(partial(b"x" * 4, "bytes 0-9/10", "Content-Length: 10"))
    with client().stream([node.url], TICKET, 0, 10) as read_into:
        read_into(memoryview(bytearray(4)))
        with pytest.raises(Unreachable):
            read_into(memoryview(bytearray(6)))


def test_a_stream_below_the_minimum_rate_is_given_up(peer):
    hold = threading.Event()

    def dribble(connected, _request):
        connected.sendall(partial(b"", "bytes 0-999999/1000000", "Content-Length: 1000000"))
        while not hold.wait(0.005):
            connected.sendall(b"x")

    node = peer(dribble)
    patient = client(patience=Patience(read=0.1, rate=1_000_000))
    with (
        patient.stream([node.url], TICKET, 0, 1_000_000) as read_into,
        pytest.raises(Unreachable, match="too slow"),
    ):
        read_into(memoryview(bytearray(1_000_000)))
    hold.set()


def test_a_long_stream_may_take_longer_than_a_control_message(peer):
    go = threading.Event()

    def serve(connected, _request):
        connected.sendall(partial(b"", "bytes 0-9/10", "Content-Length: 10"))
        go.wait(5)
        connected.sendall(b"0123456789")

    ticks = iter([0.0] * 20 + [1e6] * 1000)
    node = peer(serve)
    buffer = bytearray(10)
    with client(now=lambda: next(ticks)).stream([node.url], TICKET, 0, 10) as read_into:
        for _ in range(20):
            next(ticks)
        go.set()
        read_into(memoryview(buffer))
    assert buffer == b"0123456789"


def test_no_message_holds_the_ticket(peer):
    for answer in (b"", http(b"", status="403 Forbidden"), http(b"", status="500 No")):
        stream = client().stream([peer(answer).url], TICKET, 0, 10)
        with pytest.raises((Unreachable, BadTicket)) as caught, stream:
            pytest.fail("the stream was opened")
        story = "".join(traceback.format_exception(caught.value))
        assert TICKET_TEXT not in story
        assert repr(TICKET) not in story


def test_a_valid_certificate_is_accepted_and_the_host_name_kept(peer, certificate):
    server, trusting = certificate
    node = peer(http(b"document"), tls=server)
    assert client(tls=trusting).introduce(node.url) == b"document"
    here = [(socket.AF_INET, ("127.0.0.1", node.port))]
    named = client(tls=trusting, resolve=lambda *_: here)
    assert named.introduce("https://node.test") == b"document"
    assert b"\r\nHost: node.test\r\n" in node.requests[1]


def test_an_unknown_authority_and_a_wrong_name_are_each_one_clear_sentence(peer, certificate):
    server, trusting = certificate
    node = peer(http(b"document"), tls=server)
    with pytest.raises(Unreachable, match=r"the certificate of 127\.0\.0\.1 is not valid: self"):
        client().introduce(node.url)
    here = [(socket.AF_INET, ("127.0.0.1", node.port))]
    with pytest.raises(Unreachable, match=r"certificate of other\.test is not valid: Hostname"):
        client(tls=trusting, resolve=lambda *_: here).introduce("https://other.test")
    assert node.requests == []


def test_a_peer_without_tls_behind_https_is_unreachable(peer):
    node = peer(http(b"document"))
    with pytest.raises(Unreachable):
        client(patience=Patience(connect=0.2)).introduce(node.url.replace("http:", "https:"))
