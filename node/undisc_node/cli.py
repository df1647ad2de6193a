"""The `undisc-node` command: make a node, run it, look after it.

What works with the node stopped is here; everything else is the `undisc` command, which talks to a
running node. This is the only module that exits.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import click
import platformdirs

from undisc_node import config, founding
from undisc_node.services.errors import Invalid, ServiceError
from undisc_protocol.errors import ProtocolError

Parameters = ParamSpec("Parameters")

EXIT_FAILED = 1


def _default_home() -> Path:
    return Path(os.environ.get("UNDISC_HOME") or platformdirs.user_data_dir("undisc"))


def _say(problem: Exception) -> None:
    click.echo(f"error: {problem}", err=True)
    hint = getattr(problem, "hint", "")
    if hint:
        click.echo(f"hint: {hint}", err=True)


def clear_errors(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """Turn what a command refuses into a sentence, a hint and an exit code."""

    @wraps(command)
    def guarded(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (ServiceError, ProtocolError) as problem:
            _say(problem)
            sys.exit(EXIT_FAILED)
        except PermissionError as problem:
            _say(Invalid(f"cannot use {problem.filename}: permission denied"))
            sys.exit(EXIT_FAILED)
        except OSError as problem:
            _say(Invalid(f"{problem.filename or 'the system'}: {problem.strerror}"))
            sys.exit(EXIT_FAILED)

    return guarded


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="undisc", prog_name="undisc-node")
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False, readable=False),
    default=_default_home,
    show_default="UNDISC_HOME, or the user's data directory",
    help="Directory of the node's state.",
)
@click.pass_context
def main(context: click.Context, home: Path) -> None:
    """Run one practice's node of undisc.

    \b
    A first node:
      undisc-node init --name "Practice A" --recovery-kit kit.txt
      undisc-node serve
    """
    context.obj = home.expanduser().absolute()


def _passphrase(path: Path | None, *, confirm: bool) -> str:
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


@main.command()
@click.option("--name", required=True, help="The practice's name, as other nodes see it.")
@click.option(
    "--recovery-kit",
    "kit_path",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the recovery kit; keep it away from this machine.",
)
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File with the kit's passphrase, instead of a prompt.",
)
@click.option("--url", "urls", multiple=True, help="Public address of this node (repeatable).")
@click.option("--demo", is_flag=True, help="A node for demonstrations; never for real patients.")
@click.pass_obj
@clear_errors
def init(
    home: Path,
    name: str,
    kit_path: Path,
    passphrase_file: Path | None,
    urls: tuple[str, ...],
    demo: bool,  # noqa: FBT001 - click passes options by name
) -> None:
    """Make a new node: keys, settings, and the recovery kit.

    \b
    Example:
      undisc-node init --name "Practice A" --recovery-kit /media/stick/kit.txt
    """
    made = founding.found(
        home,
        name=name,
        urls=urls,
        demo=demo,
        kit_path=kit_path,
        passphrase=_passphrase(passphrase_file, confirm=True),
    )
    click.echo(f"made node '{name}' in {home}")
    click.echo("its id, as words that others compare with you on the phone:")
    click.echo("  " + " ".join(made.words[:6]))
    click.echo("  " + " ".join(made.words[6:]))
    click.echo(f"recovery kit: {kit_path}")
    click.echo("next:")
    click.echo(
        f"  undisc-node --home {home} kit verify {kit_path}    (then print it, and move it away)"
    )
    click.echo(f"  undisc-node --home {home} serve")


@main.command()
@click.pass_obj
@clear_errors
def serve(home: Path) -> None:
    """Run the node until it is told to stop (Ctrl-C, or SIGTERM).

    \b
    Example:
      UNDISC_PUBLIC__PORT=8480 undisc-node --home /var/lib/undisc serve
    """
    from undisc_node import wiring  # noqa: PLC0415 - the whole stack takes a second to load

    wiring.serve(config.load(home, os.environ))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_obj
@clear_errors
def doctor(home: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Check the node's home, settings, keys, disk and ports.

    \b
    Example:
      undisc-node doctor --json
    """
    from undisc_node import checks  # noqa: PLC0415 - as in serve

    findings = checks.examine(home, os.environ)
    if as_json:
        click.echo(json.dumps([finding.as_json() for finding in findings], indent=2))
    else:
        for finding in findings:
            click.echo(f"{finding.level:<5} {finding.name:<18} {finding.sentence}")
            if finding.hint:
                click.echo(f"      {'':<18} hint: {finding.hint}")
    if any(finding.level == "fail" for finding in findings):
        sys.exit(EXIT_FAILED)


@main.group()
def kit() -> None:
    """Look after the recovery kit."""


@kit.command("verify")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File with the kit's passphrase, instead of a prompt.",
)
@click.pass_obj
@clear_errors
def kit_verify(home: Path, path: Path, passphrase_file: Path | None) -> None:
    """Read a recovery kit back, to be sure that it can be used one day.

    \b
    Example:
      undisc-node kit verify /media/stick/kit.txt
    """
    founding.verify_kit(home, path, _passphrase(passphrase_file, confirm=False))
    click.echo("the recovery kit opens and belongs to this node")


@main.command()
@click.option("--keep", is_flag=True, help="Leave both nodes running, and say how to reach them.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to work; a temporary directory if not given.",
)
@clear_errors
def demo(keep: bool, directory: Path | None) -> None:  # noqa: FBT001 - click passes options by name
    """Let a study cross between two nodes on this machine, and try to break it.

    \b
    Example:
      undisc-node demo --keep
    """
    from undisc_node.demo import story  # noqa: PLC0415 - as in serve

    sys.exit(story.run(directory, keep=keep, say=click.echo))
