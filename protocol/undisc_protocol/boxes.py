"""Sealing a message to an X25519 key (SPEC.md §6.1).

    sealed  =  ephemeral public key (32) ‖ XSalsa20-Poly1305 box
    nonce   =  BLAKE2b-24 of (ephemeral public key ‖ recipient's public key)

These are the bytes of libsodium's sealed box; the ephemeral secret is an argument, so that nothing
here draws random numbers. A sealed box hides what is said, not who said it: what is inside is
signed.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from nacl.exceptions import CryptoError
from nacl.public import Box, PrivateKey, PublicKey

from undisc_protocol.errors import BadKey, CannotOpen, LocalProtocolError
from undisc_protocol.keys import KEY_SIZE

BOX_OVERHEAD: Final = KEY_SIZE + 16  # bytes: ephemeral key in front, tag


def box_seal(recipient: bytes, message: bytes, *, ephemeral: bytes) -> bytes:
    """Seal a message to a public key.

    Args:
        recipient: X25519 public key, 32 bytes.
        message: What only its owner may read.
        ephemeral: 32 fresh random bytes: the secret key of this one message.

    Returns:
        `BOX_OVERHEAD` bytes more than the message.

    Raises:
        BadKey: The recipient's key is a point of small order, with which nothing stays secret.
    """
    if len(ephemeral) != KEY_SIZE or len(recipient) != KEY_SIZE:
        raise LocalProtocolError("an X25519 key has 32 bytes")
    secret = PrivateKey(ephemeral)
    public = bytes(secret.public_key)
    try:
        box = Box(secret, PublicKey(recipient))
    except CryptoError:
        raise BadKey("an X25519 key is a point of small order") from None
    return public + box.encrypt(message, _nonce(public, recipient)).ciphertext


def box_open(private: PrivateKey, sealed: bytes) -> bytes:
    """Open what was sealed to our key.

    Args:
        private: Our X25519 key.
        sealed: What `box_seal` returned; its size was bounded by the caller.

    Raises:
        CannotOpen: Sealed to another key, or changed.
    """
    if len(sealed) < BOX_OVERHEAD:
        raise CannotOpen("sealed bytes are too short")
    public, box = sealed[:KEY_SIZE], sealed[KEY_SIZE:]
    nonce = _nonce(public, bytes(private.public_key))
    try:
        return Box(private, PublicKey(public)).decrypt(box, nonce)
    except CryptoError:
        raise CannotOpen("sealed bytes do not open with this key") from None


def _nonce(public: bytes, recipient: bytes) -> bytes:
    return blake2b(public + recipient, digest_size=Box.NONCE_SIZE).digest()
