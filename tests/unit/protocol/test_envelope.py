"""Envelopes, beyond the vectors of SPEC.md §2.2."""

from hashlib import sha256

import pytest

from support.parties import HOLDER, STRANGER
from undisc_protocol.capability import envelope
from undisc_protocol.dagcbor import Cid
from undisc_protocol.errors import BadFields, BadSignature, LocalProtocolError, Malformed

TAGS = [value for name, value in vars(envelope).items() if name.startswith("TAG_")]


@pytest.mark.parametrize("expected", TAGS)
def test_no_kind_is_taken_for_another(expected):
    """A receipt can never be replayed as an answer, nor a grant as an invocation."""
    for tag in TAGS:
        raw = envelope.sign({"a": 1}, tag=tag, key=HOLDER.key)
        if tag == expected:
            assert envelope.read(raw, tag=expected, limit=1024).payload == {"a": 1}
        else:
            with pytest.raises(BadFields):
                envelope.read(raw, tag=expected, limit=1024)


def test_reading_does_not_trust():
    """`read` gives an envelope whose signature is wrong; only `verify` speaks about it."""
    raw = envelope.sign({"a": 1}, tag="x", key=HOLDER.key)
    damaged = raw[:10] + bytes((raw[10] ^ 1,)) + raw[11:]
    opened = envelope.read(damaged, tag="x", limit=1024)
    with pytest.raises(BadSignature):
        opened.verify(HOLDER.key.did)
    with pytest.raises(BadSignature):
        envelope.read(raw, tag="x", limit=1024).verify(STRANGER.key.did)
    envelope.read(raw, tag="x", limit=1024).verify(HOLDER.key.did)


def test_names():
    raw = envelope.sign({"a": 1}, tag="x", key=HOLDER.key)
    opened = envelope.read(raw, tag="x", limit=1024)
    assert opened.cid == Cid.of(raw)
    assert opened.signed_hash == sha256(raw[67:]).digest()


def test_what_others_would_refuse_is_not_signed():
    def refuses(_raw):
        raise Malformed("no")

    with pytest.raises(LocalProtocolError, match="refusing to sign: no"):
        envelope.check_own(b"", refuses)
