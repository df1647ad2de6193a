"""A child is never more than its parent, whatever stands in it, under whoever's good signature.

`test_chain_authority` draws chains that are nearly right. Here a chain that is right gets anything
at all in some of its places: commands beside and above, policies of every shape of UCAN, series,
times, principals, further proofs. What is still accepted is measured by `support.authority`.
"""

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from fuzz.capability import OWN, PATIENT, SERIES, chains, signed_by_issuer
from support.authority import check_never_more
from support.parties import ASKER, HOLDER, NOW, STRANGER, STUDY, label
from undisc_protocol import dagcbor
from undisc_protocol.capability.chain import verify_chain
from undisc_protocol.capability.envelope import TAG_DELEGATION, TAG_INVOCATION
from undisc_protocol.dagcbor import Cid
from undisc_protocol.errors import RemoteProtocolError

WHOLE = [dagcbor.decode(raw, limit=16_384) for raw in chains()]
OTHER = label("another study", 16)
dids = st.sampled_from([key.did for key in (HOLDER.key, ASKER.key, STRANGER.key, PATIENT)])
commands = st.sampled_from(
    ["/", "/img", "/img/", "/img/read", "/img/view", "/img/read/x", "/imgadmin", "/IMG", "img", ""]
)
studies = st.sampled_from([STUDY, OTHER, b"", STUDY + b"\0"])
series_lists = st.lists(st.sampled_from([*SERIES, OTHER]), max_size=4)
values = st.one_of(studies, dids, st.sampled_from([None, True, 0, "", []]), series_lists)
statements = st.recursive(
    st.one_of(
        studies.map(lambda study: ["==", ".study", study]),
        dids.map(lambda did: ["==", ".by", did]),
        series_lists.map(
            lambda names: ["all", ".series", ["or", [["==", ".", name] for name in names]]]
        ),
        st.tuples(st.sampled_from(["==", "!=", "<", "like"]),
                  st.sampled_from([".", ".study", ".series", ".by", ".study?"]), values).map(list),
    ),
    lambda inner: st.one_of(
        inner.map(lambda one: ["not", one]),
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, max_size=2)).map(list),
        st.tuples(st.sampled_from(["all", "any"]), st.just(".series"), inner).map(list),
    ),
    max_leaves=3,
)  # fmt: skip
times = st.sampled_from([-86_401, -61, -60, -59, -1, 0, 1, 59, 60, 61, 299, 300, 301, 3_599, 3_600,
                         3_601, 86_399, 86_400, 86_401, 400 * 86_400, 401 * 86_400]).map(
    lambda delta: NOW + delta
)  # fmt: skip
PLACES = {
    "iss": dids,
    "aud": dids,
    "sub": dids | st.none(),
    "cmd": commands,
    "pol": st.lists(statements, max_size=3),
    "exp": times | st.none(),
    "nbf": times,
    "iat": times,
    "meta": st.fixed_dictionaries({"basis": st.sampled_from(["patient", "operator", "none"])}),
    "study": studies,
    "series": series_lists | st.none(),
    "by": dids,
}
ADDED = {"nbf", "meta"}  # what a proof may have


@st.composite
def disturbed(draw):
    """A chain that was right, with one to three places changed."""
    asked, *proofs = draw(st.sampled_from(WHOLE))
    parts = [{**asked, "args": dict(asked["args"])}, *(dict(proof) for proof in proofs)]
    for _ in range(draw(st.integers(1, 3))):
        part = draw(st.sampled_from([*parts, parts[0]["args"]]))
        name = draw(
            st.sampled_from(
                sorted(PLACES.keys() & (part.keys() | (ADDED if "pol" in part else set())))
            )
        )
        if draw(st.integers(0, 9)) == 0:
            part.pop(name, None)
        else:
            part[name] = draw(PLACES[name])
    asked, *proofs = parts
    if draw(st.integers(0, 9)) == 0:
        proofs = draw(st.lists(st.sampled_from(proofs), max_size=3))
    return asked, proofs


@settings(deadline=None, max_examples=1_500)
@given(disturbed())
def test_what_is_accepted_is_never_more(chain):
    asked, proofs = chain
    raws = [signed_by_issuer(proof, TAG_DELEGATION) for proof in proofs]
    asked = {**asked, "prf": [Cid.of(raw) for raw in raws]}
    try:
        verify_chain(signed_by_issuer(asked, TAG_INVOCATION), raws, own=OWN, now=NOW)
    except RemoteProtocolError as refusal:
        event(refusal.code)
        return
    event("accepted")
    check_never_more(asked, proofs, own=OWN, now=NOW)


WIDER = {
    "a command beside": ("cmd", "/img/view"),
    "the right to share": ("cmd", "/img"),
    "another study": ("study", OTHER),
    "the whole study": ("series", None),
    "another series": ("series", [SERIES[2]]),
    "another user": ("by", STRANGER.key.did),
    "a later end": ("exp", NOW + 86_401),
}


@pytest.mark.parametrize("what", WIDER)
def test_the_measure_sees_what_is_more(what):
    """The test above is worth nothing if the measure is satisfied with everything."""
    name, value = WIDER[what]
    asked, grant, share = WHOLE[2]
    check_never_more(asked, [grant, share], own=OWN, now=NOW)
    if name == "exp":
        share = {**share, "exp": value}
    elif name in asked["args"]:
        asked = {**asked, "args": {**asked["args"], name: value}}
    else:
        asked = {**asked, name: value}
    with pytest.raises(AssertionError):
        check_never_more(asked, [grant, share], own=OWN, now=NOW)
