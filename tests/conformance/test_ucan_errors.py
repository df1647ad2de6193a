"""Each case of the UCAN specification, told again in this profile, gets the class of its fault.

No fixture fits the closed profile as it is (`test_ucan`). So who gives what to whom, when, and what
is wrong with it, is taken from the fixture's own bytes; command, policy and arguments are ours, and
the same principals sign again.
"""

import base64

import pytest

from conformance.test_ucan import BAD_SIGNATURE, CASES, load, parts
from undisc_protocol import dagcbor, limits
from undisc_protocol.capability import envelope
from undisc_protocol.capability.chain import verify_chain
from undisc_protocol.dagcbor import Cid
from undisc_protocol.errors import (
    BadFields,
    BadProofs,
    BadSignature,
    BrokenChain,
    Expired,
    NotYetValid,
    OutsidePolicy,
    WrongSubject,
)
from undisc_protocol.keys import SignKey

EXPECTED = {
    "single non-time bounded proof": None,
    "single active non-expired proof": None,
    "multiple proofs": None,
    "multiple active proofs": None,
    "policy match": None,
    # Valid in UCAN, and no part of this profile: nothing goes without a grant, and none is blank.
    "self signed": BadProofs,
    "powerline": BadFields,
    "no proof": BadProofs,
    "missing proof": BadProofs,
    "expired proof": Expired,
    "inactive proof": NotYetValid,
    "proof principal alignment": BrokenChain,
    "invocation principal alignment": BrokenChain,
    "proof subject alignment": WrongSubject,
    "invocation subject alignment": WrongSubject,
    "expired invocation": Expired,
    "invalid proof signature": BadSignature,
    "invalid invocation signature": BadSignature,
    "invalid powerline": BadFields,
    "policy violation": OutsidePolicy,
}
KEYS = {
    key.did: key
    for key in (
        SignKey.from_seed(base64.b64decode(seed)[2:])
        for seed in load("1.0.0", "delegation")["principals"].values()
    )
}
# A principal of two fixtures whose seed is not published.
NOBODY = SignKey.from_seed(bytes(range(32)))
STUDY = bytes(16)


def known(did):
    return did if did is None or did in KEYS else NOBODY.did


def said(tag, raw):
    """The payload, whatever the signature looks like."""
    return dagcbor.decode(raw, limit=limits.MAX_TOKEN)[1][tag]


def study_of(answer):
    """A study for the fixtures' `answer`."""
    return STUDY if answer is None else bytes([answer]) * 16


def signed(payload, tag, *, broken):
    key = KEYS.get(payload["iss"], NOBODY)
    raw = bytearray(envelope.sign(payload, tag=tag, key=key))
    raw[10] ^= broken
    return bytes(raw)


def proof_again(payload, place, *, of, now):
    """A proof of ours between the same principals, for the same time."""
    wanted = payload["pol"][0][2] if payload["pol"] else None
    policy = [["==", ".study", study_of(wanted)]]
    begins = payload.get("nbf", now - 60)
    again = {
        "iss": known(payload["iss"]),
        "aud": known(payload["aud"]),
        "sub": known(payload["sub"]),
        "cmd": "/img" if place + 1 < of else "/img/read",
        "pol": policy,
        "nonce": bytes(12),
        "nbf": begins if begins <= now else begins - 1,
        "exp": payload["exp"] or max(begins, now) + 3_600,
    }
    if payload["exp"]:
        again["nbf"] = payload["exp"] - 3_600
    if place == 0:
        again["meta"] = {"basis": "treatment"}
    else:
        policy.append(["==", ".by", again["aud"]])
    return again


def invocation_again(payload, proofs, *, now):
    expires = payload["exp"] or now + limits.INVOCATION_LIFETIME
    return {
        "iss": known(payload["iss"]),
        "aud": known(payload["sub"]),
        "sub": known(payload["sub"]),
        "cmd": "/img/read",
        "args": {
            "study": study_of(payload["args"].get("answer")),
            "series": None,
            "by": known(payload["iss"]),
            "key": bytes(32),
            "purpose": "",
        },
        "prf": proofs,
        "nonce": bytes(12),
        "iat": expires - limits.INVOCATION_LIFETIME,
        "exp": expires,
    }


def told_again(version, case):
    """Return invocation and proofs of this profile with the same story."""
    now, bad = case["time"], BAD_SIGNATURE.get(case["name"])
    (_, tag, invocation), *given = parts(version, case)
    asked = said(tag, invocation)
    again, names = [], {}
    for place, (_, proof_tag, raw) in enumerate(given):
        payload = proof_again(said(proof_tag, raw), place, of=len(given), now=now)
        again.append(signed(payload, envelope.TAG_DELEGATION, broken=bad == "proof"))
        names[Cid.of(raw)] = Cid.of(again[-1])
    if bad == "invocation":  # it stands on nothing, as only UCAN allows: it gets what it lacks
        alone = {**asked, "aud": asked["iss"], "pol": [], "exp": None}
        payload = proof_again(alone, 0, of=1, now=now)
        again.append(signed(payload, envelope.TAG_DELEGATION, broken=False))
    # What is named and not given stays named and not given.
    named = [names.get(cid, cid) for cid in asked["prf"]]
    payload = invocation_again(asked, named, now=now)
    return signed(payload, envelope.TAG_INVOCATION, broken=bad == "invocation"), again


def test_every_case_has_its_class():
    assert {case.values[1]["name"] for case in CASES} == set(EXPECTED)


@pytest.mark.parametrize(("version", "case"), CASES)
def test_the_class_of_the_fault(version, case):
    invocation, proofs = told_again(version, case)
    own = {dagcbor.decode(invocation, limit=4_096)[1][envelope.TAG_INVOCATION]["sub"]}
    expected = EXPECTED[case["name"]]
    if expected is None:
        verify_chain(invocation, proofs, own=own, now=case["time"])
        return
    with pytest.raises(expected) as caught:
        verify_chain(invocation, proofs, own=own, now=case["time"])
    assert type(caught.value) is expected
