"""`undisc-node config`: what is set, and where it was set."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from undisc_node import config as settings
from undisc_node.commands.common import EXIT_FAILED, Given, clear_errors, say
from undisc_node.services.errors import Invalid


@click.group()
def config() -> None:
    """Look at the settings: what they are, and where each was set."""


@config.command()
@click.option("--origin", is_flag=True, help="Say where each value was set.")
@click.option("--json", "as_json", is_flag=True, help="Print values and origins as JSON.")
@click.pass_obj
@clear_errors
def show(given: Given, origin: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Show every setting with its value; secrets are not shown.

    \b
    Examples:
      undisc-node config show --origin
      undisc-node --set public.port=9480 config show --json
    """
    reading = given.reading()
    if as_json:
        click.echo(json.dumps({one.key: _as_json(one) for one in reading.settings}, indent=2))
    else:
        _print(reading.settings, with_origin=origin)
    _stop_at(reading.problems)


@config.command()
@click.pass_obj
@clear_errors
def check(given: Given) -> None:
    """Check the settings, and name everything that is wrong with them.

    \b
    Example:
      undisc-node config check && systemctl restart undisc
    """
    reading = given.reading()
    _stop_at(reading.problems)
    changed = sum(one.kind != settings.DEFAULT for one in reading.settings)
    rest = len(reading.settings) - changed
    click.echo(f"the settings can be used: {changed} set, {rest} as they are by default")


def _as_json(one: settings.Setting) -> dict[str, Any]:
    return {
        "value": one.shown,
        "origin": one.kind,
        "where": one.where,
        "variable": one.variable,
    }


def _print(found: tuple[settings.Setting, ...], *, with_origin: bool) -> None:
    shown = [_text(one.shown) for one in found]
    keys = max(len(one.key) for one in found)
    widest = max(map(len, shown)) if with_origin else 0
    for one, text in zip(found, shown, strict=True):
        place = one.where or one.kind
        line = f"{one.key:<{keys}}  {text:<{widest}}"
        click.echo(f"{line}  {place}" if with_origin else line.rstrip())


def _text(value: Any) -> str:
    """Return a value as it could stand in the file."""
    return json.dumps(value, ensure_ascii=False)


def _stop_at(problems: tuple[Invalid, ...]) -> None:
    for problem in problems:
        say(problem)
    if problems:
        sys.exit(EXIT_FAILED)
