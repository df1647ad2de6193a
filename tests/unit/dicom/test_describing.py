"""The description of an instance says what pydicom's says, and hostile ones end early."""

from __future__ import annotations

import base64
import io
import math
import struct
import time
import zlib

import pydicom
import pytest

from support.dicom_files import (
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    SC,
    data_set,
    explicit,
    explicit_data_set,
    implicit,
    storable_files,
)
from undisc_node.dicom.describing import MAX_DEPTH, Describer
from undisc_node.dicom.part10 import compose_part10
from undisc_node.services.errors import Invalid

DESCRIBER = Describer()
SEQUENCE = 0x00081140
CUT_OFF = "test_files/rtplan_truncated.dcm"


def describe(content: bytes):
    return DESCRIBER.describe(io.BytesIO(content), len(content))


def file_of(body: bytes, syntax: str = IMPLICIT) -> bytes:
    return compose_part10(sop_class=SC, sop_uid="1.2.3.4", transfer_syntax=syntax) + body


def same(one, other) -> bool:
    """Compare one value; padding, and nothing written as text or as null, are no difference."""
    if isinstance(other, dict):
        return (one or {}) == {name: form.strip() for name, form in other.items() if form.strip()}
    if isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12)
    if isinstance(other, str) and isinstance(one, str):
        return one.strip() == other.strip("\0 \r\n\t")
    return (one or None) == (other or None)


def compared(ours, theirs, where=""):
    """Compare element by element; bulk data by its presence alone."""
    for tag, element in theirs.items():
        place = f"{where}/{tag}"
        if tag.endswith("0000"):  # lengths of groups are left out
            continue
        assert tag in ours, place
        mine = ours[tag]
        if {"BulkDataURI", "InlineBinary"} & mine.keys() or element["vr"] in {"OB or OW", "UN"}:
            continue
        assert mine["vr"] == element["vr"], place
        wanted, found = element.get("Value", []), mine.get("Value", [])
        if element["vr"] == "SQ":
            assert len(found) == len(wanted), place
            for number, (one, other) in enumerate(zip(found, wanted, strict=True)):
                compared(one, other, f"{place}/{number}")
        elif any(wanted):
            assert len(found) == len(wanted), place
            assert all(same(*pair) for pair in zip(found, wanted, strict=True)), place
        else:
            assert not any(found), place


@pytest.mark.filterwarnings("ignore")  # pydicom warns about oddities of its test files
@pytest.mark.parametrize("name", sorted(storable_files().keys() - {CUT_OFF}))
def test_files_of_the_test_set_are_described_as_pydicom_does(name):
    content = storable_files()[name].read_bytes()
    theirs = pydicom.dcmread(io.BytesIO(content), force=True, stop_before_pixels=True)
    wanted = theirs.to_json_dict(
        bulk_data_threshold=1024, bulk_data_element_handler=lambda _: "", suppress_invalid_tags=True
    )
    compared(describe(content).attributes, wanted)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(storable_files()))
def test_pixel_data_are_found_where_they_are(name):
    content = storable_files()[name].read_bytes()
    theirs = pydicom.dcmread(io.BytesIO(content), force=True)
    found = describe(content)
    if "PixelData" not in theirs or found.deflated:
        return
    assert found.pixels is not None
    start = content[found.pixels.at :]
    if found.pixels.length is None:
        assert start[:4] == b"\xfe\xff\x00\xe0"
    else:
        assert start[: found.pixels.length] == theirs.PixelData[: len(start)]


def test_what_was_read_before_the_file_was_cut_off_is_told():
    found = describe(storable_files()[CUT_OFF].read_bytes())
    assert found.problem == "truncated"
    assert found.attributes["00080060"]["Value"] == ["RTPLAN"]


def test_what_is_no_dicom_file_is_refused():
    with pytest.raises(Invalid):
        describe(b"GIF89a" + bytes(200))


def test_bulk_data_are_named_by_place_and_not_read():
    """A private value of 5,000 bytes within an item: its path leads to exactly these bytes."""
    value = bytes(range(250)) * 20
    item = implicit(0x00091010, value)
    inner = b"\xfe\xff\x00\xe0" + struct.pack("<L", len(item)) + item
    content = file_of(data_set() + implicit(0x00400275, inner))
    found = describe(content)
    path = "00400275/0/00091010"
    assert found.attributes["00400275"]["Value"][0]["00091010"] == {"vr": "UN", "BulkDataURI": path}
    extent = found.bulk[path]
    assert content[extent.at : extent.at + extent.length] == value


def test_small_binary_values_are_in_the_description():
    found = describe(file_of(explicit_data_set() + explicit(0x00280103, b"US", b"\1\0"), EXPLICIT))
    assert found.attributes["00280103"] == {"vr": "US", "Value": [1]}
    found = describe(file_of(data_set() + implicit(0x00291010, b"abcd")))
    assert base64.b64decode(found.attributes["00291010"]["InlineBinary"]) == b"abcd"


# --- Hostile objects ----------------------------------------------------------------------------


def test_deep_nesting_ends_the_description_and_not_the_node():
    opened = b"\x08\x00\x40\x11\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    found = describe(file_of(data_set(sop_class=SC.encode()) + 10_000 * opened))
    assert found.problem == "too_complex"
    assert found.attributes["00100020"]["Value"] == ["42"]
    assert MAX_DEPTH < 10_000


def test_a_deflated_bomb_is_inflated_to_a_bound_only():
    bomb = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = bomb.compress(explicit_data_set())
    for _ in range(300):
        body += bomb.compress(bytes(2**20))
    began = time.monotonic()
    found = describe(file_of(body + bomb.flush(), DEFLATED))
    assert found.attributes["00100020"]["Value"] == ["42"]
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("tail", [b"\x10\x00", b"\x10\x00\x00\x40\xff\xff\xff\x7f", bytes(7)])
def test_lengths_that_lie_end_the_description(tail):
    found = describe(file_of(data_set() + tail))
    assert found.problem == "truncated"
    assert found.attributes["00080018"]["Value"] == ["1.2.3.4"]


def test_a_million_empty_elements_are_too_many():
    found = describe(file_of(data_set() + 250_000 * implicit(0x00291010, b"")))
    assert found.problem == "too_complex"
