"""Ports to recorded consents, the visits they open, and the texts that people are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from undisc_node.services.consent_rows import Consent, ConsentText, Visit, VisitGrant, VisitStudy


class ConsentRecords(Protocol):
    """Recorded consents, and the texts they refer to. Added once; a withdrawal stays."""

    def get(self, consent: bytes) -> Consent | None:
        """Return it by id, or None."""

    def list(self, *, patient: str = "", limit: int = 100) -> Sequence[Consent]:
        """List newest first; of a patient id, or all."""

    def starting(self, prefix: str) -> Sequence[Consent]:
        """List up to two consents whose id begins with these hex digits."""

    def add(self, consent: Consent) -> None:
        """Add it; its id must be new, and its text on record."""

    def withdraw(self, consent: bytes, at_ms: int, by: str, why: str) -> None:
        """Mark it as withdrawn from then on; again changes nothing."""

    def text(self, text_hash: bytes) -> ConsentText | None:
        """Return a text that a consent refers to, or None."""

    def add_text(self, text: ConsentText) -> None:
        """Keep a text; the same one again changes nothing."""


class VisitRecords(Protocol):
    """Visits, their studies, and the grants that came of them."""

    def get(self, visit: bytes) -> Visit | None:
        """Return it by id, or None."""

    def of_consent(self, consent: bytes) -> Visit | None:
        """Return the visit that a consent opened, or None."""

    def list(self, *, patient: str = "", limit: int = 100) -> Sequence[Visit]:
        """List newest first; of a patient id, or all."""

    def starting(self, prefix: str) -> Sequence[Visit]:
        """List up to two visits whose id begins with these hex digits."""

    def open_for(self, patient: str, accession: str) -> Sequence[Visit]:
        """List open visits of a patient id, or that name an accession number; oldest first."""

    def empty_since(self, opened_ms: int) -> Sequence[Visit]:
        """List open visits without any study that were opened at that time or later."""

    def put(self, visit: Visit) -> None:
        """Insert or replace by id."""

    def studies(self, visit: bytes) -> Sequence[VisitStudy]:
        """List what was said about studies and a visit, oldest first."""

    def of_study(self, study: bytes) -> Sequence[VisitStudy]:
        """List what was said about a study and visits, oldest first."""

    def unfinished(self) -> Sequence[VisitStudy]:
        """List studies of visits about which something is left to do, oldest first."""

    def put_study(self, row: VisitStudy) -> None:
        """Insert or replace by visit and study."""

    def refused(self, *, limit: int) -> Sequence[bytes]:
        """List studies here that belong to a visit of a no, and to no open visit of a yes."""

    def grants(self, visit: bytes) -> Sequence[VisitGrant]:
        """List the grants that a visit led to."""

    def add_grant(self, grant: VisitGrant) -> None:
        """Note a grant.

        Raises:
            Conflict: There is one for this visit, study and practice already.
        """


class ConsentTexts(Protocol):
    """The texts that people are shown, one for each language."""

    def languages(self) -> Sequence[str]:
        """List the languages that there are."""

    def get(self, language: str) -> ConsentText | None:
        """Return the text that is shown now in a language, or None."""
