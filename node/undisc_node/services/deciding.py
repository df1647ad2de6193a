"""What an arrival means for a study (DESIGN §5 corrections): pure decisions, no storage.

| the study already has the SOP Instance UID …  | outcome                                    |
|-----------------------------------------------|--------------------------------------------|
| no                                            | stored                                     |
| yes, with the same bytes                      | duplicate                                  |
| yes, other bytes, from the same sender        | superseded: the new one is current         |
| yes, other bytes, from another sender         | waiting: the administrator decides         |
| … and unless the bytes are here already:      |                                            |
| another patient's identity                    | waiting, and the whole study is held       |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from unicodedata import normalize

from undisc_node.services.contents import StudyContents
from undisc_node.services.model import InstanceFacts, Patient, Study, StudyState
from undisc_node.services.ports import Source
from undisc_node.services.sender_model import Caller
from undisc_protocol.pack import StudyHeader

HOLD_IDENTITY = "another patient's identity arrived under this study"
"""Reason of a hold that ends when the waiting arrivals are resolved."""

PEER_SENDER = "peer:"
"""Beginning of what a peer is called as the sender of instances; its node id follows, as hex."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Who sent what goes into quarantine, and under which UID it was sent."""

    caller: Caller
    study_uid: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """An instance that has been read and hashed, before anything is decided."""

    source: Source
    facts: InstanceFacts
    hash: bytes
    sender: str
    at_ms: int
    unknown: Unknown | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What an arrival means.

    Attributes:
        status: `stored`, `duplicate`, `superseded` or `waiting`.
        reason: Why it waits; empty otherwise.
        replaces: Id of the object it supersedes.
        growth: Bytes by which the study's current instances grow.
    """

    status: str
    reason: str = ""
    replaces: bytes | None = None
    growth: int = 0


def study_header(study: Study) -> StudyHeader:
    """Return what the sealed header of a study's pack says, enough to rebuild its row."""
    return StudyHeader(
        study=study.id,
        uid=study.uid,
        patient=study.patient,
        study_date=study.study_date,
        study_time=study.study_time,
        accession=study.accession,
        description=study.description,
        made_ms=study.created_ms,
    )


def same_patient(known: Patient, other: Patient) -> bool:
    """Tell whether two identities can be one person.

    Identifiers and birth dates must agree where both are given; names are compared without case,
    empty components and surrounding space, as modalities differ in these.
    """
    if known == other:
        return True  # as nearly always

    def plain(name: str) -> str:
        return " ".join(normalize("NFC", name.replace("^", " ")).casefold().split())

    pairs = [
        (known.id.strip(), other.id.strip()),
        (known.issuer.strip(), other.issuer.strip()),
        (known.birth_date.strip(), other.birth_date.strip()),
    ]
    agree = all(not one or not two or one == two for one, two in pairs)
    return agree and plain(known.name) == plain(other.name)


def completed(known: Patient, other: Patient) -> Patient:
    """Return an identity whose empty attributes are filled in from another of the same person.

    Otherwise a first instance without an identifier would let the instances of two patients in,
    each of which agrees with it, but not with the other.
    """
    if known == other:
        return known
    return replace(
        known,
        id=known.id if known.id.strip() else other.id,
        issuer=known.issuer if known.issuer.strip() else other.issuer,
        birth_date=known.birth_date if known.birth_date.strip() else other.birth_date,
        sex=known.sex if known.sex.strip() else other.sex,
    )


def decide(arrival: Arrival, study: Study, contents: StudyContents) -> Decision:
    """Return what an arrival means for a study with these contents."""
    known = contents.current.get(arrival.facts.sop_uid)
    if known is not None and known.stored.header.hash == arrival.hash:
        return Decision("duplicate")  # also when a person has accepted another identity
    if not same_patient(study.patient, arrival.facts.patient):
        decision = Decision("waiting", HOLD_IDENTITY)
    else:
        if known is None:
            return Decision("stored", growth=arrival.source.size)
        if known.stored.header.sender == arrival.sender:
            old = known.stored.header
            growth = arrival.source.size - old.size
            return Decision("superseded", replaces=old.id, growth=growth)
        decision = Decision("waiting", "another sender holds a different version")
    for located in contents.waiting:
        header = located.stored.header
        if (header.sop_uid, header.hash) == (arrival.facts.sop_uid, arrival.hash):
            return Decision("duplicate", "it is already waiting for the administrator")
    return decision


def only_grew(before: Study, after: Study) -> bool:
    """Tell whether arrivals changed nothing of a row but counts, size and times."""
    return (before.patient, before.modalities, before.state, before.reason) == (
        after.patient,
        after.modalities,
        after.state,
        after.reason,
    )


def updated_row(
    study: Study,
    contents: StudyContents,
    arrivals: Sequence[Arrival],
    decisions: Sequence[Decision],
) -> Study:
    """Return the study's row after arrivals that are not all duplicates."""
    identity = any(decision.reason == HOLD_IDENTITY for decision in decisions)
    hold = identity and study.state is StudyState.ACTIVE
    taken = [
        arrival.facts
        for arrival, decision in zip(arrivals, decisions, strict=True)
        if decision.status in ("stored", "superseded")
    ]
    patient = study.patient
    for facts in taken:
        patient = completed(patient, facts.patient)
    return replace(
        study,
        patient=patient,
        modalities=tuple(sorted({*study.modalities, *(facts.modality for facts in taken)} - {""})),
        instances=len(contents.current),
        size=study.size + sum(decision.growth for decision in decisions),
        waiting=len(contents.waiting),
        state=StudyState.HELD if hold else study.state,
        reason=HOLD_IDENTITY if hold else study.reason,
        arrived_ms=max(study.arrived_ms, *(arrival.at_ms for arrival in arrivals)),
        settled_ms=None,
    )
