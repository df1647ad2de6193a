"""Writes the reference page of a command line from its own help texts.

    python tests/support/cli_reference.py          write every page of PAGES
    python tests/support/cli_reference.py --check  only say which pages are out of date

`tests/meta/test_cli_reference.py` compares, so a page cannot fall behind the command it describes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).parents[2]
WIDTH = 100  # columns of a help text, whatever terminal this runs in


@dataclass(frozen=True)
class Page:
    """One command line and its page.

    Attributes:
        program: The command's name.
        module: The module that has the click group.
        attribute: The group's name in it.
    """

    program: str
    module: str
    attribute: str = "main"

    @property
    def path(self) -> Path:
        """Where the page is."""
        return ROOT / "docs" / "reference" / f"{self.program}.md"

    def text(self) -> str:
        """Return what the page should say."""
        return render(getattr(import_module(self.module), self.attribute), self.program)


PAGES = [
    Page("undisc", "undisc_admin.cli"),
    Page("undisc-node", "undisc_node.cli"),
]


def render(group: click.Command, program: str) -> str:
    """Return the reference page of a click command and everything below it, as Markdown.

    Args:
        group: The outermost command.
        program: The name it is called by.
    """
    origin = f"Written by tests/support/cli_reference.py from `{program} --help`"
    parts = [f"# `{program}`\n\n<!-- {origin}; change the help texts, not this page. -->\n"]
    settings = {**group.context_settings, **_look()}
    for depth, context in _walk(group, click.Context(group, info_name=program, **settings)):
        heading = "" if depth == 0 else f"\n{'#' * min(depth + 1, 6)} `{context.command_path}`\n"
        shown = "\n".join(line.rstrip() for line in context.get_help().splitlines())
        parts.append(f"{heading}\n```text\n{shown}\n```\n")
    return "".join(parts)


def _look() -> dict[str, Any]:
    return {"terminal_width": WIDTH, "max_content_width": WIDTH}


def _walk(
    command: click.Command, context: click.Context, depth: int = 0
) -> Iterator[tuple[int, click.Context]]:
    yield depth, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                inner = click.Context(below, parent=context, info_name=name, **_look())
                yield from _walk(below, inner, depth + 1)


def main(arguments: list[str]) -> int:
    """Write the pages, or only compare; the exit code says whether any was out of date."""
    stale = [
        page
        for page in PAGES
        if not page.path.exists() or page.path.read_text("utf-8") != page.text()
    ]
    for page in stale:
        if "--check" not in arguments:
            page.path.write_text(page.text(), "utf-8")
        sys.stdout.write(f"{page.path.relative_to(ROOT)}\n")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
