"""Makes a DICOM study to show things with: a real head, no real person.

The images are the T1-weighted ICBM 152 2009a template, an average of 152 volunteers, as it lies in
the `nilearn` wheel. Patient, practice and dates are made up, and every header says so.

Reads the volume with the standard library alone, so that a first look at undisc needs nothing else.
"""

from __future__ import annotations

import gzip
import struct
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage

from undisc_node.dicom.part10 import IMPLEMENTATION_CLASS, IMPLEMENTATION_VERSION
from undisc_node.services.errors import Invalid

VOLUME_IN_WHEEL: Final = "nilearn/datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
ATTRIBUTION: Final = (
    "Images: ICBM 152 nonlinear 2009a T1 template, copyright (C) 1993-2009 Louis Collins, "
    "McConnell Brain Imaging Centre, Montreal Neurological Institute, McGill University; "
    "an average of 152 volunteers, no single person. Taken from the nilearn package."
)

_HEADER_SIZE = 348  # bytes of a NIfTI-1 header; its first field says so
_UNSIGNED_BYTE = 2  # NIfTI data type
_MAX_VOLUME = 64 * 2**20  # bytes; the template has 8.7 million
_NAMESPACE = uuid.UUID("7f6c6c1e-63a5-5d0b-9e0f-0b7c5d1f2a34")  # for our derived UIDs only
# A 16-bit image from 8-bit voxels: each value times 16, as low and high byte.
_LOW = bytes((value << 4) & 0xFF for value in range(256))
_HIGH = bytes(value >> 4 for value in range(256))


@dataclass(frozen=True, slots=True)
class _Story:
    """Who a variant is about, and how the head is cut."""

    patient: str
    patient_id: str
    birth_date: str
    sex: str
    accession: str
    date: str
    time: str
    plane: str
    description: str


