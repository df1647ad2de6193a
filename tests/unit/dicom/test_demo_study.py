"""The demonstration study lies the right way up, whatever the volume holds."""

from __future__ import annotations

import array
import gzip
import struct
import zipfile

import pydicom
import pytest

from undisc_node.dicom.demo_study import VOLUME_IN_WHEEL, make_demo_study
from undisc_node.services.errors import Invalid

COLUMNS, ROWS, SLICES = 20, 40, 30


def wheel_with(tmp_path, data: bytes, name: str = VOLUME_IN_WHEEL):
    path = tmp_path / "sample.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, gzip.compress(data))
    return path


def volume(*, kind: int = 2, shear: float = 0.0) -> bytes:
    """A NIfTI-1 volume whose brightness says where a voxel lies: x + 5·(y≥20) … in one byte."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, COLUMNS, ROWS, SLICES, 1, 1, 1, 1)
    struct.pack_into("<h", header, 70, kind)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<f", header, 108, 352)
    struct.pack_into("<12f", header, 280, 1, shear, 0, -9, 0, 1, 0, -19, 0, 0, 1, -14)
    voxels = bytes(
        x + (100 if y >= ROWS // 2 else 0) + (50 if z >= SLICES // 2 else 0)
        for z in range(SLICES)
        for y in range(ROWS)
        for x in range(COLUMNS)
    )
    return bytes(header) + voxels


def pixel(dataset, row: int, column: int) -> int:
    return array.array("H", dataset.PixelData)[row * dataset.Columns + column] >> 4


def test_axial_images_show_right_on_the_left_and_front_on_top(tmp_path):
    paths = make_demo_study(wheel_with(tmp_path, volume()), tmp_path / "out", variant=0)
    assert len(paths) == 7
    lowest = pydicom.dcmread(paths[0])
    assert (lowest.Rows, lowest.Columns) == (ROWS, COLUMNS)
    assert pixel(lowest, 0, 0) == 100 + COLUMNS - 1  # front, the patient's right
    assert pixel(lowest, ROWS - 1, COLUMNS - 1) == 0  # back, the patient's left
    assert lowest.ImagePositionPatient == [-10, -20, -4]
    assert lowest.ImageOrientationPatient == [1, 0, 0, 0, 1, 0]
    assert pydicom.dcmread(paths[-1]).ImagePositionPatient[2] == 8
    assert pixel(pydicom.dcmread(paths[-1]), 0, 0) == 150 + COLUMNS - 1


def test_coronal_images_show_the_head_on_top(tmp_path):
    paths = make_demo_study(wheel_with(tmp_path, volume()), tmp_path / "out", variant=1)
    front = pydicom.dcmread(paths[0])
    assert (front.Rows, front.Columns) == (SLICES, COLUMNS)
    assert pixel(front, 0, 0) == 150 + COLUMNS - 1  # top, the patient's right, in front
    assert pixel(front, SLICES - 1, COLUMNS - 1) == 100
    assert front.ImageOrientationPatient == [1, 0, 0, 0, 0, -1]
    assert front.ImagePositionPatient == [-10, -7, 15]


def test_the_variants_are_two_patients_and_each_is_always_the_same(tmp_path):
    wheel = wheel_with(tmp_path, volume())
    first = make_demo_study(wheel, tmp_path / "1", variant=0)
    again = make_demo_study(wheel, tmp_path / "2", variant=0)
    other = make_demo_study(wheel, tmp_path / "3", variant=1)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    one, two = pydicom.dcmread(first[0]), pydicom.dcmread(other[0])
    assert one.PatientID != two.PatientID
    assert one.StudyInstanceUID != two.StudyInstanceUID
    assert len({pydicom.dcmread(path).SOPInstanceUID for path in first + other}) == len(
        first + other
    )


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (volume(), "something/else.nii.gz"),
        (volume(kind=4), VOLUME_IN_WHEEL),
        (volume(shear=0.5), VOLUME_IN_WHEEL),
        (volume()[:-1], VOLUME_IN_WHEEL),
        (b"", VOLUME_IN_WHEEL),
    ],
)
def test_another_volume_is_refused(tmp_path, data, name):
    with pytest.raises(Invalid, match="expected head"):
        make_demo_study(wheel_with(tmp_path, data, name), tmp_path / "out", variant=0)


def test_what_is_no_wheel_is_refused(tmp_path):
    path = tmp_path / "no.whl"
    path.write_bytes(b"no zip")
    with pytest.raises(Invalid, match="expected head"):
        make_demo_study(path, tmp_path / "out", variant=0)
