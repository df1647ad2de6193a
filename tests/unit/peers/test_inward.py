"""No spelling of an address leads into the node's own network: nothing is ever connected.

Two witnesses: listeners on every address of this machine, which count who comes, and Python's own
audit event of each `connect`, which nothing in this process gets past.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from support.inward import EXOTIC, LOOPBACK, NAMES, NEVER, PRIVATE
from undisc_node.peers import connector as connector_module
from undisc_node.peers.addresses import PRIVATE as PRIVATE_NETWORKS
from undisc_node.peers.addresses import ForbiddenAddress
from undisc_node.peers.client import PeerClient
from undisc_node.peers.connector import Patience, resolve_host
from undisc_protocol.errors import Unreachable

SHORT = Patience(connect=0.2, read=0.2, total=0.5)
PUBLIC = "93.184.216.34"
TLS = ssl.create_default_context()  # takes longer to make than a test to run
_connects: list[object] | None = None


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect" and _connects is not None:
        _connects.append(arguments[1])


sys.addaudithook(_audit)


class Doors:
    """Listeners on every address of this machine, on one port."""

    def __init__(self) -> None:
        self.came = 0
        first = socket.create_server(("", 0))
        self.port: int = first.getsockname()[1]
        self._listeners = [first]
        with contextlib.suppress(OSError):  # a machine without IPv6 has one door less
            six = socket.create_server(("::", self.port), family=socket.AF_INET6)
            self._listeners.append(six)
        for listener in self._listeners:
            threading.Thread(target=self._count, args=(listener,), daemon=True).start()

    def _count(self, listener: socket.socket) -> None:
        while True:
            try:
                connected, _ = listener.accept()
            except OSError:
                return
            self.came += 1
            connected.close()

    def close(self) -> None:
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()


@pytest.fixture(scope="module")
def doors() -> Iterator[Doors]:
    opened = Doors()
    yield opened
    opened.close()


@pytest.fixture
def connects(doors: Doors) -> Iterator[list[object]]:
    """Record every `connect` of this process; require at the end that nobody came to a door."""
    global _connects  # noqa: PLW0603 - an audit hook stays for the life of the process
    before, _connects = doors.came, []
    yield _connects
    _connects = None
    assert doors.came == before


def resolve(host: str, port: int):
    """Answer as the hostile name server does; numeric spellings as the system reads them."""
    for url, answers in NAMES.items():
        if url.removeprefix("http://").removesuffix("/").lower() == host:
            return [
                (socket.AF_INET6 if ":" in one else socket.AF_INET, (one, port)) for one in answers
            ]
    return resolve_host(host, port)


def at(url: str, port: int) -> str:
    """Name the port of the listeners in an address that names none."""
    return f"{url.removesuffix('/')}:{port}/"


def tries_everything(client: PeerClient, url: str) -> None:
    """Use an address in each of the ways in which a node uses one."""
    with pytest.raises(Unreachable):
        client.introduce(url)
    with pytest.raises(Unreachable):
        client.shown_date(url)
    with pytest.raises(Unreachable):
        client.ask([url], "/undisc/v1/fetch", b"request", limit=100)
    with pytest.raises(Unreachable), client.stream([url], bytes(32), 0, 10):
        pytest.fail("the stream was opened")


@pytest.mark.parametrize("url", [*NEVER, *LOOPBACK, *PRIVATE, *NAMES])
def test_without_permission_no_inward_address_is_connected(doors, connects, url):
    tries_everything(PeerClient(tls=TLS, patience=SHORT, resolve=resolve), at(url, doors.port))
    assert connects == []


@pytest.mark.parametrize("url", [*NEVER, *LOOPBACK, *NAMES])
def test_a_wide_permission_opens_neither_this_machine_nor_metadata(doors, connects, url):
    """`private_addresses = true` is about practice networks and VPNs."""
    client = PeerClient(tls=TLS, patience=SHORT, resolve=resolve, allow=PRIVATE_NETWORKS)
    tries_everything(client, at(url, doors.port))
    assert connects == []


@pytest.mark.parametrize("url", [*NEVER, *LOOPBACK, *PRIVATE, *NAMES])
def test_one_allowed_network_opens_no_other(doors, connects, url):
    """One practice on the same network is allowed; that is all that is."""
    client = PeerClient(
        tls=TLS, patience=SHORT, resolve=resolve, allow=[ip_network("10.77.1.0/24")]
    )
    tries_everything(client, at(url, doors.port))
    assert connects == []


@pytest.mark.parametrize("url", EXOTIC)
def test_an_exotic_spelling_is_not_even_resolved(connects, url):
    asked: list[str] = []
    client = PeerClient(
        tls=TLS, private_addresses=True, resolve=lambda host, _: asked.append(host) or []
    )
    tries_everything(client, url)
    assert (asked, connects) == ([], [])


def test_what_is_allowed_by_name_is_connected(doors):
    """The witnesses can see: the same address, allowed, comes to a door."""
    global _connects
    before, _connects = doors.came, []
    client = PeerClient(tls=TLS, patience=SHORT, allow=[ip_network("127.0.0.1")])
    with pytest.raises(Unreachable):
        client.introduce(at("http://127.1/", doors.port))
    seen, _connects = _connects, None
    assert seen == [("127.0.0.1", doors.port)]
    assert doors.came == before + 1


def test_there_are_far_more_than_forty_spellings():
    assert len({*NEVER, *LOOPBACK, *PRIVATE, *NAMES, *EXOTIC}) >= 90


class Wire:
    """A socket that goes nowhere and tells where it would have gone.

    Args:
        other: Who answers at the other end, as the system says after connecting.
    """

    def __init__(self, told: list[object], other: str | None) -> None:
        self._told, self._other = told, other

    def __call__(self, _family: int, _kind: int) -> Wire:
        return self

    def connect(self, address: object) -> None:
        self._told.append(address)
        self._other = self._other or address[0]  # type: ignore[index]

    def getpeername(self) -> object:
        return (self._other, 80)

    def sendall(self, data: bytes) -> None:
        self._told.append(data)

    def settimeout(self, _seconds: float) -> None: ...
    def close(self) -> None: ...


@pytest.fixture
def wire(monkeypatch):
    """Let the connector open sockets that only tell; return what they tell."""
    told: list[object] = []

    def lay(other: str | None = None) -> list[object]:
        monkeypatch.setattr(connector_module.socket, "socket", Wire(told, other))
        return told

    return lay


def test_a_name_that_is_public_first_and_private_then_is_vetted_each_time(connects, wire):
    """DNS rebinding: the first answer passes, and what was checked is what is connected."""
    answers = iter([[PUBLIC], ["127.0.0.1"], ["169.254.169.254", "10.0.0.5"]])
    told = wire(other="127.0.0.1")
    client = PeerClient(
        tls=TLS, resolve=lambda _, port: [(socket.AF_INET, (one, port)) for one in next(answers)]
    )
    for _ in range(3):
        with pytest.raises(Unreachable):
            client.introduce("http://peer.example/")
    assert told == [(PUBLIC, 80)]
    assert connects == []


@pytest.mark.parametrize("other", ["127.0.0.1", "169.254.169.254", "10.0.0.5", "fe80::1%lo"])
def test_a_public_address_that_turns_out_to_be_inward_gets_not_one_byte(wire, other):
    """A rule of the firewall or the cloud sends the connection somewhere else."""
    told = wire(other=other)
    client = PeerClient(tls=TLS, resolve=lambda *_: [(socket.AF_INET, (PUBLIC, 80))])
    with pytest.raises(ForbiddenAddress):
        client.introduce("http://peer.example/")
    assert told == [(PUBLIC, 80)]


def test_a_name_with_thousands_of_dead_addresses_costs_a_few_tries(monkeypatch):
    """Each dead address would cost the time for connecting; a name server may list thousands."""
    tried: list[object] = []

    class Dead(Wire):
        def connect(self, address: object) -> None:
            tried.append(address)
            raise TimeoutError

    monkeypatch.setattr(connector_module.socket, "socket", Dead([], None))
    many = [(socket.AF_INET, (PUBLIC, port)) for port in range(1, 5_000)]
    with pytest.raises(Unreachable, match="does not answer"):
        PeerClient(tls=TLS, resolve=lambda *_: many).introduce("http://peer.example/")
    assert len(tried) == 8


@pytest.mark.parametrize(
    "target",
    ["http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://127.0.0.1:1/"],
)
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Then", "308 Now"])
def test_a_redirect_leads_nowhere(peer, status, target):
    """An allowed peer sends the node on to metadata: it was connected, and nothing else is."""
    global _connects  # noqa: PLW0603 - as above
    answer = f"HTTP/1.1 {status}\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
    node = peer(answer.encode())
    _connects = []
    tries_everything_but_ask(
        PeerClient(tls=TLS, patience=SHORT, allow=[ip_network("127.0.0.1")]), node.url
    )
    seen, _connects = _connects, None
    assert set(seen) == {("127.0.0.1", node.port)}


def tries_everything_but_ask(client: PeerClient, url: str) -> None:
    """A redirect is an answer to `ask`, as any refusal is; whoever asked finds no signature."""
    with pytest.raises(Unreachable):
        client.introduce(url)
    assert client.ask([url], "/undisc/v1/fetch", b"", limit=100).status // 100 == 3
    with pytest.raises(Unreachable), client.stream([url], bytes(32), 0, 10):
        pytest.fail("the stream was opened")
