"""What the admin socket needs of consents and visits; see `uses`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from undisc_node.services.consent_rows import Consent, ConsentText, Visit
from undisc_node.services.consent_rules import Wish
from undisc_node.services.consenting import Also, Withdrawn
from undisc_node.services.releasing import ReadyOffer
from undisc_node.services.visiting import VisitDetail


class KeepsConsents(Protocol):
    """Records decisions and takes them back."""

    def texts(self) -> Sequence[ConsentText]:
        """List the texts that are shown now."""

    def text(self, language: str) -> ConsentText:
        """Return the text that is shown now in a language."""

    def record(self, wish: Wish, actor: str, also: Also | None = None) -> tuple[Consent, Visit]:
        """Record a decision and open its visit."""

    def withdraw(self, consent_id: bytes, why: str, actor: str) -> Withdrawn:
        """Take a consent back, and everything that rests on it."""

    def find(self, prefix: str) -> Consent:
        """Find by a prefix of the id."""

    def list(self, patient: str, limit: int) -> Sequence[Consent]:
        """List consents, newest first."""

    def text_of(self, consent: Consent) -> ConsentText:
        """Return the very words that a consent was about."""


class KeepsVisits(Protocol):
    """Knows visits and what came of them."""

    def find(self, prefix: str) -> Visit:
        """Find by a prefix of the id."""

    def list(self, patient: str, limit: int) -> Sequence[VisitDetail]:
        """List visits, newest first."""

    def detail(self, visit_id: bytes) -> VisitDetail:
        """Return a visit and what came of it."""

    def of_consent(self, consent: bytes) -> Visit | None:
        """Return the visit that a consent opened."""


class Releases(Protocol):
    """Releases studies of visits."""

    def release(self, visit_id: bytes, actor: str) -> int:
        """Release every study of a visit now."""

    def offers(self, visit_id: bytes) -> Sequence[ReadyOffer]:
        """Make the offers of a visit's grants that can be used now."""
