"""Object chunks: the bulk encryption of a pack (SPEC.md §5.1).

An object is cut into chunks of 1 MiB; only the last may be shorter, and an empty object is one
empty chunk. Chunk `i` is AES-256-GCM under the object's key:

    nonce            =  i (11, big-endian) ‖ 01 if it is the last, else 00
    associated data  =  01 ‖ object id (16) ‖ i (8, big-endian)

So a chunk cannot be moved, swapped, cut off or taken from another object. An object's key encrypts
one object only, so no nonce repeats. AES-GCM does not commit to its key: whoever opens an object
also checks the BLAKE3 of the whole before using it.
"""

from __future__ import annotations

from typing import BinaryIO, ClassVar, Final, NamedTuple

from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from undisc_protocol import limits
from undisc_protocol.errors import LocalProtocolError, Tampered

_FORMAT: Final = b"\x01"
_OBJECT_ID: Final = 16
_PIECE: Final = 1 << 18  # bytes hashed at a time; larger pieces cost page faults
SEALED_CHUNK: Final = limits.CHUNK + limits.TAG  # bytes of a full chunk's ciphertext


class Span(NamedTuple):
    """Where a chunk lies in its object's ciphertext.

    Attributes:
        offset: Of its first byte.
        length: Its bytes, tag included.
    """

    offset: int
    length: int


def chunk_count(size: int) -> int:
    """Return the number of chunks of an object of `size` bytes; at least one."""
    if not 0 <= size <= limits.MAX_OBJECT:
        raise LocalProtocolError("an object cannot have that size")
    return max(1, -(-size // limits.CHUNK))


def stored_size(size: int) -> int:
    """Return the bytes of ciphertext of an object of `size` bytes."""
    return size + chunk_count(size) * limits.TAG


def chunk_span(size: int, number: int) -> Span:
    """Return where chunk `number` (from 0) lies in the ciphertext of an object of `size` bytes."""
    if not 0 <= number < chunk_count(size):
        raise LocalProtocolError("the object has no such chunk")
    plain = min(limits.CHUNK, size - number * limits.CHUNK)
    return Span(number * SEALED_CHUNK, plain + limits.TAG)


class ObjectCipher:
    """Seals and opens the chunks of one object, in the caller's buffers.

    Nothing of a chunk's size is allocated here: allocating calls cost most of the speed. Several
    threads may use one cipher, each with buffers of its own.

    Args:
        key: The object's key, 32 bytes; must never seal a second object.
        object_id: The object's id, 16 bytes.
    """

    __slots__ = ("_aead", "_associated")

    def __init__(self, key: bytes, object_id: bytes) -> None:
        if len(key) != 32 or len(object_id) != _OBJECT_ID:  # noqa: PLR2004 - AES-256
            raise LocalProtocolError("an object needs a key of 32 and an id of 16 bytes")
        self._aead = AESGCM(key)
        self._associated = _FORMAT + object_id

    def seal_into(self, number: int, plaintext: memoryview, out: memoryview, *, last: bool) -> int:
        """Seal one chunk.

        Args:
            number: Its number, from 0.
            plaintext: Its bytes: 1 MiB, or up to that for the last.
            out: Where to write; at least 16 bytes longer than `plaintext`, and not overlapping it.
            last: Whether it is the object's last chunk.

        Returns:
            Bytes written.

        Raises:
            LocalProtocolError: Wrong sizes.
        """
        length = len(plaintext)
        if length > limits.CHUNK or (length < limits.CHUNK and not last):
            raise LocalProtocolError("only the last chunk may be shorter than the others")
        if len(out) < length + limits.TAG:
            raise LocalProtocolError("the buffer is too small for the chunk and its tag")
        return self._aead.encrypt_into(
            _nonce(number, last=last),
            plaintext,
            self._associated + number.to_bytes(8, "big"),
            out[: length + limits.TAG],
        )

    def open_into(self, number: int, sealed: memoryview, out: memoryview, *, last: bool) -> int:
        """Open one chunk.

        Args:
            number: Its number, from 0.
            sealed: Its ciphertext and tag, exactly.
            out: Where to write; at least `len(sealed) - 16` bytes. Undefined after an error.
            last: Whether it must be the object's last chunk.

        Returns:
            Bytes written.

        Raises:
            Tampered: It is not this chunk of this object.
            LocalProtocolError: The buffer is too small.
        """
        length = len(sealed) - limits.TAG
        if not 0 <= length <= limits.CHUNK or (length < limits.CHUNK and not last):
            raise Tampered("a chunk has a length it cannot have")
        if len(out) < length:
            raise LocalProtocolError("the buffer is too small for the chunk")
        try:
            return self._aead.decrypt_into(
                _nonce(number, last=last),
                sealed,
                self._associated + number.to_bytes(8, "big"),
                out[:length],
            )
        except InvalidTag:
            raise Tampered("a chunk does not authenticate") from None


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


class ObjectHash:
    """BLAKE3 over an object's bytes as they come.

    Attributes:
        SIZE: Bytes of the digest.
    """

    SIZE: ClassVar[int] = 32
    __slots__ = ("_hasher",)

    def __init__(self) -> None:
        self._hasher = blake3()

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes."""
        self._hasher.update(data)

    def digest(self) -> bytes:
        """Return the hash of the bytes so far, 32 bytes."""
        return self._hasher.digest()

    def verify(self, expected: bytes) -> None:
        """Require that the bytes so far are those of an object's header.

        Raises:
            Tampered: They are not.
        """
        if self.digest() != expected:
            raise Tampered("an object's bytes are not those that were stored first")


def hash_object(stream: BinaryIO) -> bytes:
    """Return the BLAKE3 of an object that is read from a stream to its end, 32 bytes."""
    hasher = ObjectHash()
    while piece := stream.read(_PIECE):
        hasher.update(piece)
    return hasher.digest()
