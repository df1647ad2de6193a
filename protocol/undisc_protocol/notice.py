"""Notices: a signed message about a study already handed over (SPEC.md §6.11).

    notice           =  box(recipient's box key, signed by the holder: which study, what happened)
    acknowledgement  =  answer {notice: SHA-256 of the notice, does: what the recipient does}

A notice grants nothing and carries no image. The recipient asks again with the capability it has
(`grown`), or puts a changed identity (`patient`) or a permission that was taken back (`ended`)
before a person; telling it twice changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final

from nacl.public import PrivateKey

from undisc_protocol import limits
from undisc_protocol.addressed import check_form, open_addressed, seal_addressed
from undisc_protocol.answer import HTTP_OK, raise_refusal, read_ok, sign_answer
from undisc_protocol.boxes import BOX_OVERHEAD
from undisc_protocol.capability import envelope
from undisc_protocol.capability.envelope import TAG_NOTICE, Envelope
from undisc_protocol.dagcbor import DIGEST_SIZE, Value
from undisc_protocol.did import Did
from undisc_protocol.errors import BadFields, WrongAnswer
from undisc_protocol.fields import Fields
from undisc_protocol.identity import Identity, NodeId
from undisc_protocol.keys import SignKey
from undisc_protocol.pack import ID, PatientIdentity

_FIELDS: Final = frozenset(
    {"from", "to", "records", "kind", "study", "patient", "nonce", "iat", "exp"}
)
_LONGEST_WORD: Final = 16  # characters of a kind, or of what a recipient does


class NoticeKind(StrEnum):
    """What happened to a study."""

    GROWN = "grown"  # it has more objects, or newer versions, than the recipient was given
    PATIENT = "patient"  # the patient's identity was corrected
    ENDED = "ended"  # the permission with which it was fetched was taken back


class Does(StrEnum):
    """What a recipient does about a notice."""

    ASKS = "asks"  # it asks for the difference now
    DECIDES = "decides"  # a person there decides
    NOTHING = "nothing"  # it has no such study, or it is as the notice says already


@dataclass(frozen=True, slots=True)
class Notice:
    """A verified notice; whether the sender is a peer is the reader's to know.

    Attributes:
        hash: SHA-256 of the signed bytes: what the acknowledgement names.
        sender: The node that held the study.
        kind: What happened.
        study: The study's id there, 16 bytes.
        patient: Who the study is about now; None unless the kind is `patient`.
    """

    hash: bytes
    sender: Identity
    kind: NoticeKind
    study: bytes
    patient: PatientIdentity | None


def make_notice(
    key: SignKey,
    *,
    sender: Identity,
    to: NodeId,
    box: bytes,
    kind: NoticeKind,
    study: bytes,
    patient: PatientIdentity | None,
    nonce: bytes,
    ephemeral: bytes,
    issued: int,
    expires: int,
) -> tuple[bytes, bytes]:
    """Sign a notice and seal it to the recipient.

    Args:
        key: The sender's node key.
        sender: Its identity.
        to: Node id of the recipient.
        box: The recipient's box key.
        kind: What happened.
        study: The study's id here, 16 bytes.
        patient: Who it is about now, for `patient`; else None.
        nonce: `REQUEST_NONCE` fresh random bytes.
        ephemeral: 32 fresh random bytes, for the box.
        issued: The time now, seconds since 1970.
        expires: End, at most `limits.REQUEST_LIFETIME` later.

    Returns:
        The body of `POST /undisc/v1/notice`, and the notice's hash.

    Raises:
        LocalProtocolError: The recipient would have to refuse it.
        BadKey: The recipient's box key is unsound.
    """
    body, signed = seal_addressed(
        key,
        TAG_NOTICE,
        {
            "kind": kind.value,
            "study": study,
            "patient": None if patient is None else patient.to_value(),
        },
        read=_read,
        sender=sender,
        to=to,
        box=box,
        nonce=nonce,
        ephemeral=ephemeral,
        issued=issued,
        expires=expires,
    )
    return body, sha256(signed).digest()


def read_notice(body: bytes, *, box: PrivateKey, own: NodeId, now: int) -> Notice:
    """Open and verify a notice.

    Args:
        body: The HTTP body as received.
        box: Our X25519 key.
        own: Our node id.
        now: The time now, seconds since 1970.

    Raises:
        Oversize: Too many bytes or records.
        CannotOpen: Not sealed to our key, or changed.
        Malformed: Not canonical bytes.
        BadFields: Not exactly a notice, or `from` is not whom the records are about.
        BadSignature: Not signed by the sender.
        WrongAudience: Addressed to another node.
        NotYetValid: Made in the future.
        Expired: Too old.
        LifetimeTooLong: Valid for longer than `limits.REQUEST_LIFETIME`.
        RemoteProtocolError: As `identity.read_identity`.
    """
    signed, sender, fields = open_addressed(
        body, _read, limit=limits.MAX_NOTICE, of="a notice", box=box, own=own, now=now
    )
    return Notice(
        hash=sha256(signed).digest(),
        sender=sender,
        kind=_kind(fields),
        study=fields.fixed("study", ID),
        patient=_patient(fields),
    )


def _read(signed: bytes) -> tuple[Envelope, Fields]:
    """Check form, fields and lifetime, which need neither keys nor clock."""
    opened = envelope.read(signed, tag=TAG_NOTICE, limit=limits.MAX_NOTICE - BOX_OVERHEAD)
    fields = Fields(opened.payload, "a notice", _FIELDS)
    fields.fixed("study", ID)
    if (_kind(fields) is NoticeKind.PATIENT) is (_patient(fields) is None):
        raise BadFields("a notice names a patient exactly when the patient's identity changed")
    check_form(fields, of="a notice")
    return opened, fields


def _kind(fields: Fields) -> NoticeKind:
    try:
        return NoticeKind(fields.text("kind", most=_LONGEST_WORD))
    except ValueError:
        raise BadFields("a notice is of a kind that is not known") from None


def _patient(fields: Fields) -> PatientIdentity | None:
    value: Value = fields.raw("patient")
    return None if value is None else PatientIdentity.from_value(value)


def acknowledge_notice(
    key: SignKey, notice: Notice, does: Does, *, request: bytes, at: int
) -> bytes:
    """Sign that a notice has arrived, and what is done about it.

    Args:
        key: The recipient's node key.
        notice: What arrived.
        does: What is done about it.
        request: `request_hash` of the HTTP body.
        at: The time now, seconds since 1970.
    """
    return sign_answer(key, request=request, at=at, ok={"notice": notice.hash, "does": does.value})


def read_noticed(
    body: bytes, *, status: int, request: bytes, notice: bytes, recipient: Did
) -> Does:
    """Verify the acknowledgement of our notice; return what the recipient does.

    Args:
        body: The HTTP body as received.
        status: The HTTP status.
        request: `request_hash` of the body we sent.
        notice: The hash that `make_notice` returned.
        recipient: The recipient's current key.

    Raises:
        Unreachable: With another status than 200: no refusal signed by the recipient.
        Malformed: Not canonical bytes.
        BadFields: Not exactly an acknowledgement.
        BadSignature: Not signed by the recipient.
        WrongAnswer: It is about another request or notice.
        RemoteProtocolError: Any leaf, as the recipient's signed refusal says.
    """
    if status != HTTP_OK:
        raise_refusal(body, request=request, holder=recipient)
    value, _ = read_ok(body, request=request, holder=recipient, limit=limits.MAX_REFUSAL)
    fields = Fields(value, "an acknowledgement", {"notice", "does"})
    if fields.fixed("notice", DIGEST_SIZE) != notice:
        raise WrongAnswer("an acknowledgement is about another notice")
    try:
        return Does(fields.text("does", most=_LONGEST_WORD))
    except ValueError:
        raise BadFields("an acknowledgement says something that is not known") from None
