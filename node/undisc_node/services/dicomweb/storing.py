"""Takes instances in and says what became of each (STOW-RS, PS3.18 §10.5)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from undisc_node.services.dicomweb.model import Attributes
from undisc_node.services.dicomweb.scope import Allowed
from undisc_node.services.errors import (
    Conflict,
    DiskFull,
    Invalid,
    Refused,
    ServiceError,
    Unavailable,
)
from undisc_node.services.model import InstanceFacts
from undisc_node.services.ports import InstanceReader, Source
from undisc_node.services.receiving import StoreOutcome

_log = logging.getLogger(__name__)

# Failure and warning reasons (PS3.18 Annex I.2; PS3.4 §GG.4).
FAILED: Final = 0x0110  # processing failure
NO_RESOURCES: Final = 0xA700
OTHER_STUDY: Final = 0xA901  # the data set does not match what it was sent to
NOT_UNDERSTOOD: Final = 0xC000
WAITS: Final = 0xB000  # taken in, but a person must look at it first

REASONS: Final = {
    FAILED: "the node could not store it; its log says why",
    NO_RESOURCES: "no room on the disk or within a quota, or the study is full",
    OTHER_STUDY: "the instance is of another study than the request named",
    NOT_UNDERSTOOD: "this is no DICOM object, or one without the UIDs that it must have",
    WAITS: "warning: stored, but kept back until a person has decided about it",
}
"""When each is told."""


class Receives(Protocol):
    """Takes instances in."""

    def store(self, source: Source, sender: str) -> StoreOutcome:
        """Store one instance; durable on return."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one part of a request.

    Attributes:
        facts: What it says it is; None for what cannot be read.
        failure: Reason for which it was not stored, or 0.
        warning: Reason for a warning, or 0.
    """

    facts: InstanceFacts | None
    failure: int = 0
    warning: int = 0


class Storing:
    """Takes instances in.

    Args:
        receiving: Where they go; the same path as from a modality.
        reader: Reads what they say they are.
    """

    def __init__(self, *, receiving: Receives, reader: InstanceReader) -> None:
        self._receiving = receiving
        self._reader = reader

    def check(self, allowed: Allowed) -> None:
        """See that a caller may store at all.

        Raises:
            Refused: They may only look.
        """
        if not allowed.sender:
            raise Refused("nothing can be stored here", code="read_only")

    def store(self, allowed: Allowed, source: Source, study_uid: str = "") -> Outcome:
        """Store one instance.

        Args:
            allowed: As whom.
            source: A complete Part 10 file, kept byte for byte.
            study_uid: The study to which it was sent; empty for any.
        """
        self.check(allowed)
        try:
            facts = self._reader.facts(source)
        except Invalid:
            return Outcome(None, NOT_UNDERSTOOD)
        if study_uid and facts.study_uid != study_uid:
            return Outcome(facts, OTHER_STUDY)
        try:
            outcome = self._receiving.store(source, allowed.sender)
        except Invalid:
            return Outcome(facts, NOT_UNDERSTOOD)
        except (DiskFull, Unavailable, Conflict) as problem:
            _log.warning("an instance sent over DICOMweb was not stored: %s", problem.reason)
            return Outcome(facts, NO_RESOURCES)
        except ServiceError as problem:
            _log.warning("an instance sent over DICOMweb was not stored: %s", problem.reason)
            return Outcome(facts, FAILED)
        return Outcome(facts, warning=WAITS if outcome.status == "waiting" else 0)


def response(outcomes: Sequence[Outcome], base: str) -> tuple[int, Attributes]:
    """Return status and data set of the answer (PS3.18 §10.5.3).

    Args:
        outcomes: One for each part.
        base: URL of the service.
    """
    failed = [one for one in outcomes if one.failure]
    stored = [one for one in outcomes if not one.failure]
    studies = {one.facts.study_uid for one in stored if one.facts is not None}
    answer: Attributes = {}
    if len(studies) == 1:
        answer["00081190"] = _value("UR", f"{base}/studies/{next(iter(studies))}")
    if failed:
        answer["00081198"] = {"vr": "SQ", "Value": [_failure(one) for one in failed]}
    if stored:
        answer["00081199"] = {"vr": "SQ", "Value": [_success(one, base) for one in stored]}
    if not stored:
        return 409, answer
    return (202 if failed or any(one.warning for one in stored) else 200), answer


def _named(outcome: Outcome) -> Attributes:
    facts = outcome.facts
    if facts is None:
        return {}
    return {"00081150": _value("UI", facts.sop_class), "00081155": _value("UI", facts.sop_uid)}


def _failure(outcome: Outcome) -> Attributes:
    return {**_named(outcome), "00081197": _value("US", outcome.failure)}


def _success(outcome: Outcome, base: str) -> Attributes:
    item = _named(outcome)
    if outcome.facts is not None:
        facts = outcome.facts
        url = (
            f"{base}/studies/{facts.study_uid}/series/{facts.series_uid}/instances/{facts.sop_uid}"
        )
        item["00081190"] = _value("UR", url)
    if outcome.warning:
        item["00081196"] = _value("US", outcome.warning)
    return dict(sorted(item.items()))


def _value(representation: str, value: str | int) -> dict[str, Any]:
    return {"vr": representation, "Value": [value]}
