"""Which directory record an instance gets, and which attributes stand in it (PS3.3 §F.4, §F.5).

`Key.missing` says what a record gets when the instance has no such value, or one that is none:
nothing when the key may be absent (type 1C and 3), empty text when it may be empty (type 2), and
a stand-in when a reader may rely on it (type 1), as every DICOMDIR writer has to invent some.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydicom import uid

NUMBER: Final = b"#"
"""Stands for the number that the writer gives to the instance."""
STANDARD: Final = "1.2.840.10008."  # the root of every UID that the standard defines
CONCEPT_NAME: Final = 0x0040A043
ENCAPSULATED: Final = 0x00420011
CHARACTER_SET: Final = 0x00080005
_NO_DATE, _NO_TIME = b"19000101", b"000000"  # what other writers put in place of an unknown date


@dataclass(frozen=True, slots=True)
class Key:
    """An attribute of a directory record.

    Attributes:
        tag: Its tag.
        kind: Its value representation.
        missing: What stands in for no value; None leaves it out.
        others: Tags to take it from when the instance has no value of its own.
    """

    tag: int
    kind: bytes
    missing: bytes | None = None
    others: tuple[int, ...] = ()


_SERIES_DATE, _ACQUISITION_DATE, _CONTENT_DATE = 0x00080021, 0x00080022, 0x00080023
_SERIES_TIME, _ACQUISITION_TIME, _CONTENT_TIME = 0x00080031, 0x00080032, 0x00080033

PATIENT: Final = (
    Key(0x00100010, b"PN", b""),
    Key(0x00100020, b"LO", b"UNKNOWN"),
    Key(0x00100030, b"DA", b""),
    Key(0x00100040, b"CS", b""),
)
STUDY: Final = (
    Key(0x00080020, b"DA", _NO_DATE, (_SERIES_DATE, _ACQUISITION_DATE, _CONTENT_DATE)),
    Key(0x00080030, b"TM", _NO_TIME, (_SERIES_TIME, _ACQUISITION_TIME, _CONTENT_TIME)),
    Key(0x00080050, b"SH", b""),
    Key(0x00081030, b"LO", b""),
    Key(0x0020000D, b"UI"),
    Key(0x00200010, b"SH", b"1"),
)
SERIES: Final = (
    Key(0x00080060, b"CS", b"OT"),
    Key(0x0008103E, b"LO"),
    Key(0x0020000E, b"UI"),
    Key(0x00200011, b"IS", NUMBER),
)
_INSTANCE: Final = Key(0x00200013, b"IS", NUMBER)
_DATED: Final = (
    Key(_CONTENT_DATE, b"DA", _NO_DATE, (_ACQUISITION_DATE, _SERIES_DATE, 0x00080020)),
    Key(_CONTENT_TIME, b"TM", _NO_TIME, (_ACQUISITION_TIME, _SERIES_TIME, 0x00080030)),
)
_NAMED: Final = (
    Key(0x00700080, b"CS", b"UNNAMED"),
    Key(0x00700081, b"LO", b""),
    Key(0x00700084, b"PN", b""),
)

LEAVES: Final[Mapping[str, tuple[Key, ...]]] = {
    "IMAGE": (_INSTANCE,),
    "RT DOSE": (_INSTANCE, Key(0x3004000A, b"CS", b"PLAN")),
    "RT STRUCTURE SET": (
        _INSTANCE,
        Key(0x30060002, b"SH", b"UNNAMED"),
        Key(0x30060008, b"DA", b""),
        Key(0x30060009, b"TM", b""),
    ),
    "RT PLAN": (
        _INSTANCE,
        Key(0x300A0002, b"SH", b"UNNAMED"),
        Key(0x300A0006, b"DA", b""),
        Key(0x300A0007, b"TM", b""),
    ),
    "RT TREAT RECORD": (
        _INSTANCE,
        Key(0x30080250, b"DA", b""),
        Key(0x30080251, b"TM", b""),
    ),
    "PRESENTATION": (
        _INSTANCE,
        *_NAMED,
        Key(0x00700082, b"DA", _NO_DATE, (_CONTENT_DATE, 0x00080020)),
        Key(0x00700083, b"TM", _NO_TIME, (_CONTENT_TIME, 0x00080030)),
    ),
    "WAVEFORM": (*_DATED, _INSTANCE),
    "SR DOCUMENT": (
        *_DATED,
        _INSTANCE,
        Key(0x0040A491, b"CS", b"PARTIAL"),
        Key(0x0040A493, b"CS", b"UNVERIFIED"),
    ),
    "KEY OBJECT DOC": (*_DATED, _INSTANCE),
    "SPECTROSCOPY": (Key(0x00080008, b"CS", b"ORIGINAL\\PRIMARY"), *_DATED, _INSTANCE),
    "RAW DATA": (*_DATED, _INSTANCE),
    "REGISTRATION": (*_DATED, _INSTANCE, *_NAMED),
    "FIDUCIAL": (*_DATED, _INSTANCE, *_NAMED),
    "VALUE MAP": (*_DATED, _INSTANCE, *_NAMED),
    "STEREOMETRIC": (*_DATED, _INSTANCE, *_NAMED),
    "MEASUREMENT": (*_DATED, _INSTANCE, *_NAMED),
    "SURFACE": (*_DATED, _INSTANCE, *_NAMED),
    "SURFACE SCAN": (*_DATED, _INSTANCE),
    "TRACT": (*_DATED, _INSTANCE, *_NAMED),
    "ASSESSMENT": (*_DATED, _INSTANCE),
    "ENCAP DOC": (
        Key(_CONTENT_DATE, b"DA", b""),
        Key(_CONTENT_TIME, b"TM", b""),
        _INSTANCE,
        Key(0x00420010, b"ST", b""),
    ),
    "PRIVATE": (_INSTANCE,),
}
"""Keys of the records at the lowest level, by type of record."""

ENCAPSULATED_PDF: Final = str(uid.EncapsulatedPDFStorage)
DOCUMENTS: Final[Mapping[str, bytes]] = {
    ENCAPSULATED_PDF: b"application/pdf",
    str(uid.EncapsulatedCDAStorage): b"text/XML",
    str(uid.EncapsulatedSTLStorage): b"model/stl",
    str(uid.EncapsulatedOBJStorage): b"model/obj",
    str(uid.EncapsulatedMTLStorage): b"model/mtl",
}
"""What encapsulated documents are, by SOP class: their own word comes after their content."""

_BY_NAME: Final = (  # of the SOP class in PS3.6; the first that fits counts
    (r"RT Dose Storage", "RT DOSE"),
    (r"RT Structure Set", "RT STRUCTURE SET"),
    (r"RT (?:Ion )?Plan Storage", "RT PLAN"),
    (r"RT .*Treatment (?:Record|Summary)", "RT TREAT RECORD"),
    (r"Key Object Selection", "KEY OBJECT DOC"),
    (r"Presentation State|Structured Display", "PRESENTATION"),
    (r"Waveform|Electroencephalogram|Electromyogram|Electrooculogram", "WAVEFORM"),
    (r"\bSR\b|Procedure Log|Spectacle Prescription|Thickness and Volume Report", "SR DOCUMENT"),
    (r"MR Spectroscopy", "SPECTROSCOPY"),
    (r"Raw Data Storage", "RAW DATA"),
    (r"Spatial Registration", "REGISTRATION"),
    (r"Spatial Fiducials", "FIDUCIAL"),
    (r"Real World Value Mapping", "VALUE MAP"),
    (r"Stereometric", "STEREOMETRIC"),
    (r"Measurements Storage", "MEASUREMENT"),
    (r"Surface Segmentation", "SURFACE"),
    (r"Surface Scan", "SURFACE SCAN"),
    (r"Tractography", "TRACT"),
    (r"Content Assessment", "ASSESSMENT"),
    (r"Encapsulated", "ENCAP DOC"),
)


def record_type(sop_class: str) -> str:
    """Return the type of directory record of an instance (PS3.4 Table B.5-1, PS3.3 §F.5).

    Whatever the standard defines and is nothing else is an image; what others define is private.
    """
    if not sop_class.startswith(STANDARD):
        return "PRIVATE"
    name = uid.UID(sop_class).name
    return next((kind for pattern, kind in _BY_NAME if re.search(pattern, name)), "IMAGE")
