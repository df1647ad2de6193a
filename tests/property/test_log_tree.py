"""A log can only grow: proofs hold for what happened and for nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undisc_protocol import limits
from undisc_protocol.errors import RemoteProtocolError, Tampered
from undisc_protocol.log import Actor, Event, Subject
from undisc_protocol.tree import (
    Checkpoint,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    tree_root,
    verify_consistency,
    verify_inclusion,
)

ORIGIN = bytes(16)
leaves_of_logs = st.lists(
    st.binary(max_size=8).map(lambda event: leaf_hash(bytes(32), event)), min_size=1, max_size=40
)


def checkpoint(leaves):
    return Checkpoint(ORIGIN, len(leaves), tree_root(leaves))


@given(leaves_of_logs, st.data())
def test_every_line_is_provable_and_no_other_line_is(leaves, data):
    number = data.draw(st.integers(0, len(leaves) - 1))
    place = {
        "number": number,
        "size": len(leaves),
        "proof": inclusion_proof(leaves, number),
        "root": tree_root(leaves),
    }
    verify_inclusion(leaves[number], **place)
    with pytest.raises(Tampered):
        verify_inclusion(leaf_hash(b"\x01" * 32, b"other"), **place)


@given(leaves_of_logs, leaves_of_logs)
def test_growing_is_provable(before, more):
    grown = [*before, *more]
    verify_consistency(checkpoint(before), checkpoint(grown), consistency_proof(grown, len(before)))


@given(leaves_of_logs, leaves_of_logs, st.data())
def test_rewriting_is_not(before, more, data):
    """A node changes one line that a peer's checkpoint covers, and makes the best proof it can."""
    place = data.draw(st.integers(0, len(before) - 1))
    rewritten = [*before, *more]
    rewritten[place] = leaf_hash(b"\x01" * 32, b"other")
    with pytest.raises(Tampered):
        verify_consistency(
            checkpoint(before), checkpoint(rewritten), consistency_proof(rewritten, len(before))
        )


@given(
    st.integers(0, 100),
    st.integers(0, 100),
    st.lists(st.binary(min_size=32, max_size=32), max_size=10),
    st.binary(min_size=32, max_size=32),
)
def test_invented_proofs_raise_only_our_error(number, size, proof, root):
    with pytest.raises(Tampered):
        verify_inclusion(root, number=number, size=size, proof=[*proof, root], root=root)


@given(leaves_of_logs)
def test_the_frontier_is_as_small_as_the_size_says(leaves):
    tree = Frontier(ORIGIN, 0, ())
    for leaf in leaves:
        tree = tree.append(leaf)
    assert len(tree.nodes) == len(leaves).bit_count()
    assert tree.root() == tree_root(leaves)


texts = st.text(max_size=64)
names = st.text(min_size=1, max_size=64)
events = st.builds(
    Event,
    at=st.integers(0, limits.MAX_INTEGER),
    id=names,
    type=names,
    action=st.sampled_from("CRUDE"),
    outcome=st.sampled_from([0, 4, 8, 12]),
    who=st.lists(
        st.builds(Actor, names, texts, texts, st.booleans(), texts), min_size=1, max_size=3
    ).map(tuple),
    what=st.lists(
        st.builds(Subject, st.integers(1, 2), st.integers(1, 99), names, names, texts), max_size=3
    ).map(tuple),
    why=texts,
    detail=st.dictionaries(texts, texts | st.integers(-5, 5), max_size=3),
)


@given(events)
def test_every_event_within_bounds_comes_back(event):
    assert Event.decode(event.encode()) == event


@given(st.binary(max_size=300))
def test_any_bytes_as_an_event_raise_only_our_errors(raw):
    try:
        event = Event.decode(raw)
    except RemoteProtocolError:
        return
    assert event.encode() == raw
