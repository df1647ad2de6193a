"""Reads what the node needs to know from a DICOM object (`services.ports.InstanceReader`).

Reads the file meta information and the data set up to Instance Number (0020,0013), never more, and
never decides about the image itself: a file whose pixel data are cut short is kept as it is. Every
refusal is `Invalid` with a stable code and a sentence without patient data.
"""

from __future__ import annotations

import io
from typing import BinaryIO, Final

from undisc_node.dicom import part10, scan, text
from undisc_node.dicom.inflating import DEFLATED, Ending, inflate
from undisc_node.services.errors import Invalid
from undisc_node.services.model import InstanceFacts, Patient
from undisc_node.services.ports import Source

MAX_INFLATED: Final = (
    4 * 2**20
)  # bytes inflated to reach Instance Number; real headers stay < 1 MiB

_DICOMDIR = "1.2.840.10008.1.3.10"

_CHARACTER_SET = 0x00080005
_SOP_CLASS = 0x00080016
_SOP_INSTANCE = 0x00080018
_STUDY_DATE = 0x00080020
_STUDY_TIME = 0x00080030
_ACCESSION = 0x00080050
_MODALITY = 0x00080060
_DESCRIPTION = 0x00081030
_PATIENT_NAME = 0x00100010
_PATIENT_ID = 0x00100020
_ISSUER = 0x00100021
_BIRTH_DATE = 0x00100030
_SEX = 0x00100040
_STUDY = 0x0020000D
_SERIES = 0x0020000E
_NUMBER = 0x00200013
_WANTED = frozenset(
    (
        _CHARACTER_SET,
        _SOP_CLASS,
        _SOP_INSTANCE,
        _STUDY_DATE,
        _STUDY_TIME,
        _ACCESSION,
        _MODALITY,
        _DESCRIPTION,
        _PATIENT_NAME,
        _PATIENT_ID,
        _ISSUER,
        _BIRTH_DATE,
        _SEX,
        _STUDY,
        _SERIES,
        _NUMBER,
    )
)
_LAST = _NUMBER


class FactReader:
    """Reads facts from Part 10 files, and from bare data sets that say enough."""

    def facts(self, source: Source) -> InstanceFacts:
        """Read the facts of one object.

        Raises:
            Invalid: `not_dicom`, `dicomdir`, `truncated`, `bad_encoding`, `bad_order`, `bad_uid`,
                `too_complex`, `too_deflated`, `no_study_uid`, `no_series_uid`, `no_sop_uid`, or
                `no_sop_class`.
        """
        with source.open() as stream:
            frame = part10.read_frame(stream, source.size)
            if frame.sop_class == _DICOMDIR:
                raise Invalid(
                    "this is the table of contents of a disc, not an image",
                    code="dicomdir",
                    hint="import the folder it lies in",
                )
            values = _read_values(stream, source.size, frame.transfer_syntax)
        return _facts(values, frame)


def collect(source: Source, wanted: frozenset[int], last: int) -> dict[int, bytes]:
    """Return the raw values of wanted elements of a file, none after the tag `last`.

    Raises:
        Invalid: As `FactReader.facts`.
    """
    with source.open() as stream:
        frame = part10.read_frame(stream, source.size)
        return _read_values(stream, source.size, frame.transfer_syntax, wanted, last)


def _read_values(
    stream: BinaryIO,
    size: int,
    syntax: str,
    wanted: frozenset[int] = _WANTED,
    last: int = _LAST,
) -> dict[int, bytes]:
    """Collect the wanted values from the data set at which the stream stands."""
    if syntax not in DEFLATED:
        return _scan(stream, size, syntax, wanted, last)
    head, ending = inflate(stream, most=MAX_INFLATED)
    if ending is Ending.DAMAGED:
        raise Invalid("the compressed object is damaged", code="truncated")
    try:
        return _scan(io.BytesIO(head), len(head), syntax, wanted, last)
    except Invalid as refusal:
        if refusal.reason == "truncated" and ending is Ending.BOUND:
            raise Invalid(
                "the compressed object is too large to look into", code="too_deflated"
            ) from refusal
        raise


def _scan(
    stream: BinaryIO, size: int, syntax: str, wanted: frozenset[int], last: int
) -> dict[int, bytes]:
    """Collect the wanted values of a data set that is not deflated."""
    encoding = encoding_of(stream, syntax)
    return scan.Scanner(stream, size, encoding).collect(wanted, last)


def encoding_of(stream: BinaryIO, syntax: str) -> scan.Encoding:
    """Tell how the elements at which the stream stands are written."""
    at = stream.tell()
    first = stream.read(8)
    stream.seek(at)
    big_endian = syntax == part10.EXPLICIT_BIG
    # Real objects exist whose elements are implicit although the file says explicit, and the other
    # way round; the first element shows it (two capital letters are no believable length).
    explicit = big_endian or scan.is_representation(first[4:6])
    return scan.Encoding(explicit=explicit, big_endian=big_endian)


def _facts(values: dict[int, bytes], frame: part10.Frame) -> InstanceFacts:
    """Decode the raw values."""
    sets = text.character_sets(values.get(_CHARACTER_SET, b""))

    def plain(tag: int) -> str:
        return text.decode(values.get(tag, b""), sets)

    return InstanceFacts(
        study_uid=_uid(values, _STUDY, "no_study_uid", "Study Instance UID"),
        series_uid=_uid(values, _SERIES, "no_series_uid", "Series Instance UID"),
        sop_uid=_uid(values, _SOP_INSTANCE, "no_sop_uid", "SOP Instance UID"),
        sop_class=_uid(values, _SOP_CLASS, "no_sop_class", "SOP Class UID"),
        transfer_syntax=frame.transfer_syntax,
        patient=Patient(
            name=plain(_PATIENT_NAME).rstrip("=^ "),  # empty parts mean nothing (PS3.5 §6.2.1)
            id=plain(_PATIENT_ID),
            issuer=plain(_ISSUER),
            birth_date=plain(_BIRTH_DATE),
            sex=plain(_SEX),
        ),
        study_date=plain(_STUDY_DATE),
        study_time=plain(_STUDY_TIME),
        accession=plain(_ACCESSION),
        description=plain(_DESCRIPTION),
        modality=plain(_MODALITY),
        number=_integer(values.get(_NUMBER, b"")),
    )


def _uid(values: dict[int, bytes], tag: int, missing: str, name: str) -> str:
    """Return a UID that must be there."""
    value = values.get(tag, b"").rstrip(b"\0 ")
    if not value:
        raise Invalid(f"the object has no {name}", code=missing)
    uid = text.read_uid(value)
    if uid is None:
        raise Invalid(f"the {name} of the object is not a valid UID", code="bad_uid")
    return uid


def _integer(value: bytes) -> int:
    """Read an integer string; 0 when it is none or does not fit 32 bits (PS3.5 §6.2, IS)."""
    try:
        number = int(value.decode("ascii").strip(" \0"))
    except ValueError:
        return 0
    return number if -(2**31) <= number < 2**31 else 0
