"""What the admin socket needs of patients' links; see `uses`."""

from __future__ import annotations

from typing import Protocol

from undisc_node.services.patient_links import Access, Handout


class HandsOutLinks(Protocol):
    """Makes, hands out and replaces patients' links."""

    def access(self, visit_id: bytes) -> Access:
        """Return how the patient of a visit gets in."""

    def handout(self, visit_id: bytes) -> Handout:
        """Return what is handed to the patient of a visit."""

    def reissue(self, visit_id: bytes, actor: str) -> Handout:
        """Make a new link for a visit."""

    def set_pin(self, visit_id: bytes, pin: str, actor: str) -> None:
        """Set the PIN of a visit."""

    def draw_pin(self, visit_id: bytes, actor: str) -> str:
        """Set a random PIN, and return it."""

    def reopen(self, visit_id: bytes, actor: str) -> None:
        """Allow new attempts at the PIN."""
