"""However a DICOM stream is cut or damaged, its reading means the same or is refused as ours."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from support.upper_layer import Reading, a_request, data_pdu, fragment
from undisc_node.dicom.upper_layer import PduBounds, State, pdu

fragments = st.builds(
    fragment,
    st.binary(max_size=40),
    context=st.sampled_from([1, 3]),
    command=st.booleans(),
    last=st.booleans(),
)
data_pdus = st.lists(fragments, min_size=1, max_size=4).map(lambda parts: data_pdu(*parts))
endings = st.sampled_from(
    [
        b"",
        pdu.encode_release(pdu.Kind.RELEASE_REQUEST),
        pdu.encode_abort(pdu.Abort(0, 0)),
        pdu.encode_request(a_request()),
        b"\x04\x00\xff\xff\xff\xff",
        b"\x04\x00\x00\x00\x00\x40half",
    ]
)
ASSOCIATE = pdu.encode_request(a_request())
streams = st.builds(lambda parts, end: ASSOCIATE + b"".join(parts) + end,
                    st.lists(data_pdus, max_size=4), endings)  # fmt: skip


def read(stream: bytes, cuts: list[int]) -> Reading:
    reading = Reading(PduBounds(associate=1_024, data=512))
    places = [0, *sorted({cut % (len(stream) + 1) for cut in cuts}), len(stream)]
    for start, stop in pairwise(places):
        reading.take(stream[start:stop])
    reading.end()
    return reading


def same(one: Reading, other: Reading) -> None:
    assert one.events == other.events
    assert one.sent == other.sent
    assert str(one.violation) == str(other.violation)
    assert one.connection.state is other.connection.state is State.IDLE


@given(streams, st.lists(st.integers(0, 10**6), max_size=30))
def test_a_stream_means_the_same_however_it_is_cut(stream, cuts):
    same(read(stream, []), read(stream, cuts))


@settings(max_examples=40)
@given(streams)
def test_a_stream_means_the_same_byte_by_byte(stream):
    same(read(stream, []), read(stream, list(range(len(stream)))))


@given(streams, st.binary(min_size=1, max_size=40))
def test_bytes_after_the_end_change_nothing(stream, trailing):
    whole = read(stream, [])
    if whole.violation is None and stream[len(ASSOCIATE) :].endswith(bytes(4)):
        assert read(stream + trailing, []).events == whole.events


@settings(max_examples=200)
@given(streams, st.data())
def test_a_damaged_stream_is_read_or_refused_and_never_more(stream, data):
    damaged = bytearray(stream)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cuts = data.draw(st.lists(st.integers(0, 10**6), max_size=9))
    same(read(bytes(damaged), []), read(bytes(damaged), cuts))


@settings(max_examples=30)
@given(st.binary(max_size=2_000))
def test_what_is_kept_stays_within_the_bound_whatever_comes(noise):
    reading = Reading(PduBounds(associate=1_024, data=512))
    tracemalloc.start()
    try:
        for byte in b"\x01\x00\x00\x00\x04\x00" + noise:
            reading.take(bytes([byte]))
        assert tracemalloc.get_traced_memory()[1] < 65_536
    finally:
        tracemalloc.stop()
