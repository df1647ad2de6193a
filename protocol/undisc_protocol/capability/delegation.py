"""Grants and shares: the two delegations of the profile (SPEC.md §4.1, §4.2).

A grant is what a practice gives out of its own hand: to a patient's key (`/img`, may be shared on)
or to a named recipient (`/img/read` or `/img/view`, may not). A share is what a patient's key gives
to one recipient, who may not pass it on. What tells them apart is `meta`: only a grant has it.

Reading checks fields, shapes and keys of one delegation by itself. Whether its signature, its time
and its place in a chain are right is asked in `chain`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from undisc_protocol import limits
from undisc_protocol.capability import envelope, policy
from undisc_protocol.capability.envelope import TAG_DELEGATION, Envelope
from undisc_protocol.capability.policy import Policy
from undisc_protocol.dagcbor import DIGEST_SIZE, Cid, Value
from undisc_protocol.did import Did
from undisc_protocol.errors import BadFields, CommandNotGranted, PolicyWidened
from undisc_protocol.fields import Fields
from undisc_protocol.keys import SignKey

COMMAND_ALL: Final = "/img"  # everything, and the right to share; only a grant has it
COMMAND_READ: Final = "/img/read"  # objects and their keys
COMMAND_VIEW: Final = "/img/view"  # rendered through the holder's viewer only

_BOTH = frozenset({"iss", "aud", "sub", "cmd", "pol", "nonce", "exp"})


class Basis(StrEnum):
    """On what authority a grant was made."""

    PATIENT = "patient"
    PROXY = "proxy"
    TREATMENT = "treatment"
    EMERGENCY = "emergency"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Meta:
    """What a grant says about itself; never authority by itself.

    Attributes:
        basis: On what authority it was made.
        consent: SHA-256 of the recorded consent, 32 bytes, or None.
    """

    basis: Basis
    consent: bytes | None = None


@dataclass(frozen=True, slots=True)
class Delegation:
    """A grant or a share whose fields are right and whose signature has not been looked at.

    Attributes:
        envelope: Its bytes; names and verifies them.
        issuer: Who gave it.
        audience: Who got it.
        subject: The node whose images it is about.
        command: `/img`, `/img/read` or `/img/view`.
        policy: What it is confined to.
        nonce: 12 to 32 random bytes.
        not_before: Its first second, or None in a grant that is valid at once.
        expires: The first second at which it is over.
        meta: What a grant says about itself; None in a share.
    """

    envelope: Envelope
    issuer: Did
    audience: Did
    subject: Did
    command: str
    policy: Policy
    nonce: bytes
    not_before: int | None
    expires: int
    meta: Meta | None

    @property
    def raw(self) -> bytes:
        """All bytes, as received."""
        return self.envelope.raw

    @property
    def cid(self) -> Cid:
        """Name of these bytes, signature included: what an invocation's `prf` holds."""
        return self.envelope.cid

    @property
    def signed_hash(self) -> bytes:
        """Id of the grant or share, 32 bytes: the same for every signature over its payload."""
        return self.envelope.signed_hash


def sign_grant(
    key: SignKey,
    *,
    audience: Did,
    study: bytes,
    command: str,
    meta: Meta,
    nonce: bytes,
    expires: int,
    not_before: int | None = None,
) -> bytes:
    """Sign a grant of the node that holds the study.

    Args:
        key: The node key.
        audience: Patient key or link key (`/img`), or the recipient (`/img/read`, `/img/view`).
        study: The study's id, 16 bytes.
        command: One of the three commands.
        meta: On what authority.
        nonce: 12 to 32 fresh random bytes.
        expires: End, seconds since 1970.
        not_before: First second, or None for at once.

    Raises:
        LocalProtocolError: The grant would be refused by everybody.
    """
    said: dict[str, Value] = {"basis": meta.basis.value}
    if meta.consent is not None:
        said["consent"] = meta.consent
    payload: dict[str, Value] = {
        "iss": key.did,
        "aud": audience,
        "sub": key.did,
        "cmd": command,
        "pol": policy.build(Policy(study)),
        "nonce": nonce,
        "exp": expires,
        "meta": said,
    }
    if not_before is not None:
        payload["nbf"] = not_before
    return _signed(payload, key)


