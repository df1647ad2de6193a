"""Which attributes DICOMweb matches and returns (PS3.18 §10.6): one table, for code and pages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Level(StrEnum):
    """What a search is for."""

    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute that a search knows.

    Attributes:
        tag: Eight hex digits.
        keyword: PS3.6.
        vr: Value representation.
        level: Where it belongs.
        matched: How values are matched: `single`, `wildcard`, `name`, `range`, `list`, or empty.
        returned: Whether every answer of its level has it.
    """

    tag: str
    keyword: str
    vr: str
    level: Level
    matched: str = ""
    returned: bool = True


_S, _E, _I = Level.STUDY, Level.SERIES, Level.INSTANCE

ATTRIBUTES: Final = (
    Attribute("00080005", "SpecificCharacterSet", "CS", _S),
    Attribute("00080020", "StudyDate", "DA", _S, "range"),
    Attribute("00080030", "StudyTime", "TM", _S, "range"),
    Attribute("00080050", "AccessionNumber", "SH", _S, "wildcard"),
    Attribute("00080056", "InstanceAvailability", "CS", _S),
    Attribute("00080061", "ModalitiesInStudy", "CS", _S, "wildcard"),
    Attribute("00080090", "ReferringPhysicianName", "PN", _S, "name"),
    Attribute("00081030", "StudyDescription", "LO", _S, "wildcard"),
    Attribute("00081190", "RetrieveURL", "UR", _S),
    Attribute("00100010", "PatientName", "PN", _S, "name"),
    Attribute("00100020", "PatientID", "LO", _S, "wildcard"),
    Attribute("00100021", "IssuerOfPatientID", "LO", _S, "single"),
    Attribute("00100030", "PatientBirthDate", "DA", _S, "range"),
    Attribute("00100040", "PatientSex", "CS", _S, "single"),
    Attribute("0020000D", "StudyInstanceUID", "UI", _S, "list"),
    Attribute("00200010", "StudyID", "SH", _S, "wildcard"),
    Attribute("00201206", "NumberOfStudyRelatedSeries", "IS", _S),
    Attribute("00201208", "NumberOfStudyRelatedInstances", "IS", _S),
    Attribute("00080060", "Modality", "CS", _E, "wildcard"),
    Attribute("00080201", "TimezoneOffsetFromUTC", "SH", _E, "wildcard"),
    Attribute("0008103E", "SeriesDescription", "LO", _E, "wildcard"),
    Attribute("0020000E", "SeriesInstanceUID", "UI", _E, "list"),
    Attribute("00200011", "SeriesNumber", "IS", _E, "single"),
    Attribute("00201209", "NumberOfSeriesRelatedInstances", "IS", _E),
    Attribute("00400244", "PerformedProcedureStepStartDate", "DA", _E, "range"),
    Attribute("00400245", "PerformedProcedureStepStartTime", "TM", _E, "range"),
    Attribute("00400275", "RequestAttributesSequence", "SQ", _E),
    Attribute("00080016", "SOPClassUID", "UI", _I, "list"),
    Attribute("00080018", "SOPInstanceUID", "UI", _I, "list"),
    Attribute("00083002", "AvailableTransferSyntaxUID", "UI", _I, "list"),
    Attribute("00200013", "InstanceNumber", "IS", _I, "single"),
    Attribute("00280008", "NumberOfFrames", "IS", _I, "single"),
    Attribute("00280010", "Rows", "US", _I, "single"),
    Attribute("00280011", "Columns", "US", _I, "single"),
    Attribute("00280100", "BitsAllocated", "US", _I, "single"),
)
"""Beside these, any attribute before the pixel data is matched and returned on request: of series
where its first instance has it, of instances always."""

BY_TAG: Final = {one.tag: one for one in ATTRIBUTES}
BY_KEYWORD: Final = {one.keyword: one.tag for one in ATTRIBUTES}

_OF_STUDY: Final = """
    00080062 00080201 00081032 00081048 00081060 00081080 00081110 00100032 00101000 00101002
    00101010 00101020 00101030 00102160 00102180 001021B0 00104000 00321032 00324000 00401012
"""
_OF_SERIES: Final = """
    00080021 00080031 00080070 00080080 00081010 00081040 00081050 00081070 00081090 00180015
    00181030 00185100 00200052 00200060 00400253 00400254
"""
ON_REQUEST: Final = {
    Level.STUDY: frozenset(_OF_STUDY.split()),
    Level.SERIES: frozenset(_OF_SERIES.split()),
}
"""Further attributes of patient, study and series that `includefield` gives where an instance has
them (PS3.4 §C.6.1.1)."""


def returned(level: Level) -> tuple[str, ...]:
    """Return the tags that every answer of a level has."""
    return tuple(one.tag for one in ATTRIBUTES if one.level is level and one.returned)
