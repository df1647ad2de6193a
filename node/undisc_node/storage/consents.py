"""Recorded consents: implements `ports.ConsentRecords`. Nothing changes but a withdrawal, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from undisc_node.services import consent_statement
from undisc_node.services.consent_rows import Consent, ConsentText
from undisc_node.services.errors import NotFound
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns
from undisc_protocol.did import Did

_CONSENTS = Columns.of(
    "consents",
    "id record signer patient_id text at_ms withdrawn_ms withdrawn_by withdrawn_why",
)
_TEXTS = Columns.of("consent_texts", "hash language version text")


class ConsentTable:
    """Consents within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, consent: bytes) -> Consent | None:
        """Return a consent by its id.

        Raises:
            Damaged: The record is not what was signed.
        """
        row = self._session.row(_CONSENTS.select("WHERE id = ?"), (consent,))
        return _consent(row) if row else None

    def list(self, *, patient: str = "", limit: int = 100) -> Sequence[Consent]:
        """List newest first."""
        rows = self._session.rows(
            _CONSENTS.select(
                "WHERE ?1 = '' OR patient_id = ?1 ORDER BY at_ms DESC, rowid DESC LIMIT ?2"
            ),
            (patient, limit),
        )
        return [_consent(row) for row in rows]

    def starting(self, prefix: str) -> Sequence[Consent]:
        """List up to two consents whose id begins with these hex digits."""
        first, last = prefix.ljust(64, "0"), prefix.ljust(64, "f")
        rows = self._session.rows(
            _CONSENTS.select("WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 2"),
            (bytes.fromhex(first), bytes.fromhex(last)),
        )
        return [_consent(row) for row in rows]

    def add(self, consent: Consent) -> None:
        """Record a consent.

        Raises:
            Conflict: It is on record already, or its text is not.
        """
        said = consent.statement
        self._session.write(
            _CONSENTS.insert(),
            (
                consent.id,
                consent.record,
                consent.signer,
                said.patient.id,
                said.text,
                said.at_ms,
                consent.withdrawn_ms,
                consent.withdrawn_by,
                consent.withdrawn_why,
            ),
        )

    def withdraw(self, consent: bytes, at_ms: int, by: str, why: str) -> None:
        """Withdraw for good; a second time changes nothing.

        Raises:
            NotFound: No such consent.
        """
        if self._session.row("SELECT 1 FROM consents WHERE id = ?", (consent,)) is None:
            raise NotFound("no such consent")
        self._session.write(
            "UPDATE consents SET withdrawn_ms = ?, withdrawn_by = ?, withdrawn_why = ?"
            " WHERE id = ? AND withdrawn_ms IS NULL",
            (at_ms, by, why, consent),
        )

    def text(self, text_hash: bytes) -> ConsentText | None:
        """Return a text that a consent refers to."""
        row = self._session.row(_TEXTS.select("WHERE hash = ?"), (text_hash,))
        return ConsentText(*row) if row else None

    def add_text(self, text: ConsentText) -> None:
        """Keep a text; the same one again changes nothing."""
        self._session.write(
            _TEXTS.insert("ON CONFLICT (hash) DO NOTHING"),
            (text.hash, text.language, text.version, text.text),
        )


def _consent(row: Any) -> Consent:
    _id, record, signer, _patient, _text, _at_ms, withdrawn_ms, by, why = row
    return replace(
        consent_statement.read(record, Did(signer)),
        withdrawn_ms=withdrawn_ms,
        withdrawn_by=by,
        withdrawn_why=why,
    )
