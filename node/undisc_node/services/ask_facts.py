"""What a decision is asked for, and the answer, as values; and the facts of an ask as JSON."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from undisc_node.services.consent_rows import Covers, Decider, Decision
from undisc_node.services.desk_rows import ChannelKind
from undisc_node.services.errors import Invalid
from undisc_node.services.model import Patient

MIN_PIN, MAX_PIN = 6, 12  # digits: five attempts find one of six in 200,000
MAX_SIGNATURE: Final = 65_536  # bytes of PNG; a drawn name has 5,000
MAX_SIDE: Final = 4_096  # pixels of a signature's picture
_PNG: Final = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"


@dataclass(frozen=True, slots=True)
class AskFacts:
    """What the desk asks somebody to decide.

    Attributes:
        patient: About whose images.
        decider: Who decides.
        decider_name: Their name; may be empty for the patient.
        authority: What showed that they may decide; empty for the patient.
        covers: What it is about.
        orders: Accession numbers that are known.
        first: First day, for a range of days.
        last: Last day.
        ends: End in seconds since 1970, or None for the practice's usual one.
        recipients: Node ids of practices that are proposed, hex; the patient may take them off.
        about: The examination in words, such as `CT chest`; may be empty.
        language: In which language it is asked.
    """

    patient: Patient
    decider: Decider = Decider.SELF
    decider_name: str = ""
    authority: str = ""
    covers: Covers = Covers.VISIT
    orders: tuple[str, ...] = ()
    first: str = ""
    last: str = ""
    ends: int | None = None
    recipients: tuple[str, ...] = ()
    about: str = ""
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered.

    Attributes:
        decision: Yes or no.
        recipients: Node ids of the practices that may have the images, hex.
        channels: Ways of delivery, each with its address as typed; empty for a print-out.
        accepted: Whether it was accepted that e-mail and text messages are not encrypted.
        pin: The PIN as typed; empty for none.
        drawn: The drawn signature as PNG; empty for none.
        typed: The typed name; empty for none.
        language: In which language it was answered.
        notices: Whether they want to hear of each use.
    """

    decision: Decision
    recipients: tuple[str, ...] = ()
    channels: tuple[tuple[ChannelKind, str], ...] = ()
    accepted: bool = False
    pin: str = ""
    drawn: bytes = b""
    typed: str = ""
    language: str = "en"
    notices: bool = False

    def __repr__(self) -> str:
        return f"Answer(decision={self.decision!s})"  # a PIN must not reach a traceback


def to_json(facts: AskFacts) -> str:
    """Write facts down."""
    patient = facts.patient
    return json.dumps(
        {
            "patient": [
                patient.name, patient.id, patient.issuer, patient.birth_date, patient.sex
            ],
            "decider": facts.decider,
            "decider_name": facts.decider_name,
            "authority": facts.authority,
            "covers": facts.covers,
            "orders": facts.orders,
            "first": facts.first,
            "last": facts.last,
            "ends": facts.ends,
            "recipients": facts.recipients,
            "about": facts.about,
            "language": facts.language,
        }
    )  # fmt: skip


def from_json(text: str) -> AskFacts:
    """Read what `to_json` wrote."""
    values: dict[str, Any] = json.loads(text)
    return AskFacts(
        patient=Patient(*values.pop("patient")),
        decider=Decider(values.pop("decider")),
        covers=Covers(values.pop("covers")),
        orders=tuple(values.pop("orders")),
        recipients=tuple(values.pop("recipients")),
        **values,
    )


def check_pin(pin: str, birth_date: str) -> None:
    """Check a PIN that somebody chose.

    Raises:
        Invalid: It is none, or among the first that anybody would try.
    """
    if not (pin.isascii() and pin.isdecimal() and MIN_PIN <= len(pin) <= MAX_PIN):
        raise Invalid(f"a PIN has {MIN_PIN} to {MAX_PIN} digits", code="bad_pin")
    steps = {int(after) - int(before) for before, after in pairwise(pin)}
    halves = {pin[start : start + 2] for start in range(0, len(pin), 2)}
    if steps in ({0}, {1}, {-1}) or len(halves) == 1 or pin in _birthdays(birth_date):
        raise Invalid(
            "this PIN is easy to guess",
            code="weak_pin",
            hint="no row of digits, and not the birth date",
        )


def check_signature(image: bytes) -> None:
    """Check that bytes are a PNG of a signature's size, by its head (PNG §11.2.2).

    Raises:
        Invalid: They are not.
    """
    if len(image) > MAX_SIGNATURE or not image.startswith(_PNG) or len(image) < len(_PNG) + 8:
        raise Invalid("the signature is no picture of ours", code="bad_signature")
    sides = struct.unpack_from(">II", image, len(_PNG))
    if not all(0 < side <= MAX_SIDE for side in sides):
        raise Invalid("the signature's picture is too large", code="bad_signature")


def _birthdays(day: str) -> set[str]:
    year, month, number = day[:4], day[4:6], day[6:]
    return {
        one + two + three
        for spelled in (year, year[2:])
        for one, two, three in (
            (spelled, month, number),
            (number, month, spelled),
            (month, number, spelled),
        )
    }
