"""The Merkle tree over the log: leaves, frontier, checkpoint, proofs (SPEC.md §7.2 to §7.4).

The tree is that of RFC 6962 §2.1. A leaf is salted, so that nobody can guess an erased event from
its leaf. `Frontier` is all that must be kept to append and to know the root; proofs are made from
the leaves and verified from the proof alone.

    >>> tree = Frontier(origin=bytes(16), size=0, nodes=())
    >>> for event in (b"a", b"b", b"c"):
    ...     tree = tree.append(leaf_hash(bytes(32), event))
    >>> tree.size, len(tree.nodes)
    (3, 2)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from undisc_protocol import limits
from undisc_protocol.dagcbor import Value
from undisc_protocol.errors import LocalProtocolError, Tampered
from undisc_protocol.fields import Fields

HASH: Final = 32  # bytes of SHA-256
ORIGIN: Final = 16  # random bytes that name one log; a restored node begins a new one
EMPTY_ROOT: Final = sha256(b"").digest()  # RFC 6962 §2.1: the root of a tree without leaves


def leaf_hash(salt: bytes, event: bytes) -> bytes:
    """Return the leaf of an event: SHA-256 of `00 ‖ salt ‖ event`.

    Args:
        salt: 32 random bytes, kept beside the event and erased with it.
        event: The encoded event.
    """
    if len(salt) != limits.SALT:
        raise LocalProtocolError("a leaf needs a salt of 32 bytes")
    return sha256(b"\x00" + salt + event).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256 of `01 ‖ left ‖ right`."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a log that others may remember.

    Attributes:
        origin: Which log, 16 bytes.
        size: Number of leaves.
        root: Root of the tree, 32 bytes.
    """

    origin: bytes
    size: int
    root: bytes

    def to_value(self) -> Value:
        """Return the map that travels in status cards."""
        return {"origin": self.origin, "size": self.size, "root": self.root}

    @classmethod
    def from_value(cls, value: Value) -> Checkpoint:
        """Read a decoded checkpoint.

        Raises:
            BadFields: Not exactly a checkpoint.
        """
        fields = Fields(value, "a checkpoint", {"origin", "size", "root"})
        return cls(
            fields.fixed("origin", ORIGIN), fields.integer("size"), fields.fixed("root", HASH)
        )


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: enough to append and to compute the root.

    Attributes:
        origin: Which log, 16 bytes.
        size: Number of leaves.
        nodes: Roots of the complete subtrees, largest first: one for each bit set in `size`.
    """

    origin: bytes
    size: int
    nodes: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if len(self.origin) != ORIGIN or len(self.nodes) != self.size.bit_count():
            raise LocalProtocolError("a frontier's nodes do not fit its size")

    def append(self, leaf: bytes) -> Frontier:
        """Return the frontier after one more leaf."""
        nodes, size, node = list(self.nodes), self.size, leaf
        while size & 1:
            node = node_hash(nodes.pop(), node)
            size >>= 1
        return Frontier(self.origin, self.size + 1, (*nodes, node))

    def root(self) -> bytes:
        """Return the root of the tree, 32 bytes."""
        if not self.nodes:
            return EMPTY_ROOT
        root = self.nodes[-1]
        for node in reversed(self.nodes[:-1]):
            root = node_hash(node, root)
        return root

    def checkpoint(self) -> Checkpoint:
        """Return what others may remember of this log."""
        return Checkpoint(self.origin, self.size, self.root())


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over some leaves."""
    tree = Frontier(bytes(ORIGIN), 0, ())
    for leaf in leaves:
        tree = tree.append(leaf)
    return tree.root()


