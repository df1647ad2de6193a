"""Has sheets drawn by a process of their own: implements `ports.DrawsPrintouts`.

The library that draws needs Pillow, and the node keeps that out of its own process, because it
decodes pictures in C (`apart`). What is drawn goes in and out through pipes, never on a command
line. The child lives for one sheet.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from undisc_node.notify.kit_sheet import KitPrinter
from undisc_node.notify.printout import SheetPrinter
from undisc_node.services.errors import Unavailable
from undisc_node.services.message_rows import Facts

_SECONDS: Final = 30.0  # half a second is usual; a busy machine may need more


class ApartPrinter:
    """Draws sheets in a child process.

    Args:
        paper: `a4` or `letter`.
    """

    def __init__(self, paper: str) -> None:
        self._paper = paper

    def draw(self, tag: str, facts: Facts) -> bytes:
        """Return the sheet as PDF, with the link as QR code.

        Raises:
            Unavailable: It could not be drawn.
        """
        return _draw({"paper": self._paper, "language": tag, "facts": asdict(facts)})


def draw_kit(paper: str, page: str) -> bytes:
    """Return the page of a recovery kit as PDF.

    Args:
        paper: `a4` or `letter`.
        page: The page; it is sealed under a passphrase.

    Raises:
        Unavailable: It could not be drawn.
    """
    return _draw({"paper": paper, "kit": page})


def _draw(wish: Mapping[str, Any]) -> bytes:
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-m", "undisc_node.notify.printing"],
            input=json.dumps(wish).encode(),
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        # What a child says at its end may repeat the link, so nothing of it is passed on.
        raise Unavailable("the sheet could not be drawn", code="not_drawn") from None
    return done.stdout


def main() -> None:
    """Draw one sheet: JSON on standard input, PDF on standard output."""
    wish = json.loads(sys.stdin.buffer.read())
    if "kit" in wish:
        sheet = KitPrinter(wish["paper"]).draw(wish["kit"])
    else:
        sheet = SheetPrinter(wish["paper"]).draw(wish["language"], Facts(**wish["facts"]))
    sys.stdout.buffer.write(sheet)


if __name__ == "__main__":
    main()
