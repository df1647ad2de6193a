"""The log's tree: leaves, checkpoints, proofs (SPEC.md §7.2 to §7.4)."""

from dataclasses import replace
from hashlib import sha256

import pytest

from undisc_protocol.errors import BadFields, LocalProtocolError, Tampered
from undisc_protocol.tree import (
    EMPTY_ROOT,
    Checkpoint,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    tree_root,
    verify_consistency,
    verify_inclusion,
)

ORIGIN = b"origin of a log."
LEAVES = [leaf_hash(bytes((number,)) * 32, b"event") for number in range(20)]


def definition(leaves):
    """Return the root by the recursive definition of RFC 6962 §2.1."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while 2 * split < len(leaves):
        split *= 2
    return sha256(b"\x01" + definition(leaves[:split]) + definition(leaves[split:])).digest()


def checkpoint(size, leaves=LEAVES):
    return Checkpoint(ORIGIN, size, definition(leaves[:size]))


def test_leaf_and_node_are_what_the_specification_says():
    salt = bytes(range(32))
    assert leaf_hash(salt, b"event") == sha256(b"\x00" + salt + b"event").digest()
    assert node_hash(b"l" * 32, b"r" * 32) == sha256(b"\x01" + b"l" * 32 + b"r" * 32).digest()
    with pytest.raises(LocalProtocolError):
        leaf_hash(b"short", b"event")


def test_an_erased_event_cannot_be_guessed_from_its_leaf():
    """Two logs hold the same event under different salts; their leaves have nothing in common."""
    assert leaf_hash(bytes(32), b"event") != leaf_hash(b"\x01" * 32, b"event")


def test_appending_gives_the_root_of_the_definition():
    tree = Frontier(ORIGIN, 0, ())
    assert tree.root() == EMPTY_ROOT
    for size, leaf in enumerate(LEAVES, start=1):
        tree = tree.append(leaf)
        assert tree.checkpoint() == checkpoint(size)
    assert tree_root(LEAVES) == tree.root()


def test_a_frontier_whose_nodes_do_not_fit_is_our_own_mistake():
    for size, nodes in ((1, ()), (2, (LEAVES[0], LEAVES[1])), (0, (LEAVES[0],))):
        with pytest.raises(LocalProtocolError):
            Frontier(ORIGIN, size, nodes)
    with pytest.raises(LocalProtocolError):
        Frontier(b"short", 0, ())


def test_every_leaf_of_every_tree_can_be_proven():
    for size in range(1, len(LEAVES) + 1):
        leaves = LEAVES[:size]
        for number, leaf in enumerate(leaves):
            proof = inclusion_proof(leaves, number)
            verify_inclusion(leaf, number=number, size=size, proof=proof, root=definition(leaves))


def test_a_proof_shows_nothing_but_what_it_is_about():
    """Another line, place, size or root, a longer or shorter proof: each is refused."""
    good = {
        "leaf": LEAVES[5],
        "number": 5,
        "size": 13,
        "proof": inclusion_proof(LEAVES[:13], 5),
        "root": definition(LEAVES[:13]),
    }
    verify_inclusion(**good)
    proof = good["proof"]
    for change in (
        {"leaf": LEAVES[6]},
        {"number": 4},
        {"number": 13},
        {"number": -1},
        {"size": 5},
        {"size": 0},
        {"root": definition(LEAVES[:12])},
        {"proof": proof[:-1]},
        {"proof": ()},
        {"proof": (*proof, proof[-1])},
        {"proof": (proof[1], proof[0], *proof[2:])},
        {"proof": (bytes(32), *proof[1:])},
    ):
        with pytest.raises(Tampered):
            verify_inclusion(**good | change)


def test_a_root_is_not_taken_for_a_line_of_a_larger_log():
    """The proof is empty and the "line" is the root itself: nothing is shown about its place."""
    root = definition(LEAVES[:4])
    with pytest.raises(Tampered):
        verify_inclusion(root, number=0, size=4, proof=(), root=root)


def test_a_log_does_not_grow_without_another_root():
    """A node claims five more lines under the root that a peer has seen, with an empty proof."""
    seen = checkpoint(8)
    with pytest.raises(Tampered):
        verify_consistency(seen, replace(seen, size=13), ())


def test_a_log_that_only_grew_is_consistent():
    for size in range(1, len(LEAVES) + 1):
        for earlier in range(1, size + 1):
            proof = consistency_proof(LEAVES[:size], earlier)
            verify_consistency(checkpoint(earlier), checkpoint(size), proof)
        verify_consistency(checkpoint(0), checkpoint(size), ())


@pytest.mark.parametrize("earlier", range(1, 13))
def test_a_log_that_was_rewritten_is_caught(earlier):
    """A line before a peer's checkpoint is changed; no proof of the new log fits it."""
    for place in range(earlier):
        rewritten = [*LEAVES[:place], leaf_hash(bytes(32), b"other"), *LEAVES[place + 1 : 13]]
        proof = consistency_proof(rewritten, earlier)
        with pytest.raises(Tampered):
            verify_consistency(checkpoint(earlier), checkpoint(13, rewritten), proof)


@pytest.mark.parametrize(
    ("earlier", "later", "proof"),
    [
        (checkpoint(6), replace(checkpoint(13), origin=b"another log....."), None),
        (checkpoint(13), checkpoint(6), ()),
        (checkpoint(6), checkpoint(13), ()),
        (checkpoint(8), checkpoint(13), ()),
        (checkpoint(13), replace(checkpoint(13), root=LEAVES[0]), ()),
        (checkpoint(13), checkpoint(13), (LEAVES[0],)),
        (replace(checkpoint(0), root=LEAVES[0]), checkpoint(13), ()),
        (checkpoint(0), checkpoint(13), (LEAVES[0],)),
    ],
    ids=[
        "another log",
        "shorter",
        "no proof",
        "no proof of a whole subtree",
        "same size, other root",
        "needless proof",
        "empty log with a root",
        "proof for an empty log",
    ],
)
def test_checkpoints_that_do_not_belong_together_are_refused(earlier, later, proof):
    proof = consistency_proof(LEAVES[:13], 6) if proof is None else proof
    with pytest.raises(Tampered):
        verify_consistency(earlier, later, proof)


def test_a_changed_proof_of_growth_is_refused():
    proof = consistency_proof(LEAVES[:13], 6)
    for wrong in (proof[:-1], (*proof, proof[0]), proof[::-1], (bytes(32), *proof[1:])):
        with pytest.raises(Tampered):
            verify_consistency(checkpoint(6), checkpoint(13), wrong)


def test_a_proof_of_what_never_was_is_our_own_mistake():
    for call in (
        lambda: inclusion_proof(LEAVES, len(LEAVES)),
        lambda: inclusion_proof(LEAVES, -1),
        lambda: consistency_proof(LEAVES, 0),
        lambda: consistency_proof(LEAVES, len(LEAVES) + 1),
    ):
        with pytest.raises(LocalProtocolError):
            call()


def test_a_checkpoint_comes_back_and_nothing_else_is_one():
    one = checkpoint(3)
    assert Checkpoint.from_value(one.to_value()) == one
    for wrong in ({}, None, one.to_value() | {"size": -1}, one.to_value() | {"origin": b""}):
        with pytest.raises(BadFields):
            Checkpoint.from_value(wrong)
