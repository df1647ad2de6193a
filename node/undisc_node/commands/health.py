"""`undisc-node health`: ask the running node how it is; for container engines and scripts."""

from __future__ import annotations

import http.client
import json
from typing import Final

import click

from undisc_node.commands.common import Given, clear_errors
from undisc_node.services.errors import Invalid, Unavailable

_SECONDS: Final = 4.0  # a healthy node answers in milliseconds; container engines wait 5 to 30
_MAX_ANSWER: Final = 4_096  # bytes; the answer is one short document
_HERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - where a listener on every address can be asked


@click.command()
@click.option(
    "--live", is_flag=True, help="Only ask whether the process lives, not if it is ready."
)
@click.pass_obj
@clear_errors
def health(given: Given, live: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Ask the running node whether it is ready; exit code 0 if it is, 1 if not.

    \b
    Example:
      undisc-node health --live
    """
    settings = given.settings()
    if not settings.internal_port:
        raise Invalid(
            "the internal listener has no fixed port to ask at",
            hint="set internal.port in undisc.toml",
        )
    host = _HERE.get(settings.internal_host, settings.internal_host)
    path = "/livez" if live else "/readyz"
    connection = http.client.HTTPConnection(host, settings.internal_port, timeout=_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        status, body = answer.status, answer.read(_MAX_ANSWER)
    except (OSError, http.client.HTTPException) as problem:
        raise Unavailable(
            f"no answer from {host}:{settings.internal_port}: {problem}",
            code="not_running",
            hint="start the node: undisc-node serve",
        ) from None
    finally:
        connection.close()
    if status != http.client.OK:
        raise Unavailable(_reason(body), code="not_ready", hint="undisc-node doctor says more")
    click.echo("alive" if live else "ready")


def _reason(body: bytes) -> str:
    try:
        said = json.loads(body)["error"]["message"]
    except (ValueError, LookupError, TypeError):
        said = "the node is not ready"
    return str(said)
