"""The fixtures of the UCAN specification, as far as they can say something about this profile.

Encoding, CIDs, signature header and signatures are UCAN's, so every fixture goes through our
decoder and envelope. The rules above them are a closed profile: three commands, three policy
shapes, exact fields, no powerline. No fixture fits it, so what the fixtures say about policies,
powerlines and chains of other shapes does not apply here, and the last test shows that all of them
are refused.
"""

import base64
import json
from pathlib import Path

import pytest

from undisc_protocol import dagcbor, limits
from undisc_protocol.capability import envelope
from undisc_protocol.capability.chain import verify_chain
from undisc_protocol.dagcbor import CID_PREFIX, Cid
from undisc_protocol.did import Did
from undisc_protocol.errors import Expired, Malformed, NotYetValid, RemoteProtocolError
from undisc_protocol.keys import SignKey
from undisc_protocol.times import check_begun, check_not_ended

DATA = Path(__file__).parents[1] / "data" / "ucan"
VERSIONS = ("1.0.0", "1.0.0-rc.1")


def load(version, name):
    return json.loads((DATA / f"spec-{version}" / f"{name}.json").read_text())


def unpadded(node):
    text = node["/"]["bytes"]
    return base64.b64decode(text + "=" * (-len(text) % 4))


def text_of(cid):
    """The text of a CID in the fixtures: multibase b, base32 in lower case."""
    return "b" + base64.b32encode(CID_PREFIX + cid.digest).decode().rstrip("=").lower()


CASES = [
    pytest.param(version, case, id=f"{version}-{case['name'].replace(' ', '-')}")
    for version in VERSIONS
    for kind in ("valid", "invalid")
    for case in load(version, "invocation")[kind]
]
BAD_SIGNATURE = {"invalid proof signature": "proof", "invalid invocation signature": "invocation"}


def parts(version, case):
    """Each token of a case with its tag and role."""
    yield "invocation", f"ucan/inv@{version}", unpadded(case["invocation"])
    for proof in case["proofs"]:
        yield "proof", f"ucan/dlg@{version}", unpadded(proof)


def test_the_fixtures_are_complete():
    assert len(CASES) == 40


@pytest.mark.parametrize("version", VERSIONS)
def test_delegation(version):
    """The delegation is read, named and signed again to the same bytes."""
    fixture = load(version, "delegation")
    for case in fixture["valid"]:
        raw = base64.b64decode(case["token"])
        tag = f"ucan/dlg@{version}"
        opened = envelope.read(raw, tag=tag, limit=limits.MAX_TOKEN)
        said = case["envelope"]["payload"]
        opened.verify(Did(said["iss"]))
        assert text_of(opened.cid) == case["cid"]
        assert {
            **opened.payload,
            "nonce": base64.b64encode(opened.payload["nonce"]).decode(),
        } == said
        keys = [
            SignKey.from_seed(base64.b64decode(principal)[2:])
            for principal in fixture["principals"].values()
        ]
        (issuer,) = [key for key in keys if key.did == said["iss"]]
        assert envelope.sign(opened.payload, tag=tag, key=issuer) == raw


@pytest.mark.parametrize(("version", "case"), CASES)
def test_encoding_and_signature(version, case):
    """Every token is canonical and re-encodes to itself; its signature has the expected verdict."""
    for role, tag, raw in parts(version, case):
        if BAD_SIGNATURE.get(case["name"]) == role:
            # These carry a signature of three bytes.
            with pytest.raises(Malformed):
                envelope.read(raw, tag=tag, limit=limits.MAX_TOKEN)
            continue
        opened = envelope.read(raw, tag=tag, limit=limits.MAX_TOKEN)
        opened.verify(Did(opened.payload["iss"]))
        assert dagcbor.encode(dagcbor.decode(raw, limit=len(raw))) == raw


NAMING = [
    case
    for case in CASES
    if case.values[1]["name"] not in {"invalid invocation signature", "missing proof"}
]


@pytest.mark.parametrize(("version", "case"), NAMING)
def test_proofs_are_named_by_our_cids(version, case):
    """`prf` holds the CIDs of the given proofs, root first, as in this profile."""
    (_, tag, raw), *proofs = parts(version, case)
    payload = envelope.read(raw, tag=tag, limit=limits.MAX_TOKEN).payload
    assert payload["prf"] == [Cid.of(proof) for _, _, proof in proofs]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("expired proof", Expired),
        ("expired invocation", Expired),
        ("inactive proof", NotYetValid),
        ("single active non-expired proof", None),
        ("multiple active proofs", None),
    ],
)
def test_times(version, name, error):
    """Where a fixture is about time, our rule of time has the same verdict."""
    fixture = load(version, "invocation")
    (case,) = [
        case for kind in ("valid", "invalid") for case in fixture[kind] if case["name"] == name
    ]

    def check():
        for _, tag, raw in parts(version, case):
            payload = envelope.read(raw, tag=tag, limit=limits.MAX_TOKEN).payload
            if payload.get("nbf") is not None:
                check_begun(payload["nbf"], of="a token", now=case["time"])
            if payload["exp"] is not None:
                check_not_ended(payload["exp"], of="a token", now=case["time"])

    if error is None:
        check()
    else:
        with pytest.raises(error):
            check()


@pytest.mark.parametrize(("version", "case"), CASES)
def test_the_profile_is_closed(version, case):
    """UCAN that is not of this profile is refused, valid or not."""
    (_, _, invocation), *proofs = parts(version, case)
    own = [invocation_subject(version, case)]
    with pytest.raises(RemoteProtocolError):
        verify_chain(invocation, [raw for _, _, raw in proofs], own=own, now=case["time"])


def invocation_subject(version, case):
    payload = dagcbor.decode(unpadded(case["invocation"]), limit=limits.MAX_TOKEN)[1]
    return payload[f"ucan/inv@{version}"]["sub"]
