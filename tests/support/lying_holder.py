"""A holder that answers a real node's requests, truthfully unless a test puts a lie in."""

from __future__ import annotations

import io
import os
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from support.hostile_peer import HostileNode, Reply, now
from undisc_node.dicom.reader import FactReader
from undisc_node.dicom.sources import BytesSource
from undisc_protocol import limits
from undisc_protocol.answer import request_hash
from undisc_protocol.boxes import box_seal
from undisc_protocol.capability.delegation import (
    Basis,
    Meta,
    read_delegation,
    sign_grant,
)
from undisc_protocol.capability.invocation import read_invocation
from undisc_protocol.chunks import ObjectCipher, chunk_count, hash_object
from undisc_protocol.exchange import (
    Granted,
    Request,
    make_answer,
    read_request,
)
from undisc_protocol.manifest import Manifest, ManifestObject, ManifestStudy
from undisc_protocol.offer import sign_offer
from undisc_protocol.receipt import Stored, acknowledge, open_receipt
from undisc_protocol.tree import Checkpoint


@dataclass(frozen=True)
class HeldObject:
    """One object of a lying holder: its entry and its ciphertext."""

    entry: ManifestObject
    sealed: bytes


def held_object(content: bytes, *, object_id: bytes | None = None) -> HeldObject:
    """Encrypt a DICOM file as a holder does."""
    facts = FactReader().facts(BytesSource(content))
    identifier, key = object_id or secrets.token_bytes(16), secrets.token_bytes(32)
    cipher, sealed = ObjectCipher(key, identifier), bytearray()
    count = chunk_count(len(content))
    for number in range(count):
        plain = content[number * limits.CHUNK : (number + 1) * limits.CHUNK]
        out = bytearray(len(plain) + limits.TAG)
        cipher.seal_into(number, memoryview(plain), memoryview(out), last=number == count - 1)
        sealed += out
    entry = ManifestObject(
        id=identifier,
        key=key,
        codec="raw",
        size=len(content),
        hash=hash_object(io.BytesIO(content)),
        series=secrets.token_bytes(16),
        series_uid=facts.series_uid,
        sop_uid=facts.sop_uid,
        sop_class=facts.sop_class,
        syntax=facts.transfer_syntax,
        modality=facts.modality,
        number=facts.number,
    )
    return HeldObject(entry, bytes(sealed))


Lie = Callable[..., object]


class LyingHolder:
    """Holds one study and answers for it; every answer passes through a lie first.

    A lie is a function put in one of the attributes below; it works `times` times, then the truth
    is told again.

    Attributes:
        lie_granted: (Granted, Request) -> Granted; before it is signed.
        lie_answer: (sealed answer, Request) -> Reply | bytes.
        lie_stream: (Reply of the range) -> Reply.
        lie_receipt: (body) -> Reply.
        asked: Requests that arrived.
        ranges: Ranges that were asked for.
        receipts: Receipts that arrived.
    """

    def __init__(self, node: HostileNode, files: Sequence[bytes]) -> None:
        self.node = node
        self.study = secrets.token_bytes(16)
        self.objects = [held_object(content) for content in files]
        facts = FactReader().facts(BytesSource(files[0]))
        self.described = ManifestStudy(uid=facts.study_uid, patient=facts.patient)
        self.lie_granted: Lie | None = None
        self.lie_answer: Lie | None = None
        self.lie_stream: Lie | None = None
        self.lie_receipt: Lie | None = None
        self.times = 1
        self.told = 0
        self.asked: list[Request] = []
        self.ranges: list[tuple[int, int]] = []
        self.receipts: list[Stored] = []
        self._streams: dict[bytes, bytes] = {}
        self._lock = threading.Lock()

    def offer_to(self, audience: str) -> bytes:
        """Grant the study directly, and make the offer."""
        grant = sign_grant(
            self.node.key,
            audience=audience,
            study=self.study,
            command="/img/read",
            meta=Meta(Basis.TREATMENT),
            nonce=secrets.token_bytes(12),
            expires=now() + 86_400,
        )
        return sign_offer(
            self.node.key,
            holder=self.node.identity,
            card=self.node.card(),
            proofs=[grant],
            to=read_delegation(grant).audience,
            at=now(),
        )

    def manifest(self) -> Manifest:
        """Return the honest manifest of everything."""
        return Manifest(self.described, tuple(one.entry for one in self.objects))

    def _lies(self, lie: Lie | None) -> Lie | None:
        with self._lock:
            if lie is None or self.told >= self.times:
                return None
            self.told += 1
            return lie

    def fetch(self, body: bytes) -> Reply:
        """Answer a request."""
        request = read_request(body, box=self.node.box, own=self.node.identity.node_id, now=now())
        self.asked.append(request)
        wanted = [one for one in self.objects if one.entry.id not in request.have]
        ticket = os.urandom(32)
        with self._lock:
            self._streams[ticket] = b"".join(one.sealed for one in wanted)
        granted = Granted(
            Manifest(self.described, tuple(one.entry for one in wanted)),
            ticket,
            now(),
            now() + 600,
            Checkpoint(bytes(16), 0, sha256().digest()),
        )
        if lie := self._lies(self.lie_granted):
            granted = lie(granted, request)
        answer = self.answer(granted, request)
        if lie := self._lies(self.lie_answer):
            told = lie(answer, request)
            return told if isinstance(told, Reply) else Reply(200, told)
        return Reply(200, answer)

    def answer(self, granted: Granted, request: Request, **changes: object) -> bytes:
        """Sign and seal an answer; arguments of `make_answer` can be changed."""
        invocation = read_invocation(request.invocation)
        honest = {
            "request": request.hash,
            "invocation": invocation.cid,
            "reply_to": invocation.arguments.key,
            "ephemeral": secrets.token_bytes(32),
        }
        key = changes.pop("key", self.node.key)
        return make_answer(key, granted, **honest | changes)

    def sealed(self, signed: bytes, request: Request) -> bytes:
        """Seal signed bytes to a request's fetch key."""
        reply_to = read_invocation(request.invocation).arguments.key
        return box_seal(reply_to, signed, ephemeral=secrets.token_bytes(32))

    def packs(self, ticket: bytes, start: int, stop: int) -> Reply:
        """Answer with a range of the stream."""
        with self._lock:
            self.ranges.append((start, stop))
            stream = self._streams[ticket]
        honest = Reply(
            206,
            stream[start:stop],
            headers=(("Content-Range", f"bytes {start}-{stop - 1}/{len(stream)}"),),
        )
        lie = self._lies(self.lie_stream)
        return lie(honest) if lie else honest

    def receipt(self, body: bytes) -> Reply:
        """Acknowledge a receipt."""
        receipt = open_receipt(body, box=self.node.box, own=self.node.identity.node_id, now=now())
        self.receipts.append(receipt.stored)
        if lie := self._lies(self.lie_receipt):
            return lie(body)
        return Reply(200, acknowledge(self.node.key, receipt, request=request_hash(body), at=now()))


def change(reply: Reply, place: int) -> Reply:
    """Flip one bit of a body."""
    place %= len(reply.body)
    body = reply.body[:place] + bytes([reply.body[place] ^ 1]) + reply.body[place + 1 :]
    return replace(reply, body=body)
