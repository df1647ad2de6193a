"""What all commands share: what the group was given, errors as sentences, the kit's passphrase."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Final, ParamSpec

import click

from undisc_node import config
from undisc_node.services.errors import Invalid, ServiceError
from undisc_protocol.errors import ProtocolError

Parameters = ParamSpec("Parameters")

EXIT_FAILED: Final = 1


@dataclass(frozen=True, slots=True)
class Given:
    """What stands before the command's name; a command gets it with `click.pass_obj`.

    Attributes:
        home: Directory of the node's state.
        environment: The process environment.
        overrides: What `--set` gave.
    """

    home: Path
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    overrides: Mapping[str, config.Found] = field(default_factory=dict)

    def settings(self) -> config.Settings:
        """Read the settings of the home.

        Raises:
            Invalid: A setting is unknown or cannot be used.
        """
        return config.load(self.home, self.environment, self.overrides)

    def reading(self) -> config.Reading:
        """Read the settings with their origins, and whatever is wrong with them.

        Raises:
            Invalid: A place where settings stand cannot be read at all.
        """
        return config.read(self.home, self.environment, self.overrides)


def clear_errors(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """Turn what a command refuses into a sentence, a hint and an exit code."""

    @wraps(command)
    def guarded(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (ServiceError, ProtocolError) as problem:
            say(problem)
            sys.exit(EXIT_FAILED)
        except PermissionError as problem:
            say(Invalid(f"cannot use {problem.filename}: permission denied"))
            sys.exit(EXIT_FAILED)
        except OSError as problem:
            say(Invalid(f"{problem.filename or 'the system'}: {problem.strerror}"))
            sys.exit(EXIT_FAILED)

    return guarded


def say(problem: Exception) -> None:
    """Print what is wrong, and what to do about it."""
    click.echo(f"error: {problem}", err=True)
    hint = getattr(problem, "hint", "")
    if hint:
        click.echo(f"hint: {hint}", err=True)


def passphrase(path: Path | None, *, confirm: bool) -> str:
    """Read the kit's passphrase from a file, or ask for it; never from the command line."""
    if path is not None:
        text = path.read_text(encoding="utf-8").rstrip("\n")
    elif sys.stdin.isatty():
        text = click.prompt(
            "passphrase for the recovery kit", hide_input=True, confirmation_prompt=confirm
        )
    else:
        raise Invalid(
            "a passphrase for the recovery kit is needed",
            hint="use --passphrase-file FILE where nobody can type it",
        )
    return text
