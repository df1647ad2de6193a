"""The reference pages of the command lines say what the commands themselves say."""

from __future__ import annotations

import click
import pytest

from support.cli_reference import PAGES, render


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.program)
def test_the_page_is_what_the_help_says(page):
    """Out of date? Run `python tests/support/cli_reference.py`."""
    assert page.path.read_text("utf-8") == page.text()


def test_every_command_and_option_gets_onto_a_page_and_hidden_ones_do_not():
    @click.group()
    def program():
        """Do things."""

    @program.command()
    @click.option("--loud", help="Say it loudly.")
    def greet(loud):
        """Say hello."""

    @program.command(hidden=True)
    def secret():
        """Not for the page."""

    text = render(program, "program")

    assert "## `program greet`" in text
    assert "--loud TEXT  Say it loudly." in text
    assert "secret" not in text
