"""Finding a row by the beginning of its id, as people type it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from undisc_node.services.errors import Conflict, NotFound

SHORTEST_PREFIX = 4
"""Hex digits; fewer would hit by accident."""


class HasId(Protocol):
    """Any row with an id of random bytes."""

    @property
    def id(self) -> bytes:
        """The id."""


Row = TypeVar("Row", bound=HasId)


def by_prefix(text: str, rows: Sequence[Row], what: str) -> Row:
    """Return the one row whose id, as hex, begins with `text`.

    Args:
        text: At least four hex digits.
        rows: Where to look.
        what: The word for such a row, for messages: "study".

    Raises:
        NotFound: None, or the text is no usable prefix.
        Conflict: More than one.
    """
    wanted = text.strip().lower()
    found = [row for row in rows if row.id.hex().startswith(wanted)]
    if len(wanted) < SHORTEST_PREFIX or not found:
        raise NotFound(
            f"no {what} has that id",
            hint=f"give at least {SHORTEST_PREFIX} hex digits of the id that a list shows",
        )
    if len(found) > 1:
        raise Conflict(
            f"{len(found)} rows begin with that id",
            code="ambiguous",
            hint="give more digits of the id",
        )
    return found[0]