_STORIES = (
    _Story(
        "DEMO^UNDISC", "DEMO-0001", "19700101", "O", "UD-2026-0001",
        "20260302", "091500", "axial", "MR HEAD DEMO AXIAL",
    ),
    _Story(
        "DEMO^ANOTHER", "DEMO-0002", "19820704", "O", "UD-2026-0002",
        "20260303", "143000", "coronal", "MR HEAD DEMO CORONAL",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Volume:
    """Voxels of one byte; x runs to the patient's right, y to the front, z to the head.

    Attributes:
        voxels: x fastest, then y, then z.
        columns: Voxels along x.
        rows: Voxels along y.
        slices: Voxels along z.
        spacing: Millimetres along x, y and z.
        origin: Where the centre of voxel (0, 0, 0) lies, in millimetres on the same axes.
    """

    voxels: bytes
    columns: int
    rows: int
    slices: int
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class _Slice:
    """One image: 8-bit rows from the top, and where it lies (PS3.3 §C.7.6.2)."""

    rows: list[bytes]
    position: tuple[float, float, float]
    location: float


def make_demo_study(wheel: Path, out: Path, *, variant: int) -> list[Path]:
    """Write the DICOM files of a study.

    Args:
        wheel: A `nilearn` wheel.
        out: Folder for the files; made when it is not there.
        variant: 0 for axial images of one patient, 1 for coronal images of another.

    Returns:
        The files, in order. The same arguments give the same bytes.

    Raises:
        Invalid: The wheel does not hold the expected volume.
    """
    story = _STORIES[variant % len(_STORIES)]
    volume = _read_volume(wheel)
    cut = _axial if story.plane == "axial" else _coronal
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, image in enumerate(cut(volume), start=1):
        path = out / f"{story.plane}-{number:03}.dcm"
        _dataset(story, volume, image, number).save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _read_volume(wheel: Path) -> _Volume:
    """Read the NIfTI-1 volume from the wheel."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(VOLUME_IN_WHEEL) as packed:
            data = gzip.GzipFile(fileobj=packed).read(_MAX_VOLUME)
        (size,) = struct.unpack_from("<i", data, 0)
        shape = struct.unpack_from("<8h", data, 40)
        (kind,) = struct.unpack_from("<h", data, 70)
        spacing = struct.unpack_from("<8f", data, 76)
        start = int(struct.unpack_from("<f", data, 108)[0])
        matrix = struct.unpack_from("<12f", data, 280)
    except (OSError, KeyError, ValueError, struct.error, zipfile.BadZipFile, zlib.error) as error:
        raise _unexpected() from error
    columns, rows, slices = shape[1:4]
    straight = all(
        matrix[4 * axis + other] == (spacing[1 + axis] if other == axis else 0.0)
        for axis in range(3)
        for other in range(3)
    )
    if size != _HEADER_SIZE or kind != _UNSIGNED_BYTE or not straight:
        raise _unexpected()
    voxels = data[start : start + columns * rows * slices]
    if len(voxels) != columns * rows * slices:
        raise _unexpected()
    return _Volume(voxels, columns, rows, slices, spacing[1:4], (matrix[3], matrix[7], matrix[11]))


def _axial(volume: _Volume) -> Iterator[_Slice]:
    """Cut every second axial image from the feet to the head, as seen from the feet.

    The patient's right is on the left of the image and the front on top, as radiology looks at it.
    """
    plane = volume.columns * volume.rows
    for z in range(10, volume.slices - 6, 2):
        rows = [
            volume.voxels[start : start + volume.columns][::-1]
            for y in range(volume.rows - 1, -1, -1)
            for start in (z * plane + y * volume.columns,)
        ]
        location = volume.origin[2] + z * volume.spacing[2]
        yield _Slice(rows, _corner(volume, y=volume.rows - 1, z=z), location)


def _coronal(volume: _Volume) -> Iterator[_Slice]:
    """Cut every second coronal image from front to back, seen from the front, head on top."""
    plane = volume.columns * volume.rows
    for y in range(volume.rows - 14, 12, -2):
        rows = [
            volume.voxels[start : start + volume.columns][::-1]
            for z in range(volume.slices - 1, -1, -1)
            for start in (z * plane + y * volume.columns,)
        ]
        location = -(volume.origin[1] + y * volume.spacing[1])
        yield _Slice(rows, _corner(volume, y=y, z=volume.slices - 1), location)


def _corner(volume: _Volume, *, y: int, z: int) -> tuple[float, float, float]:
    """Return where the first pixel lies: DICOM counts x to the left and y to the back."""
    return (
        -(volume.origin[0] + (volume.columns - 1) * volume.spacing[0]),
        -(volume.origin[1] + y * volume.spacing[1]),
        volume.origin[2] + z * volume.spacing[2],
    )


def _dataset(story: _Story, volume: _Volume, image: _Slice, number: int) -> Dataset:
    """Build one MR image (PS3.3 §A.4)."""
    axial = story.plane == "axial"
    study = _uid(story, "study")
    dataset = Dataset()
    dataset.file_meta = _meta(_uid(story, f"image {number}"))
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.ImageType = ["DERIVED", "PRIMARY", "OTHER"]
    dataset.SOPClassUID = MRImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = story.date
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = story.time
    dataset.AccessionNumber = story.accession
    dataset.Modality = "MR"
    dataset.Manufacturer = "undisc demonstration"
    dataset.InstitutionName = "Demonstration Practice"
    dataset.ReferringPhysicianName = "DEMO^DOCTOR"
    dataset.StudyDescription = story.description
    dataset.SeriesDescription = f"T1 {story.plane} template"
    dataset.ManufacturerModelName = "made from a template"
    dataset.PatientName = story.patient
    dataset.PatientID = story.patient_id
    dataset.IssuerOfPatientID = "UNDISC DEMO"
    dataset.PatientBirthDate = story.birth_date
    dataset.PatientSex = story.sex
    dataset.PatientComments = ATTRIBUTION
    dataset.BodyPartExamined = "HEAD"
    dataset.ScanningSequence = "GR"
    dataset.SequenceVariant = "NONE"
    dataset.ScanOptions = ""
    dataset.MRAcquisitionType = "3D"
    dataset.SliceThickness = dataset.SpacingBetweenSlices = 2 * volume.spacing[1 + axial]
    dataset.EchoTime = dataset.RepetitionTime = dataset.EchoTrainLength = None
    dataset.PatientPosition = "HFS"
    dataset.StudyInstanceUID = study
    dataset.SeriesInstanceUID = _uid(story, "series")
    dataset.StudyID = "1"
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = number
    dataset.ImagePositionPatient = list(image.position)
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0] if axial else [1, 0, 0, 0, 0, -1]
    dataset.FrameOfReferenceUID = _uid(story, "frame")
    dataset.PositionReferenceIndicator = ""
    dataset.SliceLocation = image.location
    _add_pixels(dataset, volume, image, axial=axial)
    return dataset


def _add_pixels(dataset: Dataset, volume: _Volume, image: _Slice, *, axial: bool) -> None:
    """Add the pixels as 12 bits in 16, little endian, with a window that shows brain."""
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows = len(image.rows)
    dataset.Columns = volume.columns
    dataset.PixelSpacing = [volume.spacing[1 if axial else 2], volume.spacing[0]]
    dataset.BitsAllocated = 16
    dataset.BitsStored = 12
    dataset.HighBit = 11
    dataset.PixelRepresentation = 0
    dataset.WindowCenter = 2048
    dataset.WindowWidth = 4096
    eight_bits = b"".join(image.rows)
    pixels = bytearray(2 * len(eight_bits))
    pixels[0::2] = eight_bits.translate(_LOW)
    pixels[1::2] = eight_bits.translate(_HIGH)
    dataset.PixelData = bytes(pixels)


def _meta(sop_uid: UID) -> FileMetaDataset:
    """Build the file meta information."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = sop_uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION
    return meta


def _uid(story: _Story, part: str) -> UID:
    """Derive a UID (PS3.5 §B.2): the same part of the same story always has the same one."""
    return UID(f"2.25.{uuid.uuid5(_NAMESPACE, f'{story.patient_id}/{part}').int}")


def _unexpected() -> Invalid:
    """Return the error for a wheel that is not the expected one."""
    return Invalid(
        "the package of sample images does not hold the expected head",
        code="bad_sample",
        hint="download it again: pip download --no-deps nilearn",
    )
