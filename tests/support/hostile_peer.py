"""A node that says whatever a test wants: it speaks the protocol with our formats and its own will.

As an asker it builds requests of any key, chain and invocation and posts them to a real node. As a
holder it is a small HTTP server that answers a real node's requests, truthfully unless a test puts
a lie in. It shares formats and cryptography with the product and none of its decisions.
"""

from __future__ import annotations

import base64
import http.client
import secrets
import select
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol
from urllib.parse import urlsplit

from nacl.public import PrivateKey

from undisc_protocol import limits
from undisc_protocol.answer import request_hash
from undisc_protocol.boxes import box_seal
from undisc_protocol.capability import envelope
from undisc_protocol.capability.delegation import (
    Delegation,
)
from undisc_protocol.capability.invocation import Arguments, sign_invocation
from undisc_protocol.dagcbor import Cid
from undisc_protocol.exchange import (
    Granted,
    read_answer,
)
from undisc_protocol.identity import (
    NodeDocument,
    StatusCard,
    node_document,
    read_identity,
    read_node_document,
    sign_identity_record,
    sign_status_card,
)
from undisc_protocol.keys import SignKey, box_key
from undisc_protocol.receipt import Stored, sign_receipt

FETCH, RECEIPT, NODE, PACKS = (
    f"/undisc/v1/{part}" for part in ("fetch", "receipt", "node", "packs")
)


def now() -> int:
    """Return the time, seconds since 1970."""
    return int(time.time())


@dataclass(frozen=True)
class Said:
    """What a server said."""

    status: int
    headers: dict[str, str]
    body: bytes


