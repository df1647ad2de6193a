"""A node's admin API as the `undisc` command sees it: an HTTP server on a Unix socket.

It knows the shapes of the API and no rules. A test says what a path answers; what was asked is
kept. Everything a test does not say is answered with one study, one peer, one grant and so on.
"""

from __future__ import annotations

import base64
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

from support import fake_archives, fake_consents, fake_media

STUDY_ID = "3f2a81c0" + "0" * 24
PEER_ID = "91c4d5e6" + "0" * 56
GRANT_ID = "8d10aa01" + "0" * 56
SHARE_ID = "5b77bb02" + "0" * 56
FETCH_ID = "77abcc03" + "0" * 24
WORDS = [
    "zoo",
    "able",
    "acid",
    "actor",
    "adapt",
    "adult",
    "agree",
    "alarm",
    "album",
    "alert",
    "alien",
    "alley",
]  # twelve
DID = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
OFFER = base64.b64encode(b"the bytes of an offer").decode()

STATUS: dict[str, Any] = {
    "version": "0.1.0",
    "name": "Lakeside Imaging",
    "node_id": "aa" * 32,
    "words": WORDS,
    "did": DID,
    "demo": False,
    "urls": ["https://lakeside.example"],
    "listeners": {"public": "0.0.0.0:8443", "internal": "127.0.0.1:8080", "dicom": None},
    "home": "/srv/undisc",
    "studies": {"active": 3, "held": 1, "withdrawn": 0, "unsettled": 1, "waiting": 2},
    "peers": {"trusted": 1, "pending": 0, "suspended": 0, "revoked": 0},
    "log": {"origin": "bb" * 16, "size": 1234, "root": "cc" * 32},
    "disk_free": 52_480_000_000,
    "queue": 3,
    "kit_verified": True,
    "restored_unconfirmed": None,
}
STUDY_ROW: dict[str, Any] = {
    "id": STUDY_ID,
    "uid": "1.2.826.0.1.3680043.8.498.1",
    "patient": {
        "name": "Doe^Jane",
        "id": "P-1",
        "issuer": "LAKESIDE",
        "birth_date": "19700101",
        "sex": "F",
    },
    "study_date": "20261124",
    "study_time": "101500",
    "accession": "A-77",
    "description": "CT head",
    "modalities": ["CT"],
    "sender": "import",
    "instances": 2,
    "bytes": 1_048_576,
    "waiting": 0,
    "state": "active",
    "reason": "",
    "created": "2026-11-24T05:31:23Z",
    "arrived": "2026-11-24T05:31:24Z",
    "settled": "2026-11-24T05:32:24Z",
    "kept": False,
}
RECEIPT_ROW: dict[str, Any] = {
    "id": "dd" * 32,
    "peer": PEER_ID,
    "peer_name": "Riverside Radiology",
    "objects": 2,
    "bytes": 1_048_576,
    "at": "2026-11-24T06:00:00Z",
}
PEER_ROW: dict[str, Any] = {
    "id": PEER_ID,
    "words": WORDS,
    "did": DID,
    "name": "Riverside Radiology",
    "state": "trusted",
    "scopes": ["fetch", "offer"],
    "urls": ["https://riverside.example"],
    "added": "2026-11-24T05:00:00Z",
    "card_expires": "2026-12-24T05:00:00Z",
}
LOOK: dict[str, Any] = {
    "node_id": PEER_ID,
    "words": WORDS,
    "name": "Riverside Radiology",
    "did": DID,
    "urls": ["https://riverside.example"],
    "known": None,
}
GRANT_ROW: dict[str, Any] = {
    "id": GRANT_ID,
    "study": STUDY_ID,
    "audience": DID,
    "peer_name": "Riverside Radiology",
    "command": "/img/read",
    "basis": "treatment",
    "staff": "Dr. Ada Example",
    "purpose": "second opinion",
    "created": "2026-11-24T05:40:00Z",
    "expires": "2027-11-24T05:40:00Z",
    "revoked": None,
    "state": "active",
}
SHARE_ROW: dict[str, Any] = {
    "id": SHARE_ID,
    "grant": GRANT_ID,
    "study": STUDY_ID,
    "audience": DID,
    "peer_name": "Riverside Radiology",
    "command": "/img/read",
    "series": [],
    "created": "2026-11-24T05:45:00Z",
    "expires": "2027-11-24T05:40:00Z",
    "revoked": None,
    "state": "active",
}
FETCH_ROW: dict[str, Any] = {
    "id": FETCH_ID,
    "peer": PEER_ID,
    "peer_name": "Riverside Radiology",
    "state": "done",
    "problem": None,
    "next_try": None,
    "study": STUDY_ID,
    "objects": 12,
    "objects_done": 12,
    "bytes": 600_000_000,
    "bytes_done": 600_000_000,
    "mb_per_s": 118.4,
    "reused_bytes": 0,
    "created": "2026-11-24T05:50:00Z",
    "ended": "2026-11-24T05:50:05Z",
    "receipt": "taken",
}
RESTORED: dict[str, Any] = {
    "restored": {
        "since": "2026-11-24T07:00:00Z",
        "taken": "2026-11-23T22:00:00Z",
        "how": "restore",
        "confirmed": None,
    },
    "suspended": [
        {"kind": "grant", **GRANT_ROW, "state": "suspended"},
        {"kind": "share", **SHARE_ROW, "state": "suspended"},
    ],
    "recalled": [
        {
            "peer": PEER_ID,
            "peer_name": "Riverside Radiology",
            "at": "2026-11-24T07:01:00Z",
            "missing_lines": 37,
            "stored": 2,
            "fetched": 0,
            "problem": None,
        }
    ],
}
WORKLIST: dict[str, Any] = {"at": "2026-11-24T06:00:00Z", "orders": 12, "problem": None}
ORDER_ROW: dict[str, Any] = {
    "id": "ab" * 16,
    "accession": "A-77",
    "patient": STUDY_ROW["patient"],
    "scheduled": "20261124101500",
    "modality": "CT",
    "description": "CT head",
    "requested_by": "Weiss^Anna",
    "referring": "",
    "study_uid": "1.2.3",
    "source": "worklist",
    "state": "scheduled",
    "seen": "2026-11-24T06:00:00Z",
}
REPORT_ROW: dict[str, Any] = {
    "id": "ba" * 16,
    "accession": "A-78",
    "patient": STUDY_ROW["patient"],
    "state": "final",
    "title": "CT head",
    "author": "Weiss^Anna",
    "reported": "20261126085500",
    "form": "text",
    "source": "hl7:RIS",
    "bytes": 1200,
    "since": "2026-11-26T08:00:00Z",
}
QUEUE_ROW: dict[str, Any] = {
    "id": "4e5f6a7b" + "0" * 24,
    "kind": "patient-merge",
    "study": STUDY_ID,
    "facts": [
        {"name": "patient id", "here": "P-1", "there": "P-9"},
        {"name": "name", "here": "Doe^Jane", "there": "Doe^Jane"},
    ],
    "since": "2026-11-24T06:30:00Z",
    "done": None,
    "outcome": "",
}
QUEUE_DECISIONS: list[dict[str, Any]] = [
    {"decision": "apply", "text": "take over the identity as it came", "value": None},
    {"decision": "keep", "text": "keep the identity as it is here", "value": None},
]
STAFF_ROW: dict[str, Any] = {
    "name": "anna",
    "role": "admin",
    "created": "2026-11-24T05:40:00Z",
    "changed": "2026-11-24T05:40:00Z",
    "disabled": None,
}
EVENT: dict[str, Any] = {
    "number": 7,
    "at": "2026-11-24T05:40:00Z",
    "type": "grant.created",
    "id": "110113",
    "action": "C",
    "outcome": 0,
    "who": [{"user": "ada", "name": "", "role": "", "requestor": True, "net": ""}],
    "what": [{"kind": 2, "role": 3, "idtype": "study", "id": "3f2a", "name": ""}],
    "why": "second opinion",
    "detail": {},
}


