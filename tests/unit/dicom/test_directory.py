"""DICOMDIR files of every make, and of people who mean no good: read, never believed."""

from __future__ import annotations

import pytest

from support.dicom_files import UNSTORABLE, pydicom_files
from support.hostile_names import NAMES
from undisc_node.dicom.directory import DICOMDIR, DirectoryReader
from undisc_node.dicom.leaves import element
from undisc_node.dicom.part10 import EXPLICIT_LITTLE, compose_part10
from undisc_node.dicom.sources import BytesSource, FileSource
from undisc_node.services.errors import Invalid

LISTED = {"DICOMDIR-empty.dcm": 0, "DICOMDIR-nooffset": 30, "TINY_ALPHA/DICOMDIR": 50}


def directory(*names):
    head = compose_part10(sop_class=DICOMDIR, sop_uid="1.2", transfer_syntax=EXPLICIT_LITTLE)
    items = b""
    for name in names:
        record = element(0x00041430, b"CS", b"IMAGE") + element(0x00041500, b"CS", name)
        items += b"\xfe\xff\x00\xe0" + len(record).to_bytes(4, "little") + record
    return head + element(0x00041220, b"SQ", items)


@pytest.mark.parametrize("name", [one for one, code in UNSTORABLE.items() if code == "dicomdir"])
def test_directories_of_every_encoding_are_read(name):
    listing = DirectoryReader().listing(FileSource(pydicom_files()[name]))
    short = name.removeprefix("test_files/dicomdirtests/")
    assert len(listing.files) == LISTED.get(short, 31)
    assert listing.refused == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_file_id_that_leads_out_is_counted_and_not_told(name):
    listing = DirectoryReader().listing(
        BytesSource(directory(name.replace("/", "\\").encode(), b"DICOM\\IM1"))
    )
    assert listing.files[-1] == ("DICOM", "IM1")
    assert all(set(part) - set("\\/:\0") == set(part) for one in listing.files for part in one)
    assert all(part not in {"", ".", ".."} for one in listing.files for part in one)


def test_a_directory_cut_anywhere_is_our_own_refusal_or_what_came_before():
    whole = directory(b"DICOM\\IM1", b"DICOM\\IM2")
    for stop in range(0, len(whole), 3):
        try:
            listing = DirectoryReader().listing(BytesSource(whole[:stop]))
        except Invalid:
            continue
        assert len(listing.files) <= 2