def _split(size: int) -> int:
    """Return the largest power of two below `size` (RFC 6962 §2.1)."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_proof(leaves: Sequence[bytes], number: int) -> tuple[bytes, ...]:
    """Make the proof that a leaf is in the tree over `leaves` (RFC 6962 §2.1.1).

    Args:
        leaves: All leaves of the tree.
        number: Position of the leaf, from 0.

    Returns:
        The hashes beside the leaf's path, from the leaf upwards.
    """
    if not 0 <= number < len(leaves):
        raise LocalProtocolError("there is no such leaf in the tree")
    if len(leaves) == 1:
        return ()
    split = _split(len(leaves))
    if number < split:
        return (*inclusion_proof(leaves[:split], number), tree_root(leaves[split:]))
    return (*inclusion_proof(leaves[split:], number - split), tree_root(leaves[:split]))


def verify_inclusion(
    leaf: bytes, *, number: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Verify that a leaf is at a position of a tree (RFC 9162 §2.1.3.2).

    Args:
        leaf: The leaf, 32 bytes.
        number: Its position, from 0.
        size: Number of leaves in the tree.
        proof: What `inclusion_proof` returned.
        root: The root of the tree.

    Raises:
        Tampered: It is not, or the proof does not show it.
    """
    if not 0 <= number < size:
        raise Tampered("a proof names a line outside the log")
    place, last, node = number, size - 1, leaf
    for beside in proof:
        if last == 0:
            raise Tampered("a proof is longer than the log is high")
        if place & 1 or place == last:
            node = node_hash(beside, node)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            node = node_hash(node, beside)
        place, last = place >> 1, last >> 1
    if last or node != root:
        raise Tampered("a proof does not lead to the root of the log")


def consistency_proof(leaves: Sequence[bytes], earlier: int) -> tuple[bytes, ...]:
    """Make the proof that the first `earlier` leaves are unchanged in the tree (RFC 6962 §2.1.2).

    Args:
        leaves: All leaves of the tree now.
        earlier: Size of the earlier tree, 1 to the present size.
    """
    return prove_growth(len(leaves), earlier, lambda start, stop: tree_root(leaves[start:stop]))


def prove_growth(size: int, earlier: int, root: Callable[[int, int], bytes]) -> tuple[bytes, ...]:
    """Make the same proof for a log whose leaves are somewhere else.

    Args:
        size: Number of leaves now.
        earlier: Size of the earlier tree, 1 to `size`.
        root: Returns the root over the leaves from the first number up to before the second; no
            leaf is asked for twice.
    """
    if not 1 <= earlier <= size:
        raise LocalProtocolError("the log never had that size")
    start, known, path = 0, True, []
    stop = size
    # While it is still the whole earlier tree, its root is known and left out.
    while earlier - start != stop - start:
        split = start + _split(stop - start)
        if earlier <= split:
            path.append(root(split, stop))
            stop = split
        else:
            path.append(root(start, split))
            start, known = split, False
    if not known:
        path.append(root(start, stop))
    return tuple(reversed(path))


def verify_consistency(earlier: Checkpoint, later: Checkpoint, proof: Sequence[bytes]) -> None:
    """Verify that a log only grew from one checkpoint to a later one (RFC 9162 §2.1.4.2).

    An empty earlier log is a part of every log of the same origin.

    Raises:
        Tampered: Lines were changed or removed, or the proof does not show that they were not.
    """
    if earlier.origin != later.origin:
        raise Tampered("the checkpoints belong to two different logs")
    if earlier.size > later.size:
        raise Tampered("the log has become shorter")
    if earlier.size in {0, later.size}:
        start = EMPTY_ROOT if earlier.size == 0 else later.root
        if proof or earlier.root != start:
            raise Tampered("a checkpoint does not fit the log")
        return
    path = list(proof)
    if earlier.size & (earlier.size - 1) == 0:
        path.insert(0, earlier.root)  # a complete subtree: the proof leaves out what is known
    if not path:
        raise Tampered("a proof of the log's growth is missing")
    place, last = earlier.size - 1, later.size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = path[0]
    for beside in path[1:]:
        if last == 0:
            raise Tampered("a proof is longer than the log is high")
        if place & 1 or place == last:
            old, new = node_hash(beside, old), node_hash(beside, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, beside)
        place, last = place >> 1, last >> 1
    if last or old != earlier.root or new != later.root:
        raise Tampered("the log was changed after the earlier checkpoint")
