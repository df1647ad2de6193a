"""Object chunks (SPEC.md §5.1)."""

from io import BytesIO
from itertools import pairwise

import pytest
from blake3 import blake3
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from support.parties import label
from undisc_protocol.chunks import (
    ObjectCipher,
    ObjectHash,
    chunk_count,
    chunk_span,
    hash_object,
    stored_size,
)
from undisc_protocol.errors import LocalProtocolError, Tampered
from undisc_protocol.limits import CHUNK, MAX_OBJECT, TAG

KEY, NAME = label("key"), label("object", 16)


def seal(plaintext, number=0, *, last=True, key=KEY, name=NAME):
    out = bytearray(len(plaintext) + TAG)
    written = ObjectCipher(key, name).seal_into(
        number, memoryview(plaintext), memoryview(out), last=last
    )
    assert written == len(out)
    return bytes(out)


def opened(sealed, number=0, *, last=True, key=KEY, name=NAME):
    out = bytearray(max(0, len(sealed) - TAG))
    ObjectCipher(key, name).open_into(number, memoryview(sealed), memoryview(out), last=last)
    return bytes(out)


@pytest.mark.parametrize(
    ("size", "chunks"),
    [
        (0, 1),
        (1, 1),
        (CHUNK - 1, 1),
        (CHUNK, 1),
        (CHUNK + 1, 2),
        (2 * CHUNK, 2),
        (MAX_OBJECT, 4096),
    ],
)
def test_chunks_cover_the_object_and_nothing_else(size, chunks):
    """Spans lie one after the other and end where the ciphertext ends."""
    assert chunk_count(size) == chunks
    spans = [chunk_span(size, number) for number in range(chunks)]
    assert spans[0].offset == 0
    for left, right in pairwise(spans):
        assert left.offset + left.length == right.offset
        assert left.length == CHUNK + TAG
    assert spans[-1].offset + spans[-1].length == stored_size(size) == size + chunks * TAG


def test_sizes_outside_the_protocol_are_our_own_mistake():
    for call in (
        lambda: chunk_count(-1),
        lambda: chunk_count(MAX_OBJECT + 1),
        lambda: chunk_span(5, 1),
        lambda: chunk_span(5, -1),
    ):
        with pytest.raises(LocalProtocolError):
            call()


def test_a_chunk_is_what_the_specification_says():
    """Another implementation with nothing but SPEC.md §5.1 makes the same bytes."""
    nonce = (7).to_bytes(11, "big") + b"\x01"
    associated = b"\x01" + NAME + (7).to_bytes(8, "big")
    assert seal(b"pixels", 7) == AESGCM(KEY).encrypt(nonce, b"pixels", associated)


def test_full_short_and_empty_chunks_come_back():
    for plaintext, last in (
        (bytes(CHUNK), False),
        (b"x" * CHUNK, True),
        (b"rest", True),
        (b"", True),
    ):
        assert opened(seal(plaintext, 3, last=last), 3, last=last) == plaintext


def test_chunks_cannot_be_swapped():
    """Whoever stores the pack exchanges two chunks of the same object."""
    with pytest.raises(Tampered):
        opened(seal(bytes(CHUNK), 0, last=False), 1, last=False)


def test_an_object_cannot_be_cut_after_a_chunk():
    """The last chunk is dropped, and the one before it passed off as the last."""
    with pytest.raises(Tampered):
        opened(seal(bytes(CHUNK), 0, last=False), 0, last=True)


def test_an_object_cannot_be_lengthened():
    """The last chunk is presented as one that is followed by more."""
    with pytest.raises(Tampered):
        opened(seal(bytes(CHUNK), 0, last=True), 0, last=False)


def test_a_chunk_of_another_object_is_refused():
    """Two objects by mistake share a key; their chunks still cannot be exchanged."""
    with pytest.raises(Tampered):
        opened(seal(b"pixels"), name=label("another", 16))


def test_a_chunk_under_another_key_is_refused():
    with pytest.raises(Tampered):
        opened(seal(b"pixels"), key=label("another"))


def test_every_changed_bit_is_caught():
    sealed = seal(b"pixels")
    for place in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(Tampered):
            opened(bytes(changed))


@pytest.mark.parametrize("length", [0, TAG - 1, TAG + 5, CHUNK + TAG + 1])
def test_a_length_no_such_chunk_can_have_is_refused_unread(length):
    """Only the last chunk may be short; nothing is longer than a chunk or shorter than a tag."""
    with pytest.raises(Tampered):
        opened(bytes(length), 0, last=False)


def test_the_callers_buffers_are_used_and_nothing_beside_them():
    """A larger buffer keeps its other bytes, so one buffer serves every chunk."""
    buffer = bytearray(b"\xaa" * 64)
    cipher = ObjectCipher(KEY, NAME)
    written = cipher.seal_into(0, memoryview(b"pixels"), memoryview(buffer), last=True)
    assert bytes(buffer[:written]) == seal(b"pixels")
    assert bytes(buffer[written:]) == b"\xaa" * (64 - written)
    back = bytearray(b"\xbb" * 64)
    length = cipher.open_into(0, memoryview(buffer)[:written], memoryview(back), last=True)
    assert bytes(back) == b"pixels" + b"\xbb" * (64 - length)


def test_misuse_is_our_own_mistake():
    cipher = ObjectCipher(KEY, NAME)
    small, full = memoryview(bytearray(8)), memoryview(bytearray(CHUNK + TAG))
    for call in (
        lambda: cipher.seal_into(0, memoryview(b"short"), full, last=False),
        lambda: cipher.seal_into(0, memoryview(bytes(CHUNK + 1)), full, last=True),
        lambda: cipher.seal_into(0, memoryview(b"pixels"), small, last=True),
        lambda: cipher.open_into(0, memoryview(bytes(TAG + 9)), small, last=True),
        lambda: ObjectCipher(KEY[:16], NAME),
        lambda: ObjectCipher(KEY, NAME + b"x"),
    ):
        with pytest.raises(LocalProtocolError):
            call()


def test_the_hash_is_blake3_however_the_bytes_come():
    data = bytes(range(256)) * 3000
    piecewise = ObjectHash()
    for start in range(0, len(data), 1000):
        piecewise.update(memoryview(data)[start : start + 1000])
    assert piecewise.digest() == hash_object(BytesIO(data)) == blake3(data).digest()
    assert hash_object(BytesIO(b"")) == blake3(b"").digest()


def test_bytes_with_another_hash_are_refused():
    """Whoever made the object chose a key under which its chunks open to other pixels."""
    hasher = ObjectHash()
    hasher.update(b"pixels")
    hasher.verify(blake3(b"pixels").digest())
    with pytest.raises(Tampered):
        hasher.verify(blake3(b"other pixels").digest())
