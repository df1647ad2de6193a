"""Random grants, shares and invocations: what is accepted never allows more than was given.

The verdict of the verification is compared with that of a model written as plain conditions, over
values drawn from so few that chains often fit and often just miss.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from support.parties import label
from undisc_protocol import limits
from undisc_protocol.capability import envelope, policy
from undisc_protocol.capability.chain import verify_chain
from undisc_protocol.capability.policy import Policy
from undisc_protocol.dagcbor import Cid
from undisc_protocol.errors import RemoteProtocolError
from undisc_protocol.keys import SignKey

NOW = 1_800_000_000
HOLDER, PATIENT, RECIPIENT, STRANGER = (
    SignKey.from_seed(label(name)) for name in ("holder", "patient", "recipient", "stranger")
)
STUDIES = [label("study one", 16), label("study two", 16)]
SERIES = sorted(label(f"series {number}", 16) for number in range(3))


def mostly(usual, *others):
    """Draw the usual value often enough for whole chains to fit."""
    return st.sampled_from([usual] * 40 + list(others))


keys = [HOLDER, PATIENT, RECIPIENT, STRANGER]
series_sets = st.sets(st.sampled_from(SERIES)).map(lambda names: tuple(sorted(names)))
times = mostly(0, -3600, -61, -60, 59, 60, 61, 3600)


@st.composite
def grants(draw):
    return {
        "signer": draw(mostly(HOLDER, *keys)),
        "iss": draw(mostly(HOLDER, *keys)),
        "sub": draw(mostly(HOLDER, STRANGER)),
        "aud": draw(mostly(PATIENT, RECIPIENT)),
        "cmd": draw(mostly("/img", "/img/read", "/img/view")),
        "study": draw(mostly(*STUDIES)),
        "begins": draw(st.none() | times.map(lambda delta: NOW + delta)),
        "ends": NOW + draw(mostly(86_400, -60, -59, 1, 100, 500 * 86_400)),
    }


@st.composite
def shares(draw):
    return {
        "signer": draw(mostly(PATIENT, *keys)),
        "iss": draw(mostly(PATIENT, *keys)),
        "sub": draw(mostly(HOLDER, STRANGER)),
        "aud": draw(mostly(RECIPIENT, STRANGER)),
        "cmd": draw(mostly("/img/read", "/img/view")),
        "study": draw(mostly(*STUDIES)),
        "series": draw(series_sets),
        "begins": NOW + draw(times),
        "ends": NOW + draw(mostly(3600, 86_400, 86_401, -60, -59)),
    }


@st.composite
def invocations(draw):
    return {
        "signer": draw(mostly(RECIPIENT, *keys)),
        "iss": draw(mostly(RECIPIENT, *keys)),
        "aud": draw(mostly(HOLDER, STRANGER)),
        "sub": draw(mostly(HOLDER, STRANGER)),
        "by": draw(mostly(RECIPIENT, *keys)),
        "cmd": draw(mostly("/img/read", "/img/view")),
        "study": draw(mostly(*STUDIES)),
        "series": draw(series_sets),
        "begins": NOW + draw(times),
        "lasts": draw(mostly(200, 300, 301, 1)),
        "names": draw(mostly("all", "none", "swapped")),
    }


def written_grant(grant):
    payload = {
        "iss": grant["iss"].did,
        "aud": grant["aud"].did,
        "sub": grant["sub"].did,
        "cmd": grant["cmd"],
        "pol": policy.build(Policy(grant["study"])),
        "nonce": bytes(12),
        "exp": grant["ends"],
        "meta": {"basis": "treatment"},
    }
    if grant["begins"] is not None:
        payload["nbf"] = grant["begins"]
    return envelope.sign(payload, tag=envelope.TAG_DELEGATION, key=grant["signer"])


def written_share(share):
    payload = {
        "iss": share["iss"].did,
        "aud": share["aud"].did,
        "sub": share["sub"].did,
        "cmd": share["cmd"],
        "pol": policy.build(Policy(share["study"], share["aud"].did, share["series"])),
        "nonce": bytes(12),
        "nbf": share["begins"],
        "exp": share["ends"],
    }
    return envelope.sign(payload, tag=envelope.TAG_DELEGATION, key=share["signer"])


def written_invocation(asked, proofs):
    named = {"all": proofs, "none": [], "swapped": proofs[::-1]}[asked["names"]]
    payload = {
        "iss": asked["iss"].did,
        "aud": asked["aud"].did,
        "sub": asked["sub"].did,
        "cmd": asked["cmd"],
        "args": {
            "study": asked["study"],
            "series": list(asked["series"]) or None,
            "by": asked["by"].did,
            "key": bytes(32),
            "purpose": "",
        },
        "prf": [Cid.of(proof) for proof in named],
        "nonce": bytes(12),
        "iat": asked["begins"],
        "exp": asked["begins"] + asked["lasts"],
    }
    return envelope.sign(payload, tag=envelope.TAG_INVOCATION, key=asked["signer"])


def now_between(begins, ends):
    begun = begins is None or begins - 60 <= NOW
    return begun and ends + 60 > NOW and (begins is None or begins < ends)


def permitted(grant, share, asked):
    """The model: everything that must be true, in any order."""
    last = share or grant
    direct = share is None
    return all(
        (
            asked["signer"] is asked["iss"] is asked["by"] is last["aud"],
            asked["aud"]
            is asked["sub"]
            is grant["sub"]
            is grant["iss"]
            is grant["signer"]
            is HOLDER,
            asked["names"] == "all" or (asked["names"] == "swapped" and direct),
            asked["study"] == grant["study"],
            now_between(asked["begins"], asked["begins"] + asked["lasts"]),
            asked["lasts"] <= 300,
            now_between(grant["begins"], grant["ends"]),
            grant["ends"] <= NOW + limits.GRANT_LIFETIME + 60,
            asked["cmd"] == grant["cmd"] or grant["cmd"] == "/img",
            direct
            or (
                grant["cmd"] == "/img"
                and share["signer"] is share["iss"] is grant["aud"]
                and share["sub"] is HOLDER
                and share["cmd"] == asked["cmd"]
                and share["study"] == grant["study"]
                and share["ends"] <= grant["ends"]
                and now_between(share["begins"], share["ends"])
                and (
                    not share["series"]
                    or (asked["series"] and set(asked["series"]) <= set(share["series"]))
                )
            ),
        )
    )


@settings(deadline=None, max_examples=600)
@given(grants(), st.none() | shares(), invocations())
def test_accepted_exactly_when_permitted(grant, share, asked):
    proofs = [written_grant(grant)]
    if share:
        proofs.append(written_share(share))
    invocation = written_invocation(asked, proofs)
    try:
        claim = verify_chain(invocation, proofs, own={HOLDER.did}, now=NOW)
    except RemoteProtocolError:
        assert not permitted(grant, share, asked)
        return
    assert permitted(grant, share, asked)
    assert claim.study == grant["study"]
    assert claim.command == asked["cmd"]
    assert claim.audience == (share or grant)["aud"].did
    assert (claim.series or frozenset()) == frozenset(asked["series"])


def test_the_model_permits_something():
    """The comparison above is worth nothing if no drawn chain ever fits."""
    grant = {
        "signer": HOLDER, "iss": HOLDER, "sub": HOLDER, "aud": PATIENT, "cmd": "/img",
        "study": STUDIES[0], "begins": None, "ends": NOW + 86_400,
    }  # fmt: skip
    share = {
        "signer": PATIENT, "iss": PATIENT, "sub": HOLDER, "aud": RECIPIENT, "cmd": "/img/read",
        "study": STUDIES[0], "series": tuple(SERIES[:2]), "begins": NOW, "ends": NOW + 86_400,
    }  # fmt: skip
    asked = {
        "signer": RECIPIENT, "iss": RECIPIENT, "aud": HOLDER, "sub": HOLDER, "by": RECIPIENT,
        "cmd": "/img/read", "study": STUDIES[0], "series": (SERIES[1],), "begins": NOW,
        "lasts": 300, "names": "all",
    }  # fmt: skip
    assert permitted(grant, share, asked)
    proofs = [written_grant(grant), written_share(share)]
    verify_chain(written_invocation(asked, proofs), proofs, own={HOLDER.did}, now=NOW)
