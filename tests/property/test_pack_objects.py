"""Packs hold whatever is put into them, and nothing else comes out."""

from hypothesis import given, settings
from hypothesis import strategies as st

from support.parties import label
from undisc_protocol import limits
from undisc_protocol.chunks import ObjectCipher, chunk_count, chunk_span, stored_size
from undisc_protocol.errors import RemoteProtocolError, Tampered
from undisc_protocol.pack import FRAME_HEAD, FrameKind, ObjectHeader, open_frame, read_frame_head

KEY, NAME = label("key"), label("object", 16)

uids = st.text("0123456789.", min_size=1, max_size=64)
texts = st.text(max_size=256).filter(lambda text: text.isprintable())
headers = st.builds(
    ObjectHeader,
    id=st.binary(min_size=16, max_size=16),
    key=st.binary(min_size=32, max_size=32),
    codec=st.just("raw"),
    size=st.integers(0, limits.MAX_OBJECT),
    hash=st.binary(min_size=32, max_size=32),
    series_uid=uids,
    sop_uid=uids,
    sop_class=uids,
    syntax=uids,
    modality=texts,
    number=st.integers(limits.MIN_NUMBER, limits.MAX_NUMBER),
    sender=texts,
    replaces=st.none() | st.binary(min_size=16, max_size=16),
    at_ms=st.integers(0, limits.MAX_INTEGER),
)


@given(headers)
def test_every_header_within_bounds_comes_back(header):
    assert ObjectHeader.decode(header.encode()) == header
    assert len(header.encode()) < limits.MAX_HEADER


def seal(content):
    """Seal an object chunk by chunk."""
    out, cipher = bytearray(stored_size(len(content))), ObjectCipher(KEY, NAME)
    chunks = chunk_count(len(content))
    for number in range(chunks):
        span = chunk_span(len(content), number)
        start = number * limits.CHUNK
        cipher.seal_into(
            number,
            memoryview(content)[start : start + span.length - limits.TAG],
            memoryview(out)[span.offset : span.offset + span.length],
            last=number == chunks - 1,
        )
    return bytes(out)


def opened(sealed, size):
    """Open an object of which only the size is known, as a receiver does."""
    if len(sealed) != stored_size(size):
        raise Tampered("size")
    content, cipher, chunks = bytearray(size), ObjectCipher(KEY, NAME), chunk_count(size)
    for number in range(chunks):
        span = chunk_span(size, number)
        cipher.open_into(
            number,
            memoryview(sealed)[span.offset : span.offset + span.length],
            memoryview(content)[number * limits.CHUNK :],
            last=number == chunks - 1,
        )
    return bytes(content)


sizes = st.sampled_from([0, 1, 1000]) | st.builds(
    lambda chunks, rest: chunks * limits.CHUNK + rest, st.integers(1, 2), st.integers(-2, 2)
)


@settings(max_examples=25, deadline=None)
@given(sizes)
def test_an_object_of_any_size_comes_back(size):
    content = (label("content") * (size // 32 + 1))[:size]
    assert opened(seal(content), size) == content


@settings(max_examples=25, deadline=None)
@given(sizes, st.data())
def test_an_object_opens_only_under_its_own_size(size, data):
    """A header is changed to claim another size, and the ciphertext is cut or padded to it."""
    other = data.draw(sizes.filter(lambda other: other != size))
    sealed = seal(bytes(size))
    fitted = sealed[: stored_size(other)].ljust(stored_size(other), b"\x00")
    try:
        opened(fitted, other)
    except Tampered:
        return
    raise AssertionError("another size was accepted")


@given(st.binary(max_size=200))
def test_any_bytes_as_a_frame_raise_only_our_errors(raw):
    """A disk returns anything at all."""
    try:
        kind, length = read_frame_head(raw[:FRAME_HEAD])
        assert length <= limits.MAX_INDEX
        open_frame(kind, raw[FRAME_HEAD:], pack_id=NAME, study_key=KEY)
    except RemoteProtocolError:
        return
    raise AssertionError("random bytes opened")


@given(st.binary(max_size=300))
def test_any_bytes_as_a_header_raise_only_our_errors(raw):
    try:
        header = ObjectHeader.decode(raw)
    except RemoteProtocolError:
        return
    assert header.encode() == raw


def test_kinds_have_not_changed():
    """Numbers on disk are for ever."""
    assert [(kind.name, kind.value) for kind in FrameKind] == [
        ("STUDY", 1),
        ("OBJECT", 2),
        ("INDEX", 3),
    ]
