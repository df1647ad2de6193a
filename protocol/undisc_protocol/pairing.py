"""Pairing two nodes over a line that nobody trusts: commit, reveal, compare (SPEC.md §3.10).

    guest                                                    inviter
      │  commitment to what it will say                         │
      │ ───────────────────────────────────────────────────────►│  the first one takes it
      │  commitment to what it will say                         │
      │ ◄───────────────────────────────────────────────────────│
      │  says: records, card, scopes, nonce                     │
      │ ───────────────────────────────────────────────────────►│
      │  says: records, card, scopes, nonce                     │
      │ ◄───────────────────────────────────────────────────────│
      │        both show the words of all that was said         │
      │  signed yes or no, or nothing yet                       │
      │ ───────────────────────────────────────────────────────►│  trusts after two times yes
      │  signed yes or no, or nothing yet                       │
      │ ◄───────────────────────────────────────────────────────│
      ▼ trusts after two times yes

Every message is sealed under the invitation's key. That keeps strangers out; it does not keep out
somebody who saw the invitation. Against him stand the words: whoever is between the two has to fix
what he will say to each before he sees what either says, so he has one guess.

Here are bytes and states. Who keeps them, asks, waits and trusts is not known here; every function
may be called again with the same bytes, and then changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from typing import Final

from undisc_protocol import dagcbor, limits
from undisc_protocol.answer import HTTP_OK
from undisc_protocol.capability import envelope
from undisc_protocol.capability.envelope import TAG_PAIRING, Envelope
from undisc_protocol.dagcbor import DIGEST_SIZE, Value
from undisc_protocol.did import Did, fingerprint_words
from undisc_protocol.errors import (
    BadFields,
    BrokenCommitment,
    LocalProtocolError,
    NoInvitation,
    OutOfOrder,
    Oversize,
    RemoteProtocolError,
    Unreachable,
    WrongAnswer,
)
from undisc_protocol.fields import Fields
from undisc_protocol.identity import NodeDocument, read_node_document
from undisc_protocol.invitation import PairingSecret
from undisc_protocol.keys import DOMAIN_PAIRING, KEY_SIZE, SignKey, seal, unseal

NONCE: Final = 32  # bytes, random: nobody can guess what was committed to
WORDS: Final = 4  # 44 bits; one guess hits once in 17 million million
_SCOPE: Final = 16  # characters of the name of a scope
_ITEMS: Final = 16  # values in a message around what is said
_MAX_SCOPES: Final = 8  # scopes there may ever be
_COMMIT_DOMAIN: Final = b"undisc/v1/pairing-commit"
_SAID_DOMAIN: Final = b"undisc/v1/pairing-said"


class Role(StrEnum):
    """Which of the two sides."""

    INVITER = "inviter"
    GUEST = "guest"

    @property
    def other(self) -> Role:
        """The other side."""
        return Role.GUEST if self is Role.INVITER else Role.INVITER


class Step(StrEnum):
    """Which message."""

    COMMIT = "commit"
    REVEAL = "reveal"
    VERDICT = "verdict"


class Says(StrEnum):
    """What an administrator decided."""

    YES = "yes"
    NO = "no"


# --- What is said -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Said:
    """What one side says about itself.

    Attributes:
        raw: The bytes that were committed to.
        document: Its identity records and status card, verified.
        scopes: What it lets the other side do.
    """

    raw: bytes
    document: NodeDocument
    scopes: tuple[str, ...]


def say(document: bytes, scopes: Collection[str], nonce: bytes) -> bytes:
    """Write what a side will say.

    Args:
        document: Its node document (SPEC.md §3.6).
        scopes: What it lets the other side do.
        nonce: `NONCE` fresh random bytes.
    """
    if len(nonce) != NONCE:
        raise LocalProtocolError(f"a pairing needs a nonce of {NONCE} bytes")
    return dagcbor.encode({"document": document, "scopes": sorted(set(scopes)), "nonce": nonce})


def read_said(raw: bytes, *, now: int) -> Said:
    """Read and verify what a side said.

    Args:
        raw: Its bytes.
        now: The time now, seconds since 1970.

    Raises:
        Oversize: Too many bytes.
        Malformed: Not canonical bytes.
        BadFields: Fields are missing, extra or of the wrong type.
        RemoteProtocolError: As `identity.read_node_document`.
    """
    decoded = dagcbor.decode(raw, limit=limits.MAX_PAIRING)
    fields = Fields(decoded, "what a node says", {"document", "scopes", "nonce"})
    fields.fixed("nonce", NONCE)
    scopes = tuple(_scope(one) for one in fields.array("scopes", most=_MAX_SCOPES))
    if list(scopes) != sorted(set(scopes)):
        raise BadFields("the scopes of a pairing are not sorted without repetition")
    document = fields.sized("document", most=limits.MAX_NODE_DOCUMENT)
    return Said(raw, read_node_document(document, now=now), scopes)


def _scope(value: Value) -> str:
    if not isinstance(value, str) or not (1 <= len(value) <= _SCOPE and value.isascii()):
        raise BadFields("a scope of a pairing is not a short name")
    if not value.isalpha() or not value.islower():
        raise BadFields("a scope of a pairing is not a short name")
    return value


def commit_to(role: Role, said: bytes) -> bytes:
    """Return the commitment of a side to what it will say, 32 bytes."""
    return sha256(_COMMIT_DOMAIN + b"\x00" + role.value.encode() + b"\x00" + said).digest()


# --- The state of one side --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pairing:
    """How far one side is.

    Attributes:
        role: Which side this is.
        own: What this side says.
        commitment: What the other side committed to; None before.
        theirs: What the other side said; None before.
    """

    role: Role
    own: bytes
    commitment: bytes | None = None
    theirs: bytes | None = None

    def committed(self, commitment: bytes) -> Pairing:
        """Take the other side's commitment in.

        Raises:
            OutOfOrder: It committed to something else before: the try is used up.
        """
        if self.commitment not in (None, commitment):
            raise OutOfOrder("the invitation was taken up already")
        return replace(self, commitment=commitment)

    def revealed(self, said: bytes, *, now: int) -> Pairing:
        """Take in what the other side says.

        Args:
            said: Its bytes.
            now: The time now, seconds since 1970.

        Raises:
            OutOfOrder: It has not committed yet, or said something else before.
            BrokenCommitment: It committed to something else.
            RemoteProtocolError: As `read_said`.
        """
        if self.commitment is None or self.theirs not in (None, said):
            raise OutOfOrder("a node speaks before its turn in a pairing, or twice")
        if commit_to(self.role.other, said) != self.commitment:
            raise BrokenCommitment("a node says something else than it committed to")
        read_said(said, now=now)
        return replace(self, theirs=said)

    @property
    def name(self) -> bytes:
        """Hash of all that was said, 32 bytes: what both sides sign."""
        if self.theirs is None:
            raise LocalProtocolError("a pairing has no words before both sides have spoken")
        guest, inviter = self.own, self.theirs
        if self.role is Role.INVITER:
            guest, inviter = inviter, guest
        return sha256(
            _SAID_DOMAIN + b"\x00" + sha256(guest).digest() + sha256(inviter).digest()
        ).digest()

    @property
    def words(self) -> tuple[str, ...]:
        """The words that two people compare."""
        return fingerprint_words(self.name, WORDS)


# --- Messages ---------------------------------------------------------------------------------


def make_request(
    secret: PairingSecret, step: Step, content: bytes | None, *, nonce: bytes
) -> bytes:
    """Make the body of `POST /undisc/v1/pairing`: what the guest sends.

    Args:
        secret: The invitation's.
        step: Which message.
        content: A commitment, what is said, or a signed verdict; None only for no verdict yet.
        nonce: 24 fresh random bytes.
    """
    sealed = _seal(secret, Role.GUEST, step, content, nonce)
    return dagcbor.encode({"handle": secret.handle, "step": step.value, "sealed": sealed})


@dataclass(frozen=True, slots=True)
class PairingRequest:
    """A request of a guest, not opened yet.

    Attributes:
        handle: Names the invitation.
        step: Which message it claims to be.
        sealed: Opens with the invitation's key.
    """

    handle: bytes
    step: Step
    sealed: bytes


def read_request(body: bytes) -> PairingRequest:
    """Read the outside of a guest's request.

    Raises:
        Oversize: Too many bytes.
        Malformed: Not canonical bytes.
        BadFields: Fields are missing, extra or of the wrong type, or an unknown step.
    """
    decoded = dagcbor.decode(body, limit=limits.MAX_PAIRING, items=_ITEMS)
    fields = Fields(decoded, "a request to pair", {"handle", "step", "sealed"})
    try:
        step = Step(fields.text("step", most=_SCOPE))
    except ValueError:
        raise BadFields("a request to pair names a step that is not known") from None
    return PairingRequest(
        handle=fields.fixed("handle", KEY_SIZE),
        step=step,
        sealed=fields.sized("sealed", most=limits.MAX_PAIRING),
    )


def open_request(secret: PairingSecret, request: PairingRequest) -> bytes | None:
    """Open a guest's request; return the commitment, what is said, the verdict, or None.

    Raises:
        CannotOpen: Sealed by somebody who has not seen the invitation, or changed.
        BadFields: Its content has another form.
    """
    return _open(secret, Role.GUEST, request.step, request.sealed)


def make_reply(secret: PairingSecret, step: Step, content: bytes | None, *, nonce: bytes) -> bytes:
    """Make the answer to a guest's request; arguments as those of `make_request`."""
    return _seal(secret, Role.INVITER, step, content, nonce)


