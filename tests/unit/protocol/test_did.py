"""Principals and fingerprints, beyond the vectors of SPEC.md §3.1 and §3.3."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.parties import HOLDER
from undisc_protocol.did import check_did, decode_did, encode_did, fingerprint_words
from undisc_protocol.errors import BadKey, LocalProtocolError
from undisc_protocol.keys import SignKey
from undisc_protocol.words import WORDS


@given(st.binary(min_size=32, max_size=32))
def test_every_key_has_one_text(seed):
    key = SignKey.from_seed(seed)
    assert decode_did(key.did) == key.public
    assert check_did(key.did) == key.did
    assert len(key.did) == 56
    assert key.did.startswith("did:key:z6Mk")


@pytest.mark.parametrize("other", [None, 7, b"did:key:z6Mk", ["did:key"], HOLDER.key.public])
def test_other_types_are_no_principals(other):
    with pytest.raises(BadKey):
        decode_did(other)


def test_only_whole_keys_are_encoded():
    with pytest.raises(LocalProtocolError):
        encode_did(bytes(31))


def test_the_word_list():
    """2,048 different words, known by their first four letters, in order."""
    assert len(WORDS) == 2048
    assert len({word[:4] for word in WORDS}) == 2048
    assert list(WORDS) == sorted(WORDS)
    assert (WORDS[0], WORDS[2047]) == ("abandon", "zoo")


def test_words_are_the_first_bits():
    assert fingerprint_words(bytes(32)) == ("abandon",) * 12
    assert fingerprint_words(b"\xff" * 32) == ("zoo",) * 12
    assert fingerprint_words(b"\x00\x20" + bytes(30), count=2) == ("ability", "abandon")


def test_every_bit_of_the_first_132_shows():
    words = fingerprint_words(bytes(32))
    shown = [
        fingerprint_words((1 << (255 - bit)).to_bytes(32, "big")) != words for bit in range(140)
    ]
    assert shown == [True] * 132 + [False] * 8


def test_too_short_a_digest():
    with pytest.raises(LocalProtocolError):
        fingerprint_words(bytes(16))
