"""Images for people: frames as JPEG or PNG (PS3.18 §10.4.1.1.3 and §10.4.1.1.4).

Pixels are decoded in a limited worker process, never here. It gets the part of the object that it
needs: the description up to the pixel data, and one frame.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from undisc_node.services.contents import Located
from undisc_node.services.dicomweb.holdings import nothing
from undisc_node.services.dicomweb.retrieving import PDF, Part, Retrieving
from undisc_node.services.dicomweb.scope import Allowed
from undisc_node.services.errors import Invalid
from undisc_node.services.ports import LimitedWork

TASK: Final = "render"
MAX_FRAME: Final = 256 * 2**20  # bytes of one frame as stored; a mammogram has 50 MB
MAX_SIDE: Final = 8_192  # pixels of what is rendered
THUMBNAIL: Final = 200  # pixels of a thumbnail's longer side
_PDF_CLASS: Final = "1.2.840.10008.5.1.4.1.1.104.1"  # Encapsulated PDF Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How an image shall look.

    Attributes:
        media: `image/jpeg`, `image/png` or `image/webp`.
        quality: Of a JPEG or WebP, 1 to 100.
        width: Most pixels across; 0 for as many as there are.
        height: Most pixels down.
        window: Center and width; the image's own when None.
    """

    media: str = "image/jpeg"
    quality: int = 90
    width: int = 0
    height: int = 0
    window: tuple[float, float] | None = None


class Rendering:
    """Renders frames.

    Args:
        retrieving: Frames and descriptions.
        work: Runs the decoder.
    """

    def __init__(self, *, retrieving: Retrieving, work: LimitedWork) -> None:
        self._retrieving = retrieving
        self._work = work

    def located(self, allowed: Allowed, study: str, series: str = "", sop: str = "") -> Located:
        """Return the instance that stands for a study or series, or the one that is named.

        Raises:
            NotFound: There is none that the caller may see, or none with an image.
        """
        found = self._retrieving.visible(allowed, study, series, sop)
        if sop:
            return found[0]
        for located in (found[len(found) // 2 :] or found)[:8]:
            if self._retrieving.description(located).pixels is not None:
                return located
        raise nothing()

    def document(self, study: str, located: Located) -> Part | None:
        """Return the document that an instance is, as it is; None if it is an image."""
        header = located.stored.header
        if header.sop_class != _PDF_CLASS:
            return None
        part = self._retrieving.bulk_of(study, located, "00420011")
        return Part(PDF, "", part.length, part.chunks)

    def frame(self, study: str, located: Located, number: int, wish: Wish) -> bytes:
        """Render one frame.

        Raises:
            NotFound: There is no such frame.
            Invalid: It cannot be decoded within the limits.
        """
        part = self._retrieving.frame(study, located, number)
        if part.length > MAX_FRAME:
            raise Invalid("the frame is too large to be rendered", code="too_complex")
        known = self._retrieving.description(located)
        order = {
            "syntax": part.syntax,
            "wish": asdict(wish),
            "attributes": _needed(known.attributes),
        }
        head = json.dumps(order).encode()
        return self._work.run(TASK, b"".join([len(head).to_bytes(4, "big"), head, *part.chunks]))


_NEEDED: Final = (
    "00280002 00280004 00280006 00280010 00280011 00280100 00280101 00280102 00280103 00281050"
    " 00281051 00281052 00281053 00281101 00281102 00281103 00281201 00281202 00281203 20500020"
)


def _needed(attributes: dict[str, object]) -> dict[str, object]:
    tags: Sequence[str] = _NEEDED.split()
    return {tag: attributes[tag] for tag in tags if tag in attributes}
