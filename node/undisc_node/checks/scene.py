"""What checks look at: a home, its settings, keys and databases, read once and only when asked for.

What cannot be read raises `CannotLook`: the checks named settings, home, catalog and keyring say
what is wrong there, and all others skip.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from undisc_node import config
from undisc_node.checks.asking import ask_listeners
from undisc_node.checks.finding import CannotLook
from undisc_node.clocks import wall_ms
from undisc_node.config import Found, Settings
from undisc_node.services.errors import ServiceError
from undisc_node.services.ports import Records
from undisc_node.storage import home as homes
from undisc_node.storage.checking.reading import (
    CATALOG_FILE,
    KEYRING_FILE,
    CatalogView,
    KeyringView,
)
from undisc_node.storage.running import is_running
from undisc_protocol.errors import ProtocolError
from undisc_protocol.identity import Identity, read_identity


@dataclass(frozen=True)
class Scene:
    """One home at the time of the examination.

    Attributes:
        home: Its directory.
        environment: The process environment.
        overrides: What `--set` gave.
    """

    home: Path
    environment: Mapping[str, str]
    overrides: Mapping[str, Found] = field(default_factory=dict)

    @cached_property
    def settings(self) -> Settings:
        """The settings; `CannotLook` if they cannot be used."""
        try:
            return config.load(self.home, self.environment, self.overrides)
        except ServiceError as problem:
            raise CannotLook("the settings cannot be used") from problem

    @cached_property
    def keys(self) -> homes.HomeKeys:
        """The keys; `CannotLook` if no node lives here or they cannot be read."""
        try:
            return homes.read_home(self.home)
        except ServiceError as problem:
            raise CannotLook("the home or its keys cannot be read") from problem

    @cached_property
    def identity(self) -> Identity:
        """The node's identity."""
        try:
            return read_identity(self.keys.records)
        except ProtocolError as problem:
            raise CannotLook("the identity record cannot be read") from problem

    @cached_property
    def running(self) -> bool:
        """Whether a node works on the home."""
        return is_running(self.home)

    @cached_property
    def listeners(self) -> Mapping[str, tuple[str, int]]:
        """Where the running node says that it listens; empty when it does not run or answer.

        Its environment may say otherwise than the one of whoever asks the doctor.
        """
        return ask_listeners(self.home / "admin.sock")

    @cached_property
    def now_ms(self) -> int:
        """What the system's clock shows, ms."""
        return wall_ms()

    @contextmanager
    def catalog(self) -> Iterator[CatalogView]:
        """Open the catalog for reading."""
        try:
            view = CatalogView(self.home / CATALOG_FILE)
        except ServiceError as problem:
            raise CannotLook("the catalog cannot be read as it is") from problem
        with closing(view):
            yield view

    @contextmanager
    def records(self) -> Iterator[Records]:
        """Open one look at the catalog."""
        with self.catalog() as view, view.look() as records:
            yield records

    @contextmanager
    def keyring(self) -> Iterator[KeyringView]:
        """Open the keyring for reading."""
        wrapping_key = self.keys.key_encryption_key
        try:
            view = KeyringView(self.home / KEYRING_FILE, key_encryption_key=wrapping_key)
        except ServiceError as problem:
            raise CannotLook("the keyring cannot be read as it is") from problem
        with closing(view):
            yield view


def ago(milliseconds: int) -> str:
    """Say how long something is ago, roughly."""
    minutes = max(milliseconds, 0) // 60_000
    for size, word in ((1440, "days"), (60, "hours")):
        if minutes >= 2 * size:
            return f"{minutes // size} {word}"
    return f"{minutes} minutes"


def day(at_ms: int) -> str:
    """Return a date."""
    return time.strftime("%Y-%m-%d", time.gmtime(at_ms / 1000))