def sign_share(
    key: SignKey,
    *,
    audience: Did,
    subject: Did,
    study: bytes,
    command: str,
    nonce: bytes,
    not_before: int,
    expires: int,
    series: tuple[bytes, ...] = (),
) -> bytes:
    """Sign a share of a patient.

    Args:
        key: The patient's key, which a grant names as its audience.
        audience: The recipient: a node's DID or a link key.
        subject: The DID of the node that holds the study, as in the grant.
        study: The study's id, 16 bytes.
        command: `/img/read` or `/img/view`.
        nonce: 12 to 32 fresh random bytes.
        not_before: Time of making, seconds since 1970; not before the grant was made.
        expires: End, seconds since 1970; not after the grant's.
        series: Names of the only series, sorted; empty for the whole study.

    Raises:
        LocalProtocolError: The share would be refused by everybody.
    """
    payload: dict[str, Value] = {
        "iss": key.did,
        "aud": audience,
        "sub": subject,
        "cmd": command,
        "pol": policy.build(Policy(study, audience, series)),
        "nonce": nonce,
        "nbf": not_before,
        "exp": expires,
    }
    return _signed(payload, key)


def _signed(payload: dict[str, Value], key: SignKey) -> bytes:
    """Sign, and read back with the eyes of the recipient."""
    raw = envelope.sign(payload, tag=TAG_DELEGATION, key=key)
    envelope.check_own(raw, read_delegation)
    return raw


def read_delegation(raw: bytes) -> Delegation:
    """Read a grant or a share, without trusting it yet.

    Raises:
        Oversize: Too many bytes or series.
        Malformed: Not canonical bytes.
        BadFields: Fields are missing, extra, or of the wrong type.
        BadKey: A principal is not a sound did:key.
        CommandNotGranted: Not a command of the profile, or not for this kind of delegation.
        PolicyWidened: A policy of another shape.
    """
    opened = envelope.read(raw, tag=TAG_DELEGATION, limit=limits.MAX_TOKEN)
    if "meta" in opened.payload:
        return _grant(opened)
    return _share(opened)


def _grant(opened: Envelope) -> Delegation:
    fields = Fields(opened.payload, "a grant", _BOTH | {"meta"}, optional={"nbf"})
    meta = _meta(fields.raw("meta"))
    grant = _delegation(
        opened, fields, of="a grant", commands=(COMMAND_ALL, COMMAND_READ, COMMAND_VIEW), meta=meta
    )
    if grant.policy.by is not None:
        raise PolicyWidened("a grant confines to a study and nothing else")
    named_by_patient = meta.basis in {Basis.PATIENT, Basis.PROXY}
    if grant.command != COMMAND_ALL and named_by_patient and meta.consent is None:
        raise BadFields("a direct grant on a patient's word has no hash of the consent")
    return grant


def _share(opened: Envelope) -> Delegation:
    fields = Fields(opened.payload, "a share", _BOTH | {"nbf"})
    share = _delegation(
        opened, fields, of="a share", commands=(COMMAND_READ, COMMAND_VIEW), meta=None
    )
    if share.policy.by != share.audience:
        raise PolicyWidened("a share can be used by its audience only")
    return share


def _delegation(
    opened: Envelope, fields: Fields, *, of: str, commands: tuple[str, ...], meta: Meta | None
) -> Delegation:
    command = fields.text("cmd", most=limits.MAX_COMMAND)
    nonce = fields.sized("nonce", least=limits.MIN_NONCE, most=limits.MAX_NONCE)
    not_before = fields.integer("nbf") if "nbf" in fields else None
    expires = fields.integer("exp")
    if not_before is not None and expires <= not_before:
        raise BadFields(f"{of} ends before it begins")
    issuer, audience, subject = fields.did("iss"), fields.did("aud"), fields.did("sub")
    if command not in commands:
        raise CommandNotGranted(f"{of} has a command that it cannot have")
    confined = policy.match(fields.raw("pol"))
    return Delegation(
        opened, issuer, audience, subject, command, confined, nonce, not_before, expires, meta
    )


def _meta(value: Value) -> Meta:
    fields = Fields(value, "a grant's meta", {"basis"}, optional={"consent"})
    basis = next((known for known in Basis if known.value == fields.raw("basis")), None)
    if basis is None:
        raise BadFields("a grant names an unknown basis")
    return Meta(basis, fields.fixed("consent", DIGEST_SIZE) if "consent" in fields else None)
