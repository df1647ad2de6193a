"""Passwords of people, as they are kept: Argon2id (RFC 9106), never the password itself.

Not part of what two nodes say to each other; it is here because PyNaCl has its home here.
"""

from __future__ import annotations

import hmac
from typing import Final

from nacl import pwhash

SALT: Final = 16  # bytes, random for each password
HASH: Final = 32  # bytes
# RFC 9106 §4, second recommended option: 3 passes over 64 MiB. About 0.1 s and no machine that a
# node runs on lacks the memory, as verifications happen one after the other.
PASSES: Final = 3
MEMORY: Final = 64 * 2**20  # bytes


def hash_password(
    password: str, salt: bytes, *, passes: int = PASSES, memory: int = MEMORY
) -> bytes:
    """Return what is kept of a password.

    Args:
        password: As typed.
        salt: `SALT` random bytes.
        passes: Passes over the memory.
        memory: Bytes of memory.
    """
    return pwhash.argon2id.kdf(
        HASH, password.encode("utf-8", "surrogatepass"), salt, opslimit=passes, memlimit=memory
    )


def same(one: bytes, other: bytes) -> bool:
    """Compare two secrets in a time that says nothing about them."""
    return hmac.compare_digest(one, other)
