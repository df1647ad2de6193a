"""Answers are encoded so that another implementation reads what was meant."""

from __future__ import annotations

import io

import pytest
from pydicom.filereader import read_dataset

from support.dicom_files import EXPLICIT, IMPLICIT, storable_files
from undisc_node.dicom.describing import Describer, describe_data_set
from undisc_node.dicom.providing.data_sets import empty, encode
from undisc_node.services.dicomweb.model import BULK

SYNTAX = {True: EXPLICIT, False: IMPLICIT}


def read(data):
    return read_dataset(io.BytesIO(data), is_implicit_VR=False, is_little_endian=True)


@pytest.mark.parametrize("explicit", [True, False], ids=["explicit", "implicit"])
def test_what_is_encoded_reads_the_same_again(explicit):
    """Every attribute of every file of the test set, through our own reader and back."""
    for name, path in storable_files().items():
        content = path.read_bytes()
        described = Describer().describe(io.BytesIO(content), len(content))
        attributes = {
            tag: one
            for tag, one in described.attributes.items()
            if BULK not in repr(one) and tag != "00080005" and one["vr"] not in {"UN", "OB or OW"}
        }
        again = describe_data_set(encode(attributes, explicit=explicit), SYNTAX[explicit])
        again.pop("00080005", None)
        if explicit:
            assert again == attributes, name
        else:
            assert again.keys() == attributes.keys(), name


def test_names_say_their_character_set_only_where_they_need_one():
    ascii_only = {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]}}
    assert encode(ascii_only, explicit=True) == b"\x10\x00\x10\x00PN\x08\x00Doe^Jane"
    forms = {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}
    data = encode({"00100010": {"vr": "PN", "Value": [forms]}}, explicit=True)
    found = read(data)
    assert found.SpecificCharacterSet == "ISO_IR 192"
    assert str(found.PatientName) == "Yamada^Tarou=山田^太郎"


def test_what_cannot_be_encoded_is_left_empty():
    odd = {
        "00200013": {"vr": "IS", "Value": [7]},
        "00280010": {"vr": "US", "Value": ["many"]},
        "00280011": {"vr": "US", "Value": [70_000]},
        "00280030": {"vr": "DS", "Value": [0.12345678901234567, 1]},
        "00080018": {"vr": "LO", "Value": ["x" * 70_000]},
        "00081140": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2.3"]}}, {}]},
        "00091001": {"vr": "??", "Value": ["x"]},
    }
    found = read(encode(odd, explicit=True))
    assert found.InstanceNumber == 7
    assert found.Rows is None
    assert found.Columns is None
    assert found.PixelSpacing == [0.123456789, 1]
    assert not found.SOPInstanceUID
    assert found.ReferencedImageSequence[0].ReferencedSOPInstanceUID == "1.2.3"
    assert len(found.ReferencedImageSequence) == 2


@pytest.mark.parametrize(
    ("tag", "vr"),
    [("00100010", "PN"), ("00280106", "US"), ("7FE00010", "OW"), ("00081140", "SQ")],
)
def test_a_key_without_a_value_has_its_representation(tag, vr):
    assert empty(tag) == {"vr": vr}
    assert empty("00091001") is None
