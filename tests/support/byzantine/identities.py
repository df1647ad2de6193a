"""Lies about who somebody is: old cards, other chains, other keys, logs that shrink.

The holder is known truthfully first. Then it answers without a signature, so the asker looks who is
there, and is lied to.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from support.byzantine.server import Behaviour, Call, Server
from support.hostile_peer import HostileNode, now
from undisc_protocol.capability import envelope
from undisc_protocol.identity import (
    TAG_IDENTITY,
    TAG_STATUS,
    commitment,
    node_document,
    read_identity_record,
    sign_identity_record,
)
from undisc_protocol.keys import SignKey, box_key

ELSEWHERE = "http://198.51.100.66"
NEXT = SignKey.from_seed(b"the next" * 4)
AFTER = SignKey.from_seed(b"thereafter" * 3 + b"..")


def rotating(name: str) -> HostileNode:
    """Make a node whose next key is `NEXT`."""
    seed = secrets.token_bytes(32)
    key = SignKey.from_seed(seed)
    record = sign_identity_record(key, next_hash=commitment(NEXT), issued=now() - 1000)
    return HostileNode(name, seed=seed, record=record)


def card(node: HostileNode, key: SignKey | None = None, **changes: Any) -> bytes:
    """Sign a status card, right unless changed."""
    said = {
        "id": node.identity.node_id,
        "n": 0,
        "seq": time.time_ns() // 1_000_000,
        "name": node.name,
        "urls": (node.url,),
        "box": bytes(node.box.public_key),
        "checkpoint": None,
        "iat": now(),
        "exp": now() + 86_400,
    }
    return envelope.sign({**said, **changes}, tag=TAG_STATUS, key=key or node.key)


def record(
    node: HostileNode,
    *,
    number: int = 1,
    key: SignKey = NEXT,
    next_hash: bytes = b"",
    **changes: Any,
) -> bytes:
    """Sign an identity record after the node's first, right unless changed."""
    said = {
        "n": number,
        "key": key.did,
        "next": next_hash or commitment(AFTER),
        "prev": read_identity_record(node.identity.records[0]).hash,
        "iat": now(),
    }
    return envelope.sign({**said, **changes}, tag=TAG_IDENTITY, key=key)


def _cards(**changes: Any):
    return lambda node: node_document(node.identity.records, card(node, **changes))


def _chain(*made: Callable[[HostileNode], bytes], key: SignKey = NEXT):
    """Show more records, and a card by the last key."""

    def document(node: HostileNode) -> bytes:
        records = (*node.identity.records, *(one(node) for one in made))
        box = bytes(box_key(bytes(key.signing)).public_key)
        return node_document(
            records, card(node, key, n=len(records) - 1, box=box, urls=(ELSEWHERE,))
        )

    return document


def _other(node: HostileNode) -> bytes:
    stranger = HostileNode("Stranger")
    stranger.url = node.url
    return stranger.document()


def _head(size: int, root: bytes = bytes(32)) -> dict[str, Any]:
    return {"origin": b"o" * 16, "size": size, "root": root}


def _lie(document: Callable[[HostileNode], bytes]):
    def begin(server: Server) -> None:
        node = server.holder.node
        server.document = lambda: document(node)

    return begin


def _unsigned(call: Call) -> None:
    call.answer(body=b"nobody has signed this", status="403 Forbidden")


def _behaviour(
    name: str, document: Callable[[HostileNode], bytes], state: str = "trusted"
) -> Behaviour:
    return Behaviour(name, act=_unsigned, begin=_lie(document), state=state)


IDENTITIES = (
    _behaviour("rolled back card", _cards(seq=1, urls=(ELSEWHERE,))),
    _behaviour("frozen card", _cards(iat=now() - 99_999, exp=now() - 9_999, urls=(ELSEWHERE,))),
    _behaviour("card for a year", _cards(exp=now() + 400 * 86_400, urls=(ELSEWHERE,))),
    _behaviour("card from the future", _cards(iat=now() + 9_999, exp=now() + 99_999)),
    _behaviour("card signed by another key", _cards(key=NEXT, urls=(ELSEWHERE,))),
    _behaviour("card of another key number", _cards(n=1, urls=(ELSEWHERE,))),
    _behaviour("card that leads to metadata", _cards(urls=("file:///etc/passwd",))),
    _behaviour("card with a thousand addresses", _cards(urls=(ELSEWHERE,) * 1_000)),
    _behaviour("another node at the same address", _other),
    _behaviour("gap in the records", _chain(lambda node: record(node, number=2))),
    _behaviour(
        "record of a key not committed to", _chain(lambda n: record(n, key=AFTER), key=AFTER)
    ),
    _behaviour("record after another one", _chain(lambda node: record(node, prev=bytes(32)))),
    _behaviour("no record", lambda node: node_document((), card(node))),
    _behaviour("noise for a document", lambda _: secrets.token_bytes(900)),
)

FORK = _behaviour(
    "forked identity", _chain(lambda node: record(node, next_hash=b"f" * 32)), "suspended"
)
OUTDATED = _behaviour("records of before", _cards(urls=(ELSEWHERE,)))
LONGER = _chain(record)
"""The truthful document of a node that has moved to `NEXT`."""

SHRUNK = _behaviour("log that shrinks", _cards(checkpoint=_head(2)))
EQUIVOCATING = _behaviour("log with two heads", _cards(checkpoint=_head(9, b"b" * 32)))
HEAD = _cards(checkpoint=_head(9, b"a" * 32))
"""The truthful document of a node with nine lines in its log."""
