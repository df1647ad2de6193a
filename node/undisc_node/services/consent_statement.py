"""What a consent says, as signed bytes and back.

    record  =  envelope, tag undisc/consent@1, signed by the node key (SPEC.md §2.2)
    id      =  SHA-256 of its signed part: what `meta.consent` of a grant names (SPEC.md §4.1)

The record stays with the practice, only its hash travels. It is evidence: whoever is shown it later
can compute the hash again, and see that the grant rests on these words and no others.
"""

from __future__ import annotations

from typing import Final, cast

from undisc_node.services.consent_rows import (
    Consent,
    Covers,
    Decider,
    Decision,
    Method,
    Recipient,
    Scope,
    Statement,
)
from undisc_node.services.errors import Damaged
from undisc_node.services.model import Patient
from undisc_protocol.capability import envelope
from undisc_protocol.dagcbor import Value
from undisc_protocol.did import Did
from undisc_protocol.errors import RemoteProtocolError
from undisc_protocol.fields import Fields
from undisc_protocol.keys import SignKey

TAG: Final = "undisc/consent@1"
MAX_RECORD: Final = 65_536  # bytes; sixteen practices, 64 orders and the longest texts need 20,000
MAX_TEXT: Final = 1_024  # characters of any text; what the admin socket takes
MAX_ORDERS: Final = 64  # accession numbers of one consent; a visit has a handful
MAX_RECIPIENTS: Final = 16  # practices of one consent
_ID: Final = 32  # bytes of a node id, hash or salt
_LONGEST_WORD: Final = 16  # characters of any of the words
_NAMES: Final = frozenset(
    {
        "practice", "decision", "patient", "decider", "scope", "to", "text", "method",
        "witness", "evidence", "at", "ends", "salt",
    }
)  # fmt: skip


def sign(statement: Statement, key: SignKey) -> Consent:
    """Sign a statement; the result reads back as the same statement."""
    payload: dict[str, Value] = {
        "practice": statement.practice,
        "decision": statement.decision.value,
        "patient": statement.patient.to_value(),
        "decider": [
            statement.decider.value, statement.decider_name, statement.authority,
        ],
        "scope": [
            statement.scope.covers.value,
            list(statement.scope.orders),
            statement.scope.first,
            statement.scope.last,
        ],
        "to": [[one.node, one.name, one.command] for one in statement.recipients],
        "text": [statement.language, statement.version, statement.text],
        "method": statement.method.value,
        "witness": statement.witness,
        "evidence": statement.evidence,
        "at": statement.at_ms,
        "ends": statement.ends,
        "salt": statement.salt,
    }  # fmt: skip
    return read(envelope.sign(payload, tag=TAG, key=key), key.did)


def read(record: bytes, signer: Did) -> Consent:
    """Read a record and check its signature.

    Raises:
        Damaged: It is not what the node signed.
    """
    try:
        opened = envelope.read(record, tag=TAG, limit=MAX_RECORD)
        opened.verify(signer)
        return Consent(opened.signed_hash, record, signer, _statement(opened.payload))
    except (RemoteProtocolError, ValueError) as problem:
        raise Damaged(
            "a recorded consent is not what was signed",
            code="consent_damaged",
            hint="restore a backup: undisc-node restore",
        ) from problem


def _statement(payload: Value) -> Statement:
    fields = Fields(payload, "a consent", _NAMES)
    who = Fields.of_array(fields.raw("decider"), "a decider", ("who", "name", "authority"))
    scope = Fields.of_array(fields.raw("scope"), "a scope", ("covers", "orders", "first", "last"))
    text = Fields.of_array(fields.raw("text"), "a text", ("language", "version", "hash"))
    return Statement(
        practice=fields.fixed("practice", _ID),
        decision=Decision(fields.text("decision", most=_LONGEST_WORD)),
        patient=Patient.from_value(fields.raw("patient")),
        decider=Decider(who.text("who", most=_LONGEST_WORD)),
        decider_name=who.text("name", most=MAX_TEXT),
        authority=who.text("authority", most=MAX_TEXT),
        scope=Scope(
            Covers(scope.text("covers", most=_LONGEST_WORD)),
            tuple(cast("str", one) for one in scope.array("orders", most=MAX_ORDERS)),
            scope.text("first", most=_LONGEST_WORD),
            scope.text("last", most=_LONGEST_WORD),
        ),
        recipients=tuple(_recipient(one) for one in fields.array("to", most=MAX_RECIPIENTS)),
        language=text.text("language", most=MAX_TEXT),
        version=text.text("version", most=MAX_TEXT),
        text=text.fixed("hash", _ID),
        method=Method(fields.text("method", most=_LONGEST_WORD)),
        witness=fields.text("witness", most=MAX_TEXT),
        evidence=fields.text("evidence", most=MAX_TEXT),
        at_ms=fields.integer("at"),
        ends=None if fields.raw("ends") is None else fields.integer("ends"),
        salt=fields.fixed("salt", _ID),
    )


def _recipient(value: Value) -> Recipient:
    fields = Fields.of_array(value, "a recipient", ("node", "name", "command"))
    return Recipient(
        fields.fixed("node", _ID),
        fields.text("name", most=MAX_TEXT),
        fields.text("command", most=_LONGEST_WORD),
    )
