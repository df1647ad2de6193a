"""Signed answers: what is common to every answer, and refusals (SPEC.md §6.3).

An answer names the SHA-256 of the request body that it answers, so it cannot be passed off as the
answer to another request. A refusal is signed like any other answer; an error that is not signed by
the holder is a hint to try again and nothing more, because anybody on the way can make one.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Final, NoReturn

from undisc_protocol import limits
from undisc_protocol.capability import envelope
from undisc_protocol.capability.envelope import TAG_ANSWER
from undisc_protocol.dagcbor import DIGEST_SIZE, Value
from undisc_protocol.did import Did
from undisc_protocol.errors import (
    RemoteProtocolError,
    Unreachable,
    WrongAnswer,
    class_of_code,
)
from undisc_protocol.fields import UNSHOWABLE, Fields
from undisc_protocol.keys import SignKey

HTTP_OK: Final = 200


def request_hash(body: bytes) -> bytes:
    """Return the name of a request in its answer: SHA-256 of the body as sent, 32 bytes."""
    return sha256(body).digest()


def sign_answer(key: SignKey, *, request: bytes, at: int, ok: Mapping[str, Value]) -> bytes:
    """Sign an answer that grants something.

    Args:
        key: The holder's node key.
        request: `request_hash` of the request.
        at: The time now, seconds since 1970.
        ok: What is granted.
    """
    return envelope.sign({"req": request, "at": at, "ok": ok}, tag=TAG_ANSWER, key=key)


def sign_refusal(key: SignKey, *, request: bytes, at: int, error: RemoteProtocolError) -> bytes:
    """Sign a refusal.

    Args:
        key: The holder's node key.
        request: `request_hash` of the request.
        at: The time now, seconds since 1970.
        error: Why; its message and hint are shown to the people at the other node.
    """
    refusal = {
        "code": error.code,
        "message": _shown(str(error)),
        "hint": _shown(error.hint),
    }
    return envelope.sign({"req": request, "at": at, "err": refusal}, tag=TAG_ANSWER, key=key)


def _shown(text: str) -> str:
    """Make a text fit to be shown at another node."""
    return UNSHOWABLE.sub(" ", text)[: limits.MAX_ERROR_TEXT]


def read_ok(signed: bytes, *, request: bytes, holder: Did, limit: int) -> tuple[Value, int]:
    """Read and verify an answer that grants something.

    Args:
        signed: The signed answer.
        request: `request_hash` of our request.
        holder: The current key of the node we asked.
        limit: Largest accepted size in bytes.

    Returns:
        What is granted, not looked at yet, and the holder's time.

    Raises:
        Oversize: Too many bytes.
        Malformed: Not canonical bytes.
        BadFields: Not exactly an answer that grants.
        BadSignature: Not signed by the holder.
        WrongAnswer: It answers another request.
    """
    fields = _verified(signed, "ok", request=request, holder=holder, limit=limit)
    return fields.raw("ok"), fields.integer("at")


def raise_refusal(body: bytes, *, request: bytes, holder: Did) -> NoReturn:
    """Read what came with an HTTP status other than 200, and raise it.

    Args:
        body: The body as received.
        request: `request_hash` of our request.
        holder: The current key of the node we asked.

    Raises:
        RemoteProtocolError: The leaf of the refusal's code, with its message and hint.
        Unreachable: The body is no refusal of this request signed by the holder.
    """
    try:
        error = _refusal(body, request=request, holder=holder)
    except RemoteProtocolError:
        raise Unreachable("the other node gave no signed answer") from None
    raise error


def _refusal(body: bytes, *, request: bytes, holder: Did) -> RemoteProtocolError:
    fields = _verified(body, "err", request=request, holder=holder, limit=limits.MAX_REFUSAL)
    refusal = Fields(fields.raw("err"), "a refusal", {"code", "message", "hint"})
    code = refusal.line("code", least=1, most=limits.MAX_CODE)
    error = class_of_code(code)(refusal.line("message", most=limits.MAX_ERROR_TEXT))
    error.hint = refusal.line("hint", most=limits.MAX_ERROR_TEXT)
    return error


def _verified(signed: bytes, kind: str, *, request: bytes, holder: Did, limit: int) -> Fields:
    opened = envelope.read(signed, tag=TAG_ANSWER, limit=limit)
    fields = Fields(opened.payload, "an answer", {"req", "at", kind})
    named = fields.fixed("req", DIGEST_SIZE)
    fields.integer("at")
    opened.verify(holder)
    if named != request:
        raise WrongAnswer("an answer belongs to another request")
    return fields
