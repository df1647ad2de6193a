"""Cases of SPEC.md §2.1 (DAG-CBOR) and §2.2 (envelope)."""

from __future__ import annotations

from collections.abc import Iterator

from vectorfile import (
    Vector,
    enveloped,
    fixed,
    fixed_key,
    reencoded,
    sign_bytes,
    signed_part,
)

from undisc_protocol import limits
from undisc_protocol.capability import envelope
from undisc_protocol.dagcbor import CID_PREFIX, Cid, encode
from undisc_protocol.errors import BadFields, BadSignature, Malformed, Oversize, RemoteProtocolError

_TAG = "undisc/example@1"
_KEY = fixed_key("encoding")
_GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493

_ACCEPTED = (
    ("A1", "integers", "the smallest and largest of each width, and the bounds of 53 bits",
     encode([0, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**53 - 1,
             -1, -24, -25, -256, -257, -65536, -65537, -(2**32), -(2**32) - 1, -(2**53) + 1])),
    ("A2", "strings", "byte strings and text with every width of length, and any UTF-8",
     encode([b"", bytes(23), bytes(24), bytes(256), "", "é€😀", "\x00", "a" * 24])),
    ("A3", "maps", "keys by length first, then by bytes; é has two bytes",
     encode({"": 0, "b": 1, "z": 2, "aa": 3, "é": 4, "aaa": 5, "A" * 24: 6})),
    ("A4", "link", "a CID", encode({"prf": [Cid.of(b"block")]})),
    ("A5", "simple-values", "false, true and null", encode([False, True, None])),
    ("A6", "deepest", f"{limits.MAX_DEPTH} arrays inside one another",
     b"\x81" * (limits.MAX_DEPTH - 1) + b"\x80"),
)  # fmt: skip

_LINK = b"\xd8\x2a\x58\x25\x00" + CID_PREFIX + fixed("link")

