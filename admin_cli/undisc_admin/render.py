"""Turns answers into lines of text: tables, lists of facts, sizes, times.

Pure: nothing is printed here. Whatever came from outside (patient names, descriptions, names of
other practices) goes through `clean`, so that it cannot move the cursor, change a colour, retitle
the terminal or reorder what is read.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Final

_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # Unicode categories
_KILO: Final = 1000  # sizes are decimal, as disks and networks count
_SHORT_ID: Final = 8  # hex digits; of a million studies one in 4,000 shares them with another
_GAP: Final = "  "
_NARROWEST: Final = 8  # columns below which a cell says nothing
_TERABYTE: Final = 4


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        title: Its heading.
        right: Whether it is aligned to the right, as numbers are.
        shrinks: Whether its cells may be cut off on a narrow terminal.
    """

    title: str
    right: bool = False
    shrinks: bool = False


def clean(text: str) -> str:
    r"""Make text safe for a terminal: control and formatting characters become visible escapes.

    >>> print(clean("Doe^\x1b[2JJane"))
    Doe^\x1b[2JJane
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode("ascii")
        if unicodedata.category(character) in _UNSAFE
        else character
        for character in text
    )


def columns_of(text: str) -> int:
    """Count the terminal columns of clean text; East Asian characters take two, marks none."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.combining(character)
        else 2
        if unicodedata.east_asian_width(character) in {"W", "F"}
        else 1
        for character in text
    )


def cut(text: str, columns: int) -> str:
    """Cut clean text to a number of terminal columns; an ellipsis shows that something is gone."""
    if columns_of(text) <= columns:
        return text
    kept = ""
    for character in text:
        if columns_of(kept + character) > columns - 1:
            break
        kept += character
    return kept + "…"


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], *, width: int | None = None
) -> list[str]:
    """Lay out rows under headings.

    Args:
        columns: What each cell of a row is.
        rows: Cells; they are cleaned here.
        width: Columns of the terminal; None keeps every cell whole.
    """
    cells = [[clean(cell) for cell in row] for row in rows]
    titles = [column.title for column in columns]
    widths = [max(map(columns_of, column)) for column in zip(titles, *cells, strict=True)]
    if width is not None:
        _fit(columns, widths, width)
    return [_line(columns, widths, row) for row in [titles, *cells]]


def _fit(columns: Sequence[Column], widths: list[int], width: int) -> None:
    """Take columns away from the widest shrinking column until the table fits, or none is left."""
    room = width - len(_GAP) * (len(columns) - 1)
    while sum(widths) > room:
        places = [
            place
            for place, column in enumerate(columns)
            if column.shrinks and widths[place] > max(_NARROWEST, len(column.title))
        ]
        if not places:
            return
        widths[max(places, key=widths.__getitem__)] -= 1


def _line(columns: Sequence[Column], widths: Sequence[int], row: Sequence[str]) -> str:
    parts = []
    for column, columns_wide, cell in zip(columns, widths, row, strict=True):
        text = cut(cell, columns_wide) if column.shrinks else cell
        padding = " " * (columns_wide - columns_of(text))
        parts.append(padding + text if column.right else text + padding)
    return _GAP.join(parts).rstrip()


def facts(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Lay out names and values below each other; values are cleaned here, empty ones left out."""
    shown = [(name, clean(value)) for name, value in pairs if value]
    widest = max((len(name) for name, _ in shown), default=0)
    return [f"{name:<{widest}}  {value}" for name, value in shown]


def words_in_rows(words: Sequence[str], per_row: int = 4) -> list[str]:
    """Lay out the words of a node id for reading out: numbered, in short rows.

    A pause after four words is what people can repeat without writing.
    """
    numbered = [f"{number:>2} {clean(word):<9}" for number, word in enumerate(words, start=1)]
    return [
        "  " + _GAP.join(numbered[start : start + per_row]).rstrip()
        for start in range(0, len(numbered), per_row)
    ]


def short(identifier: str) -> str:
    """Shorten a hex id to the prefix that lists show and commands accept."""
    return clean(identifier[:_SHORT_ID])


def size(count: float) -> str:
    """Show a number of bytes.

    >>> size(52_480_000)
    '52.5 MB'
    """
    power = 0
    while count >= _KILO and power < _TERABYTE:
        count /= _KILO
        power += 1
    return f"{count:.0f} bytes" if power == 0 else f"{count:.1f} {' kMGT'[power]}B"


def duration(seconds: float) -> str:
    """Show a time span as minutes and begun seconds, with hours where there are any."""
    whole = max(0, ceil(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def moment(text: str | None) -> str:
    """Show an RFC 3339 time in the local time zone, to the minute; nothing for None."""
    if text is None:
        return ""
    try:
        return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):
        return text


def clock_time(text: str | None) -> str:
    """Show the time of day of an RFC 3339 time in the local time zone; nothing for None."""
    if text is None:
        return ""
    try:
        return datetime.fromisoformat(text).astimezone().strftime("%H:%M:%S")
    except (ValueError, OverflowError):
        return text


def day(text: str) -> str:
    """Show a DICOM date (PS3.5 DA, `YYYYMMDD`) with dashes; anything else as it is."""
    if len(text) == len("YYYYMMDD") and text.isdecimal():
        return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    return text


def count_of(number: int, one: str, many: str = "") -> str:
    """Show a number with its noun.

    >>> count_of(1, "image"), count_of(2, "image")
    ('1 image', '2 images')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
