"""Reads the identifier of a query or retrieval (PS3.4 §C.4): its level and its keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from undisc_node.services.dicomweb.model import text_of
from undisc_node.services.errors import Invalid

LEVEL: Final = "00080052"
PATIENT_ID, ISSUER = "00100020", "00100021"
STUDY_UID, SERIES_UID, SOP_UID = "0020000D", "0020000E", "00080018"
_CHARACTER_SET: Final = "00080005"
_TIMEZONE: Final = "00080201"
_FIRST, _LAST = "00080000", "7FDFFFFF"  # what can be asked for: no commands, meta, delimiters
_FORMS: Final = ("Alphabetic", "Ideographic", "Phonetic")


class Level(StrEnum):
    """What is asked for (0008,0052)."""

    PATIENT = "PATIENT"
    STUDY = "STUDY"
    SERIES = "SERIES"
    IMAGE = "IMAGE"


UNIQUE_KEYS: Final = {
    Level.PATIENT: PATIENT_ID,
    Level.STUDY: STUDY_UID,
    Level.SERIES: SERIES_UID,
    Level.IMAGE: SOP_UID,
}
"""The unique key of each level (PS3.4 §C.6.1.1, §C.6.2.1), from the highest to the lowest."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """What a workstation asks.

    Attributes:
        level: What is asked for.
        keys: By tag, what each attribute must be like; an empty text asks for its value only.
    """

    level: Level
    keys: Mapping[str, str]

    def list_of(self, tag: str) -> tuple[str, ...]:
        """Return the values of a key; none when it is absent, empty or universal."""
        value = self.keys.get(tag, "")
        return tuple(filter(None, value.split("\\"))) if value.strip("*") else ()


def read_identifier(attributes: Mapping[str, Any], *, patient_root: bool) -> Identifier:
    """Read an identifier.

    Sequences are asked for, never matched: what stands in their items is ignored.

    Args:
        attributes: In the DICOM JSON Model.
        patient_root: Whether the model of the question begins with the patient.

    Raises:
        Invalid: `bad_level`: there is no level, or none of the model.
    """
    try:
        level = Level(text_of(attributes, LEVEL))
    except ValueError:
        raise Invalid("the question names no level that there is", code="bad_level") from None
    if level is Level.PATIENT and not patient_root:
        raise Invalid("the study root has no patient level", code="bad_level")
    dropped = {LEVEL, _CHARACTER_SET, _TIMEZONE}
    keys = {
        tag: _text(one)
        for tag, one in attributes.items()
        if tag not in dropped and _FIRST <= tag <= _LAST
    }
    return Identifier(level, keys)


def _text(element: Mapping[str, Any]) -> str:
    if element.get("vr") == "SQ":
        return ""
    return "\\".join(map(_value, element.get("Value", ())))


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "=".join(value.get(form, "") for form in _FORMS).rstrip("=")
    return "" if value is None else str(value)
