"""What patients wished about their visits, for the desk: ways of delivery, shares, signature."""

from __future__ import annotations

from collections.abc import Sequence

from undisc_node.services.desk_rows import Channel
from undisc_node.services.errors import NotFound
from undisc_node.services.patient_rows import PatientShare
from undisc_node.services.ports import Catalog


class Wishing:
    """Shows wishes.

    Args:
        catalog: Rows.
    """

    def __init__(self, *, catalog: Catalog) -> None:
        self._catalog = catalog

    def channels(self, visit: bytes) -> Sequence[Channel]:
        """List the ways in which a patient wants the link."""
        with self._catalog.look() as records:
            return records.wishes.channels(visit)

    def shares(self, visit: bytes) -> Sequence[PatientShare]:
        """List what the patient shared, newest first."""
        with self._catalog.look() as records:
            return records.patients.shares(visit)

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
