"""Proofs about the own log, made from the lines as they are stored (SPEC.md §7.4).

A log may have a million lines, so they are read in pages, and nothing but hashes is kept.
"""

from __future__ import annotations

from typing import Final

from undisc_node.services.errors import Damaged
from undisc_node.services.ports import Catalog, Records
from undisc_protocol.log import Frontier
from undisc_protocol.tree import ORIGIN, Checkpoint, prove_growth

_PAGE: Final = 1_000  # lines read at once


def root_between(catalog: Catalog, start: int, stop: int) -> bytes:
    """Return the root over the leaves of lines `start` to before `stop`.

    Raises:
        Damaged: A line is missing.
    """
    tree = Frontier(bytes(ORIGIN), 0, ())
    while start < stop:
        # A look of its own for each page: the database keeps all that is written during a look.
        with catalog.look() as records:
            rows = records.log.list(after=start - 1, limit=min(_PAGE, stop - start))
        if not rows or rows[0].number != start:
            raise Damaged(
                f"line {start} of the log is missing",
                code="log_damaged",
                hint="keep the database as it is, and verify: undisc log verify",
            )
        for row in rows:
            tree = tree.append(row.leaf)
        start += len(rows)
    return tree.root()


def proof_of_growth(catalog: Catalog, seen: Checkpoint, now: Checkpoint) -> tuple[bytes, ...]:
    """Prove that the own log only grew from a head that somebody keeps to a later one.

    Args:
        catalog: Rows.
        seen: The earlier head, of the same origin and at most as long.
        now: The later head.

    Raises:
        Damaged: A line is missing.
    """
    if seen.size in {0, now.size}:
        return ()
    return prove_growth(now.size, seen.size, lambda start, stop: root_between(catalog, start, stop))


def differs(catalog: Catalog, seen: Checkpoint) -> str:
    """Say how the own log differs from a head that somebody keeps of it; empty if it contains it.

    Args:
        catalog: Rows.
        seen: A head that the own node has signed, as somebody shows it now.
    """
    with catalog.look() as records:
        head = records.log.frontier()
    if seen.origin != head.origin:
        return ""  # a log of before a restore: what is missing of it, `recall` tells
    if seen.size > head.size:
        return f"the log had {seen.size} lines, and has {head.size} now"
    if root_between(catalog, 0, seen.size) != seen.root:
        return f"the first {seen.size} lines of the log are not what they were"
    return ""


def own_log_is_shorter(records: Records) -> bool:
    """Tell whether a peer has seen more of the own log than is here; cheap, and not the whole."""
    head = records.log.frontier()
    seen = [one.seen for one in records.rounds.list() if one.seen]
    return any(one.origin == head.origin and one.size > head.size for one in seen)
