"""File meta information in front of a data set, and finding the boundary again."""

from __future__ import annotations

import io

import pydicom
import pytest
from pydicom.filereader import read_file_meta_info

from support.dicom_files import EXPLICIT, SC, data_set, storable_files
from undisc_node.dicom.part10 import (
    IMPLEMENTATION_CLASS,
    compose_part10,
    split_part10,
)
from undisc_node.dicom.sources import BytesSource, FileSource
from undisc_node.services.errors import Invalid


def composed(calling_ae: str = "MODALITY") -> bytes:
    return compose_part10(
        sop_class=SC, sop_uid="1.2.3.4.5", transfer_syntax=EXPLICIT, calling_ae=calling_ae
    )


def test_pydicom_reads_what_was_composed():
    meta = pydicom.dcmread(io.BytesIO(composed())).file_meta
    assert meta.MediaStorageSOPClassUID == SC
    assert meta.MediaStorageSOPInstanceUID == "1.2.3.4.5"
    assert meta.TransferSyntaxUID == EXPLICIT
    assert meta.ImplementationClassUID == IMPLEMENTATION_CLASS
    assert meta.SendingApplicationEntityTitle == "MODALITY"
    assert meta.FileMetaInformationGroupLength == len(composed()) - 132 - 12


def test_the_same_object_sent_again_is_the_same_file():
    assert composed() == composed()


@pytest.mark.parametrize("title", ["", "   ", "X" * 17, "BAD\x1b", "ÄRZTE"])
def test_an_ae_title_that_is_none_is_left_out(title):
    meta = pydicom.dcmread(io.BytesIO(composed(title))).file_meta
    assert "SendingApplicationEntityTitle" not in meta


def test_a_path_in_place_of_an_identifier_is_refused():
    with pytest.raises(Invalid, match="not a valid UID"):
        compose_part10(sop_class=SC, sop_uid="../../x", transfer_syntax=EXPLICIT)


def test_the_boundary_is_found_where_it_was_made():
    head = composed()
    assert split_part10(BytesSource(head, data_set())) == len(head)
    assert split_part10(BytesSource(data_set())) == 0


@pytest.mark.filterwarnings("ignore")  # pydicom warns about oddities of its test files
def test_the_boundary_is_where_the_group_length_of_real_files_says():
    checked = 0
    for path in storable_files().values():
        if path.read_bytes()[128:132] != b"DICM":
            continue
        length = read_file_meta_info(path).get("FileMetaInformationGroupLength")
        if length is not None:
            assert split_part10(FileSource(path)) == 132 + 12 + length
            checked += 1
    assert checked > 100
