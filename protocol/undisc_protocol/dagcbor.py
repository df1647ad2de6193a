"""The one strict DAG-CBOR encoder and decoder (SPEC.md §2.1).

Every value has exactly one encoding and the decoder accepts no other: shortest heads, definite
lengths, map keys that are text and strictly increasing (by length, then by bytes), no floats, no
tag but 42 around a SHA-256 CIDv1 of DAG-CBOR, integers within 53 bits, UTF-8 without surrogates,
nothing after the value. So whatever decodes re-encodes to itself, and hashes and signatures over
bytes are hashes and signatures over values.

    >>> encode({"b": 1, "a": [True, None]}).hex()
    'a2616182f5f6616201'
    >>> decode(bytes.fromhex("a2616182f5f6616201"), limit=64)
    {'a': [True, None], 'b': 1}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, TypeAlias

from undisc_protocol import limits
from undisc_protocol.errors import LocalProtocolError, Malformed, Oversize

DIGEST_SIZE: Final = sha256().digest_size  # 32 bytes
CID_PREFIX = bytes.fromhex("01711220")  # CIDv1, dag-cbor, sha2-256, 32 bytes
_CID_TAG = 42
_CID_TAG_HEAD = bytes.fromhex("d82a")
_CID_HEAD = _CID_TAG_HEAD + bytes.fromhex("582500") + CID_PREFIX  # 37 bytes, identity multibase

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_FALSE, _TRUE, _NULL = 20, 21, 22
_ONE_BYTE_HEAD, _EIGHT_BYTE_HEAD = 24, 27
_TABLED = 256  # heads that are made once


@dataclass(frozen=True, slots=True, order=True)
class Cid:
    """CIDv1 of a DAG-CBOR block: the name of a signed token by its bytes.

    Attributes:
        digest: SHA-256 of the block, 32 bytes.
    """

    digest: bytes

    def __post_init__(self) -> None:
        if len(self.digest) != DIGEST_SIZE:
            raise LocalProtocolError("a CID needs a 32-byte digest")

    @classmethod
    def of(cls, block: bytes) -> Cid:
        """Return the CID of an encoded block."""
        return cls(sha256(block).digest())

    def __str__(self) -> str:
        return (CID_PREFIX + self.digest).hex()


Value: TypeAlias = "bool | int | bytes | str | Cid | Sequence[Value] | Mapping[str, Value] | None"


def encode(value: Value) -> bytes:
    """Encode a value.

    Args:
        value: None, bool, int within 53 bits, bytes, str, `Cid`, list, tuple, or map by text.

    Returns:
        Its one canonical encoding.

    Raises:
        LocalProtocolError: The value has a type or size that the format does not know.
    """
    parts: list[bytes] = []
    _write(value, parts, limits.MAX_DEPTH)
    return b"".join(parts)


def _long_head(major: int, number: int) -> bytes:
    for width_code, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << (8 * width):
            return bytes((major << 5 | width_code,)) + number.to_bytes(width, "big")
    raise LocalProtocolError("a length or integer is too large to encode")


_HEADS: Final = tuple(
    tuple(
        bytes((major << 5 | number,)) if number < _ONE_BYTE_HEAD else _long_head(major, number)
        for number in range(_TABLED)
    )
    for major in range(8)
)
"""Heads of lengths and small integers, which are most: a manifest has some hundred thousand."""


def _head(major: int, number: int) -> bytes:
    return _HEADS[major][number] if number < _TABLED else _long_head(major, number)


def _write(value: Value, parts: list[bytes], depth: int) -> None:
    if isinstance(value, bytes):
        parts += (_head(_BYTES, len(value)), value)
    elif isinstance(value, str):
        parts.append(_text(value))
    elif value is None:
        parts.append(b"\xf6")
    elif value is True:
        parts.append(b"\xf5")
    elif value is False:
        parts.append(b"\xf4")
    elif isinstance(value, int):
        if not -limits.MAX_INTEGER <= value <= limits.MAX_INTEGER:
            raise LocalProtocolError("an integer lies outside 53 bits")
        parts.append(_head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value))
    elif isinstance(value, Cid):
        parts += (_CID_HEAD, value.digest)
    elif depth == 0:
        raise LocalProtocolError("a value is nested too deeply")
    elif isinstance(value, Mapping):
        _write_map(value, parts, depth)
    elif isinstance(value, list | tuple):
        parts.append(_head(_ARRAY, len(value)))
        for item in value:
            _write(item, parts, depth - 1)
    else:
        raise LocalProtocolError(f"DAG-CBOR has no form for {type(value).__name__}")


def _text(value: str) -> bytes:
    try:
        encoded = value.encode()
    except UnicodeEncodeError:
        raise LocalProtocolError("text holds a lone surrogate") from None
    return _head(_TEXT, len(encoded)) + encoded


def _write_map(value: Mapping[str, Value], parts: list[bytes], depth: int) -> None:
    if not all(isinstance(key, str) for key in value):
        raise LocalProtocolError("map keys must be text")
    # A shorter key has a smaller head, so sorting encoded keys sorts by length, then by bytes.
    parts.append(_head(_MAP, len(value)))
    for key, name in sorted((_text(name), name) for name in value):
        parts.append(key)
        _write(value[name], parts, depth - 1)


def decode(data: bytes, *, limit: int, items: int = limits.MAX_ITEMS) -> Value:
    """Decode one value that fills `data` completely.

    Args:
        data: The encoded value.
        limit: Largest accepted size of `data` in bytes; from `limits`.
        items: Most values in it, where strangers may send a large one; from `limits`.

    Returns:
        The value; arrays are lists, maps are dicts.

    Raises:
        Oversize: `data` is longer than `limit`, or holds more than `items` values.
        Malformed: `data` is not the canonical encoding of a value.
    """
    if len(data) > limit:
        raise Oversize(f"a message of {len(data)} bytes is over its bound of {limit}")
    reader = _Reader(data, items)
    value = reader.value(limits.MAX_DEPTH)
    if reader.position != len(data):
        raise Malformed("bytes follow the value")
    return value


class _Reader:
    """Position in the bytes being decoded, and the number of items that may still come."""

    def __init__(self, data: bytes, items: int) -> None:
        self._data = data
        self._items = items
        self.position = 0

    def _take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self._data):
            raise Malformed("the bytes end inside a value")
        taken = self._data[self.position : end]
        self.position = end
        return taken

    def _head(self) -> tuple[int, int]:
        if self.position == len(self._data):
            raise Malformed("the bytes end inside a value")
        initial = self._data[self.position]
        self.position += 1
        major, low = initial >> 5, initial & 31
        if low < _ONE_BYTE_HEAD:
            return major, low
        if low > _EIGHT_BYTE_HEAD:
            raise Malformed("indefinite lengths are not allowed")
        width = 1 << (low - _ONE_BYTE_HEAD)
        number = int.from_bytes(self._take(width), "big")
        smallest = _ONE_BYTE_HEAD if width == 1 else 1 << (4 * width)
        if major == _SIMPLE:
            raise Malformed("floats and other simple values are not allowed")
        if number < smallest:
            raise Malformed("a head is longer than needed")
        return major, number

    def value(self, depth: int) -> Value:
        """Read one value."""
        self._items -= 1
        if self._items < 0:
            raise Oversize("a message holds too many items")
        major, number = self._head()
        if major == _BYTES:
            return self._take(number)
        if major == _TEXT:
            return self._text(number)
        if major == _UNSIGNED:
            return self._integer(number)
        if major == _NEGATIVE:
            return -self._integer(number + 1)
        if major == _TAG:
            return self._cid(number)
        if major == _SIMPLE:
            if number == _NULL:
                return None
            if number in (_FALSE, _TRUE):
                return number == _TRUE
            raise Malformed("floats and other simple values are not allowed")
        if depth == 0:
            raise Malformed("a value is nested too deeply")
        # Each item takes at least a byte: a count beyond the rest of the bytes is a lie.
        if number > len(self._data) - self.position:
            raise Malformed("the bytes end inside a value")
        if major == _ARRAY:
            return [self.value(depth - 1) for _ in range(number)]
        return self._map(number, depth)

    def _integer(self, number: int) -> int:
        if number > limits.MAX_INTEGER:
            raise Malformed("an integer lies outside 53 bits")
        return number

    def _text(self, length: int) -> str:
        try:
            return self._take(length).decode()
        except UnicodeDecodeError:
            raise Malformed("text is not UTF-8") from None

    def _cid(self, tag: int) -> Cid:
        if tag != _CID_TAG:
            raise Malformed("only tag 42, a link, is allowed")
        framed = self._take(len(_CID_HEAD) - len(_CID_TAG_HEAD) + DIGEST_SIZE)
        head, digest = framed[:-DIGEST_SIZE], framed[-DIGEST_SIZE:]
        if _CID_TAG_HEAD + head != _CID_HEAD:
            raise Malformed("only CIDs of SHA-256 and DAG-CBOR are allowed as links")
        return Cid(digest)

    def _map(self, count: int, depth: int) -> dict[str, Value]:
        result: dict[str, Value] = {}
        previous = b""
        for _ in range(count):
            start = self.position
            major, number = self._head()
            if major != _TEXT:
                raise Malformed("map keys must be text")
            key = self._text(number)
            encoded = self._data[start : self.position]
            # Heads are shortest, so a longer key has a larger head: bytes compare in key order.
            if encoded <= previous:
                raise Malformed("map keys are not in order, or repeated")
            previous = encoded
            result[key] = self.value(depth - 1)
        return result
