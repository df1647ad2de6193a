"""What a caller may cost, and what happens to one who wants more."""

from __future__ import annotations

import socket
import threading

import pytest

from undisc_node.services.ports import Reply
from undisc_node.services.readiness import Check
from undisc_node.web.limits import Pace
from undisc_node.web.listeners import Bounds
from undisc_protocol import limits
from unit.web import fakes
from unit.web.conftest import Answer

HASTY = Bounds(pace=Pace(grace=0.1, rate=1_000_000_000))


def chunked(path: str) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()


class Gate(fakes.FakeServing):
    """Holds every request until the test lets go."""

    def __init__(self):
        super().__init__()
        self.entered = threading.Semaphore(0)
        self.go = threading.Event()

    def answer(self, body):
        self.entered.release()
        assert self.go.wait(10)
        return Reply(200, b"answer")


def test_a_body_without_a_length_is_cut_off_at_the_limit(node):
    """Chunked bodies announce no size; reading must stop by itself."""
    block = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    sent = chunked("/undisc/v1/fetch") + block * (limits.MAX_REQUEST // 65_536 + 1)
    answer = node.raw("public", sent)
    assert (answer.status, answer.error) == (413, "oversize")
    assert answer.headers["Connection"] == "close"
    assert node.public.serving.bodies == []


def test_a_broken_chunk_is_refused(node):
    answer = node.raw("public", chunked("/undisc/v1/fetch") + b"zz\r\nnonsense\r\n")
    assert (answer.status, answer.error) == (400, "invalid")


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /undisc/v1/fetch HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf",
        chunked("/undisc/v1/fetch") + b"4\r\nhalf\r\n",
        chunked("/undisc/v1/fetch"),
    ],
)
def test_a_body_that_stalls_is_refused_and_the_connection_closed(start, sent):
    """aiohttp alone waits for ever for the rest of a body."""
    node = start(bounds=HASTY)
    answer = node.raw("public", sent)
    assert (answer.status, answer.error) == (408, "too_slow")
    assert answer.headers["Connection"] == "close"


def test_a_body_that_dribbles_is_refused_however_many_bytes_it_has_sent(start):
    node = start(bounds=Bounds(pace=Pace(grace=0.2, rate=1_000_000)))
    stop = threading.Event()
    with node.socket("public") as connected:
        head = b"POST /undisc/v1/fetch HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
        connected.sendall(head)

        def dribble():
            while not stop.wait(0.01):
                try:
                    connected.sendall(b"x")
                except OSError:
                    return

        thread = threading.Thread(target=dribble)
        thread.start()
        first = connected.recv(100)
        stop.set()
        thread.join()
    assert first.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("begun", [b"", b"GET /undisc/v1/node HTTP/1.1\r\nHost: x\r\n"])
def test_a_connection_without_a_whole_request_head_is_closed(start, begun):
    node = start(bounds=Bounds(idle=0.1))
    with node.socket("public") as connected:
        connected.sendall(begun)
        assert connected.recv(100) == b""


def test_one_request_too_many_from_an_address_is_told_to_come_back(start):
    gate = Gate()
    node = start(public=fakes.public_uses(gate), bounds=Bounds(requests_of_address=2))
    results: list[Answer] = []
    threads = [
        threading.Thread(
            target=lambda: results.append(node.call("public", "POST", "/undisc/v1/fetch", b"x"))
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
        assert gate.entered.acquire(timeout=10)
    answer = node.call("public", "GET", "/undisc/v1/node")
    assert (answer.status, answer.error) == (503, "busy")
    assert answer.headers["Retry-After"] == "10"
    assert node.call("internal", "GET", "/livez").status == 200
    gate.go.set()
    for thread in threads:
        thread.join()
    assert [result.status for result in results] == [200, 200]
    assert node.call("public", "GET", "/undisc/v1/node").status == 200


def test_one_request_too_many_on_the_admin_socket_is_told_to_come_back(start):
    """Its callers have no address; only the listener's own bound counts."""
    gate = threading.Event()

    class Slow(fakes.FakeStatus):
        entered = threading.Event()

        def status(self):
            self.entered.set()
            assert gate.wait(10)
            return {}

    slow = Slow()
    node = start(admin=fakes.admin_uses(status=slow), bounds=Bounds(requests=1))
    thread = threading.Thread(target=lambda: node.call("admin", "GET", "/admin/v1/status"))
    thread.start()
    assert slow.entered.wait(10)
    assert node.call("admin", "GET", "/admin/v1/status").error == "busy"
    gate.set()
    thread.join()


def test_a_connection_too_many_is_closed_without_a_word(start):
    node = start(bounds=Bounds(connections=2))
    with node.socket("public") as first, node.socket("public") as second:
        for connected in (first, second):
            connected.sendall(b"GET /undisc/v1/node HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connected.recv(1_000).startswith(b"HTTP/1.1 200")
        with node.socket("public") as third:
            try:
                third.sendall(b"GET /undisc/v1/node HTTP/1.1\r\nHost: x\r\n\r\n")
                assert third.recv(100) == b""
            except (ConnectionResetError, BrokenPipeError):
                pass  # closed before the request was read
    assert answers_again(node)


def answers_again(node) -> bool:
    """Whether the node takes a connection once it has seen that others hung up."""
    for _ in range(1_000):
        try:
            return node.call("public", "GET", "/undisc/v1/node").status == 200
        except OSError:  # it has not seen it yet
            continue
    return False


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8080",
        "127.0.0.1",
        "127.0.0.1:8080",
        "node.practice",
        "node.practice:1",
    ],
)
def test_the_internal_listener_answers_to_its_own_names(start, host):
    node = start(hosts=frozenset({"Node.Practice"}))
    assert node.call("internal", "GET", "/livez", headers={"Host": host}).status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.2", "[::1", "", "127.0.0.1.evil.example"],
)
def test_a_web_page_cannot_reach_the_internal_listener_under_its_own_name(node, host):
    """DNS rebinding: the page's name points here, and the browser sends it as the host."""
    answer = node.call("internal", "GET", "/livez", headers={"Host": host})
    assert (answer.status, answer.error) == (421, "wrong_host")


def test_the_internal_listener_says_what_it_is_for_and_whether_it_is_ready(start):
    """What is missing is named by check and code, and nothing more is said."""
    checks = [Check("database"), Check("disk")]
    node = start(inside=fakes.inside_uses(checks=lambda: checks))
    assert b"internal listener" in node.call("internal", "GET", "/").body
    ready = {"ready": True, "checks": ["database", "disk"]}
    assert node.call("internal", "GET", "/readyz").json == ready
    checks[:] = [Check("database", "disk_full"), Check("disk")]
    answer = node.call("internal", "GET", "/readyz")
    assert (answer.status, answer.error) == (503, "not_ready")
    assert answer.json["error"]["message"] == "the node is not ready: database (disk_full)"
    assert node.call("internal", "GET", "/livez").status == 200


def test_metrics_are_on_the_internal_listener_only(node):
    answer = node.call("internal", "GET", "/metrics")
    assert answer.headers["Content-Type"] == "application/openmetrics-text"
    assert answer.body == b"# EOF\n"
    assert node.call("public", "GET", "/metrics").status == 404


def test_a_half_open_caller_does_not_hold_up_the_others(node):
    with node.socket("public") as connected:
        connected.sendall(b"POST /undisc/v1/fetch HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        connected.shutdown(socket.SHUT_WR)
        assert node.call("public", "GET", "/undisc/v1/node").status == 200
