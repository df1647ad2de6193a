"""Notices: a signed message about a study already handed over (SPEC.md §6.11).

    notice           =  box(recipient's box key, signed by the holder: which study, what happened)
    acknowledgement  =  answer {notice: SHA-256 of the notice, does, why, passed}

A notice grants nothing and carries no image. The recipient asks again with the capability it has
(`grown`), or puts a changed identity (`patient`), a study that is not to be relied on (`held`,
`withdrawn`) or a permission that was taken back (`ended`) before a person. Telling it again changes
nothing, and is how a holder learns what was decided: the answer says what is so now.
"""

from __future__ import annotations

from collections.abc import Collection
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
from undisc_protocol.errors import BadFields, LocalProtocolError, WrongAnswer, WrongAudience
from undisc_protocol.fields import Fields
from undisc_protocol.identity import Identity, NodeId, read_identity
from undisc_protocol.keys import SignKey
from undisc_protocol.pack import ID, PatientIdentity

_FIELDS: Final = frozenset(
    {"from", "to", "records", "kind", "study", "patient", "ended", "rest", "nonce", "iat", "exp"}
)
_LONGEST_WORD: Final = 16  # characters of a kind, or of what a recipient does
CAPABILITY: Final = 32  # bytes of a capability's hash


class NoticeKind(StrEnum):
    """What happened to a study."""

    GROWN = "grown"  # it has more objects, or newer versions, than the recipient was given
    PATIENT = "patient"  # the patient's identity was corrected
    ENDED = "ended"  # the permission with which it was fetched was taken back
    HELD = "held"  # the holder serves it to nobody until somebody has looked into it
    RELEASED = "released"  # what it was held for has come right
    WITHDRAWN = "withdrawn"  # the holder serves it to nobody any more: it is wrong


class Does(StrEnum):
    """What a recipient does about a notice."""

    ASKS = "asks"  # it asks for the difference now
    DECIDES = "decides"  # a person there decides
    NOTHING = "nothing"  # it has no such study, or it is as the notice says already
    NOT_FETCHED = "not-fetched"  # it never had a copy
    KEPT = "kept"  # it keeps its copy, and says why
    PURGED = "purged"  # it has erased the bytes of its copy

    @property
    def is_final(self) -> bool:
        """Whether nothing more is to be heard about the notice."""
        return self is not Does.DECIDES


