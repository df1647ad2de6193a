"""Seals what a repository holds, all of it under the backup key.

    block        content-addressed: name = keyed hash of the plaintext, bound to that name
    sealed file  plaintext in parts of 1 MiB, each bound to kind, snapshot, number and "last"

A block that was renamed, a part that was moved, a file that was cut: none of them opens.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from undisc_node.services.ports import Entropy
from undisc_protocol import keys
from undisc_protocol.errors import CannotOpen

PART: Final = 1_048_576  # bytes of plaintext sealed at once, so that memory stays bounded
_SEALED_PART: Final = PART + keys.SEAL_OVERHEAD


class Sealer:
    """The backup key at work.

    Args:
        key_encryption_key: The node's, 32 bytes; the backup key is derived from it.
        entropy: Draws nonces.
    """

    def __init__(self, key_encryption_key: bytes, entropy: Entropy) -> None:
        self._key = keys.backup_key(key_encryption_key)
        self._entropy = entropy

    def name(self, block: bytes) -> bytes:
        """Name a block by its content, 32 bytes."""
        return keys.backup_block_name(self._key, block)

    def seal_block(self, name: bytes, block: bytes) -> bytes:
        """Seal a block under its name."""
        return self._seal(block, b"block" + name)

    def open_block(self, name: bytes, sealed: bytes) -> bytes:
        """Open a block.

        Raises:
            CannotOpen: Changed, or another block.
        """
        block = self._unseal(sealed, b"block" + name)
        if self.name(block) != name:
            raise CannotOpen("a block of the backup is not the one of its name")
        return block

    def seal_file(self, kind: str, snapshot: str, content: bytes) -> Iterator[bytes]:
        """Yield the parts of a sealed file."""
        count = max(1, -(-len(content) // PART))
        for number in range(count):
            part = content[number * PART : (number + 1) * PART]
            yield self._seal(part, _place(kind, snapshot, number, last=number == count - 1))

    def open_file(self, kind: str, snapshot: str, sealed: bytes) -> bytes:
        """Open a sealed file.

        Raises:
            CannotOpen: Another key, kind or snapshot; changed, cut or lengthened.
        """
        count = max(1, -(-len(sealed) // _SEALED_PART))
        return b"".join(
            self._unseal(
                sealed[number * _SEALED_PART : (number + 1) * _SEALED_PART],
                _place(kind, snapshot, number, last=number == count - 1),
            )
            for number in range(count)
        )

    def _seal(self, plaintext: bytes, bound_to: bytes) -> bytes:
        nonce = self._entropy.random(keys.SEAL_NONCE)
        return keys.seal(
            self._key, plaintext, domain=keys.DOMAIN_BACKUP, bound_to=bound_to, nonce=nonce
        )

    def _unseal(self, sealed: bytes, bound_to: bytes) -> bytes:
        return keys.unseal(self._key, sealed, domain=keys.DOMAIN_BACKUP, bound_to=bound_to)


def _place(kind: str, snapshot: str, number: int, *, last: bool) -> bytes:
    return f"{kind}/{snapshot}/{number}/{'last' if last else 'more'}".encode()
