"""Puts any bytes where only the right key can put them, so that changes get past the locks."""

from __future__ import annotations

from collections.abc import Callable

import nacl.public

from fuzz.seeds import vectorfile
from undisc_protocol.boxes import box_seal
from undisc_protocol.capability.envelope import VARSIG
from undisc_protocol.keys import SignKey

_ENVELOPE = b"\x82\x58\x40"


def enveloped(payload: bytes, *, tag: str, key: SignKey) -> bytes:
    """Sign bytes as the payload of an envelope, canonical or not."""
    encoded = tag.encode()
    before = b"\xa2\x61h\x48" + VARSIG + bytes((0x60 | len(encoded),)) + encoded
    return vectorfile.sign_bytes(before + payload, key)


def signed(
    reader: Callable[[bytes], object], *, tag: str, key: SignKey
) -> Callable[[bytes], object]:
    """Read what begins as an envelope as it is; take anything else for a payload and sign it."""

    def run(data: bytes) -> object:
        whole = data.startswith(_ENVELOPE)
        return reader(data if whole else enveloped(data, tag=tag, key=key))

    return run


def boxed(recipient: nacl.public.PrivateKey, message: bytes) -> bytes:
    """Seal to a key."""
    return box_seal(bytes(recipient.public_key), message, ephemeral=bytes(range(32)))