def read_reply(secret: PairingSecret, step: Step, body: bytes, *, status: int) -> bytes | None:
    """Open the inviter's answer; return the commitment, what is said, the verdict, or None.

    Args:
        secret: The invitation's.
        step: Which message it must answer.
        body: The HTTP body as received.
        status: The HTTP status.

    Raises:
        NoInvitation: The other side knows no such invitation, or not any more. Anybody on the way
            can say so; it ends this try and nothing else.
        Unreachable: It is an error of something else; worth a retry.
        Oversize: Too many bytes.
        CannotOpen: Not by somebody who knows the invitation, or changed.
        BadFields: Its content has another form.
    """
    if status == NoInvitation.status:
        raise NoInvitation("the other node knows no such invitation, or not any more")
    if status != HTTP_OK:
        raise Unreachable("the other side did not answer as a node that invites")
    if len(body) > limits.MAX_PAIRING:
        raise Oversize(f"an answer of {len(body)} bytes is over its bound")
    return _open(secret, Role.INVITER, step, body)


def _bound_to(secret: PairingSecret, role: Role, step: Step) -> bytes:
    return b"\x00".join((role.value.encode(), step.value.encode(), secret.handle))


def _seal(
    secret: PairingSecret, role: Role, step: Step, content: bytes | None, nonce: bytes
) -> bytes:
    plain = dagcbor.encode({step.value: content})
    try:
        _check(plain, step)
    except RemoteProtocolError as problem:
        raise LocalProtocolError(f"refusing to send: {problem}") from problem
    return seal(
        secret.key,
        plain,
        domain=DOMAIN_PAIRING,
        bound_to=_bound_to(secret, role, step),
        nonce=nonce,
    )


