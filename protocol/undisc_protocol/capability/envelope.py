"""The signed envelope around everything a node, patient or link says (SPEC.md §2.2, UCAN 1.0).

    82                      array(2)
      58 40 <64 bytes>      Ed25519 signature over the signed part, exactly as sent
      a2                    the signed part: map(2)
        61 68 "h"           48 34 01 ed 01 ed 01 13 71   (varsig: Ed25519, SHA2-512, DAG-CBOR)
        <tag>               the payload map

The tag says what the payload is, so a delegation can never be taken for an invocation, nor a
receipt for an answer. Signatures are verified over the received bytes with libsodium only, which
refuses small-order keys and non-canonical scalars.

This module knows no payload. Callers open an envelope in two steps on purpose: `read` decodes
strictly, the caller checks the fields and finds the signer, `Envelope.verify` checks the signature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from undisc_protocol import dagcbor, limits
from undisc_protocol.dagcbor import Cid, Value
from undisc_protocol.did import Did, decode_did
from undisc_protocol.errors import (
    BadFields,
    BadSignature,
    LocalProtocolError,
    Malformed,
    RemoteProtocolError,
)
from undisc_protocol.keys import SignKey

VARSIG: Final = bytes.fromhex("3401ed01ed011371")

TAG_DELEGATION: Final = "ucan/dlg@1.0.0"
TAG_INVOCATION: Final = "ucan/inv@1.0.0"
TAG_IDENTITY: Final = "undisc/identity@1"
TAG_STATUS: Final = "undisc/status@1"
TAG_REQUEST: Final = "undisc/request@1"
TAG_ANSWER: Final = "undisc/answer@1"
TAG_RECEIPT: Final = "undisc/receipt@1"
TAG_OFFER: Final = "undisc/offer@1"
TAG_RECALL: Final = "undisc/recall@1"
TAG_NOTICE: Final = "undisc/notice@1"
TAG_UNLOCK: Final = "undisc/unlock@1"
TAG_UNLOCK_REQUEST: Final = "undisc/unlock-request@1"
TAG_BROWSER: Final = "undisc/browser@1"
TAG_HANDING: Final = "undisc/handing@1"
TAG_PAIRING: Final = "undisc/pairing@1"
TAG_POLL: Final = "undisc/poll@1"
TAG_GREETING: Final = "undisc/greeting@1"

_HEAD = b"\x82\x58\x40"
_SIGNED_AT = len(_HEAD) + 64


@dataclass(frozen=True, slots=True)
class Envelope:
    """A decoded envelope whose signature has not been looked at yet.

    Attributes:
        raw: All bytes, as received.
        payload: The decoded payload map.
    """

    raw: bytes
    payload: Mapping[str, Value] = field(compare=False, repr=False)

    @property
    def cid(self) -> Cid:
        """Name of these bytes, signature included."""
        return Cid.of(self.raw)

    @property
    def signed_hash(self) -> bytes:
        """SHA-256 of the signed part: the same for every signature over the same payload."""
        return sha256(self.raw[_SIGNED_AT:]).digest()

    def verify(self, signer: Did) -> None:
        """Check the signature against the signer's key.

        Raises:
            BadKey: The signer is not a sound did:key.
            BadSignature: The signature does not verify.
        """
        try:
            VerifyKey(decode_did(signer)).verify(
                self.raw[_SIGNED_AT:], self.raw[len(_HEAD) : _SIGNED_AT]
            )
        except BadSignatureError:
            raise BadSignature("a signature does not verify") from None


def sign(payload: Mapping[str, Value], *, tag: str, key: SignKey) -> bytes:
    """Sign a payload and return the envelope's bytes."""
    signed = dagcbor.encode({"h": VARSIG, tag: payload})
    return _HEAD + key.signing.sign(signed).signature + signed


def read(raw: bytes, *, tag: str, limit: int, items: int = limits.MAX_ITEMS) -> Envelope:
    """Decode an envelope strictly, without trusting it yet.

    Args:
        raw: The bytes as received.
        tag: The one tag that is expected here.
        limit: Largest accepted size in bytes.
        items: Most values in it.

    Raises:
        Oversize: More than `limit` bytes or `items` values.
        Malformed: Not a canonical envelope.
        BadFields: Another algorithm or tag, or a payload that is no map.
    """
    decoded = dagcbor.decode(raw, limit=limit, items=items)
    if raw[: len(_HEAD)] != _HEAD or not isinstance(decoded, list):
        raise Malformed("not a signed envelope")
    signed = decoded[1]
    if not isinstance(signed, dict) or signed.keys() != {"h", tag}:
        raise BadFields(f"not an envelope of {tag}")
    if signed["h"] != VARSIG:
        raise BadFields("an envelope names another signature algorithm")
    payload = signed[tag]
    if not isinstance(payload, dict):
        raise BadFields("an envelope's payload is not a map")
    return Envelope(raw, payload)


def check_own(raw: bytes, reader: Callable[[bytes], object]) -> None:
    """Read what this side has just signed, so that nothing leaves which others must refuse.

    Raises:
        LocalProtocolError: The reader refuses it; the call that made it is wrong.
    """
    try:
        reader(raw)
    except RemoteProtocolError as error:
        raise LocalProtocolError(f"refusing to sign: {error}") from error
