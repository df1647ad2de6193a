"""Targets: headers and JSON that callers of a node send, and what other nodes answer."""

from __future__ import annotations

import base64
import ipaddress
import json
import re
import socket
import ssl
import struct
from contextlib import asynccontextmanager
from types import SimpleNamespace

from multidict import CIMultiDict, MultiDict

from fuzz.target import Target
from support.parties import TICKET, label
from support.samples import BytesSource
from undisc_node.peers.addresses import check_address
from undisc_node.peers.client import PeerClient
from undisc_node.peers.connector import Patience, TimedSocket
from undisc_node.peers.locations import read_location
from undisc_node.services.errors import Invalid, ServiceError
from undisc_node.web import admin_api, keys, peer_api
from undisc_protocol import limits
from undisc_protocol.errors import BadTicket, OutsideExtent, Unreachable

_ADMIN = {
    f"{route.method} {route.path}".encode(): route
    for route in admin_api.ROUTES
    if route.path != "/admin/v1/instances" and not route.path.endswith("/file")
}


def _text(data):
    return data.decode("utf-8", "surrogateescape")


# --- What a ticket's holder asks for ------------------------------------------------------------


def _range(data):
    """Two headers, one a line; each may come more than once."""
    headers = CIMultiDict()
    for line in data.split(b"\n"):
        name, _, value = line.partition(b":")
        headers.add("Range" if name == b"R" else "Authorization", _text(value))
    request = SimpleNamespace(headers=headers)
    start, stop = peer_api._range(request)
    assert start >= 0
    assert stop is None or stop > start
    (said,) = headers.getall("Range")
    assert said == f"bytes={said[6:].split('-')[0]}-{said.rpartition('-')[2]}"
    assert start == int(re.findall(r"\d+", said)[0])
    ticket = peer_api._ticket(request)
    shown = base64.urlsafe_b64encode(ticket).rstrip(b"=").decode()
    assert headers.getall("Authorization") == [f"Undisc {shown}"]


def _ranges():
    shown = base64.urlsafe_b64encode(TICKET).rstrip(b"=")
    yield b"A:Undisc " + shown + b"\nR:bytes=0-99"
    yield b"A:Undisc " + shown + b"\nR:bytes=7-"


# --- What an administrator's program sends ------------------------------------------------------


class _Reached(ServiceError):
    """The use case was reached, with arguments that it can work with."""

    code = "reached"


