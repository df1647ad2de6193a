"""Signatures at the edges of Ed25519 (C2SP CCTV), under the rule of SPEC.md §2.2 and §3.1."""

import json
from pathlib import Path

import pytest

from undisc_protocol.capability.envelope import Envelope
from undisc_protocol.did import encode_did
from undisc_protocol.errors import BadKey, BadSignature

VECTORS = json.loads(
    (Path(__file__).parents[1] / "data/ed25519-cctv/ed25519vectors.json").read_text()
)


def outcome(vector):
    raw = b"\x82\x58\x40" + bytes.fromhex(vector["sig"]) + vector["msg"].encode()
    try:
        Envelope(raw, {}).verify(encode_did(bytes.fromhex(vector["key"])))
    except (BadKey, BadSignature) as refusal:
        return type(refusal)
    return None


def test_the_set_is_complete():
    assert len(VECTORS) == 914


def test_only_the_ordinary_signature_is_accepted():
    """Libsodium alone also accepts 42 signatures under keys with a small-order component."""
    accepted = [vector for vector in VECTORS if outcome(vector) is None]
    assert accepted == [vector for vector in VECTORS if not vector["flags"]]
    assert len(accepted) == 1


@pytest.mark.parametrize("flag", ["low_order_A", "low_order_component_A", "non_canonical_A"])
def test_unsound_keys_are_refused_as_keys(flag):
    """Nothing is verified under them at all."""
    assert {outcome(vector) for vector in VECTORS if flag in (vector["flags"] or ())} == {BadKey}
