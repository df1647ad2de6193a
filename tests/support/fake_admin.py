"""A node's admin API as the `undisc` command sees it: an HTTP server on a Unix socket.

It knows the shapes of the API and no rules. A test says what a path answers; what was asked is
kept. Everything a test does not say is answered with one study, one peer, one grant and so on.
"""

from __future__ import annotations

import json
import socketserver
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support import (
    fake_archives,
    fake_consents,
    fake_media,
    fake_messages,
    fake_pairings,
    fake_senders,
)
from support.fake_admin_rows import (
    ENDED,
    EVENT,
    FETCH_ROW,
    FILES,
    GRANT_ROW,
    LOOK,
    OFFER,
    ORDER_ROW,
    PEER_ROW,
    QUEUE_DECISIONS,
    QUEUE_ROW,
    REPORT_ROW,
    RESTORED,
    SHARE_ROW,
    STAFF_ROW,
    STATUS,
    STUDY_DETAIL,
    STUDY_ID,
    STUDY_ROW,
    WORKLIST,
)


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


Said = Callable[[Asked], tuple[int, bytes | Mapping[str, Any]] | None]
"""Status and body; None breaks the connection off."""


def error(code: str, message: str, hint: str = "") -> dict[str, Any]:
    """Return the API's error shape."""
    return {"error": {"code": code, "message": message, "hint": hint}}


@dataclass
class FakeAdmin:
    """What the fake answers, and what it was asked.

    Attributes:
        socket: Where it listens.
        asked: Every request, in order of arrival.
    """

    socket: Path
    asked: list[Asked] = field(default_factory=list)
    _said: dict[tuple[str, str], list[Said]] = field(default_factory=lambda: defaultdict(list))

    def say(self, method: str, path: str, body: Mapping[str, Any], *, status: int = 200) -> None:
        """Answer a path; said several times, the answers come in turn and the last one stays."""
        self.say_by(method, path, lambda _: (status, body))

    def say_by(self, method: str, path: str, said: Said) -> None:
        """Answer a path by calling a function."""
        self._said[method, path].append(said)

    def calls(self) -> list[tuple[str, str]]:
        """List method and path of every request."""
        return [(asked.method, asked.path) for asked in self.asked]

    def answer(self, asked: Asked) -> tuple[int, bytes | Mapping[str, Any]] | None:
        """Return what to say to a request; None to say nothing and break off."""
        self.asked.append(asked)
        said = self._said.get((asked.method, asked.path))
        if said:
            return (said.pop(0) if len(said) > 1 else said[0])(asked)
        usual = _usual(asked)
        return (200, usual) if usual is not None else (404, error("not_found", "no such thing"))


