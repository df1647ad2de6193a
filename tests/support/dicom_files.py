"""DICOM files for tests: the test sets of pydicom and pydicom-data, and small ones by hand."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pydicom.data

_ROOT = Path(pydicom.data.__file__).parent
_NO_DATA = {".py", ".pyc", ".json", ".md", ".zip", ".csv", ".txt"}

# Every file of pydicom's test set that cannot be stored, and why.
UNSTORABLE = {
    "charset_files/chrSQEncoding.dcm": "no_study_uid",
    "charset_files/chrSQEncoding1.dcm": "no_study_uid",
    "palettes/fall.dcm": "no_study_uid",
    "palettes/hotiron.dcm": "no_study_uid",
    "palettes/hotmetalblue.dcm": "no_study_uid",
    "palettes/pet.dcm": "no_study_uid",
    "palettes/pet20step.dcm": "no_study_uid",
    "palettes/spring.dcm": "no_study_uid",
    "palettes/summer.dcm": "no_study_uid",
    "palettes/winter.dcm": "bad_order",  # names its SOP Instance UID twice
    "test_files/JPEGLSNearLossless_08.dcm": "no_study_uid",
    "test_files/JPEGLSNearLossless_16.dcm": "no_study_uid",
    "test_files/SC_rgb_jls_lossy_line.dcm": "no_study_uid",
    "test_files/SC_rgb_jls_lossy_sample.dcm": "no_study_uid",
    "test_files/UN_sequence.dcm": "no_study_uid",
    "test_files/crayons.icc": "not_dicom",
    "test_files/dicomdirtests/DICOMDIR": "dicomdir",
    "test_files/dicomdirtests/DICOMDIR-bigEnd": "dicomdir",
    "test_files/dicomdirtests/DICOMDIR-empty.dcm": "dicomdir",
    "test_files/dicomdirtests/DICOMDIR-implicit": "dicomdir",
    "test_files/dicomdirtests/DICOMDIR-nooffset": "dicomdir",
    "test_files/dicomdirtests/DICOMDIR-nopatient": "dicomdir",
    "test_files/dicomdirtests/DICOMDIR-reordered": "dicomdir",
    "test_files/dicomdirtests/TINY_ALPHA/DICOMDIR": "dicomdir",
    "test_files/dicomdirtests/TINY_ALPHA/README": "not_dicom",
    "test_files/empty_charset_LEI.dcm": "no_study_uid",
    "test_files/meta_missing_tsyntax.dcm": "bad_encoding",  # elements of the illegal group 0001
    "test_files/nested_priv_SQ.dcm": "bad_encoding",  # as above
    "test_files/no_meta.dcm": "not_dicom",  # starts in the middle of an element
    "test_files/no_meta_group_length.dcm": "no_study_uid",
    "test_files/priv_SQ.dcm": "no_study_uid",
    "test_files/rtplan.dump": "not_dicom",
    "test_files/rtstruct.dump": "not_dicom",
    "test_files/zipMR.gz": "not_dicom",
}


def pydicom_files() -> dict[str, Path]:
    """Return every data file of pydicom's test set by its name there."""
    return {
        str(path.relative_to(_ROOT)): path
        for path in sorted(_ROOT.rglob("*"))
        if path.is_file() and path.suffix not in _NO_DATA
    }


def storable_files() -> dict[str, Path]:
    """Return the files that a node stores."""
    return {name: path for name, path in pydicom_files().items() if name not in UNSTORABLE}


# The same for pydicom-data, which has the larger files of pydicom's tests.
MORE_UNSTORABLE = {
    "bad_sequence.dcm": "bad_uid",  # its lengths lie, and what is where the UID must be is none
}


def more_files() -> dict[str, Path]:
    """Return every file of pydicom-data by its name there."""
    folder = Path(str(files("data_store"))) / "data"
    return {path.name: path for path in sorted(folder.iterdir()) if path.is_file()}


def every_file() -> dict[str, Path]:
    """Return every file of both test sets by its name, after that of its set."""
    return {f"pydicom/{name}": path for name, path in pydicom_files().items()} | {
        f"pydicom-data/{name}": path for name, path in more_files().items()
    }


def every_refusal() -> dict[str, str]:
    """Return what of both sets cannot be stored, and why."""
    return {f"pydicom/{name}": why for name, why in UNSTORABLE.items()} | {
        f"pydicom-data/{name}": why for name, why in MORE_UNSTORABLE.items()
    }


SC = "1.2.840.10008.5.1.4.1.1.7"  # Secondary Capture Image Storage
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"


def implicit(tag: int, value: bytes) -> bytes:
    """Encode one element in implicit VR little endian."""
    value += b" " * (len(value) % 2)
    return (
        (tag >> 16).to_bytes(2, "little")
        + (tag & 0xFFFF).to_bytes(2, "little")
        + len(value).to_bytes(4, "little")
        + value
    )


def explicit(tag: int, representation: bytes, value: bytes) -> bytes:
    """Encode one element with a short length in explicit VR little endian."""
    value += b" " * (len(value) % 2)
    return (
        (tag >> 16).to_bytes(2, "little")
        + (tag & 0xFFFF).to_bytes(2, "little")
        + representation
        + len(value).to_bytes(2, "little")
        + value
    )


def elements(**changes: bytes | None) -> dict[int, bytes]:
    """Return the elements of a small object by tag; a change to None leaves one out."""
    names = {
        "character_set": 0x00080005,
        "sop_class": 0x00080016,
        "sop_uid": 0x00080018,
        "accession": 0x00080050,
        "modality": 0x00080060,
        "description": 0x00081030,
        "name": 0x00100010,
        "patient_id": 0x00100020,
        "birth_date": 0x00100030,
        "study_uid": 0x0020000D,
        "series_uid": 0x0020000E,
        "number": 0x00200013,
    }
    values: dict[str, bytes | None] = {
        "sop_class": SC.encode(),
        "sop_uid": b"1.2.3.4",
        "modality": b"OT",
        "name": b"DOE^JANE",
        "patient_id": b"42",
        "study_uid": b"1.2.3",
        "series_uid": b"1.2.3.1",
        "number": b"7",
    }
    values.update(changes)
    return dict(sorted((names[name], value) for name, value in values.items() if value is not None))


def data_set(extra: bytes = b"", **changes: bytes | None) -> bytes:
    """Encode a small object in implicit VR little endian; `extra` goes to its start."""
    return extra + b"".join(implicit(tag, value) for tag, value in elements(**changes).items())


def explicit_data_set(**changes: bytes | None) -> bytes:
    """Encode a small object in explicit VR little endian."""
    texts = {0x00080005: b"CS", 0x00081030: b"LO", 0x00080060: b"CS", 0x00100010: b"PN"}
    texts |= {0x00100020: b"LO", 0x00200013: b"IS"}
    return b"".join(
        explicit(tag, texts.get(tag, b"UI"), value) for tag, value in elements(**changes).items()
    )
