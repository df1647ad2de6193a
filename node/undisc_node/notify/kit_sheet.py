"""A recovery kit as PDF for a printer: the same page as the text file, and its rows as QR code.

What is printed is the page itself, in Courier, so that it can be typed in by hand; the text can
also be taken out of the PDF again. The QR code holds the rows with their two marker lines: what a
scanner reads is a kit, too.
"""

from __future__ import annotations

import io
from typing import Final

import segno

from undisc_node.notify.printout import PAPERS, draw_qr, shown
from undisc_protocol.kit import BEGIN, END

_MARGIN: Final = 56.0  # points, about 2 cm: no printer cuts there
_SIZE: Final = 10.0  # points: 72 columns of Courier are 432 points, which both papers have
_LEADING: Final = 13.0  # points from line to line
_ROW_SIZE: Final = 11.5  # points of the rows that are typed in by hand
_QR: Final = 200.0  # points, 7 cm


class KitPrinter:
    """Draws recovery kits.

    Args:
        paper: `a4` or `letter`.
    """

    def __init__(self, paper: str) -> None:
        self._size = PAPERS[paper]

    def draw(self, page: str) -> bytes:
        """Return a kit's page as PDF; the same page gives the same bytes.

        Args:
            page: The kit as `undisc_protocol.kit.make_kit` writes it.
        """
        from reportlab.pdfgen.canvas import Canvas  # noqa: PLC0415 - the node itself has no Pillow

        buffer = io.BytesIO()
        canvas = Canvas(buffer, pagesize=self._size, invariant=1, lang="en")
        canvas.setTitle("undisc recovery kit")
        canvas.setCreator("undisc")
        y, inside = self._size[1] - _MARGIN, False
        for line in page.splitlines():
            inside = (inside or line == BEGIN) and line != END
            is_row = inside and line != BEGIN
            size = _ROW_SIZE if is_row else _SIZE
            canvas.setFont("Courier-Bold" if is_row else "Courier", size)
            canvas.drawString(_MARGIN, y, shown(line))
            y -= _LEADING + (size - _SIZE)
        code = segno.make_qr(_scanned(page), error="m")
        draw_qr(canvas, code, left=_MARGIN, top=y - _LEADING, width=_QR)
        canvas.showPage()
        canvas.save()
        return buffer.getvalue()


def _scanned(page: str) -> str:
    """Return marker lines and rows in one line: only letters that make a QR code small."""
    start, stop = page.index(BEGIN), page.index(END) + len(END)
    return " ".join(page[start:stop].split())
