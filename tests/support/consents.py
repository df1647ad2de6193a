"""Recorded consents for tests."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

from support import samples
from undisc_node.services import consent_statement
from undisc_node.services.consent_rows import (
    Consent,
    ConsentText,
    Covers,
    Decider,
    Decision,
    Method,
    Recipient,
    Scope,
    Statement,
    Visit,
)
from undisc_node.services.model import Patient
from undisc_protocol.keys import SignKey

TEXT = ConsentText(sha256(b"May we?").digest(), "es", "2026-11-24", "May we?")
JANE = Patient("Müller^Änne", "P-100", "hospital", "19700102", "F")
KEY = SignKey.from_seed(samples.name("consents", 32))

STATEMENT = Statement(
    practice=samples.name("practice", 32),
    decision=Decision.YES,
    patient=JANE,
    decider=Decider.ATTORNEY,
    decider_name="Max Müller",
    authority="power of attorney 12/2025",
    scope=Scope(Covers.VISIT, ("A-1",), "20261124", "20261124"),
    recipients=(Recipient(samples.name("hospital", 32), "Hospital", "/img/read"),),
    language="es",
    version="2026-11-24",
    text=TEXT.hash,
    method=Method.PAPER,
    witness="Anna",
    evidence="form 17",
    at_ms=1_000,
    ends=2_000,
    salt=samples.name("salt", 32),
)


def consent(name: str = "1", **changes: Any) -> Consent:
    """Sign a statement; another name is another consent."""
    said = replace(STATEMENT, salt=samples.name(f"salt {name}", 32), **changes)
    return consent_statement.sign(said, KEY)


def visit(of: Consent, name: str = "1", **changes: Any) -> Visit:
    """Make the visit that a consent opens."""
    said = of.statement
    sample = Visit(
        id=samples.name(f"visit {name}", 16),
        consent=of.id,
        decision=said.decision,
        patient=said.patient,
        scope=said.scope,
        opened_ms=said.at_ms,
    )
    return replace(sample, **changes)
