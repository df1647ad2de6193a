"""Targets: delegations, invocations, and whole chains that are properly signed."""

from __future__ import annotations

from fuzz.seeds import parts, payloads, vectorfile
from fuzz.signing import signed
from fuzz.target import Target
from support.authority import check_never_more
from support.parties import ASKER, GRANT, HOLDER, INVOCATION, NOW, STRANGER, STUDY, label
from undisc_protocol import dagcbor
from undisc_protocol.capability import envelope, policy
from undisc_protocol.capability.chain import verify_chain, verify_permission
from undisc_protocol.capability.delegation import (
    Basis,
    Meta,
    read_delegation,
    sign_grant,
    sign_share,
)
from undisc_protocol.capability.envelope import TAG_DELEGATION, TAG_INVOCATION, VARSIG
from undisc_protocol.capability.invocation import read_invocation
from undisc_protocol.dagcbor import Cid
from undisc_protocol.errors import (
    BadFields,
    BadKey,
    BadProofs,
    BadSignature,
    BrokenChain,
    CommandNotGranted,
    Expired,
    LifetimeTooLong,
    Malformed,
    NotYetValid,
    OutsidePolicy,
    Oversize,
    PolicyWidened,
    WrongAudience,
    WrongSubject,
)
from undisc_protocol.keys import SignKey

PATIENT = SignKey.from_seed(label("patient"))
OWN = {HOLDER.key.did}
SERIES = tuple(sorted(label(f"series {number}", 16) for number in range(3)))
_KEYS = {key.did: key for key in (HOLDER.key, ASKER.key, STRANGER.key, PATIENT)}
_WORDS = (
    *(did.encode() for did in _KEYS),
    *(bytes((len(text) | 0x60,)) + text.encode() for text in (
        "iss", "aud", "sub", "cmd", "pol", "nonce", "exp", "nbf", "iat", "meta", "prf", "args",
        "basis", "consent", "series", "study", "by", "key", "purpose", "/", "/img", "/img/read",
        "/img/view", "/img/", "/imgadmin", "all", "any", "or", "and", "not", "like", ".study",
        ".series", ".by", ".", "==", "!=",
    )),
    b"\x50" + STUDY,
    *(b"\x50" + name for name in SERIES),
)  # fmt: skip
READING = (Oversize, Malformed, BadFields, BadKey, CommandNotGranted, PolicyWidened)


def _says(raw, tag, payload):
    assert dagcbor.encode({"h": VARSIG, tag: payload}) == raw[67:]


def _delegation(raw):
    """What was read, written again from its parts, is what was signed."""
    read = read_delegation(raw)
    payload = {
        "iss": read.issuer,
        "aud": read.audience,
        "sub": read.subject,
        "cmd": read.command,
        "pol": policy.build(read.policy),
        "nonce": read.nonce,
        "exp": read.expires,
    }
    if read.not_before is not None:
        payload["nbf"] = read.not_before
    if read.meta is not None:
        payload["meta"] = {"basis": read.meta.basis.value}
        if read.meta.consent is not None:
            payload["meta"]["consent"] = read.meta.consent
    _says(raw, TAG_DELEGATION, payload)
    assert read.raw == raw


def _invocation(raw):
    read = read_invocation(raw)
    asked = read.arguments
    _says(
        raw,
        TAG_INVOCATION,
        {
            "iss": read.issuer,
            "aud": read.audience,
            "sub": read.subject,
            "cmd": read.command,
            "args": {
                "study": asked.study,
                "series": list(asked.series) or None,
                "by": asked.by,
                "key": asked.key,
                "purpose": asked.purpose,
            },
            "prf": read.proofs,
            "nonce": read.nonce,
            "iat": read.issued,
            "exp": read.expires,
        },
    )


def signed_by_issuer(payload, tag):
    """Sign with the key of whom the payload names, if it is one of ours."""
    issuer = payload.get("iss")
    key = _KEYS.get(issuer, STRANGER.key) if isinstance(issuer, str) else STRANGER.key
    return envelope.sign(payload, tag=tag, key=key)


def _chain(data):
    """An array of payloads: the invocation, then the proofs; each is signed by whom it names.

    An invocation without `prf` gets the right one, so that proofs may be changed freely.
    """
    value = dagcbor.decode(data, limit=16_384)
    match value:
        case [dict() as asked, *proofs] if all(isinstance(proof, dict) for proof in proofs):
            pass
        case _:
            raise BadFields("not an array of payloads")
    raws = [signed_by_issuer(proof, TAG_DELEGATION) for proof in proofs]
    asked.setdefault("prf", [Cid.of(raw) for raw in raws])
    claim = verify_chain(signed_by_issuer(asked, TAG_INVOCATION), raws, own=OWN, now=NOW)
    check_never_more(asked, proofs, own=OWN, now=NOW)
    assert verify_permission(raws, own=OWN, now=NOW) == claim.permission
    assert claim.study == asked["args"]["study"]
    assert claim.command == asked["cmd"]
    assert claim.audience == proofs[-1]["aud"]
    assert (claim.series or frozenset()) == frozenset(asked["args"]["series"] or ())


def _payload(raw):
    return vectorfile.payload_of(raw)[1]


def chains():
    """Make chains of one and of two proofs that are accepted."""
    direct = _payload(INVOCATION)
    del direct["prf"]
    yield dagcbor.encode([direct, _payload(GRANT)])
    grant = sign_grant(
        HOLDER.key,
        audience=PATIENT.did,
        study=STUDY,
        command="/img",
        meta=Meta(Basis.PATIENT, label("consent")),
        nonce=label("patient's grant", 12),
        expires=NOW + 86_400,
        not_before=NOW,
    )
    for series in ((), SERIES[:1], SERIES):
        share = sign_share(
            PATIENT,
            audience=ASKER.key.did,
            subject=HOLDER.key.did,
            study=STUDY,
            command="/img/read",
            nonce=label("share", 12),
            not_before=NOW,
            expires=NOW + 3_600,
            series=series,
        )
        asked = {**direct, "args": {**direct["args"], "series": list(series) or None}}
        yield dagcbor.encode([asked, _payload(grant), _payload(share)])


TARGETS = [
    Target(
        "delegation",
        signed(_delegation, tag=TAG_DELEGATION, key=HOLDER.key),
        lambda: payloads([*parts("delegation"), GRANT]),
        READING,
        words=_WORDS,
    ),
    Target(
        "invocation",
        signed(_invocation, tag=TAG_INVOCATION, key=HOLDER.key),
        lambda: payloads([*parts("invocation"), INVOCATION]),
        READING,
        words=_WORDS,
    ),
    Target(
        "chain",
        _chain,
        chains,
        (
            *READING,
            BadSignature,
            WrongAudience,
            WrongSubject,
            NotYetValid,
            Expired,
            LifetimeTooLong,
            BadProofs,
            BrokenChain,
            OutsidePolicy,
        ),
        longest=16_384,
        words=_WORDS,
    ),
]
