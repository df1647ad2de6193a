"""Between implicit and explicit little endian only headers change, as another library reads it."""

from __future__ import annotations

import io

import pytest
from pydicom.filereader import read_dataset

from support.dicom_files import EXPLICIT, IMPLICIT, data_set, explicit_data_set, storable_files
from undisc_node.dicom.converting import OTHER, converted
from undisc_node.dicom.part10 import split_part10
from undisc_node.dicom.reader import FactReader
from undisc_node.dicom.sources import FileSource
from undisc_node.services.errors import Invalid

pytestmark = pytest.mark.filterwarnings("ignore")  # pydicom warns about oddities of its files


def convert(data: bytes, syntax: str) -> bytes:
    return b"".join(converted(io.BytesIO(data), syntax))


def elements(data: bytes, syntax: str) -> list[tuple[int, str]]:
    """Return public tags and values as pydicom reads them, whatever level they are on."""
    found = read_dataset(io.BytesIO(data), is_implicit_VR=syntax == IMPLICIT, is_little_endian=True)
    return [
        (int(one.tag), "" if " or " in one.VR or one.VR == "UN" else str(one.value))
        for one in found.iterall()
        if one.tag.element and not one.tag.is_private and one.VR != "SQ"
    ]


def plain_files() -> dict[str, tuple[bytes, str]]:
    """Return the data sets of the test set that have one of both encodings."""
    found = {}
    for name, path in storable_files().items():
        syntax = FactReader().facts(FileSource(path)).transfer_syntax
        if syntax in OTHER:
            found[name] = path.read_bytes()[split_part10(FileSource(path)) :], syntax
    return found


def test_every_plain_file_of_the_test_set_says_the_same_in_the_other_encoding():
    files, broken = plain_files(), set()
    assert len(files) > 100
    for name, (data, syntax) in files.items():
        try:
            other = convert(data, syntax)
        except Invalid:
            broken.add(name)
            continue
        before, after = elements(data, syntax), elements(other, OTHER[syntax])
        assert [tag for tag, _ in before] == [tag for tag, _ in after], name
        for (tag, one), (_, two) in zip(before, after, strict=True):
            assert one == two or not (one and two), (name, f"{tag:08X}")
    assert broken == {"test_files/MR_truncated.dcm", "test_files/rtplan_truncated.dcm"}


def test_there_and_back_again_is_what_it_was_but_for_private_representations():
    body = explicit_data_set(character_set=b"ISO_IR 100", description=b"d" * 3_000)
    there = convert(body, EXPLICIT)
    assert there == data_set(character_set=b"ISO_IR 100", description=b"d" * 3_000)
    assert convert(there, IMPLICIT) == body


@pytest.mark.parametrize(
    "data",
    [
        bytes.fromhex("08001600ffffff7f"),  # a value longer than the file
        bytes.fromhex("080040 11ffffffff 080016000000 0000".replace(" ", "")),  # no item
        bytes.fromhex("feff0de000000000"),  # a delimiter of nothing
        bytes.fromhex("08001600ffffffff"),  # a sequence by its length, without an end
        bytes.fromhex("0800401104000000feff00e010000000"),  # an item beyond its sequence
    ],
    ids=range(5),
)
def test_what_is_broken_is_refused(data):
    with pytest.raises(Invalid):
        convert(data, IMPLICIT)
    assert convert(b"", IMPLICIT) == b""


def test_nesting_has_a_bound():
    deep = bytes.fromhex("08004011fffffffffeff00e0ffffffff") * 1_000
    with pytest.raises(Invalid, match="nested"):
        convert(deep, IMPLICIT)
