"""Every reader of signed bytes gets them whole, cut, prolonged and damaged, and never breaks."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.parties import GRANT, HOLDER, INVOCATION, NOW
from undisc_protocol.capability.chain import verify_chain, verify_permission
from undisc_protocol.capability.delegation import read_delegation
from undisc_protocol.capability.invocation import read_invocation
from undisc_protocol.errors import REMOTE_CODES, RemoteProtocolError
from undisc_protocol.identity import (
    node_document,
    read_identity,
    read_node_document,
    read_status_card,
)
from undisc_protocol.link import read_secret, write_secret

OWN = {HOLDER.key.did}
READERS = {
    "delegation": (GRANT, read_delegation),
    "permission": (GRANT, lambda raw: verify_permission([raw], own=OWN, now=NOW)),
    "invocation": (INVOCATION, read_invocation),
    "chain": (INVOCATION, lambda raw: verify_chain(raw, [GRANT], own=OWN, now=NOW)),
    "proof": (GRANT, lambda raw: verify_chain(INVOCATION, [raw], own=OWN, now=NOW)),
    "identity": (HOLDER.identity.records[0], lambda raw: read_identity([raw])),
    "card": (
        HOLDER.card,
        lambda raw: read_status_card(raw, identity=HOLDER.identity, now=NOW),
    ),
    "document": (
        node_document(HOLDER.identity.records, HOLDER.card),
        lambda raw: read_node_document(raw, now=NOW),
    ),
}
SIGNED = [name for name in READERS if name not in {"delegation", "invocation"}]


def refused(reader, raw):
    """Whether a leaf of our errors came out; anything else fails the test."""
    try:
        reader(raw)
    except RemoteProtocolError as error:
        return type(error) is REMOTE_CODES[error.code]
    return False


@pytest.mark.parametrize("name", READERS)
def test_whole(name):
    raw, reader = READERS[name]
    assert not refused(reader, raw)


@pytest.mark.parametrize("name", READERS)
def test_cut_anywhere(name):
    raw, reader = READERS[name]
    assert all(refused(reader, raw[:length]) for length in range(len(raw)))


@pytest.mark.parametrize("name", READERS)
def test_bytes_behind(name):
    raw, reader = READERS[name]
    assert all(refused(reader, raw + behind) for behind in (b"\x00", b"\xf6", raw, bytes(70_000)))


@pytest.mark.parametrize("name", SIGNED)
def test_one_bit_wrong_anywhere(name):
    """Each byte in turn gets one wrong bit; no place is beyond the signature's protection."""
    raw, reader = READERS[name]
    for place in range(len(raw)):
        changed = raw[:place] + bytes((raw[place] ^ 1 << place % 8,)) + raw[place + 1 :]
        assert refused(reader, changed), f"a changed bit at byte {place} was accepted"


@settings(deadline=None)
@given(st.sampled_from(sorted(READERS)), st.binary(max_size=200))
def test_any_bytes(name, raw):
    assert refused(READERS[name][1], raw)


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_as_a_link(text):
    assert refused(read_secret, text) or write_secret(read_secret(text)) in text


@given(st.binary(min_size=32, max_size=32), st.sampled_from(["#", "%23", "%2523"]))
def test_every_secret_comes_back_from_a_link(secret, mark):
    """Also one whose text begins or ends with a hyphen or underscore."""
    assert read_secret(f"https://node.example/s{mark}{write_secret(secret)}.") == secret
