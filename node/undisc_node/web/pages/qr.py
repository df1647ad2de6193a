"""QR codes: as pictures within a page (no request, no file, no script), and as text."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Final

import segno
from markupsafe import Markup

_QUIET: Final = 2  # modules of light around a code on a terminal; telephones need no more
_HALVES: Final = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}


def qr_picture(text: str) -> Markup:
    """Return a QR code as SVG; error correction M, as telephones read it from a screen or paper."""
    code = segno.make(text, error="m", micro=False)
    drawn = code.svg_inline(border=4, omitsize=True, svgclass=None, lineclass=None)
    return Markup(drawn)  # noqa: S704 - made of squares by segno, nothing of the text is in it


def qr_lines(text: str) -> Iterator[str]:
    """Yield a QR code as lines for a dark terminal, two modules in each character.

    Error correction L: it is read from a screen, and has to fit on it.
    """
    code = segno.make(text, error="l", micro=False)
    rows = [tuple(row) for row in code.matrix_iter(border=_QUIET)]
    for upper, lower in zip_longest(rows[::2], rows[1::2], fillvalue=(0,) * len(rows[0])):
        yield "".join(_HALVES[bool(up), bool(down)] for up, down in zip(upper, lower, strict=True))
