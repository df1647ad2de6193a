"""Writes the DICOMDIR of a medium (PS3.3 Annex F) from what `leaves` prepared.

Records are laid out in one pass over their sizes, so that each can name the offset of the next one
and of its first child; the file is explicit VR little endian, as PS3.10 §8.6 demands.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from undisc_node.dicom import part10
from undisc_node.dicom.directory import DICOMDIR
from undisc_node.dicom.leaves import element, leaf_of
from undisc_node.services.model import Study
from undisc_node.services.ports import Leaf, Trunk
from undisc_protocol.pack import ObjectHeader

_IN_USE: Final = 0xFFFF  # Record In-use Flag (0004,1410)
_NUMBER = struct.Struct("<L")
_ITEM: Final = b"\xfe\xff\x00\xe0"


@dataclass(slots=True)
class _Record:
    """A directory record, and those below it.

    Attributes:
        content: Its elements behind (0004,1420), encoded.
        below: Its children.
        at: Its offset in the file.
        next_at: Offset of the next one of the same level; 0 for none.
    """

    content: bytes
    below: list[_Record] = field(default_factory=list)
    at: int = 0
    next_at: int = 0


class Composer:
    """Makes what a medium needs besides instances (`services.ports.MediumComposer`)."""

    def leaf(self, head: bytes, header: ObjectHeader, study: Study, place: tuple[int, int]) -> Leaf:
        """Prepare one instance.

        Raises:
            Invalid: It does not even begin as a DICOM file.
        """
        return leaf_of(head, header, study, place)

    def directory(self, uid: str, file_set: str, studies: Sequence[Trunk]) -> bytes:
        """Make the DICOMDIR of a medium."""
        meta = part10.compose_part10(
            sop_class=DICOMDIR, sop_uid=uid, transfer_syntax=part10.EXPLICIT_LITTLE
        )
        named = element(0x00041130, b"CS", file_set.encode())
        patients = _patients(studies)
        records = [record for patient in patients for record in _flat(patient)]
        start = len(meta) + len(named) + len(_head(0, 0, 0))
        stop = _lay_out(records, start)
        _link(patients)
        first, last = (patients[0].at, patients[-1].at) if patients else (0, 0)
        return b"".join(
            (meta, named, _head(first, last, stop - start), *(_encoded(one) for one in records))
        )


def _head(first: int, last: int, length: int) -> bytes:
    """Encode what stands between the file-set ID and the first record."""
    return (
        element(0x00041200, b"UL", _NUMBER.pack(first))
        + element(0x00041202, b"UL", _NUMBER.pack(last))
        + element(0x00041212, b"US", b"\0\0")  # no known inconsistencies
        + b"\x04\x00\x20\x12SQ\0\0"
        + _NUMBER.pack(length)
    )


def _patients(studies: Sequence[Trunk]) -> list[_Record]:
    """Build the tree; studies of one identity stand under one patient."""
    patients: dict[object, _Record] = {}
    for trunk in studies:
        first = trunk.series[0].leaves[0][1]
        patient = patients.setdefault(
            trunk.study.patient, _Record(_type("PATIENT") + first.patient)
        )
        study = _Record(_type("STUDY") + first.study)
        patient.below.append(study)
        for branch in trunk.series:
            series = _Record(_type("SERIES") + branch.leaves[0][1].series)
            series.below = [_Record(_leaf_content(parts, leaf)) for parts, leaf in branch.leaves]
            study.below.append(series)
    return list(patients.values())


def _type(name: str) -> bytes:
    return element(0x00041430, b"CS", name.encode())


def _leaf_content(parts: tuple[str, ...], leaf: Leaf) -> bytes:
    header = leaf.header
    return (
        leaf.references
        + element(0x00041500, b"CS", "\\".join(parts).encode())
        + element(0x00041510, b"UI", header.sop_class.encode())
        + element(0x00041511, b"UI", header.sop_uid.encode())
        + element(0x00041512, b"UI", header.syntax.encode())
        + leaf.record
    )


def _flat(record: _Record) -> list[_Record]:
    """List a record and everything below it, in the order in which they are written."""
    found = [record]
    for below in record.below:
        found += _flat(below)
    return found


def _lay_out(records: Sequence[_Record], start: int) -> int:
    """Give every record its place; return where the last one ends."""
    at = start
    for record in records:
        record.at = at
        at += len(_encoded(record))
    return at


def _link(level: Sequence[_Record]) -> None:
    """Let every record know the next one of its level."""
    for record, following in pairwise(level):
        record.next_at = following.at
    for record in level:
        _link(record.below)


def _encoded(record: _Record) -> bytes:
    below = record.below[0].at if record.below else 0
    body = (
        element(0x00041400, b"UL", _NUMBER.pack(record.next_at))
        + element(0x00041410, b"US", _IN_USE.to_bytes(2, "little"))
        + element(0x00041420, b"UL", _NUMBER.pack(below))
        + record.content
    )
    return _ITEM + _NUMBER.pack(len(body)) + body