def instance_row(number: int, content: bytes, state: str = "current") -> dict[str, Any]:
    """Return an instance of a study."""
    return {
        "id": f"{number:032x}",
        "sop_uid": f"1.2.3.{number}",
        "sop_class": "1.2.840.10008.5.1.4.1.1.2",
        "series_uid": "1.2.3",
        "series": "ee" * 16,
        "transfer_syntax": "1.2.840.10008.1.2.1",
        "modality": "CT",
        "number": number,
        "bytes": len(content),
        "blake3": "ff" * 32,
        "sender": "import",
        "state": state,
    }


FILES = {1: b"first file", 2: b"the second file"}
STUDY_DETAIL: dict[str, Any] = {
    "study": STUDY_ROW,
    "instances": [instance_row(number, content) for number, content in FILES.items()],
    **{name: [] for name in ("provenance", "receipts", "deliveries")},
    "reports": [
        {
            "object": "cc" * 16,
            "sop_uid": "2.25.77",
            "sop_class": "1.2.840.10008.5.1.4.1.1.88.11",
            "sender": "hl7:RIS",
            "arrived": "2026-11-26T08:00:00Z",
            "state": "final",
            "title": "CT head",
            "reported": "20261126085500",
            "replaced": False,
        }
    ],
    "notices": [
        {
            "peer": PEER_ID,
            "peer_name": "Riverside Radiology",
            "kind": "grown",
            "made": "2026-11-26T08:00:00Z",
            "attempts": 1,
            "done": "2026-11-26T08:00:05Z",
            "outcome": "asks for the difference",
        },
        {
            "peer": PEER_ID,
            "peer_name": None,
            "kind": "patient",
            "made": "2026-11-26T08:00:00Z",
            "attempts": 3,
            "done": None,
            "outcome": "unreachable: nobody answers",
        },
    ],
    "media": [],
}


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
    if (said := fake_archives.usual(method, parts)) is not None:
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
            return {"grant": GRANT_ROW, "shares": [SHARE_ROW]}
        case ["POST", "grants", _, "revoke"]:
            return {"grant": {**GRANT_ROW, "state": "revoked"}}
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
            return {"size": size, "root": root, "origin": "bb" * 16, "erased": 0, "ok": True}
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
