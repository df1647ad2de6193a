"""Every PDU but P-DATA-TF, which is never in memory whole (PS3.8 §9.3); see `fragments` for that.

Decoding takes the bytes after the six of the header, which `connection` has bounded. Whatever is
decoded encodes again to something that decodes to the same.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from undisc_node.dicom.upper_layer import limits
from undisc_node.dicom.upper_layer.errors import RemoteViolation
from undisc_node.dicom.upper_layer.fields import Fields, item, read_title, title
from undisc_node.dicom.upper_layer.user_information import (
    UserInformation,
    decode_user_information,
    encode_user_information,
)

HEADER: Final = struct.Struct(">BxL")  # type, reserved, length of what follows (PS3.8 §9.3.1)
APPLICATION_CONTEXT: Final = "1.2.840.10008.3.1.1.1"  # the only one (PS3.7 §A.2.1)
VERSION: Final = 1  # bit 0 of the protocol version (PS3.8 §9.3.2)

_APPLICATION: Final = 0x10
_PROPOSED: Final = 0x20
_RESULT: Final = 0x21
_ABSTRACT: Final = 0x30
_TRANSFER: Final = 0x40
_USER: Final = 0x50


class Kind(IntEnum):
    """Types of PDUs (PS3.8 §9.3.1)."""

    ASSOCIATE_REQUEST = 1
    ASSOCIATE_ACCEPT = 2
    ASSOCIATE_REJECT = 3
    DATA = 4
    RELEASE_REQUEST = 5
    RELEASE_REPLY = 6
    ABORT = 7


class ContextAnswer(IntEnum):
    """What becomes of a proposed context (PS3.8 table 9-18)."""

    ACCEPTED = 0
    USER_REJECTION = 1
    NO_REASON = 2
    ABSTRACT_SYNTAX = 3
    TRANSFER_SYNTAXES = 4


@dataclass(frozen=True, slots=True)
class ProposedContext:
    """What could be exchanged (PS3.8 §9.3.2.2).

    Attributes:
        id: Odd number from 1 to 255.
        abstract_syntax: SOP Class UID.
        transfer_syntaxes: UIDs, at least one.
    """

    id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContextResult:
    """What becomes of a proposed context (PS3.8 §9.3.3.2).

    Attributes:
        id: Of the proposed context.
        answer: A `ContextAnswer`.
        transfer_syntax: The chosen one; without meaning when it was not accepted.
    """

    id: int
    answer: int
    transfer_syntax: str


@dataclass(frozen=True, slots=True)
class AssociateRequest:
    """A-ASSOCIATE-RQ (PS3.8 §9.3.2).

    Attributes:
        called: AE title of the acceptor.
        calling: AE title of the requestor; a claim.
        contexts: Up to 128, with different numbers.
        user: User information.
        application: Application Context Name.
        version: Bit field of protocol versions.
    """

    called: str
    calling: str
    contexts: tuple[ProposedContext, ...]
    user: UserInformation
    application: str = APPLICATION_CONTEXT
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class AssociateAccept:
    """A-ASSOCIATE-AC (PS3.8 §9.3.3). The titles are those of the request, unchanged."""

    called: str
    calling: str
    contexts: tuple[ContextResult, ...]
    user: UserInformation
    application: str = APPLICATION_CONTEXT
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class AssociateReject:
    """A-ASSOCIATE-RJ; numbers as in PS3.8 table 9-21."""

    result: int
    source: int
    reason: int


@dataclass(frozen=True, slots=True)
class Abort:
    """A-ABORT; numbers as in PS3.8 table 9-26. Source 0 is the user, 2 the provider."""

    source: int
    reason: int


CALLED_TITLE_UNKNOWN: Final = AssociateReject(1, 1, 7)
CALLING_TITLE_UNKNOWN: Final = AssociateReject(1, 1, 3)
APPLICATION_UNKNOWN: Final = AssociateReject(1, 1, 2)
VERSION_UNKNOWN: Final = AssociateReject(1, 2, 2)
CONGESTION: Final = AssociateReject(2, 3, 1)

BY_USER: Final = 0
BY_PROVIDER: Final = 2


def decode_request(body: memoryview) -> AssociateRequest:
    """Read an A-ASSOCIATE-RQ.

    Raises:
        RemoteViolation: It breaks a bound or the standard.
    """
    data = Fields(body)
    version, called, calling = _start(data)
    application, user, contexts = _items(data, _PROPOSED)
    return AssociateRequest(
        called, calling, tuple(_proposed(one) for one in contexts), user, application, version
    )


def decode_accept(body: memoryview) -> AssociateAccept:
    """Read an A-ASSOCIATE-AC.

    Raises:
        RemoteViolation: It breaks a bound or the standard.
    """
    data = Fields(body)
    version, called, calling = _start(data)
    application, user, contexts = _items(data, _RESULT)
    return AssociateAccept(
        called, calling, tuple(_result(one) for one in contexts), user, application, version
    )


def decode_reject(body: memoryview) -> AssociateReject:
    """Read an A-ASSOCIATE-RJ."""
    _, result, source, reason = _four(body)
    return AssociateReject(result, source, reason)


def decode_abort(body: memoryview) -> Abort:
    """Read an A-ABORT."""
    _, _, source, reason = _four(body)
    return Abort(source, reason)


def decode_release(body: memoryview) -> None:
    """Read an A-RELEASE-RQ or A-RELEASE-RP, which say nothing."""
    _four(body)


def encode_request(request: AssociateRequest) -> bytes:
    """Encode an A-ASSOCIATE-RQ.

    Raises:
        LocalViolation: A value does not fit.
    """
    contexts = b"".join(
        item(
            _PROPOSED,
            bytes((one.id, 0, 0, 0))
            + item(_ABSTRACT, one.abstract_syntax.encode("ascii"))
            + b"".join(item(_TRANSFER, uid.encode("ascii")) for uid in one.transfer_syntaxes),
        )
        for one in request.contexts
    )
    return _associate(Kind.ASSOCIATE_REQUEST, request, contexts)


def encode_accept(accept: AssociateAccept) -> bytes:
    """Encode an A-ASSOCIATE-AC.

    Raises:
        LocalViolation: A value does not fit.
    """
    contexts = b"".join(
        item(
            _RESULT,
            bytes((one.id, 0, one.answer, 0))
            + item(_TRANSFER, one.transfer_syntax.encode("ascii")),
        )
        for one in accept.contexts
    )
    return _associate(Kind.ASSOCIATE_ACCEPT, accept, contexts)


def encode_reject(reject: AssociateReject) -> bytes:
    """Encode an A-ASSOCIATE-RJ."""
    return frame(Kind.ASSOCIATE_REJECT, bytes((0, reject.result, reject.source, reject.reason)))


def encode_release(kind: Kind) -> bytes:
    """Encode an A-RELEASE-RQ or A-RELEASE-RP."""
    return frame(kind, bytes(4))


def encode_abort(abort: Abort) -> bytes:
    """Encode an A-ABORT."""
    return frame(Kind.ABORT, bytes((0, 0, abort.source, abort.reason)))


def frame(kind: Kind, body: bytes) -> bytes:
    """Put a header before a body."""
    return HEADER.pack(kind, len(body)) + body


def _start(data: Fields) -> tuple[int, str, str]:
    """Take what comes before the items: version, called and calling AE title."""
    version = data.number(2)
    data.take(2)
    called = read_title(data.take(limits.AE_TITLE))
    calling = read_title(data.take(limits.AE_TITLE))
    data.take(32)  # reserved
    return version, called, calling


def _items(data: Fields, wanted: int) -> tuple[str, UserInformation, list[Fields]]:
    """Take the items: application context, user information and the contexts, undecoded."""
    application: str | None = None
    user: UserInformation | None = None
    contexts: list[Fields] = []
    for kind, content in data.items():
        if kind == wanted:
            if len(contexts) == limits.MAX_CONTEXTS:
                raise RemoteViolation("more than 128 presentation contexts")
            contexts.append(content)
        elif kind == _APPLICATION and application is None:
            application = content.uid()
        elif kind == _USER and user is None:
            user = decode_user_information(content)
        elif kind in (_APPLICATION, _USER):
            raise RemoteViolation("an item that comes twice")
    if application is None or user is None:
        raise RemoteViolation("an association without application context or user information")
    return application, user, contexts


def _proposed(content: Fields) -> ProposedContext:
    number = content.number(1)
    content.take(3)
    abstract: str | None = None
    transfer: list[str] = []
    for kind, inner in content.items():
        if kind == _ABSTRACT and abstract is None:
            abstract = inner.uid()
        elif kind == _TRANSFER:
            if len(transfer) == limits.MAX_SYNTAXES:
                raise RemoteViolation("too many transfer syntaxes in one context")
            transfer.append(inner.uid())
        elif kind == _ABSTRACT:
            raise RemoteViolation("two abstract syntaxes in one context")
    if abstract is None or not transfer:
        raise RemoteViolation("a context without abstract or transfer syntax")
    return ProposedContext(number, abstract, tuple(transfer))


def _result(content: Fields) -> ContextResult:
    number = content.number(1)
    content.take(1)
    answer = content.number(1)
    content.take(1)
    transfer = ""
    for kind, inner in content.items():
        # Without meaning unless accepted (PS3.8 §9.3.3.2), and then sometimes empty.
        if kind == _TRANSFER and answer == ContextAnswer.ACCEPTED:
            transfer = inner.uid()
    if answer == ContextAnswer.ACCEPTED and not transfer:
        raise RemoteViolation("an accepted context without transfer syntax")
    return ContextResult(number, answer, transfer)


def _associate(kind: Kind, pdu: AssociateRequest | AssociateAccept, contexts: bytes) -> bytes:
    body = (
        struct.pack(">Hxx", pdu.version)
        + title(pdu.called)
        + title(pdu.calling)
        + bytes(32)
        + item(_APPLICATION, pdu.application.encode("ascii"))
        + contexts
        + item(_USER, encode_user_information(pdu.user))
    )
    return frame(kind, body)


def _four(body: memoryview) -> tuple[int, int, int, int]:
    if len(body) != limits.SMALL_PDU:
        raise RemoteViolation("a PDU of four bytes that has another length")
    return body[0], body[1], body[2], body[3]
