"""Targets: DAG-CBOR, envelopes, principals, links, recovery kits."""

from __future__ import annotations

import base64
import random

import cbrrr

from fuzz.seeds import parts, payloads
from fuzz.signing import enveloped
from fuzz.target import Target
from support.other_codecs import in_profile, translated
from support.parties import GRANT, HOLDER, label
from undisc_protocol import dagcbor, kit, limits, link
from undisc_protocol.capability import envelope
from undisc_protocol.did import decode_did, encode_did
from undisc_protocol.errors import BadFields, BadKey, BadSignature, Malformed, Oversize

_LIMIT = 4_096
_CBOR_WORDS = tuple(
    bytes.fromhex(text)
    for text in ("d82a582500", "01711220", "d82a", "f6", "f5", "f4", "f7", "fb", "1b", "5f", "9f",
                 "bf", "ff", "1818", "1900ff", "c2", "3b001fffffffffffff", "1b001fffffffffffff")
)  # fmt: skip


def _dagcbor(data):
    value = dagcbor.decode(data, limit=_LIMIT)
    assert dagcbor.encode(value) == data


def _differential(data):
    """Accept exactly what cbrrr accepts within our profile, with the same value."""
    try:
        other = cbrrr.decode_dag_cbor(data)
    except (ValueError, RecursionError):
        accepted = False
    else:
        accepted = in_profile(other)
    try:
        value = dagcbor.decode(data, limit=_LIMIT)
    except (Malformed, Oversize):
        assert not accepted, "cbrrr accepts what we refuse"
        raise
    assert accepted, "cbrrr refuses what we accept"
    assert translated(value, cbrrr.CID) == other


def _envelope(data):
    """Anything that is no envelope is signed as the signed part of one."""
    opened = envelope.read(data, tag=envelope.TAG_DELEGATION, limit=limits.MAX_TOKEN)
    signed = {"h": envelope.VARSIG, envelope.TAG_DELEGATION: opened.payload}
    assert dagcbor.encode(signed) == data[67:]
    assert dagcbor.encode([data[3:67], signed]) == data
    opened.verify(HOLDER.key.did)


def _payload(data):
    raw = enveloped(data, tag=envelope.TAG_DELEGATION, key=HOLDER.key)
    opened = envelope.read(raw, tag=envelope.TAG_DELEGATION, limit=limits.MAX_TOKEN)
    opened.verify(HOLDER.key.did)
    assert envelope.sign(opened.payload, tag=envelope.TAG_DELEGATION, key=HOLDER.key) == raw


def _text(data):
    """Text of any kind: damaged UTF-8 comes as lone surrogates, as from a terminal."""
    return data.decode("utf-8", "surrogateescape")


def _did(data):
    text = _text(data)
    assert encode_did(decode_did(text)) == text


def _link(data):
    text = _text(data)
    secret = link.read_secret(text)
    assert link.write_secret(secret) in text


def _kit(data):
    """Rows and check letters; Argon2id behind them would take all the time."""
    body = kit._body(_text(data))
    again = "\n".join([kit.BEGIN, *kit._rows(body), kit.END])
    assert kit._body(again) == body


def _kits():
    rng = random.Random(1)
    body = b"\x01" + rng.randbytes(kit._BODY - 1)
    yield "\n".join([kit.BEGIN, *kit._rows(body), kit.END]).encode()
    yield from parts("kit", "text")


def _links():
    yield from parts("link", "text")
    secret = base64.urlsafe_b64encode(label("secret")).rstrip(b"=")
    yield b"https://node.example/s%2523" + secret + b">."


TARGETS = [
    Target(
        "dagcbor",
        _dagcbor,
        lambda: parts("dagcbor"),
        (Malformed, Oversize),
        longest=1_024,
        words=_CBOR_WORDS,
    ),
    Target(
        "dagcbor-beside-cbrrr",
        _differential,
        lambda: parts("dagcbor"),
        (Malformed, Oversize),
        longest=1_024,
        words=_CBOR_WORDS,
    ),
    Target(
        "envelope",
        _envelope,
        lambda: [GRANT, *parts("envelope")],
        (Malformed, Oversize, BadFields, BadSignature),
        words=(*_CBOR_WORDS, envelope.VARSIG),
    ),
    Target(
        "envelope-payload",
        _payload,
        lambda: payloads(parts("envelope")),
        (Malformed, Oversize, BadFields),
        words=_CBOR_WORDS,
    ),
    Target("did", _did, lambda: parts("did"), (BadKey,), longest=128, words=(b"did:key:z6Mk",)),
    Target(
        "link",
        _link,
        _links,
        (Oversize, BadFields),
        longest=limits.MAX_LINK + 8,
        words=(b"%23", b"%2523", b"#"),
    ),
    Target(
        "recovery-kit",
        _kit,
        _kits,
        (Oversize, Malformed),
        longest=limits.MAX_KIT + 8,
        words=(kit.BEGIN.encode(), kit.END.encode()),
    ),
]