class Why(StrEnum):
    """Why a copy is kept: what a person, or the law, there says."""

    TREATMENT = "treatment"  # somebody was treated by it
    LAW = "law"  # records have to be kept
    CLAIM = "claim"  # a complaint or a case is open
    OWN = "own"  # that practice has it in its own right also: another sender, or the patient
    LOCKED = "locked"  # the bytes stay, and are served to nobody
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What a recipient does, as it says itself.

    Attributes:
        does: What it does.
        why: Why it keeps a copy; None unless it does.
        passed: Whether the study was handed on to another system, an archive, from which the node
            cannot erase it.
    """

    does: Does
    why: Why | None = None
    passed: bool = False

    def check(self) -> None:
        """Check that it makes sense.

        Raises:
            BadFields: A copy is kept without a reason, or there is a reason and no copy.
        """
        if (self.why is not None) is not (self.does is Does.KEPT):
            raise BadFields("an acknowledgement says why exactly when a copy is kept")
        if self.passed and self.does not in (Does.DECIDES, Does.KEPT, Does.PURGED):
            raise BadFields("an acknowledgement hands on what there is no copy of")


@dataclass(frozen=True, slots=True)
class Notice:
    """A verified notice; whether the sender is a peer is the reader's to know.

    Attributes:
        hash: SHA-256 of the signed bytes: what the acknowledgement names.
        sender: The node that held the study.
        kind: What happened.
        study: The study's id there, 16 bytes.
        patient: Who the study is about now; None unless the kind is `patient`.
        ended: Hashes of the grants and shares that were taken back, sorted; none unless the kind is
            `ended`, and none where the recipient itself was excluded.
        rest: Whether another permission for a part of the study is still good; see `ended`.
        raw: The signed bytes.
    """

    hash: bytes
    sender: Identity
    kind: NoticeKind
    study: bytes
    patient: PatientIdentity | None
    ended: tuple[bytes, ...]
    rest: bool
    raw: bytes


def make_notice(
    key: SignKey,
    *,
    sender: Identity,
    to: NodeId,
    box: bytes,
    kind: NoticeKind,
    study: bytes,
    patient: PatientIdentity | None = None,
    ended: Collection[bytes] = (),
    rest: bool = False,
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
        ended: Hashes of what was taken back, for `ended`.
        rest: Whether another permission for a part of the study is still good, for `ended`.
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
            "ended": tuple(sorted(set(ended))),
            "rest": rest,
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
    return _notice(signed, sender, fields)


def read_kept_notice(raw: bytes, *, sender: NodeId, to: NodeId) -> Notice:
    """Verify a notice that is not sealed and may be old, such as one on file.

    Args:
        raw: The signed bytes.
        sender: The node it must be from.
        to: The node it must be addressed to.

    Raises:
        Oversize: Too many bytes or records.
        Malformed: Not canonical bytes.
        BadFields: Not exactly a notice, or `from` is not whom the records are about.
        BadSignature: Not signed by the sender.
        WrongAnswer: It is from another node.
        WrongAudience: Addressed to another node.
        RemoteProtocolError: As `identity.read_identity`.
    """
    opened, fields = _read(raw)
    identity = read_identity(fields.records())
    if identity.node_id != fields.fixed("from", DIGEST_SIZE):
        raise BadFields("the records of a notice are about another node than its sender")
    if identity.node_id != sender:
        raise WrongAnswer("a notice is from another node")
    opened.verify(identity.key)
    if fields.fixed("to", DIGEST_SIZE) != to:
        raise WrongAudience("a notice is addressed to another node")
    return _notice(raw, identity, fields)


def _notice(signed: bytes, sender: Identity, fields: Fields) -> Notice:
    return Notice(
        hash=sha256(signed).digest(),
        sender=sender,
        kind=_kind(fields),
        study=fields.fixed("study", ID),
        patient=_patient(fields),
        ended=_ended(fields),
        rest=fields.boolean("rest"),
        raw=signed,
    )


def _read(signed: bytes) -> tuple[Envelope, Fields]:
    """Check form, fields and lifetime, which need neither keys nor clock."""
    opened = envelope.read(signed, tag=TAG_NOTICE, limit=limits.MAX_NOTICE - BOX_OVERHEAD)
    fields = Fields(opened.payload, "a notice", _FIELDS)
    fields.fixed("study", ID)
    if (_kind(fields) is NoticeKind.PATIENT) is (_patient(fields) is None):
        raise BadFields("a notice names a patient exactly when the patient's identity changed")
    if (_ended(fields) or fields.boolean("rest")) and _kind(fields) is not NoticeKind.ENDED:
        raise BadFields("a notice names what ended exactly when a permission was taken back")
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


def _ended(fields: Fields) -> tuple[bytes, ...]:
    return fields.names("ended", size=CAPABILITY, items=limits.MAX_NOTICE_ENDED)


def acknowledge_notice(
    key: SignKey, notice: Notice, said: Acknowledgement, *, request: bytes, at: int
) -> bytes:
    """Sign that a notice has arrived, and what is done about it.

    Args:
        key: The recipient's node key.
        notice: What arrived.
        said: What is done about it.
        request: `request_hash` of the HTTP body.
        at: The time now, seconds since 1970.

    Raises:
        LocalProtocolError: It makes no sense.
    """
    try:
        said.check()
    except BadFields as problem:
        raise LocalProtocolError(str(problem)) from problem
    ok: dict[str, Value] = {
        "notice": notice.hash,
        "does": said.does.value,
        "why": None if said.why is None else said.why.value,
        "passed": said.passed,
    }
    return sign_answer(key, request=request, at=at, ok=ok)


def read_noticed(
    body: bytes, *, status: int, request: bytes, notice: bytes, recipient: Did
) -> Acknowledgement:
    """Verify the acknowledgement of our notice; return what the recipient says it does.

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
    fields = Fields(value, "an acknowledgement", {"notice", "does", "why", "passed"})
    if fields.fixed("notice", DIGEST_SIZE) != notice:
        raise WrongAnswer("an acknowledgement is about another notice")
    try:
        said = Acknowledgement(
            does=Does(fields.text("does", most=_LONGEST_WORD)),
            why=None if fields.raw("why") is None else Why(fields.text("why", most=_LONGEST_WORD)),
            passed=fields.boolean("passed"),
        )
    except ValueError:
        raise BadFields("an acknowledgement says something that is not known") from None
    said.check()
    return said
