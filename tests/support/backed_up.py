"""A node's home with a recovery kit, and the backups of it; all in this process."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import samples
from support.studies_on_disk import make_study
from undisc_node import backups, config, founding
from undisc_node.clocks import SystemClock
from undisc_node.wiring import Node, build

PASSPHRASE = "correct horse battery staple"
SETTINGS = "[ingest]\nreserve_mib = 0\n"
DAY_MS = 86_400_000


def found_home(path: Path, kit: Path) -> None:
    """Make a node's home and its recovery kit; takes a second, for the kit."""
    founding.found(path, name="Praxis", urls=(), demo=True, kit_path=kit, passphrase=PASSPHRASE)
    (path / "undisc.toml").write_text(SETTINGS, encoding="utf-8")


class AnyClock:
    """The system's clock, moved by what a test asks for."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self.ahead_ms = 0

    def now_ms(self) -> int:
        """Return the time."""
        return self._clock.now_ms() + self.ahead_ms


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A home and its repository.

    Attributes:
        path: The home.
        repository: Where its backups are.
        kit: Its recovery kit.
        clock: What time it is for backups.
    """

    path: Path
    repository: Path
    kit: Path
    clock: AnyClock

    @property
    def settings(self) -> config.Settings:
        """The home's settings."""
        return config.load(self.path, {})

    @contextmanager
    def node(self) -> Iterator[Node]:
        """Build the node, with its doors closed."""
        with build(self.settings) as node:
            yield node

    def store(self, number: int, sizes: Sequence[int], *, seed: int = 0) -> bytes:
        """Let the node receive and settle a study; return its id."""
        with self.node() as node:
            outcomes = [
                node.receiving.store(samples.BytesSource(one.file), "dicom:CT1")
                for one in make_study(number, sizes, seed=seed).instances
            ]
            node.admin.settling.settle(outcomes[0].study, "")
        return outcomes[0].study

    def delete(self, study: bytes) -> None:
        """Erase a study."""
        with self.node() as node:
            node.admin.studies.delete(study, "admin")

    def back_up(self, *, keep: int = 30, keyring_days: int = 7) -> backups.Made:
        """Take a snapshot."""
        return backups.back_up(
            self.settings,
            self.repository,
            keep=keep,
            keyring_days=keyring_days,
            progress=lambda *_: None,
            clock=self.clock,
        )

    def rows(self, statement: str, database: str = "catalog") -> list[Any]:
        """Look into a database."""
        with closing(sqlite3.connect(self.path / f"{database}.sqlite3")) as connection:
            return connection.execute(statement).fetchall()

    def packs(self) -> list[str]:
        """List the packs of the home, by name."""
        return sorted(path.name for path in (self.path / "packs").iterdir())

    def files(self, folder: str) -> list[Path]:
        """List the files in a folder of the repository."""
        return sorted(path for path in (self.repository / folder).rglob("*") if path.is_file())


def contents(home: Path) -> dict[str, bytes]:
    """Read every current instance of every study of a home, through the node: by SOP UID."""
    found: dict[str, bytes] = {}
    with build(config.load(home, {})) as node:
        with node.catalog.look() as records:
            studies = records.studies.list(limit=10_000)
        for study in studies:
            for stored in node.admin.studies.detail(study.id).current:
                body = b"".join(node.admin.studies.read(study.id, stored.header.id)[1])
                found[stored.header.sop_uid] = body
    return found
