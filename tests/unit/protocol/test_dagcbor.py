"""What the vectors of SPEC.md §2.1 do not say: the encoder's refusals, and bounds on work."""

import tracemalloc

import pytest

from undisc_protocol import dagcbor, limits
from undisc_protocol.dagcbor import Cid
from undisc_protocol.errors import LocalProtocolError, Malformed, Oversize


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        2**53,
        -(2**53),
        {1, 2},
        {1: "integer key"},
        {"a": object()},
        "lone surrogate \ud800",
        {"\udfff": 1},
        bytearray(b"mutable"),
        range(3),
    ],
)
def test_the_encoder_refuses_what_has_no_form(value):
    with pytest.raises(LocalProtocolError):
        dagcbor.encode(value)


def test_the_encoder_refuses_what_the_decoder_would():
    value = []
    for _ in range(limits.MAX_DEPTH):
        value = [value]
    with pytest.raises(LocalProtocolError):
        dagcbor.encode(value)
    assert dagcbor.decode(dagcbor.encode(value[0]), limit=64) == value[0]


def test_tuples_are_arrays():
    assert dagcbor.encode(((1, 2), ())) == dagcbor.encode([[1, 2], []])


def test_true_is_not_one():
    """Python takes True for 1; the format does not."""
    assert dagcbor.encode([True]) != dagcbor.encode([1])
    assert dagcbor.decode(b"\xf5", limit=1) is True
    assert dagcbor.decode(b"\x01", limit=1) is not True


def test_a_cid_needs_a_whole_digest():
    with pytest.raises(LocalProtocolError):
        Cid(b"short")


def test_a_cid_names_bytes():
    assert str(Cid.of(b"")).startswith("01711220e3b0c442")


def test_the_size_is_checked_before_anything_is_read():
    """The bytes are no CBOR at all; only their number is looked at."""
    with pytest.raises(Oversize):
        dagcbor.decode(b"\xff" * 11, limit=10)


def test_too_many_items_are_refused():
    """A megabyte of nulls would become eight megabytes of references."""
    count = limits.MAX_ITEMS
    raw = b"\x9a" + count.to_bytes(4, "big") + b"\xf6" * count
    with pytest.raises(Oversize):
        dagcbor.decode(raw, limit=len(raw))
    fewer = b"\x9a" + (count - 1).to_bytes(4, "big") + b"\xf6" * (count - 1)
    assert len(dagcbor.decode(fewer, limit=len(fewer))) == count - 1


@pytest.mark.parametrize("head", [b"\x9b", b"\xbb", b"\x5b", b"\x7b"])
def test_a_lie_about_length_reserves_no_memory(head):
    """Nine bytes that claim 2^50 items, entries or bytes."""
    raw = head + (1 << 50).to_bytes(8, "big")
    tracemalloc.start()
    with pytest.raises(Malformed):
        dagcbor.decode(raw, limit=64)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


@pytest.mark.parametrize("raw", [b"\xf9\x3c\x00", b"\xfa\x00\x00\x00\x00", b"\xfb" + bytes(8)])
def test_a_float_is_called_a_float(raw):
    with pytest.raises(Malformed, match="float"):
        dagcbor.decode(raw, limit=16)
