"""The kinds of click commands that `undisc` is made of.

`Command` has examples in its help and the option `--json`; `Group` makes such commands; `Program`
is the outermost group and the only place where an error becomes text and an exit code.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError

from undisc_admin.errors import CommandError, ExitCode
from undisc_admin.render import clean
from undisc_admin.screen import hint, note, say_json
from undisc_admin.session import Session


class Command(click.Command):
    """A command with examples and `--json`.

    Args:
        arguments: As click's.
        examples: Lines to show under "Examples"; at least one.
        options: As click's.
    """

    def __init__(self, *arguments: Any, examples: Sequence[str], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.examples = tuple(examples)
        self.params.append(
            click.Option(
                ["--json"],
                is_flag=True,
                expose_value=False,
                callback=_remember_json,
                help="Print the node's answer as JSON.",
            )
        )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the options, unwrapped so that they can be copied."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Examples"):
            for line in self.examples:
                formatter.write(f"  {line}\n")


def _remember_json(context: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's callback
    context.ensure_object(Session).json_wanted = value


class Group(click.Group):
    """A group whose commands are `Command`s."""

    command_class = Command


Group.group_class = Group


class Program(Group):
    """The outermost group: turns every failure into a sentence and an exit code.

    Its commands are loaded when they are called: all of them take as long to load as most of them
    take to work.

    Args:
        arguments: As click's.
        exit_codes: Meaning of each exit code, for the help text.
        modules: Names of commands, and the module of `undisc_admin.commands` that each is in.
        options: As click's.
    """

    def __init__(
        self,
        *arguments: Any,
        exit_codes: Mapping[ExitCode, str],
        modules: Mapping[str, str],
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self.exit_codes = exit_codes
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, sorted."""
        return sorted([*super().list_commands(ctx), *self._modules])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command; None if there is none of this name."""
        module = self._modules.get(cmd_name)
        if module is None:
            return super().get_command(ctx, cmd_name)
        loaded = import_module(f"undisc_admin.commands.{module}")
        command: click.Command = getattr(loaded, cmd_name)
        return command

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the exit codes at the end."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Exit codes"):
            formatter.write_dl([(f"{code:d}", text) for code, text in self.exit_codes.items()])

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Run the command line; return the exit code, or exit with it when standing alone."""
        standalone_mode = options.pop("standalone_mode", True)
        session = options.setdefault("obj", Session())
        _survive_other_encodings()
        run: Callable[..., Any] = super().main
        try:
            result = run(*arguments, standalone_mode=False, **options)
            exit_code = result if isinstance(result, int) else ExitCode.OK
        except Exception as problem:  # noqa: BLE001 - this is where every failure becomes text
            exit_code = _report(problem, session)
        if standalone_mode:
            sys.exit(exit_code)
        return exit_code


def _survive_other_encodings() -> None:
    """Show what the terminal's encoding has no character for as an escape, not as a failure."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _report(problem: Exception, session: Session) -> int:
    """Print what went wrong and return the exit code.

    Raises:
        Exception: The problem itself, when it is a fault of this program and a traceback is wanted.
    """
    if isinstance(problem, click.Abort):
        note("interrupted")
        return ExitCode.INTERRUPTED
    if isinstance(problem, NoArgsIsHelpError):
        click.echo(problem.format_message(), err=True)
        return ExitCode.USAGE
    error = _as_command_error(problem)
    if error is None:
        if os.environ.get("UNDISC_TRACEBACK"):
            raise problem
        error = CommandError(
            f"undisc itself failed ({type(problem).__name__})",
            code="internal_error",
            hint="set UNDISC_TRACEBACK=1, run it again and report what it prints; check it for "
            "patient data first",
        )
    if session.json_wanted:
        say_json(error.shape())
    note(f"error: {error.message}")
    if error.hint:
        hint(error.hint)
    return error.exit_code


def _as_command_error(problem: Exception) -> CommandError | None:
    if isinstance(problem, CommandError):
        return problem
    if isinstance(problem, click.ClickException):
        message = " ".join(problem.format_message().split()).rstrip(".")
        context = problem.ctx if isinstance(problem, click.UsageError) else None
        return CommandError(
            message[:1].lower() + message[1:],
            exit_code=ExitCode(problem.exit_code),
            hint=f"see `{context.command_path} --help`" if context else "",
        )
    if isinstance(problem, OSError):
        where = f": {clean(str(problem.filename))}" if problem.filename else ""
        return CommandError(f"{(problem.strerror or 'input or output failed').lower()}{where}")
    return None
