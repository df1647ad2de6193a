"""Ports around who sends: their rows, and who it is that calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from undisc_node.services.sender_model import Caller, Quarantined, Sender, SenderCounts


class SenderRecords(Protocol):
    """Senders, what came of each, and what is kept in quarantine of the unknown ones."""

    def get(self, name: str) -> Sender | None:
        """Return it by name, whatever its state; None if there is none."""

    def list(self) -> Sequence[Sender]:
        """List all of them in alphabetical order, also pending and removed ones."""

    def put(self, sender: Sender) -> None:
        """Insert or replace by name."""

    def forget(self, name: str) -> None:
        """Remove the row and its counts."""

    def counts(self) -> Sequence[SenderCounts]:
        """List what came of each, in alphabetical order; also of those without a row."""

    def count(self, more: SenderCounts) -> None:
        """Add to what came of one."""

    def quarantined(self, sender: str | None = None) -> Sequence[Quarantined]:
        """List what is in quarantine, oldest first: of one sender, or all.

        It is read from studies whose `sender` begins with `STRANGER`.
        """

    def find_quarantined(self, sender: str, uid: str) -> bytes | None:
        """Return the id of the study that keeps what a sender sent under a UID; None for none."""

    def put_quarantined(self, study: bytes, uid: str) -> None:
        """Note under which UID a study's objects came; the note goes with the study's row."""


class KnowsCallers(Protocol):
    """Tells who calls; what the DICOM port asks before it lets anybody in.

    Asked in the port's event loop, so it never waits.
    """

    def admits(self, address: str, *, secured: bool) -> bool:
        """Tell whether a connection from an address is taken at all, before a byte is read.

        Args:
            address: Where it comes from.
            secured: Whether it will speak TLS, and so may show a certificate.
        """

    def is_stranger(self, address: str, *, secured: bool) -> bool:
        """Tell whether nobody who is trusted comes from an address."""

    def identify(self, address: str, ae_title: str, fingerprint: bytes = b"") -> Caller | None:
        """Return who is calling; None for whoever is refused.

        Asked at each association and again at each object, so that whoever is removed or let in
        meanwhile is so at once.

        Args:
            address: Where the connection comes from.
            ae_title: What the caller calls itself.
            fingerprint: SHA-256 of the certificate that it showed, which was verified; or empty.
        """

    def note(self, more: SenderCounts) -> None:
        """Count what came of a caller."""

    def note_refused(self, address: str, ae_title: str = "") -> None:
        """Remember for a while that somebody was refused, for whoever looks for the reason."""
