"""A structured report as lines of text (PS3.3 §C.17.3): what a person reads, nothing else.

Works on the description of an instance, which is bounded already; here depth and number of items
are bounded once more. Never markup: whoever shows the lines shows them as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from undisc_node.services.dicomweb.model import BULK, text_of, values_of

MAX_LINES: Final = 2_000  # of one report; a long one has about 200
MAX_DEPTH: Final = 16  # of nested containers; templates use below eight
MAX_TEXT: Final = 20_000  # characters of one item; a dictated report has about 3,000

_ITEMS, _KIND, _NAME = "0040A730", "0040A040", "0040A043"
_MEANING: Final = "00080104"
_PLAIN: Final = {
    "TEXT": "0040A160",
    "DATE": "0040A121",
    "TIME": "0040A122",
    "DATETIME": "0040A120",
    "PNAME": "0040A123",
}
_CODE, _MEASURED, _NUMBER, _UNITS = "0040A168", "0040A300", "0040A30A", "004008EA"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a report.

    Attributes:
        depth: How deep it is nested, from 0.
        label: What it is about; of a heading the heading.
        text: What it says; empty for a heading. May have line breaks.
    """

    depth: int
    label: str
    text: str


def lines_of(attributes: Mapping[str, Any]) -> list[Line]:
    """Return what a structured report says, at most `MAX_LINES`."""
    found: list[Line] = []
    for line in _lines(attributes):
        found.append(line)
        if len(found) == MAX_LINES:
            break
    return found


def _lines(attributes: Mapping[str, Any]) -> Iterator[Line]:
    """Walk the tree without recursion: a report may be nested as deep as it likes."""
    open_items = [(0, iter(values_of(attributes, _ITEMS)))]
    while open_items:
        depth, items = open_items[-1]
        item = next(items, None)
        if item is None:
            open_items.pop()
            continue
        if not isinstance(item, Mapping):
            continue
        label, text = _meaning(item, _NAME), _text(item)
        if text or text_of(item, _KIND) == "CONTAINER":
            yield Line(depth, label[:MAX_TEXT], text[:MAX_TEXT])
        if len(open_items) < MAX_DEPTH:
            open_items.append((depth + 1, iter(values_of(item, _ITEMS))))


def _text(item: Mapping[str, Any]) -> str:
    kind = text_of(item, _KIND)
    if kind in _PLAIN:
        element = item.get(_PLAIN[kind])
        if isinstance(element, Mapping) and BULK in element:
            return "(this text is too long to be shown here)"
        return text_of(item, _PLAIN[kind]).replace("\r\n", "\n").replace("\r", "\n")
    if kind == "CODE":
        return _meaning(item, _CODE)
    if kind == "NUM":
        measured = next(iter(values_of(item, _MEASURED)), None)
        if not isinstance(measured, Mapping):
            return ""
        number = next(iter(values_of(measured, _NUMBER)), "")
        return f"{number} {_meaning(measured, _UNITS)}".strip()
    return ""


def _meaning(item: Mapping[str, Any], tag: str) -> str:
    """Return the meaning of a coded value."""
    code = next(iter(values_of(item, tag)), None)
    return text_of(code, _MEANING) if isinstance(code, Mapping) else ""
