"""Turns one frame into an image for people; runs in a limited worker and nowhere else.

Imports libraries that decode strangers' bytes in C and C++, so the node itself never imports this
module (a test checks). A worker can open nothing, so `prepare_worker` makes every library load what
it loads lazily.
"""

from __future__ import annotations

import io
import json
from contextlib import suppress
from typing import Any, Final

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID

from undisc_node.services.errors import Invalid

MAX_PIXELS: Final = 100_000_000  # of one frame; the largest mammograms have 25 million
_FORMATS: Final = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
_WHITE_IS_LOW: Final = "MONOCHROME1"


def render(request: bytes) -> bytes:
    """Render a frame.

    Args:
        request: Four bytes with the length of the order, the order as JSON (`syntax`, `wish`,
            `attributes` in the DICOM JSON Model), and the frame as it is stored.

    Returns:
        The image file.

    Raises:
        Invalid: `not_rendered`: the frame cannot be decoded.
    """
    length = int.from_bytes(request[:4], "big")
    order = json.loads(request[4 : 4 + length])
    wish = order["wish"]
    try:
        frame = _data_set(order, request[4 + length :])
        image = _image(frame, wish["window"]) if _is_small(frame) else None
    except MemoryError:
        raise
    except Exception as problem:
        raise _refusal() from problem
    if image is None:
        raise _refusal()
    image.thumbnail((wish["width"], wish["height"]), Image.Resampling.BILINEAR)
    out = io.BytesIO()
    image.save(out, _FORMATS[wish["media"]], quality=wish["quality"])
    return out.getvalue()


def prepare_worker() -> None:
    """Load everything that a worker may need."""
    Image.init()
    for syntax in ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"):
        UID(syntax)  # names are looked up in a table that is read at its first use
    grey = _sample("MONOCHROME2", 1)
    colour = _sample("RGB", 3)
    jpeg = io.BytesIO()
    Image.new("L", (8, 8), 100).save(jpeg, "JPEG")
    wavelets = io.BytesIO()
    Image.new("L", (8, 8), 100).save(wavelets, "JPEG2000")
    for syntax, attributes, frame in (
        ("1.2.840.10008.1.2.1", grey, bytes(range(64))),
        ("1.2.840.10008.1.2.1", colour, bytes(192)),
        ("1.2.840.10008.1.2.4.50", grey, jpeg.getvalue()),
        ("1.2.840.10008.1.2.4.90", grey, wavelets.getvalue()),
        ("1.2.840.10008.1.2.4.201", grey, b"not one"),
        ("1.2.840.10008.1.2.4.57", grey, b"not one"),
        ("1.2.840.10008.1.2.4.80", grey, b"not one"),
        ("1.2.840.10008.1.2.5", grey, b"not one"),
    ):
        for media in _FORMATS:
            wish = {"media": media, "quality": 90, "width": 4, "height": 4, "window": None}
            head = json.dumps({"syntax": syntax, "wish": wish, "attributes": attributes}).encode()
            with suppress(Invalid):  # what cannot be decoded has loaded its decoder all the same
                render(len(head).to_bytes(4, "big") + head + frame)


def _is_small(frame: Dataset) -> bool:
    return int(frame.Rows) * int(frame.Columns) <= MAX_PIXELS


def _sample(interpretation: str, samples: int) -> dict[str, Any]:
    """Describe an image of 8 × 8 pixels."""
    numbers = {"00280002": samples, "00280010": 8, "00280011": 8, "00280100": 8, "00280101": 8}
    numbers |= {"00280102": 7, "00280103": 0, "00280006": 0}
    described: dict[str, Any] = {
        tag: {"vr": "US", "Value": [value]} for tag, value in numbers.items()
    }
    described["00280004"] = {"vr": "CS", "Value": [interpretation]}
    return described


def _data_set(order: dict[str, Any], frame: bytes) -> Dataset:
    """Make a data set of one frame."""
    made = Dataset.from_json(order["attributes"])
    syntax = UID(order["syntax"])
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.NumberOfFrames = 1
    if syntax.is_compressed:
        made.PixelData = encapsulate([frame])
    else:
        made.PixelData = frame + bytes(len(frame) % 2)
    return made


def _image(frame: Dataset, window: list[float] | None) -> Image.Image:
    pixels: Any = pixel_array(frame)
    interpretation = str(frame.PhotometricInterpretation)
    if interpretation == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, frame)
        if pixels.dtype != np.uint8:
            pixels = (pixels >> 8).astype(np.uint8)
    if pixels.ndim == 3:  # noqa: PLR2004 - rows, columns, samples
        bits = int(frame.BitsStored)
        if pixels.dtype != np.uint8:
            pixels = (pixels >> max(0, bits - 8)).astype(np.uint8)
        return Image.fromarray(pixels[:, :, :3])
    values = np.asarray(apply_modality_lut(pixels, frame), dtype=np.float32)
    low, high = _bounds(frame, values, window)
    grey = np.clip((values - low) * (255.0 / max(high - low, 1e-6)), 0, 255).astype(np.uint8)
    if interpretation == _WHITE_IS_LOW:
        grey = 255 - grey
    return Image.fromarray(grey)


def _bounds(frame: Dataset, values: Any, window: list[float] | None) -> tuple[float, float]:
    """Return the values that become black and white (PS3.3 §C.11.2.1.2)."""
    center, width = window or (_first(frame, "WindowCenter"), _first(frame, "WindowWidth"))
    if center is None or width is None or width < 1:
        return float(values.min()), float(values.max())
    return center - width / 2, center + width / 2


def _first(frame: Dataset, keyword: str) -> float | None:
    value: Any = frame.get(keyword)
    if value is None or value == "":
        return None
    return float(next(iter(value)) if hasattr(value, "__iter__") else value)


def _refusal() -> Invalid:
    return Invalid(
        "the frame cannot be decoded",
        code="not_rendered",
        hint="fetch it as it is stored: …/frames/1 with transfer-syntax=*",
    )
