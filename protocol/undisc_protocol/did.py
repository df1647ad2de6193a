"""did:key principals, and fingerprints as words (SPEC.md §3.1, §3.3).

A principal is the text `did:key:z6Mk…`: base58btc of the bytes `ed 01` and the 32-byte Ed25519
public key. There is one text for a key; the decoder accepts no other, and no key that is not a
point of the prime-order group (libsodium still verifies under mixed-order keys, so the point check
is done here, once, for every key that comes in).
"""

from __future__ import annotations

from typing import NewType

from nacl.bindings import crypto_core_ed25519_is_valid_point

from undisc_protocol import limits
from undisc_protocol.errors import BadKey, LocalProtocolError
from undisc_protocol.words import WORDS

Did = NewType("Did", str)
"""A checked did:key text of an Ed25519 public key; 56 ASCII characters."""

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PREFIX = "did:key:z"
_MULTICODEC = b"\xed\x01"  # ed25519-pub
_KEY_SIZE = 32
_BITS_OF_A_WORD = 11


def encode_did(public_key: bytes) -> Did:
    """Return the did:key of an Ed25519 public key of 32 bytes.

    Raises:
        LocalProtocolError: The key has another size.
    """
    if len(public_key) != _KEY_SIZE:
        raise LocalProtocolError("an Ed25519 public key has 32 bytes")
    number = int.from_bytes(_MULTICODEC + public_key, "big")
    digits = []
    while number:
        number, digit = divmod(number, 58)
        digits.append(_ALPHABET[digit])
    return Did(_PREFIX + "".join(reversed(digits)))


def decode_did(text: object) -> bytes:
    """Return the 32-byte Ed25519 public key of a did:key.

    Args:
        text: What a message has in the place of a principal; any type.

    Raises:
        BadKey: Not the canonical did:key of a point in the prime-order group.
    """
    if not isinstance(text, str) or len(text) != limits.DID_LENGTH or text[:9] != _PREFIX:
        raise BadKey("a principal is not a did:key of an Ed25519 key")
    number = 0
    for character in text[len(_PREFIX) :]:
        digit = _ALPHABET.find(character)
        if digit < 0:
            raise BadKey("a did:key holds a character outside base58btc")
        number = number * 58 + digit
    size = len(_MULTICODEC) + _KEY_SIZE
    if number >> (8 * size):
        raise BadKey("a did:key is too long for an Ed25519 key")
    decoded = number.to_bytes(size, "big")
    public_key = decoded[len(_MULTICODEC) :]
    if decoded[: len(_MULTICODEC)] != _MULTICODEC or encode_did(public_key) != text:
        raise BadKey("a did:key is not the one text of an Ed25519 key")
    if not crypto_core_ed25519_is_valid_point(public_key):
        raise BadKey("a did:key names a point of small or mixed order")
    return public_key


def check_did(text: object) -> Did:
    """Return `text` as a `Did` after every check of `decode_did`.

    Raises:
        BadKey: As `decode_did`.
    """
    decode_did(text)
    return Did(str(text))


def fingerprint_words(digest: bytes, count: int = 12) -> tuple[str, ...]:
    """Show the first bits of a hash as words that two people can compare on the phone.

    Args:
        digest: A hash of at least 32 bytes.
        count: Number of words; 12 words are 132 bits, which nobody can hit by trying.

    Returns:
        `count` lower-case English words.

    Raises:
        LocalProtocolError: The digest has fewer than `11 × count` bits.
    """
    spare = 8 * len(digest) - _BITS_OF_A_WORD * count
    if spare < 0:
        raise LocalProtocolError("the digest is too short for that many words")
    number = int.from_bytes(digest, "big") >> spare
    return tuple(
        WORDS[number >> (_BITS_OF_A_WORD * place) & (len(WORDS) - 1)]
        for place in reversed(range(count))
    )
