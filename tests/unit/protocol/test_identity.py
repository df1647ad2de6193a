"""Making identity records and cards, beyond the vectors of SPEC.md §3.4 to §3.6."""

from dataclasses import replace
from hashlib import sha256
from itertools import pairwise

import pytest

from support.parties import HOLDER, NOW, STRANGER, label
from undisc_protocol import limits
from undisc_protocol.errors import BadSignature, Expired, LocalProtocolError
from undisc_protocol.identity import (
    commitment,
    node_document,
    read_card,
    read_identity,
    read_identity_record,
    read_node_document,
    read_status_card,
    sign_identity_record,
    sign_status_card,
)
from undisc_protocol.keys import SignKey

CARD = read_card(HOLDER.card)


def test_the_node_id_is_the_hash_of_the_first_record():
    (record,) = HOLDER.identity.records
    assert HOLDER.identity.node_id == sha256(record).digest()
    assert HOLDER.identity.dids == {HOLDER.key.did}
    assert read_identity_record(record).next_hash == label("holder next")


def test_the_document_brings_both():
    raw = node_document(HOLDER.identity.records, HOLDER.card)
    document = read_node_document(raw, now=NOW)
    assert document.identity == HOLDER.identity
    assert document.card == CARD
    assert document.card_bytes == HOLDER.card


def test_a_full_chain_and_card_fit_the_document():
    """Nodes that changed their key as often as allowed must still be able to say who they are."""
    records = [bytes(240)] * limits.MAX_IDENTITY_RECORDS
    assert len(node_document(records, bytes(limits.MAX_STATUS_CARD))) <= limits.MAX_NODE_DOCUMENT
    assert len(HOLDER.identity.records[0]) < 240


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "line\nend"},
        {"urls": ("ftp://node.example",)},
        {"box": bytes(31)},
        {"expires": CARD.issued + limits.STATUS_CARD_LIFETIME + 1},
        {"expires": CARD.issued},
        {"urls": ("https://node.example",) * 9},
        {"node_id": b"short"},
    ],
)
def test_a_card_that_others_would_refuse_is_not_signed(changes):
    with pytest.raises(LocalProtocolError):
        sign_status_card(HOLDER.key, replace(CARD, **changes))


def test_a_record_that_others_would_refuse_is_not_signed():
    with pytest.raises(LocalProtocolError):
        sign_identity_record(HOLDER.key, next_hash=bytes(20), issued=NOW)


def test_a_stored_card_can_be_read_when_it_is_over():
    """An administrator sees when a peer's card ended; the peer is not served by it."""
    late = CARD.expires + limits.CLOCK_SKEW
    with pytest.raises(Expired):
        read_status_card(HOLDER.card, identity=HOLDER.identity, now=late)
    assert read_card(HOLDER.card).expires == CARD.expires


def test_a_card_of_another_node():
    with pytest.raises(BadSignature):
        read_status_card(STRANGER.card, identity=HOLDER.identity, now=NOW)


def test_a_copied_record_does_not_make_another_node():
    """Whoever copies a record gets its node id, but can sign no card for it."""
    copied = read_identity(list(HOLDER.identity.records))
    assert copied.node_id == HOLDER.identity.node_id
    forged = sign_status_card(STRANGER.key, CARD)
    with pytest.raises(BadSignature):
        read_status_card(forged, identity=copied, now=NOW)


def test_only_the_key_that_was_committed_to_makes_the_next_record():
    """A stolen node key is of no use for the next record, and a record cannot be skipped."""
    next_key = SignKey.from_seed(label("the recovery key"))
    first = sign_identity_record(HOLDER.key, next_hash=commitment(next_key), issued=NOW)
    for thief in (HOLDER.key, STRANGER.key):
        with pytest.raises(LocalProtocolError):
            sign_identity_record(thief, next_hash=label("x"), issued=NOW, previous=first)
    second = sign_identity_record(next_key, next_hash=label("x"), issued=NOW + 9, previous=first)
    identity = read_identity([first, second])
    assert (identity.number, identity.key) == (1, next_key.did)
    assert identity.dids == {HOLDER.key.did, next_key.did}
    assert identity.node_id == sha256(first).digest()


def test_a_chain_ends_at_its_bound():
    """The 33rd record would be refused everywhere, so it is not signed."""
    seeds = [label(f"seed {number}") for number in range(limits.MAX_IDENTITY_RECORDS + 2)]
    keys = [SignKey.from_seed(seed) for seed in seeds]
    records = []
    for key, after in pairwise(keys[:-1]):
        previous = records[-1] if records else None
        next_hash = commitment(after)
        records.append(
            sign_identity_record(key, next_hash=next_hash, issued=NOW, previous=previous)
        )
    assert read_identity(records).number == limits.MAX_IDENTITY_RECORDS - 1
    with pytest.raises(LocalProtocolError):
        sign_identity_record(keys[-2], next_hash=label("x"), issued=NOW, previous=records[-1])


def test_a_card_of_a_later_key_outranks_every_earlier_card():
    """A thief with the former key may sign cards of the far future: they count for nothing."""
    thieves = replace(CARD, seq=CARD.seq + 10**9)
    assert replace(CARD, number=1).rank > thieves.rank > CARD.rank
