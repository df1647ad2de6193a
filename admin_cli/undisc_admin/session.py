"""What a command works with: the node's client, the clock, and whether JSON was asked for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from undisc_admin.client import Client

SOCKET_NAME: Final = "admin.sock"


@dataclass(slots=True)
class Session:
    """One run of the command.

    Attributes:
        home: The node's home directory; None means the platform's data directory.
        socket: The admin socket, if it is not in the home.
        json_wanted: Print the API's JSON instead of text.
        now: Seconds since 1970, UTC.
        sleep: Waits for a number of seconds.
        random: Draws a number of random bytes.
    """

    home: Path | None = None
    socket: Path | None = None
    json_wanted: bool = False
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[int], bytes] = os.urandom

    @property
    def client(self) -> Client:
        """The client of the chosen node."""
        return Client(self.socket or self.directory / SOCKET_NAME)

    @property
    def directory(self) -> Path:
        """The node's home, or where its socket is."""
        return self.socket.parent if self.socket else self.home or _default_home()


def _default_home() -> Path:
    from platformdirs import user_data_path  # noqa: PLC0415 - 15 ms that most runs do not need

    return user_data_path("undisc")


pass_session = click.make_pass_decorator(Session)
