"""What routes about pairing need from use cases, each method as it is called here.

All of them are synchronous and run in worker threads; they raise `ServiceError` or `ProtocolError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from undisc_node.services.discovering import Suggestion
from undisc_node.services.pairing import Invited
from undisc_node.services.pairing_rows import PairingRow
from undisc_node.services.ports import Reply
from undisc_protocol.pairing import Says


class KeepsPairings(Protocol):
    """Pairs this node with others."""

    def invite(self, scopes: Sequence[str], *, by_file: bool, actor: str) -> Invited:
        """Invite another node."""

    def accept(self, text: str, scopes: Sequence[str], actor: str) -> PairingRow:
        """Take an invitation up."""

    def accept_file(
        self, raw: bytes, scopes: Sequence[str], actor: str
    ) -> tuple[PairingRow, bytes]:
        """Take a pairing file in; return the pairing, and the file that goes back."""

    def decide(self, pairing: bytes, says: Says, actor: str) -> PairingRow:
        """Confirm the words, or refuse."""

    def list(self) -> Sequence[PairingRow]:
        """List pairings, newest first."""

    def find(self, prefix: str) -> PairingRow:
        """Find by a prefix of the id."""


class LooksAround(Protocol):
    """Looks around on the local network."""

    def look(self, seconds: float) -> Sequence[Suggestion]:
        """List who says to be there."""


class TakesGuests(Protocol):
    """Answers nodes that took an invitation up."""

    def answer(self, body: bytes) -> Reply:
        """Answer a sealed message of a pairing."""