_REFUSED: tuple[tuple[str, str, type[RemoteProtocolError], str, bytes], ...] = (
    ("R01", "over-limit", Oversize, "five bytes where four are allowed", encode("four")),
    ("R02", "trailing", Malformed, "a byte follows the value", b"\xf6\x00"),
    ("R02", "two-values", Malformed, "two values", b"\x01\x02"),
    ("R03", "empty", Malformed, "no bytes at all", b""),
    ("R03", "cut-head", Malformed, "a head of two bytes is cut after one", b"\x18"),
    ("R03", "cut-bytes", Malformed, "a byte string of four with three bytes", b"\x44abc"),
    ("R03", "cut-array", Malformed, "an array of two with one item", b"\x82\x01"),
    ("R03", "cut-map", Malformed, "a map key without a value", b"\xa1\x61a"),
    ("R03", "huge-array", Malformed, "an array that claims 2^64-1 items", b"\x9b" + b"\xff" * 8),
    ("R03", "huge-bytes", Malformed, "a byte string that claims 2^62 bytes",
     b"\x5b\x40" + bytes(7)),
    ("R04", "long-integer", Malformed, "23 in two bytes", b"\x18\x17"),
    ("R04", "long-integer-2", Malformed, "255 in three bytes", b"\x19\x00\xff"),
    ("R04", "long-integer-4", Malformed, "65535 in five bytes", b"\x1a\x00\x00\xff\xff"),
    ("R04", "long-integer-8", Malformed, "2^32-1 in nine bytes",
     b"\x1b\x00\x00\x00\x00\xff\xff\xff\xff"),
    ("R04", "long-length", Malformed, "the length of one byte in two bytes", b"\x58\x01a"),
    ("R04", "long-count", Malformed, "the count of an empty map in two bytes", b"\xb8\x00"),
    ("R04", "long-key", Malformed, "the length of a key in two bytes", b"\xa1\x78\x01a\x01"),
    ("R04", "long-tag", Malformed, "tag 42 in three bytes", b"\xd9\x00\x2a" + _LINK[2:]),
    ("R05", "indefinite-array", Malformed, "an array of indefinite length", b"\x9f\x01\xff"),
    ("R05", "indefinite-map", Malformed, "a map of indefinite length", b"\xbf\x61a\x01\xff"),
    ("R05", "indefinite-bytes", Malformed, "a byte string in pieces", b"\x5f\x41a\xff"),
    ("R05", "indefinite-text", Malformed, "text in pieces", b"\x7f\x61a\xff"),
    ("R05", "break", Malformed, "a break outside anything", b"\xff"),
    ("R05", "reserved-head", Malformed, "a head with a reserved length", b"\x1c"),
    ("R06", "float-16", Malformed, "1.0 in half precision", b"\xf9\x3c\x00"),
    ("R06", "float-32", Malformed, "1.0 in single precision", b"\xfa\x3f\x80\x00\x00"),
    ("R06", "float-64", Malformed, "1.0 in double precision", b"\xfb\x3f\xf0" + bytes(6)),
    ("R06", "nan", Malformed, "not a number", b"\xfb\x7f\xf8" + bytes(6)),
    ("R07", "undefined", Malformed, "undefined", b"\xf7"),
    ("R07", "simple-value", Malformed, "simple value 0", b"\xe0"),
    ("R07", "long-simple-value", Malformed, "true as a simple value of two bytes", b"\xf8\x15"),
    ("R08", "tag-time", Malformed, "tag 1, a time", b"\xc1\x01"),
    ("R08", "tag-bignum", Malformed, "tag 2, a large integer", b"\xc2\x41\x01"),
    ("R08", "tag-around-link", Malformed, "tag 55799 around a link", b"\xd9\xd9\xf7" + _LINK),
    ("R09", "link-of-text", Malformed, "tag 42 around text", b"\xd8\x2a\x78\x25" + b"\x00" * 37),
    ("R09", "link-without-zero", Malformed, "tag 42 without the leading zero byte",
     b"\xd8\x2a\x58\x24" + _LINK[5:]),
    ("R09", "link-to-raw", Malformed, "a CID of raw bytes (codec 55)",
     _LINK.replace(b"\x01\x71\x12", b"\x01\x55\x12")),
    ("R09", "link-by-blake2", Malformed, "a CID with another hash function",
     _LINK.replace(b"\x01\x71\x12", b"\x01\x71\x1e")),
    ("R09", "link-version-0", Malformed, "a CID of version 0",
     b"\xd8\x2a\x58\x23\x00\x12\x20" + fixed("link")),
    ("R09", "link-cut", Malformed, "a CID with 31 bytes of hash",
     b"\xd8\x2a\x58\x24" + _LINK[4:-1]),
    ("R10", "integer-key", Malformed, "an integer as map key", b"\xa1\x01\x01"),
    ("R10", "bytes-key", Malformed, "a byte string as map key", b"\xa1\x41a\x01"),
    ("R11", "bytewise-order", Malformed, "keys in order of bytes, the longer one first",
     b"\xa2\x62aa\x01\x61b\x02"),
    ("R11", "reversed", Malformed, "keys in falling order", b"\xa2\x61b\x01\x61a\x02"),
    ("R12", "repeated-key", Malformed, "the same key twice", b"\xa2\x61a\x01\x61a\x01"),
    ("R13", "too-large", Malformed, "2^53", b"\x1b\x00\x20" + bytes(6)),
    ("R13", "too-small", Malformed, "-2^53", b"\x3b\x00\x1f" + b"\xff" * 6),
    ("R13", "largest-head", Malformed, "2^64-1", b"\x1b" + b"\xff" * 8),
    ("R13", "smallest-head", Malformed, "-2^64", b"\x3b" + b"\xff" * 8),
    ("R14", "overlong-utf8", Malformed, "NUL in two bytes", b"\x62\xc0\x80"),
    ("R14", "surrogate", Malformed, "half of a surrogate pair", b"\x63\xed\xa0\x80"),
    ("R14", "lone-continuation", Malformed, "a continuation byte alone", b"\x61\x80"),
    ("R14", "beyond-unicode", Malformed, "a code point above U+10FFFF", b"\x64\xf4\x90\x80\x80"),
    ("R14", "bad-key", Malformed, "a map key that is not UTF-8", b"\xa1\x61\xff\x01"),
    ("R15", "too-deep", Malformed, f"{limits.MAX_DEPTH + 1} arrays inside one another",
     b"\x81" * limits.MAX_DEPTH + b"\x80"),
    ("R15", "too-deep-maps", Malformed, f"{limits.MAX_DEPTH + 1} maps inside one another",
     b"\xa1\x61a" * limits.MAX_DEPTH + b"\xa0"),
)  # fmt: skip


