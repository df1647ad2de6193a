"""The text that is put before people, cut into headings, paragraphs and lists; nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_MARK: Final = "- "


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of the text.

    Attributes:
        kind: `title`, `heading`, `paragraph` or `list`.
        parts: Its paragraphs or items.
    """

    kind: str
    parts: tuple[str, ...]


def blocks_of(text: str) -> tuple[Block, ...]:
    """Cut a text at its empty lines.

    The first block is the title; one line without a full stop is a heading; a block whose lines
    begin with a dash is a list, whose items go on in indented lines.
    """
    found = []
    for number, block in enumerate(text.strip().split("\n\n")):
        lines = block.splitlines()
        if number == 0:
            found.append(Block("title", (" ".join(lines),)))
        elif lines[0].startswith(_MARK):
            items: list[str] = []
            for line in lines:
                if line.startswith(_MARK):
                    items.append(line.removeprefix(_MARK))
                else:
                    items[-1] += f" {line.strip()}"
            found.append(Block("list", tuple(items)))
        elif len(lines) == 1 and lines[0][-1:] not in ".?!":
            found.append(Block("heading", (lines[0],)))
        else:
            found.append(Block("paragraph", (" ".join(lines),)))
    return tuple(found)
