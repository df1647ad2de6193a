"""Hands out instances, descriptions, frames and bulk data (WADO-RS, PS3.18 §10.4).

Every answer is a run of parts whose bytes are read while they leave, chunk by chunk.
"""

from __future__ import annotations

import base64
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final

from undisc_node.services.contents import Located
from undisc_node.services.dicomweb.descriptions import Description, Descriptions
from undisc_node.services.dicomweb.frames import encapsulated_frames, native_frame, no_frame
from undisc_node.services.dicomweb.holdings import Holdings, nothing
from undisc_node.services.dicomweb.media import FRAME_TYPES, NATIVE, OCTETS
from undisc_node.services.dicomweb.model import Extent, text_of
from undisc_node.services.dicomweb.objects import ObjectStream
from undisc_node.services.dicomweb.scope import Allowed
from undisc_node.services.errors import Invalid
from undisc_node.services.ports import Packs

MAX_FRAMES: Final = 1_000  # frames of one request
PDF: Final = "application/pdf"
_REMEMBERED: Final = 64  # instances whose fragments are remembered


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an answer.

    Attributes:
        media_type: What it is.
        syntax: Transfer syntax of its bytes; empty where that means nothing.
        length: Its bytes.
        chunks: The bytes; may raise `Damaged` while they are read.
        location: Path of it within the service.
    """

    media_type: str
    syntax: str
    length: int
    chunks: Iterator[bytes]
    location: str = ""


class Retrieving:
    """Hands out what a caller may see.

    Args:
        packs: Bytes.
        holdings: What is there.
        descriptions: What is inside instances.
    """

    def __init__(self, *, packs: Packs, holdings: Holdings, descriptions: Descriptions) -> None:
        self._packs = packs
        self._holdings = holdings
        self._descriptions = descriptions
        self._fragments: OrderedDict[bytes, Sequence[Sequence[Extent]]] = OrderedDict()
        self._lock = Lock()

    def instances(
        self, allowed: Allowed, study: str, series: str = "", sop: str = ""
    ) -> Sequence[Located]:
        """Return the instances of a study, a series, or one.

        Raises:
            NotFound: There is no such thing that the caller may see whole.
            Refused: The caller may only look.
        """
        self._require_stored(allowed, study)
        return self._instances(allowed, study, series, sop)

    def _require_stored(self, allowed: Allowed, study: str) -> None:
        if allowed.view_only:
            allowed.require_stored(self._holdings.held(allowed, study).study.id)

    def _instances(self, allowed: Allowed, study: str, series: str, sop: str) -> Sequence[Located]:
        if sop:
            return [self._holdings.instance(allowed, study, series, sop)]
        if series:
            return self._holdings.series(allowed, study, series)
        return self._holdings.study(allowed, study)

    def visible(
        self, allowed: Allowed, study: str, series: str = "", sop: str = ""
    ) -> Sequence[Located]:
        """Return the instances that may be seen of a study, or of a series, or one.

        Raises:
            NotFound: There is no such thing that the caller may see.
        """
        if series:
            return self._instances(allowed, study, series, sop)
        return self._holdings.held(allowed, study).instances

    def described(
        self, allowed: Allowed, study: str, series: str = "", sop: str = ""
    ) -> Sequence[Located]:
        """Return the instances whose whole description may be read.

        Raises:
            NotFound: As `visible`.
            Refused: The caller may only look.
        """
        self._require_stored(allowed, study)
        return self.visible(allowed, study, series, sop)

    def part10(self, study: str, located: Located) -> Part:
        """Return a whole instance, byte for byte as it came."""
        header = located.stored.header
        return Part(
            media_type="application/dicom",
            syntax=header.syntax,
            length=header.size,
            chunks=self._chunks(located),
            location=_path(study, located),
        )

    def _chunks(self, located: Located) -> Iterator[bytes]:
        """Read a whole object; each chunk authenticates, and its hash was checked when it came."""
        for number in range(located.stored.header.chunks):
            yield self._packs.read_chunk(located.pack, located.stored, number)

    def metadata(self, study: str, located: Located, base: str) -> bytes:
        """Return the description of an instance as JSON, its bulk data named by URL."""
        return self._descriptions.of(located).served(f"{base}{_path(study, located)}")

    def description(self, located: Located) -> Description:
        """Return what is known of an instance."""
        return self._descriptions.of(located)

    def frames(
        self, allowed: Allowed, study: str, series: str, sop: str, numbers: Sequence[int]
    ) -> Sequence[Part]:
        """Return frames as they are stored: compressed ones compressed, others little endian.

        Args:
            allowed: What the caller may see.
            study: Study Instance UID.
            series: Series Instance UID.
            sop: SOP Instance UID.
            numbers: Which frames, from 1.

        Raises:
            NotFound: `not_found`, or `no_frame`.
            Invalid: Too many at once.
            Refused: The caller may only look.
        """
        self._require_stored(allowed, study)
        located = self._holdings.instance(allowed, study, series, sop)
        if len(numbers) > MAX_FRAMES:
            raise Invalid(f"more than {MAX_FRAMES} frames at once", code="bad_query")
        return [self.frame(study, located, number) for number in numbers]

    def frame(self, study: str, located: Located, number: int) -> Part:
        """Return one frame; raises as `frames`."""
        known = self._descriptions.of(located)
        if known.pixels is None:
            raise no_frame()
        location = f"{_path(study, located)}/frames/{number}"
        if known.pixels.length is not None:
            extent, shift = native_frame(known.pixels, number)
            if shift:
                whole = b"".join(self._read(located, known, extent))
                count = -(-known.pixels.frame_bits // 8)
                moved = (int.from_bytes(whole, "little") >> shift) & ((1 << 8 * count) - 1)
                data = moved.to_bytes(count, "little")
                return Part(OCTETS, NATIVE, count, iter([data]), location)
            chunks = self._read(located, known, extent)
            return Part(OCTETS, NATIVE, extent.length, chunks, location)
        frames = self._frames_of(located, known)
        if not 1 <= number <= len(frames):
            raise no_frame()
        fragments = frames[number - 1]
        return Part(
            media_type=FRAME_TYPES.get(known.syntax, OCTETS),
            syntax=known.syntax,
            length=sum(one.length for one in fragments),
            chunks=self._fragment_bytes(located, fragments),
            location=location,
        )

    def bulk(self, allowed: Allowed, study: str, series: str, sop: str, path: str) -> Part:
        """Return the bulk data of a path that a description named.

        Raises:
            NotFound: The instance has no such bulk data.
            Refused: The caller may only look.
        """
        self._require_stored(allowed, study)
        located = self._holdings.instance(allowed, study, series, sop)
        return self.bulk_of(study, located, path)

    def bulk_of(self, study: str, located: Located, path: str) -> Part:
        """Return bulk data of an instance that was looked up; raises as `bulk`."""
        known = self._descriptions.of(located)
        extent = known.bulk.get(path)
        location = f"{_path(study, located)}/bulkdata/{path}"
        pixels = known.pixels
        if extent is None and pixels is not None and path in {"7FE00010", "7FE00008", "7FE00009"}:
            if pixels.length is None:
                # All frames one after the other would mean nothing to anybody.
                return self.frame(study, located, 1)
            width = pixels.bits // 8 if known.big_endian and pixels.bits > 8 else 1  # noqa: PLR2004 - bits of a byte
            extent = Extent(pixels.at, pixels.length, width)
        # Any other type is a stranger's word: a browser might run it as a page.
        is_pdf = path == "00420011" and text_of(known.attributes, "00420012") == PDF
        media_type = PDF if is_pdf else OCTETS
        if extent is None:
            value = _inline(known, path)
            return Part(media_type, "", len(value), iter([value]), location)
        return Part(media_type, "", extent.length, self._read(located, known, extent), location)

    def _frames_of(self, located: Located, known: Description) -> Sequence[Sequence[Extent]]:
        name = located.stored.header.id
        with self._lock:
            frames = self._fragments.get(name)
        if frames is None:
            assert known.pixels is not None  # noqa: S101 - for the type checker
            stream = ObjectStream(self._packs, located)
            frames = encapsulated_frames(stream, known.pixels, located.stored.header.size)
            with self._lock:
                self._fragments[name] = frames
                while len(self._fragments) > _REMEMBERED:
                    self._fragments.popitem(last=False)
        return frames

    def _fragment_bytes(self, located: Located, fragments: Sequence[Extent]) -> Iterator[bytes]:
        stream = ObjectStream(self._packs, located)
        for one in fragments:
            yield from stream.pieces(one.at, one.length)

    def _read(self, located: Located, known: Description, extent: Extent) -> Iterator[bytes]:
        """Read a range of an instance, in little endian."""
        if known.deflated:
            inflated = self._descriptions.inflated(located)
            pieces = iter([inflated[extent.at : extent.at + extent.length]])
        else:
            pieces = ObjectStream(self._packs, located).pieces(extent.at, extent.length)
        return _turned(pieces, extent.width) if known.big_endian and extent.width > 1 else pieces


def _inline(known: Description, path: str) -> bytes:
    """Return a value that is so short that the description itself holds it.

    Raises:
        NotFound: There is none.
    """
    element = known.attributes.get(path)
    if not isinstance(element, dict) or "InlineBinary" not in element:
        raise nothing()
    return base64.b64decode(element["InlineBinary"])


def _path(study: str, located: Located) -> str:
    header = located.stored.header
    return f"/studies/{study}/series/{header.series_uid}/instances/{header.sop_uid}"


def _turned(pieces: Iterator[bytes], width: int) -> Iterator[bytes]:
    """Turn round the bytes of each value of a stream."""
    rest = b""
    for piece in pieces:
        data = rest + piece
        whole = len(data) - len(data) % width
        turned = bytearray(data[:whole])
        for number in range(width):
            turned[number::width] = data[width - 1 - number : whole : width]
        rest = data[whole:]
        yield bytes(turned)
    if rest:
        yield rest
