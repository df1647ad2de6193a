"""Changes inputs at random: by bytes, and value by value where an input is DAG-CBOR."""

from __future__ import annotations

import random
from collections.abc import Sequence

from undisc_protocol import dagcbor
from undisc_protocol.dagcbor import Cid
from undisc_protocol.errors import LocalProtocolError, RemoteProtocolError

_ODD = (
    None, True, False, 0, 1, -1, 2**53 - 1, 1 - 2**53, "", "a", "\u202e", "\0", "x" * 600, b"",
    bytes(16), bytes(32), b"\xff" * 33, [], {}, [[]], {"a": []}, Cid(bytes(32)),
)  # fmt: skip


def mutate(
    data: bytes,
    rng: random.Random,
    *,
    longest: int,
    words: Sequence[bytes] = (),
    others: Sequence[bytes] = (),
) -> bytes:
    """Return a changed input.

    Args:
        data: The input.
        rng: Where chance comes from.
        longest: Cut to so many bytes.
        words: Byte strings to insert.
        others: Inputs from which parts are taken.
    """
    if rng.random() < 0.5:
        changed = _change_value(data, rng, words)
        if changed is not None:
            return changed[:longest]
    raw = bytearray(data)
    for _ in range(1 << rng.randrange(4)):
        _change_bytes(raw, rng, words, others)
    return bytes(raw[:longest])


def _change_bytes(
    raw: bytearray, rng: random.Random, words: Sequence[bytes], others: Sequence[bytes]
) -> None:
    start = rng.randrange(len(raw) + 1)
    stop = min(len(raw), start + (1 << rng.randrange(8)))
    match rng.randrange(8):
        case 0:
            del raw[start:stop]
        case 1:
            raw[start:start] = rng.randbytes(1 << rng.randrange(5))
        case 2:
            raw[start:start] = raw[start:stop] * rng.randint(1, 4)
        case 3 if words:
            raw[start:start] = rng.choice(words)
        case 4 if words:
            word = rng.choice(words)
            raw[start : start + len(word)] = word
        case 5 if others:
            other = rng.choice(others)
            at = rng.randrange(len(other) + 1)
            raw[start:stop] = other[at : at + (1 << rng.randrange(10))]
        case 6 if stop > start:
            raw[start] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
        case _ if stop > start:
            raw[start] ^= 1 << rng.randrange(8)


def _change_value(data: bytes, rng: random.Random, words: Sequence[bytes]) -> bytes | None:
    """Decode, change one or two values, encode; None for what is not DAG-CBOR."""
    try:
        value = dagcbor.decode(data, limit=65_536)
        for _ in range(rng.randint(1, 2)):
            value = _changed(value, rng, words)
        return dagcbor.encode(value)
    except (RemoteProtocolError, LocalProtocolError):
        return None


def _changed(value, rng, words):
    """Walk down at random, and change what is there."""
    if value and isinstance(value, dict) and rng.random() < 0.9:
        return _changed_map(dict(value), rng, words)
    if value and isinstance(value, list) and rng.random() < 0.9:
        return _changed_list(list(value), rng, words)
    return _other(value, rng, words)


def _changed_map(value, rng, words):
    name = rng.choice(sorted(value))
    match rng.randrange(12):
        case 0:
            del value[name]
        case 1:
            value[_text(rng, words)] = value[name]
        case 2:
            value[_text(rng, words)] = value.pop(name)
        case 3:
            value[name] = value[rng.choice(sorted(value))]
        case _:
            value[name] = _changed(value[name], rng, words)
    return value


def _changed_list(value, rng, words):
    place = rng.randrange(len(value))
    match rng.randrange(10):
        case 0:
            del value[place]
        case 1:
            value.insert(rng.randrange(len(value) + 1), value[place])
        case 2:
            rng.shuffle(value)
        case 3:
            value[place] = rng.choice(value)
        case _:
            value[place] = _changed(value[place], rng, words)
    return value


def _other(value, rng, words):
    """Return a value near another one, or a quite different one."""
    if isinstance(value, int) and not isinstance(value, bool) and rng.random() < 0.8:
        step = rng.choice((1, 59, 60, 61, 300, 301, 3_600, 86_400, 400 * 86_400, 2**32))
        return value + rng.choice((-1, 1)) * step
    if isinstance(value, str) and rng.random() < 0.6:
        return _near_text(value, rng, words)
    if isinstance(value, bytes) and rng.random() < 0.7:
        raw = bytearray(value)
        _change_bytes(raw, rng, words, ())
        return bytes(raw)
    return rng.choice(_ODD)


def _near_text(value, rng, words):
    place = rng.randrange(len(value) + 1)
    return rng.choice(
        (
            _text(rng, words),
            value[:place] + rng.choice(("/", " ", "\0", "é", "\u202e", "A")) + value[place:],
            value[:place],
            value + value[place:],
            value.swapcase(),
        )
    )


def _text(rng, words):
    """Return a word of the dictionary as text, without the CBOR head that may stand before it."""
    word = rng.choice(words) if words else b"a"
    headed = len(word) > 1 and word[0] - 0x60 == len(word) - 1
    return word[headed:].decode("ascii", "ignore")