def _usable(value):
    """Whether a use case can store and log a value as it is."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, int):
        assert -(2**53) < value < 2**53
    elif isinstance(value, list | tuple):
        for item in value:
            _usable(item)


class _Uses:
    """Every use case there is or will be: looking something up succeeds while something is to be
    changed; anything else ends the request, after a look at what it got.
    """

    id = bytes(16)

    def __init__(self, method, name=""):
        self._method = method
        self._name = name

    def __getattr__(self, name):
        return _Uses(self._method, name)

    def __call__(self, *arguments, **named):
        _usable([*arguments, *named.values()])
        if self._name == "now_ms":
            return 1_795_498_283_000
        if self._name == "find" and self._method != "GET":
            return self
        raise _Reached("reached")


class _Workers:
    async def run(self, work):
        return work()


class _Spool:
    """Keeps an upload in memory, and waits for nothing."""

    @asynccontextmanager
    async def take(self, body):
        yield BytesSource(await body.whole())


class _Body:
    def __init__(self, data):
        self._data = data

    async def whole(self):
        return self._data


class _Peer:
    """The socket of the administrator, as far as it is asked who that is."""

    family = socket.AF_UNIX

    def getsockopt(self, *_):
        return struct.pack("3i", 1, 0, 0)


class _Request(SimpleNamespace):
    def __getitem__(self, key):
        assert key is keys.BODY
        return self.body

    def get_extra_info(self, name):
        assert name == "socket"
        return _Peer()


def _admin(data):
    """A line with method, path and query; then the body."""
    line, _, body = data.partition(b"\n")
    address, _, query = line.partition(b"?")
    route = _ADMIN.get(address) or _ADMIN[sorted(_ADMIN)[len(address) % len(_ADMIN)]]
    names = MultiDict(pair.partition("=")[::2] for pair in _text(query).split("&"))
    request = _Request(
        app={keys.ADMIN: _Uses(route.method), keys.WORKERS: _Workers(), keys.SPOOL: _Spool()},
        match_info=dict.fromkeys(re.findall(r"{(\w+)}", route.path), "ab"),
        query=names if _is_text(names) else MultiDict(),
        body=_Body(body[: route.body_limit]),
    )
    coroutine = route.handler(request)
    try:
        coroutine.send(None)
    except (StopIteration, _Reached):
        return
    raise AssertionError("the handler waits for something")


def _is_text(names):
    """aiohttp decodes a query to text without lone surrogates."""
    return all(not re.search("[\ud800-\udfff]", value) for value in names.values())


_BODIES = (
    {"study": "ab", "peer": "cd", "basis": "treatment", "command": "/img/read", "days": 30},
    {"study": "ab", "link": True, "basis": "emergency", "staff": "Dr. Weiss", "purpose": "p",
     "expires": "2026-12-31T18:00:00+01:00", "command": "/img/view"},
    {"token": "Z3JhbnQ="},
    {"offer": "Z3JhbnQ="},
    {"url": "https://node.example", "node_id": "ab" * 32, "trust": True, "scopes": ["fetch"]},
    {"url": "https://node.example"},
    {"reason": "wrong patient"},
    {"accept": True},
    {},
)  # fmt: skip


def _requests():
    for address in _ADMIN:
        for body in _BODIES:
            query = b"?text=doe&state=active&limit=10&offset=0&after=-1&study=ab\n"
            yield address + query + json.dumps(body).encode()


_JSON = (
    b'"expires":', b'"days":', b'"study":', b'"reason":', b'"scopes":', b"true", b"null", b"1e999",
    b"NaN", b"\\ud800", b"\\u0000", b"[[[[[[[[[[[[[[[[", b"9999-12-31T23:59:59-23:59",
    b"0001-01-01T00:00:00+23:59", b"limit=", b"after=", b"99999999999999999999",
)  # fmt: skip


# --- What another node answers ------------------------------------------------------------------


_TLS = ssl.create_default_context()  # costs more than everything else; never used here


class _Answer:
    """A socket on which these bytes arrive."""

    def __init__(self, data):
        self._data = data

    def settimeout(self, seconds):
        pass

    def sendall(self, data):
        assert data == b"body" or data.startswith((b"GET /undisc/v1/", b"POST /undisc/v1/"))

    def recv_into(self, buffer):
        count = min(len(buffer), len(self._data))
        buffer[:count] = self._data[:count]
        self._data = self._data[count:]
        return count

    def close(self):
        pass


class _Connector:
    def __init__(self, data):
        self._data = data

    def connect(self, _location):
        return TimedSocket(_Answer(self._data), patience=Patience(), now=lambda: 0.0)


def _peer_answer(data):
    """The first byte chooses what was asked."""
    client = PeerClient(private_addresses=True, tls=_TLS)
    client._connector = _Connector(data[1:])
    match data[0] % 3 if data else 0:
        case 0:
            assert len(client.introduce("http://peer.example")) <= limits.MAX_NODE_DOCUMENT
        case 1:
            reply = client.ask(["http://peer.example"], "/undisc/v1/fetch", b"body", limit=100)
            assert len(reply.body) <= 100
            assert 100 <= reply.status <= 999
        case _:
            with client.stream(["http://peer.example"], label("ticket"), 10, 30) as read_into:
                buffer = bytearray(20)
                read_into(memoryview(buffer))
                assert bytes(buffer) in data


def _peer_answers():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
    yield b"\0" + head + b"Content-Length: 8\r\n\r\ndocument"
    yield b"\1" + head + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    yield b"\1HTTP/1.1 503 Busy\r\nRetry-After: 10\r\nContent-Length: 2\r\n\r\n{}"
    yield (
        b"\2HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 10-29/100\r\n"
        b"Content-Length: 20\r\n\r\n" + label("content", 20)
    )


def _location(data):
    """An address that is read has parts that lead nowhere else."""
    text = _text(data)
    found = read_location(text)
    assert re.fullmatch(r"[A-Za-z0-9._:-]+", found.host)
    assert 0 < found.port < 65_536
    assert ".." not in found.prefix
    host = f"[{found.host}]" if ":" in found.host else found.host
    scheme = "https" if found.secure else "http"
    assert read_location(f"{scheme}://{host}:{found.port}{found.prefix}") == found


def _address(data):
    check_address(_text(data), private_addresses=False)
    address = ipaddress.ip_address(_text(data).partition("%")[0])
    assert address.is_global
    assert not address.is_multicast


TARGETS = [
    Target("range-and-ticket", _range, _ranges, (BadTicket, OutsideExtent), longest=256,
           words=(b"R:bytes=", b"A:Undisc ", b"\nR:", b"\nA:")),
    Target("admin-request", _admin, _requests, (Invalid,),
           words=(*_JSON, *_ADMIN), longest=8_192),
    Target("peer-answer", _peer_answer, _peer_answers, (Unreachable, BadTicket),
           words=(b"Content-Length: ", b"Transfer-Encoding: chunked\r\n", b"HTTP/1.1 100 \r\n\r\n",
                  b"Content-Encoding: gzip\r\n", b"Content-Range: bytes ", b"\r\n\r\n")),
    Target("peer-location", _location,
           lambda: [b"https://node.example:8443/a/b", b"http://[::1]:80", b"http://10.0.0.1"],
           (Unreachable,), longest=300, words=(b"http://", b"https://", b"[", b"]", b"@", b"..")),
    Target("peer-address", _address,
           lambda: [b"8.8.8.8", b"2606:4700::1%eth0", b"::ffff:127.0.0.1", b"64:ff9b::1"],
           (Unreachable,), longest=64),
]  # fmt: skip
