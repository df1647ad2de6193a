"""QR codes as pictures within a page: no request, no file, no script."""

from __future__ import annotations

import segno
from markupsafe import Markup


def qr_picture(text: str) -> Markup:
    """Return a QR code as SVG; error correction M, as telephones read it from a screen or paper."""
    code = segno.make(text, error="m", micro=False)
    drawn = code.svg_inline(border=4, omitsize=True, svgclass=None, lineclass=None)
    return Markup(drawn)  # noqa: S704 - made of squares by segno, nothing of the text is in it
