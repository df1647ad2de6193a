"""The sheet of paper that opens a visit, as PDF: implements `ports.DrawsPrintouts`.

One page, A4 or US Letter, black on white, so that any printer and any eye can read it. Text is
Helvetica, which every reader of PDF has, in WinAnsi: letters beyond it lose their accents.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import segno

from undisc_node.notify.wording import Language, language
from undisc_node.services.message_rows import Facts

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas

PAPERS: Final = {"a4": (595.2756, 841.8898), "letter": (612.0, 792.0)}  # points: ISO 216, ANSI A
_MARGIN: Final = 56.0  # points, about 2 cm: no printer cuts there
_QR: Final = 190.0  # points, 67 mm: read from a table by any phone's camera
_QUIET: Final = 4  # modules of white around a QR code (ISO/IEC 18004 §6.3.8)
_BODY: Final = 11.5  # points; large print for those who need it is a setting of no printer
_LEADING: Final = 1.4
_BARE: Final = str.maketrans("łŁđĐħĦ", "lLdDhH")  # letters that Unicode does not take apart
_CODE: Final = 22.0  # points of the typed code: it is copied by eye


class SheetPrinter:
    """Draws sheets.

    Args:
        paper: `a4` or `letter`.
    """

    def __init__(self, paper: str) -> None:
        self._size = PAPERS[paper]

    def draw(self, tag: str, facts: Facts) -> bytes:
        """Return the sheet as PDF, with the link as QR code."""
        from reportlab.pdfgen.canvas import Canvas  # noqa: PLC0415 - the node itself has no Pillow

        spoken, buffer = language(tag), io.BytesIO()
        # `invariant`: no time and no random id, so that the same link gives the same bytes.
        canvas = Canvas(buffer, pagesize=self._size, invariant=1, lang=spoken.tag)
        canvas.setTitle(shown(spoken.texts["sheet"]["title"]))
        canvas.setAuthor(shown(facts.practice))
        canvas.setCreator("undisc")
        _Sheet(canvas, self._size, spoken, facts).draw()
        canvas.showPage()
        canvas.save()
        return buffer.getvalue()


class _Sheet:
    """One page while it is drawn, from top to bottom."""

    def __init__(
        self, canvas: Canvas, size: tuple[float, float], spoken: Language, facts: Facts
    ) -> None:
        self._canvas = canvas
        self._width, height = size
        self._texts: dict[str, Any] = spoken.texts["sheet"]
        self._values = spoken.values(facts)
        self._facts = facts
        self._y = height - _MARGIN

    def draw(self) -> None:
        texts = self._texts
        self._line(texts["title"], 24, bold=True, after=6)
        self._line(self._values["practice"], 14, after=18)
        self._line(texts["scan"], _BODY, bold=True, after=6)
        self._qr()
        self._line(texts["type"], _BODY, bold=True, after=8)
        self._fact("address", self._values["page"])
        self._fact("code", self._values["code"], size=_CODE, font="Courier-Bold")
        self._y -= 6
        self._fact("practice", self._values["practice"])
        self._fact("phone", self._values["phone"])
        self._fact("ends", self._values["ends"])
        self._y -= 12
        self._line(texts["steps_title"], 14, bold=True, after=6)
        steps: Sequence[str] = texts["steps"]
        for number, step in enumerate(steps, 1):
            self._paragraph(step, mark=f"{number}.")
        self._y -= 6
        self._paragraph(texts["care"])

    def _line(self, text: str, size: float, *, bold: bool = False, after: float = 0) -> None:
        font = "Helvetica-Bold" if bold else "Helvetica"
        for piece in self._wrapped(text, font, size, self._width - 2 * _MARGIN):
            self._y -= size
            self._text(_MARGIN, piece, font, size)
            self._y -= size * (_LEADING - 1)
        self._y -= after

    def _paragraph(self, text: str, *, mark: str = "") -> None:
        indent = 18.0 if mark else 0.0
        width = self._width - 2 * _MARGIN - indent
        for place, piece in enumerate(self._wrapped(text, "Helvetica", _BODY, width)):
            self._y -= _BODY
            if mark and not place:
                self._text(_MARGIN, mark, "Helvetica", _BODY)
            self._text(_MARGIN + indent, piece, "Helvetica", _BODY)
            self._y -= _BODY * (_LEADING - 1)
        self._y -= 3

    def _fact(self, name: str, value: str, *, size: float = _BODY, font: str = "Helvetica") -> None:
        if not value:
            return
        beside = 100.0
        width = self._width - 2 * _MARGIN - beside
        for place, piece in enumerate(self._wrapped(value, font, size, width)):
            self._y -= size
            if not place:
                self._text(_MARGIN, self._texts[name], "Helvetica-Bold", _BODY)
            self._text(_MARGIN + beside, piece, font, size)
            self._y -= size * (_LEADING - 1)
        self._y -= 2

    def _qr(self) -> None:
        code = segno.make_qr(self._facts.link, error="m")
        draw_qr(self._canvas, code, left=_MARGIN, top=self._y, width=_QR)
        self._y -= _QR + 4

    def _text(self, x: float, text: str, font: str, size: float) -> None:
        self._canvas.setFont(font, size)
        self._canvas.drawString(x, self._y, text)

    def _wrapped(self, text: str, font: str, size: float, width: float) -> list[str]:
        from reportlab.lib.utils import simpleSplit  # noqa: PLC0415 - as above

        lines: list[str] = []
        for line in simpleSplit(shown(text), font, size, width):
            lines.extend(self._cut(str(line), font, size, width))
        return lines

    def _cut(self, line: str, font: str, size: float, width: float) -> list[str]:
        """Cut a word that is wider than the page, such as a long address."""
        pieces, piece = [], ""
        for character in line:
            if piece and self._canvas.stringWidth(piece + character, font, size) > width:
                pieces.append(piece)
                piece = ""
            piece += character
        return [*pieces, piece]


def draw_qr(canvas: Canvas, code: segno.QRCode, *, left: float, top: float, width: float) -> None:
    """Draw a code as squares of a grid, so that no printer blurs them.

    Args:
        canvas: The page.
        code: What is drawn.
        left: Where its first dark column stands, points.
        top: Upper edge of its white border, points.
        width: Of the whole, with its border, points.
    """
    rows = list(code.matrix_iter(border=_QUIET))
    module = width / len(rows)
    left -= _QUIET * module
    canvas.setFillGray(0)
    path = canvas.beginPath()
    for y, row in enumerate(rows):
        start = None
        for x, dark in enumerate((*row, 0)):
            if dark and start is None:
                start = x
            elif not dark and start is not None:
                path.rect(left + start * module, top - (y + 1) * module,
                          (x - start) * module, module)  # fmt: skip
                start = None
    canvas.drawPath(path, stroke=0, fill=1)


def shown(text: str) -> str:
    """Return a text with letters that the font has: others lose accents, or become a mark."""
    letters = []
    for character in text.translate(_BARE):
        try:
            character.encode("cp1252")
        except UnicodeEncodeError:
            bare = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
            letters.append(bare or "?")
        else:
            letters.append(character)
    return "".join(letters)
