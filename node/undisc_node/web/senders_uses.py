"""What the admin socket needs from use cases of senders, each method as it is called here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from undisc_node.services.known_senders import RefusedCaller
from undisc_node.services.letting_in import LetIn
from undisc_node.services.model import InstanceFacts
from undisc_node.services.sender_model import Quarantined
from undisc_node.services.senders import SenderStatus, SenderWish


class KeepsSenders(Protocol):
    """Administers who may send."""

    def list(self, *, removed: bool = False) -> Sequence[SenderStatus]:
        """List them, those that wait first."""

    def refused(self) -> Sequence[RefusedCaller]:
        """List who was refused since the start, newest first."""

    def quarantines(self) -> bool:
        """Tell whether unknown ones are kept in quarantine."""

    def find(self, name: str) -> SenderStatus:
        """Find by exact name."""

    def look(self, status: SenderStatus) -> Sequence[tuple[Quarantined, InstanceFacts | None]]:
        """Return what the first studies in quarantine are."""

    def add(self, wish: SenderWish, actor: str) -> SenderStatus:
        """Let somebody send."""

    def trust(self, name: str, wish: SenderWish, actor: str) -> tuple[SenderStatus, LetIn]:
        """Trust or change one, and let in what it sent."""

    def remove(self, name: str, actor: str) -> tuple[SenderStatus, LetIn]:
        """Refuse one, and erase what it has in quarantine."""

    def echo(self, name: str, port: int = 0) -> SenderStatus:
        """Ask one whether it answers."""