def _usual(asked: Asked) -> bytes | Mapping[str, Any] | None:
    """Answer like a node with one of everything."""
    method, parts = asked.method, asked.path.split("/")
    if (said := fake_senders.usual(method, parts)) is not None:
        return said
    if (said := fake_archives.usual(method, parts)) is not None:
        return said
    if (said := fake_messages.usual(method, parts)) is not None:
        return said
    if (said := fake_pairings.usual(method, parts)) is not None:
        return said
    if (said := fake_consents.usual(method, parts, GRANT_ROW, OFFER)) is not None:
        return said
    match [method, *parts]:
        case ["GET", "status"]:
            return STATUS
        case ["GET", "leaving"]:
            return {"studies": [{**STUDY_ROW, "leaves": "2026-12-24T05:32:24Z"}]}
        case ["GET", "studies"]:
            return {"studies": [STUDY_ROW]}
        case ["GET", "studies", _]:
            return STUDY_DETAIL
        case ["GET", "studies", _, "instances", instance, "file"]:
            return FILES[int(instance, 16)]
        case ["POST", "studies", _, _]:
            return {"study": STUDY_ROW}
        case ["DELETE", "studies", _]:
            return {"deleted": STUDY_ID}
        case ["POST", "instances"]:
            return {"status": "stored", "study": STUDY_ID, "sop_uid": "1.2.3.1", "reason": ""}
        case ["POST", "peers", "look"]:
            return LOOK
        case ["GET", "peers"]:
            return {"peers": [PEER_ROW]}
        case ["GET", "peers", _] | ["POST", "peers", *_]:
            return {"peer": PEER_ROW}
        case ["GET", "grants"]:
            return {"grants": [GRANT_ROW]}
        case ["POST", "grants"]:
            return {"grant": GRANT_ROW, "offer": OFFER, "link": None}
        case ["GET", "grants", _]:
            return {"grant": GRANT_ROW, "shares": [SHARE_ROW], "notices": [ENDED]}
        case ["POST", "grants", _, "revoke"]:
            return {"grant": {**GRANT_ROW, "state": "revoked"}}
        case ["GET", "shares", _]:
            return {"share": SHARE_ROW, "notices": [ENDED]}
        case ["GET", "shares"]:
            return {"shares": [SHARE_ROW]}
        case ["POST", "shares"]:
            return {"share": SHARE_ROW, "offer": OFFER}
        case ["POST", "shares", _, "revoke"]:
            return {"share": {**SHARE_ROW, "state": "revoked"}}
        case ["GET", "fetches"]:
            return {"fetches": [FETCH_ROW]}
        case ["POST", "fetches", *_] | ["GET", "fetches", _]:
            return {"fetch": FETCH_ROW}
        case ["GET", "restored"]:
            return RESTORED
        case ["POST", "restored", "recall"]:
            return {"recalled": RESTORED["recalled"]}
        case ["POST", "restored", "confirm"]:
            return {"kept": 2, "revoked": 0}
        case ["GET", "orders"]:
            return {"orders": [ORDER_ROW], "worklist": WORKLIST}
        case ["POST", "orders", "refresh"]:
            return {"worklist": WORKLIST}
        case ["GET", "reports"]:
            return {"reports": [REPORT_ROW]}
        case ["GET", "queue"]:
            return {"queue": [QUEUE_ROW]}
        case ["GET", "queue", _]:
            return {"row": QUEUE_ROW, "decisions": QUEUE_DECISIONS}
        case ["POST", "queue", _, "resolve"]:
            return {
                "row": {**QUEUE_ROW, "done": "2026-11-24T08:00:00Z", "outcome": "kept as it was"}
            }
        case ["GET", "staff"]:
            return {"staff": [STAFF_ROW]}
        case ["POST", "staff", *_]:
            return {"member": STAFF_ROW}
        case ["GET", "log"]:
            return {"events": [EVENT]}
        case ["POST", "log", "verify"]:
            size, root = STATUS["log"]["size"], STATUS["log"]["root"]
            found = {"size": size, "root": root, "origin": "bb" * 16, "erased": 0, "ok": True}
            return {**found, "witnesses": []}
    return fake_media.usual(asked.method, parts, asked.body) or fake_archives.usual(method, parts)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = False
    block_on_close = True


def _handler(fake: FakeAdmin) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def address_string(self) -> str:
            return "local"

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its name
            pass

        def _serve(self) -> None:
            url = urlsplit(self.path)
            prefix = "/admin/v1/"
            assert url.path.startswith(prefix)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            asked = Asked(self.command, url.path.removeprefix(prefix), query, body)
            answer = fake.answer(asked)
            if answer is None:
                self.close_connection = True
                return
            status, said = answer
            raw = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - names the base class looks for

    return Handler


@contextmanager
def fake_admin() -> Iterator[FakeAdmin]:
    """Run the fake on a socket of its own; a short path, as a socket's may have 108 bytes."""
    with tempfile.TemporaryDirectory(prefix="undisc-") as home:
        fake = FakeAdmin(Path(home) / "admin.sock")
        with _Server(str(fake.socket), _handler(fake)) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            try:
                yield fake
            finally:
                server.shutdown()
                thread.join()