def _open(secret: PairingSecret, role: Role, step: Step, sealed: bytes) -> bytes | None:
    plain = unseal(
        secret.key, sealed, domain=DOMAIN_PAIRING, bound_to=_bound_to(secret, role, step)
    )
    return _check(plain, step)


def _check(plain: bytes, step: Step) -> bytes | None:
    decoded = dagcbor.decode(plain, limit=limits.MAX_PAIRING, items=_ITEMS)
    fields = Fields(decoded, "a message of a pairing", {step.value})
    if step is Step.COMMIT:
        return fields.fixed(step.value, DIGEST_SIZE)
    if step is Step.VERDICT and fields.raw(step.value) is None:
        return None
    return fields.sized(step.value, least=1, most=limits.MAX_PAIRING)


# --- Verdicts ---------------------------------------------------------------------------------


def sign_verdict(key: SignKey, *, role: Role, pairing: bytes, says: Says, at: int) -> bytes:
    """Sign what this side's administrator decided.

    Args:
        key: This node's key.
        role: Which side this is.
        pairing: `Pairing.name`.
        says: The decision.
        at: The time now, seconds since 1970.
    """
    payload: dict[str, Value] = {
        "pairing": pairing,
        "role": role.value,
        "says": says.value,
        "at": at,
    }
    signed = envelope.sign(payload, tag=TAG_PAIRING, key=key)
    envelope.check_own(signed, _verdict)
    return signed


def read_verdict(signed: bytes, *, role: Role, pairing: bytes, signer: Did) -> Says:
    """Verify what the other side's administrator decided.

    Args:
        signed: The verdict as received.
        role: Which side must have signed it.
        pairing: `Pairing.name`.
        signer: The current key of the records that the other side showed.

    Raises:
        Oversize: Too many bytes.
        Malformed: Not canonical bytes.
        BadFields: Not exactly a verdict.
        BadSignature: Not signed by the node whose words were compared.
        WrongAnswer: It is about another pairing, or by the other role.
    """
    opened, fields = _verdict(signed)
    opened.verify(signer)
    if fields.fixed("pairing", DIGEST_SIZE) != pairing or fields.raw("role") != role.value:
        raise WrongAnswer("a verdict belongs to another pairing")
    return Says(fields.text("says", most=_SCOPE))


def _verdict(signed: bytes) -> tuple[Envelope, Fields]:
    opened = envelope.read(signed, tag=TAG_PAIRING, limit=limits.MAX_VERDICT)
    fields = Fields(opened.payload, "a verdict", {"pairing", "role", "says", "at"})
    fields.fixed("pairing", DIGEST_SIZE)
    fields.integer("at")
    try:
        Role(fields.text("role", most=_SCOPE))
        Says(fields.text("says", most=_SCOPE))
    except ValueError:
        raise BadFields("a verdict says what is not known") from None
    return opened, fields