def speak(
    url: str, method: str, path: str, body: object = None, headers: Sequence[tuple[str, str]] = ()
) -> Said:
    """Send one HTTP request; headers may come twice, and bodies may be iterators (chunked)."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if isinstance(body, bytes):
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders()
            with suppress(ConnectionError):  # refused before it was read whole: the answer says why
                connection.send(body)
        elif body is not None:
            connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders()
            try:
                for block in body:
                    if select.select([connection.sock], [], [], 0)[0]:
                        break  # answered already
                    connection.send(b"%x\r\n%b\r\n" % (len(block), block))
                connection.send(b"0\r\n\r\n")
            except ConnectionError:
                pass
        else:
            connection.endheaders()
        answer = connection.getresponse()
        lower = {name.lower(): value for name, value in answer.getheaders()}
        return Said(answer.status, lower, answer.read())
    finally:
        connection.close()


def document_of(url: str) -> NodeDocument:
    """Ask a node who it is."""
    return read_node_document(speak(url, "GET", NODE).body, now=now())


def authorization(ticket: bytes) -> tuple[str, str]:
    """Return the header that shows a ticket."""
    return "Authorization", "Undisc " + base64.urlsafe_b64encode(ticket).rstrip(b"=").decode()


def resigned(raw: bytes, key: SignKey, /, **changes: object) -> bytes:
    """Sign a message again with other fields, however wrong; a field of None stays, `...` goes."""
    tags = (envelope.TAG_DELEGATION, envelope.TAG_INVOCATION, envelope.TAG_REQUEST)
    tag = next(
        tag for tag in (*tags, envelope.TAG_ANSWER, envelope.TAG_RECEIPT) if tag.encode() in raw
    )
    payload = dict(envelope.read(raw, tag=tag, limit=limits.MAX_ANSWER).payload) | changes
    return envelope.sign(
        {name: value for name, value in payload.items() if value is not ...}, tag=tag, key=key
    )


class HostileNode:
    """A node with an identity of its own and no scruples.

    Attributes:
        key: Its node key.
        box: Its X25519 key.
        identity: Its identity.
        url: Where it answers, once it is served.
    """

    def __init__(
        self, name: str, *, seed: bytes | None = None, record: bytes | None = None
    ) -> None:
        seed = seed or secrets.token_bytes(32)
        self.name = name
        self.key, self.box = SignKey.from_seed(seed), box_key(seed)
        record = record or sign_identity_record(
            self.key, next_hash=secrets.token_bytes(32), issued=now() - 1000
        )
        self.identity = read_identity([record])
        self.url = ""

    @property
    def id(self) -> str:
        """Node id, hex."""
        return self.identity.node_id.hex()

    def card(self) -> bytes:
        """Sign a fresh status card."""
        card = StatusCard(
            node_id=self.identity.node_id,
            number=0,
            seq=time.time_ns() // 1_000_000,
            name=self.name,
            urls=(self.url,) if self.url else (),
            box=bytes(self.box.public_key),
            checkpoint=None,
            issued=now(),
            expires=now() + 86_400,
        )
        return sign_status_card(self.key, card)

    def document(self) -> bytes:
        """Encode the node document."""
        return node_document(self.identity.records, self.card())

    # --- As an asker ----------------------------------------------------------------------------

    def invocation(
        self,
        holder: NodeDocument,
        proofs: Sequence[Delegation],
        *,
        key: SignKey | None = None,
        fetch_key: PrivateKey | None = None,
        series: tuple[bytes, ...] | None = None,
        **changes: object,
    ) -> bytes:
        """Sign an invocation, right unless changed; `args` are changed field by field."""
        last = proofs[-1]
        arguments = Arguments(
            study=last.policy.study,
            by=self.key.did,
            key=bytes((fetch_key or PrivateKey.generate()).public_key),
            purpose="test",
            series=last.policy.series if series is None else series,
        )
        honest = sign_invocation(
            self.key,
            audience=holder.identity.key,
            subject=last.subject,
            command="/img/read",
            arguments=arguments,
            proofs=(last.cid,),
            nonce=secrets.token_bytes(12),
            issued=now(),
            expires=now() + 300,
        )
        changes.setdefault("prf", tuple(proof.cid for proof in proofs))
        if "args" in changes:
            said = dict(envelope.read(honest, tag=envelope.TAG_INVOCATION, limit=4096).payload)
            changes["args"] = {**said["args"], **changes["args"]}  # type: ignore[dict-item]
        return resigned(honest, key or self.key, **changes)

    def request(
        self,
        holder: NodeDocument,
        invocation: bytes,
        proofs: Sequence[bytes],
        *,
        box: bytes | None = None,
        **changes: object,
    ) -> bytes:
        """Sign and seal a request, right unless changed."""
        payload = {
            "from": self.identity.node_id,
            "to": holder.identity.node_id,
            "records": self.identity.records,
            "inv": invocation,
            "prf": tuple(proofs),
            "have": (),
            "nonce": secrets.token_bytes(16),
            "iat": now(),
            "exp": now() + 300,
        }
        signed = envelope.sign({**payload, **changes}, tag=envelope.TAG_REQUEST, key=self.key)
        return box_seal(box or holder.card.box, signed, ephemeral=secrets.token_bytes(32))

    def ask(
        self,
        url: str,
        holder: NodeDocument,
        proofs: Sequence[Delegation],
        *,
        invocation: bytes | None = None,
        have: Sequence[bytes] = (),
        request: dict | None = None,
        **changes: object,
    ) -> Granted:
        """Ask for a study; return the verified answer or raise the leaf that the holder signed.

        Args:
            url: Where the holder answers.
            holder: Who it is.
            proofs: The chain.
            invocation: A finished invocation to use instead of a new one.
            have: Objects to leave out.
            request: Changes of the request.
            changes: Changes of the invocation.
        """
        fetch_key = PrivateKey.generate()
        if invocation is None:
            invocation = self.invocation(holder, proofs, fetch_key=fetch_key, **changes)
        raw_proofs = [proof.raw for proof in proofs]
        wish = {"have": sorted(have), **(request or {})}
        body = self.request(holder, invocation, raw_proofs, **wish)
        return self.post(url, holder, body, Cid.of(invocation), fetch_key)

    def post(
        self, url: str, holder: NodeDocument, body: bytes, invocation: Cid, fetch_key: PrivateKey
    ) -> Granted:
        """Post a request as it is; return the verified answer or raise what the holder signed."""
        said = speak(url, "POST", FETCH, body)
        return read_answer(
            said.body,
            status=said.status,
            request=request_hash(body),
            invocation=invocation,
            holder=holder.identity.key,
            fetch_key=fetch_key,
        )

    def receipt(self, holder: NodeDocument, stored: Stored) -> bytes:
        """Sign a receipt."""
        return sign_receipt(self.key, stored, sender=self.identity, to=holder.identity.node_id)

    # --- As a holder ----------------------------------------------------------------------------

    @contextmanager
    def served(self, holder: Holder | None = None) -> Iterator[HostileNode]:
        """Answer HTTP on a free port while the block runs."""
        server = _Server(("127.0.0.1", 0), _Handler)
        server.node, server.holder = self, holder
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@dataclass(frozen=True)
class Reply:
    """An HTTP answer of a hostile node.

    Attributes:
        status: HTTP status.
        body: What is sent.
        announced: Content-Length, if it is to differ from what is sent; -1 leaves it out.
        headers: More headers.
        endless: Send the body again and again until the other side hangs up.
    """

    status: int
    body: bytes
    announced: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    endless: bool = False


class Holder(Protocol):
    """Answers what is asked of a holder."""

    def fetch(self, body: bytes) -> Reply: ...

    def receipt(self, body: bytes) -> Reply: ...

    def packs(self, ticket: bytes, start: int, stop: int) -> Reply: ...


class _Server(ThreadingHTTPServer):
    node: HostileNode
    holder: Holder | None
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        if self.path == NODE:
            self._send(Reply(200, self.server.node.document()))
        elif self.path == PACKS and self.server.holder is not None:
            text = self.headers["Authorization"].removeprefix("Undisc ")
            first, last = self.headers["Range"].removeprefix("bytes=").split("-")
            ticket = base64.urlsafe_b64decode(text + "=")
            self._send(self.server.holder.packs(ticket, int(first), int(last) + 1))
        else:
            self._send(Reply(404, b""))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        holder = self.server.holder
        if holder is None:
            self._send(Reply(404, b""))
        elif self.path == FETCH:
            self._send(holder.fetch(body))
        else:
            self._send(holder.receipt(body))

    def _send(self, reply: Reply) -> None:
        self.close_connection = True
        try:
            self.send_response(reply.status)
            if not any(name == "Content-Type" for name, _ in reply.headers):
                self.send_header("Content-Type", "application/octet-stream")
            for name, value in reply.headers:
                self.send_header(name, value)
            if reply.announced != -1:
                length = len(reply.body) if reply.announced is None else reply.announced
                self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(reply.body)
            while reply.endless:
                self.wfile.write(reply.body)
        except ConnectionError:
            pass  # the other side has heard enough

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""
