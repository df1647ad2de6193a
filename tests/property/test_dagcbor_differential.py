"""Our DAG-CBOR beside two others: same bytes for every value, same verdict for all bytes."""

import cbrrr
import dag_cbor
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.other_codecs import in_profile, translated
from undisc_protocol import dagcbor, limits
from undisc_protocol.dagcbor import Cid
from undisc_protocol.errors import LocalProtocolError, Malformed, RemoteProtocolError

LIMIT = 1 << 16

cids = st.builds(Cid, st.binary(min_size=32, max_size=32))
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-limits.MAX_INTEGER, limits.MAX_INTEGER)
    | st.binary(max_size=300)
    | st.text(max_size=40)
    | cids
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=30), inner),
    max_leaves=20,
)


@settings(deadline=None)
@given(values)
def test_a_value_comes_back(value):
    encoded = dagcbor.encode(value)
    assert dagcbor.decode(encoded, limit=LIMIT) == value


@settings(deadline=None)
@given(values)
def test_everybody_writes_the_same_bytes(value):
    encoded = dagcbor.encode(value)
    assert cbrrr.encode_dag_cbor(translated(value, cbrrr.CID)) == encoded
    assert dag_cbor.encode(dag_cbor.decode(encoded)) == encoded


# Bytes that are nearly right: heads of any width around contents of any kind.
heads = st.builds(
    lambda major, low, number: (
        bytes((major << 5 | low,)) + number[: {24: 1, 25: 2, 26: 4, 27: 8}.get(low, 0)]
    ),
    st.integers(0, 7),
    st.integers(0, 31),
    st.sampled_from([bytes(8), b"\x00\x01" * 4, b"\x18" * 8, b"\xff" * 8, b"\x2a" * 8]),
)
link_bytes = st.sampled_from(
    [
        dagcbor.encode(Cid.of(b"")),
        b"\xd8\x2a\x58\x25\x00\x01\x55\x12\x20" + bytes(32),
        b"\xd8\x2a\x41\x00",
    ]
)
pieces = heads | link_bytes | st.sampled_from([b"a", b"b", b"\xff", b"\x61a", b"\x61b", b"\x62aa"])
nearly = st.lists(pieces, max_size=8).map(b"".join)


@st.composite
def damaged(draw):
    """A canonical encoding with one accident."""
    raw = bytearray(dagcbor.encode(draw(values)))
    start = draw(st.integers(0, len(raw) - 1))
    stop = draw(st.integers(start, min(len(raw), start + 4)))
    raw[start:stop] = draw(nearly | st.binary(max_size=3))
    return bytes(raw)


@settings(deadline=None, max_examples=1000)
@given(nearly | damaged() | st.binary(max_size=12))
def test_the_same_verdict_for_all_bytes(raw):
    """We accept what cbrrr accepts, except floats, large integers, other links and depth."""
    try:
        other = cbrrr.decode_dag_cbor(raw)
    except (ValueError, RecursionError):
        other = None
        accepted = False
    else:
        accepted = in_profile(other)
    if not accepted:
        with pytest.raises(RemoteProtocolError):
            dagcbor.decode(raw, limit=LIMIT)
        return
    value = dagcbor.decode(raw, limit=LIMIT)
    assert translated(value, cbrrr.CID) == other
    assert dagcbor.encode(value) == raw
    assert dag_cbor.encode(dag_cbor.decode(raw)) == raw


@settings(deadline=None)
@given(values, st.binary(min_size=1, max_size=4))
def test_nothing_may_follow(value, behind):
    with pytest.raises(Malformed):
        dagcbor.decode(dagcbor.encode(value) + behind, limit=LIMIT)


@settings(deadline=None)
@given(values)
def test_nothing_may_be_missing(value):
    encoded = dagcbor.encode(value)
    for length in range(len(encoded)):
        with pytest.raises(Malformed):
            dagcbor.decode(encoded[:length], limit=LIMIT)


@given(st.floats() | st.integers(min_value=2**53) | st.sets(st.integers(), min_size=1))
def test_what_has_no_form_is_not_written(value):
    with pytest.raises(LocalProtocolError):
        dagcbor.encode({"value": value})
