"""What the admin socket needs to look after the node's own keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from undisc_node.services.key_rows import BegunChange, ChangedKey, KeyStatus
from undisc_node.services.round_rows import PeerFacts
from undisc_node.services.rounds import Witness


class KeepsKeys(Protocol):
    """Looks after the node's own keys."""

    def status(self) -> KeyStatus:
        """Return what there is to know about them."""

    def drill(self, kit: bytes, passphrase: str, actor: str) -> KeyStatus:
        """Prove that a kit opens and holds the right next key."""

    def begin(self, kit: bytes, passphrase: str, new_passphrase: str, *, pdf: bool) -> BegunChange:
        """Make the next record and the next kit; nobody sees the record yet."""

    def confirm(
        self,
        kit: bytes,
        passphrase: str,
        new_kit: bytes,
        new_passphrase: str,
        *,
        theft: bool,
        actor: str,
    ) -> ChangedKey:
        """Change the key, now that the new kit was read back."""


class MakesRounds(Protocol):
    """Greets peers, and knows what came of it."""

    def facts(self) -> PeerFacts:
        """Return what rounds brought of each peer, and the alerts that nobody has settled."""

    def witnesses(self) -> Sequence[Witness]:
        """Ask every trusted peer what it keeps of our log, and compare."""
