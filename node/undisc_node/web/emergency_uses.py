"""What pages and routes need for emergencies, as they call it."""

from __future__ import annotations

from typing import Protocol

from undisc_node.services.emergency_giving import Given
from undisc_node.services.model import Peer


class GivesInEmergency(Protocol):
    """Gives images out in an emergency."""

    def give(
        self,
        *,
        study: bytes,
        peer: Peer | None,
        staff: str,
        purpose: str,
        expires: int,
        command: str,
        actor: str,
        passcode: str = "",
    ) -> Given:
        """Give a study out, and tell of it."""
