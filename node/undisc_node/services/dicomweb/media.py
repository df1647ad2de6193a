"""Transfer syntaxes and the media types under which their frames travel (PS3.18 §8.7.3.3)."""

from __future__ import annotations

from typing import Final

NATIVE: Final = "1.2.840.10008.1.2.1"
"""Explicit VR Little Endian: how uncompressed values are served, however they are stored."""

OCTETS: Final = "application/octet-stream"

_JPEG, _JLS, _JP2 = "image/jpeg", "image/jls", "image/jp2"
_JPX, _JPHC, _JXL = "image/jpx", "image/jphc", "image/jxl"
_DICOM: Final = "1.2.840.10008.1.2."

FRAME_TYPES: Final = {
    _DICOM + "4.50": _JPEG,
    _DICOM + "4.51": _JPEG,
    _DICOM + "4.57": _JPEG,
    _DICOM + "4.70": _JPEG,
    _DICOM + "4.80": _JLS,
    _DICOM + "4.81": _JLS,
    _DICOM + "4.90": _JP2,
    _DICOM + "4.91": _JP2,
    _DICOM + "4.92": _JPX,
    _DICOM + "4.93": _JPX,
    _DICOM + "4.100": "video/mpeg",
    _DICOM + "4.101": "video/mpeg",
    _DICOM + "4.102": "video/mp4",
    _DICOM + "4.103": "video/mp4",
    _DICOM + "4.104": "video/mp4",
    _DICOM + "4.105": "video/mp4",
    _DICOM + "4.106": "video/mp4",
    _DICOM + "4.107": "video/mp4",
    _DICOM + "4.108": "video/mp4",
    _DICOM + "4.110": _JXL,
    _DICOM + "4.111": _JXL,
    _DICOM + "4.112": _JXL,
    _DICOM + "4.201": _JPHC,
    _DICOM + "4.202": _JPHC,
    _DICOM + "4.203": _JPHC,
    _DICOM + "5": "image/dicom-rle",
}
"""By transfer syntax, the media type of one compressed frame."""