def cases() -> Iterator[Vector]:
    """Yield every case."""
    for row, name, comment, raw in _ACCEPTED:
        yield Vector(
            section="2.1", row=row, name=name, what="dagcbor", expect=None, comment=comment,
            headers={"limit": "1024"}, parts={"bytes": raw}, results={"value": raw.hex()},
        )  # fmt: skip
    for row, name, error, comment, raw in _REFUSED:
        limit = "4" if error is Oversize else "1024"
        yield Vector(
            section="2.1", row=row, name=name, what="dagcbor", expect=error, comment=comment,
            headers={"limit": limit}, parts={"bytes": raw},
        )  # fmt: skip
    yield from _envelopes()


def _envelopes() -> Iterator[Vector]:
    good = envelope.sign({"number": 7, "words": ["one", "two"]}, tag=_TAG, key=_KEY)
    yield _envelope(
        "A1", "example", None, "a signed payload", good,
        cid=str(Cid.of(good)), signed=envelope.read(good, tag=_TAG, limit=1024).signed_hash.hex(),
    )  # fmt: skip
    signed = signed_part(good)
    large = envelope.sign({"filling": bytes(1024)}, tag=_TAG, key=_KEY)
    yield _envelope("R01", "over-limit", Oversize, "more than 1,024 bytes", large)
    signature = good[3:67]
    for name, comment, raw in (
        ("long-signature-head", "the signature's length in three bytes",
         b"\x82\x59\x00\x40" + signature + signed),
        ("short-signature", "a signature of 63 bytes", b"\x82\x58\x3f" + signature[:63] + signed),
        ("three-byte-signature", "a signature of 3 bytes", b"\x82\x43" + signature[:3] + signed),
        ("text-signature", "text in the place of the signature", b"\x82\x60" + signed),
        ("three-items", "an array of three", b"\x83" + good[1:] + b"\xf6"),
        ("map", "a map around signature and signed part",
         encode({"s": signature, "p": b""})),
    ):  # fmt: skip
        yield _envelope("R02", name, Malformed, comment, raw)
    for name, comment, old, new in (
        ("long-integer", "7 in two bytes", b"\x66number\x07", b"\x66number\x18\x07"),
        ("indefinite", "an array of indefinite length, ended by a break",
         b"\x82\x63one\x63two", b"\x9f\x63one\x63two\xff"),
        ("float", "7.0 for 7", b"\x66number\x07", b"\x66number\xf9\x47\x00"),
        ("other-tag", "a time for an integer", b"\x66number\x07", b"\x66number\xc1\x07"),
        ("bad-utf8", "text that is not UTF-8", b"\x63one", b"\x63on\xff"),
        ("repeated-payload-key", "a payload field twice",
         b"\xa2\x65words\x82\x63one\x63two\x66number\x07",
         b"\xa2\x66number\x07\x66number\x07"),
        ("unsorted-payload", "payload fields out of order",
         b"\x65words\x82\x63one\x63two\x66number\x07",
         b"\x66number\x07\x65words\x82\x63one\x63two"),
        ("repeated-header", "the signature header twice",
         b"\xa2\x61h\x48" + envelope.VARSIG,
         b"\xa3" + (b"\x61h\x48" + envelope.VARSIG) * 2),
        ("trailing", "a byte after the signed part", b"\x66number\x07", b"\x66number\x07\x00"),
    ):  # fmt: skip
        yield _envelope(
            "R03", name, Malformed, f"rightly signed, but {comment}",
            reencoded(good, _KEY, old, new),
        )  # fmt: skip
    payload = {"number": 7}
    header = envelope.VARSIG
    for name, comment, item in (
        ("extra-key", "a third key beside header and payload",
         {"h": header, _TAG: payload, "x": 1}),
        ("no-header", "no signature header", {_TAG: payload}),
        ("two-payloads", "two payloads", {"h": header, _TAG: payload, "undisc/other@1": payload}),
        ("not-a-map", "an array in the place of the signed part", [header, payload]),
    ):  # fmt: skip
        yield _envelope("R04", name, BadFields, comment, sign_bytes(encode(item), _KEY))
    for name, comment, other in (
        ("es256", "the header of ECDSA with P-256", bytes.fromhex("3401ec0180241271")),
        ("raw-encoding", "Ed25519 over raw bytes instead of DAG-CBOR",
         bytes.fromhex("3401ed01ed01135f")),
        ("old-header", "a varsig header of version 0", bytes.fromhex("34ed0171")),
        ("text", "the right header as text", "NAHtAe0BE3E"),
    ):  # fmt: skip
        yield _envelope(
            "R05", name, BadFields, comment, enveloped(payload, tag=_TAG, key=_KEY, header=other)
        )
    for name, comment, tag in (
        ("other-tag", "a payload of another kind", envelope.TAG_ANSWER),
        ("other-version", "a payload of another version", "undisc/example@9"),
        ("tag-prefix", "a tag that begins like the right one", _TAG + "0"),
    ):
        yield _envelope("R06", name, BadFields, comment, enveloped(payload, tag=tag, key=_KEY))
    for name, comment, other in (
        ("array", "an array as payload", [7]),
        ("bytes", "an encoded map as payload", encode(payload)),
        ("null", "null as payload", None),
    ):
        yield _envelope("R07", name, BadFields, comment, enveloped(other, tag=_TAG, key=_KEY))
    scalar = int.from_bytes(signature[32:], "little")
    for name, comment, raw in (
        ("changed-payload", "one bit of the payload changed after signing",
         good[:-1] + bytes((good[-1] ^ 1,))),
        ("changed-r", "one bit of the first half changed", _flipped(good, 3)),
        ("changed-s", "one bit of the second half changed", _flipped(good, 40)),
        ("other-signer", "signed by another key", sign_bytes(signed, fixed_key("another"))),
        ("s-plus-l", "the second half plus the order of the group",
         good[:35] + (scalar + _GROUP_ORDER).to_bytes(32, "little") + signed),
        ("zeros", "64 zero bytes", good[:3] + bytes(64) + signed),
        ("identity-r", "the neutral element and zero, which fits keys of small order",
         good[:3] + b"\x01" + bytes(63) + signed),
    ):  # fmt: skip
        yield _envelope("R08", name, BadSignature, comment, raw)


def _flipped(raw: bytes, place: int) -> bytes:
    return raw[:place] + bytes((raw[place] ^ 1,)) + raw[place + 1 :]


def _envelope(
    row: str,
    name: str,
    error: type[RemoteProtocolError] | None,
    comment: str,
    raw: bytes,
    **results: str,
) -> Vector:
    return Vector(
        section="2.2", row=row, name=name, what="envelope", expect=error, comment=comment,
        headers={"tag": _TAG, "limit": "1024", "signer": _KEY.did}, parts={"bytes": raw},
        results=results,
    )  # fmt: skip
