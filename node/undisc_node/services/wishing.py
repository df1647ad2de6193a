"""What patients wished about their visits, for the desk: ways of delivery, PIN, signature."""

from __future__ import annotations

from collections.abc import Sequence

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.desk_rows import Channel, VisitPin
from undisc_node.services.errors import NotFound
from undisc_node.services.ports import Catalog


class Wishing:
    """Shows wishes, and helps where a PIN was mistyped too often.

    Args:
        catalog: Rows.
        journal: The log.
    """

    def __init__(self, *, catalog: Catalog, journal: Journal) -> None:
        self._catalog = catalog
        self._journal = journal

    def channels(self, visit: bytes) -> Sequence[Channel]:
        """List the ways in which a patient wants the link."""
        with self._catalog.look() as records:
            return records.wishes.channels(visit)

    def pin(self, visit: bytes) -> VisitPin | None:
        """Return the PIN of a visit, or None."""
        with self._catalog.look() as records:
            return records.wishes.pin(visit)

    def reopen_pin(self, visit: bytes, actor: str) -> None:
        """Let attempts at a PIN begin anew.

        Raises:
            NotFound: The visit has none.
        """
        with self._catalog.change() as records:
            if records.wishes.pin(visit) is None:
                raise NotFound("this visit has no PIN", code="no_pin")
            records.wishes.reopen(visit)
            self._journal.note(
                records, "pin.reopened", who=auditing.user(actor), detail={"visit": visit.hex()}
            )

    def is_drawn(self, consent: bytes) -> bool:
        """Tell whether a consent has a drawn signature."""
        with self._catalog.look() as records:
            return records.wishes.signature(consent) is not None

    def signature(self, consent: bytes) -> bytes:
        """Return the drawn signature of a consent as PNG.

        Raises:
            NotFound: It has none.
        """
        with self._catalog.look() as records:
            found = records.wishes.signature(consent)
        if found is None:
            raise NotFound("this consent has no drawn signature", code="no_signature")
        return found.image
