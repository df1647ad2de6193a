"""Random identity chains: exactly the unbroken ones are read, and only what goes on is followed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.parties import label
from undisc_protocol import dagcbor
from undisc_protocol.capability import envelope
from undisc_protocol.capability.envelope import TAG_IDENTITY
from undisc_protocol.errors import (
    BadFields,
    BadSignature,
    BrokenIdentity,
    ForkedIdentity,
    OutdatedIdentity,
)
from undisc_protocol.identity import (
    check_continues,
    commitment,
    read_identity,
    sign_identity_record,
)
from undisc_protocol.keys import SignKey

NOW = 1_800_000_000
KEYS = [SignKey.from_seed(label(f"key {number}")) for number in range(7)]
THIEF = SignKey.from_seed(label("thief"))


def chain(length, branch=0, at=0):
    """Make a chain; from record `at` on, another one for each branch."""
    records = []
    for number in range(length):
        records.append(
            sign_identity_record(
                KEYS[number],
                next_hash=commitment(KEYS[number + 1]),
                issued=NOW + number + (branch if number >= at else 0),
                previous=records[-1] if records else None,
            )
        )
    return records


def signed_anew(record, signer, **changes):
    """Change fields of a record, and sign it with any key."""
    decoded = dagcbor.decode(record[67:], limit=2048)[TAG_IDENTITY]
    return envelope.sign({**decoded, **changes}, tag=TAG_IDENTITY, key=signer)


lengths = st.integers(1, 6)


@given(lengths)
def test_an_unbroken_chain_is_read(length):
    identity = read_identity(chain(length))
    assert identity.key == KEYS[length - 1].did
    assert identity.dids == {key.did for key in KEYS[:length]}
    assert identity.node_id == read_identity(chain(1)).node_id


@given(lengths, st.randoms())
def test_records_in_any_other_order_or_number_are_refused(length, random):
    """Attack: records left out, repeated, swapped: only the whole chain in order is read."""
    whole = chain(6)
    picked = [random.choice(whole) for _ in range(length)]
    try:
        read = read_identity(picked)
    except (BadFields, BrokenIdentity):
        assert picked != whole[:length]
    else:
        assert list(read.records) == whole[:length]


@given(st.integers(2, 6), st.data())
def test_no_key_but_the_committed_one_makes_a_record(length, data):
    """Attack: any key that was in use, or any other, signs a record into the chain."""
    records = chain(length)
    place = data.draw(st.integers(1, length - 1))
    key = data.draw(st.sampled_from([one for one in [*KEYS, THIEF] if one is not KEYS[place]]))
    named = data.draw(st.booleans())
    changes = {"key": key.did} if named else {}
    forged = [*records[:place], signed_anew(records[place], key, **changes)]
    try:
        read_identity(forged)
    except BrokenIdentity:
        assert named
    except BadSignature:
        assert not named
    else:
        raise AssertionError("a forged record was read")


@given(lengths, lengths, st.integers(0, 6), st.integers(0, 2))
def test_only_what_goes_on_is_followed(known_length, shown_length, at, branch):
    """The verdict is that of a model: equal records, a longer chain, a shorter one, a fork."""
    known, shown = chain(known_length), chain(shown_length, branch, at)
    forked = branch > 0 and at < min(known_length, shown_length)
    if forked:
        expected = ForkedIdentity
    elif shown_length < known_length:
        expected = OutdatedIdentity
    else:
        expected = None
    identity = read_identity(shown)
    if expected is None:
        check_continues(identity, known)
    else:
        with pytest.raises(expected):
            check_continues(identity, known)
