"""Homes with studies on a real disk, filled by the node's own services in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from support import samples
from support.clock import START_MS, SeededEntropy
from support.studies_on_disk import MadeStudy, make_study
from undisc_node import config
from undisc_node.services.sweeping import finish
from undisc_node.storage import home as homes
from undisc_node.storage.checking.home import Report, check_home
from undisc_node.storage.checking.subset import Subset
from undisc_node.wiring import Node, build
from undisc_protocol.identity import sign_identity_record
from undisc_protocol.keys import SignKey

WRAPPING_KEY = samples.name("key-encryption key", 32)
_SETTINGS = "[ingest]\nreserve_mib = 0\n"


@dataclass(frozen=True, slots=True)
class StoredHome:
    """A home, and how to work on it without a process of its own.

    Attributes:
        path: The home.
    """

    path: Path

    @contextmanager
    def node(self) -> Iterator[Node]:
        """Build the node of the home, with its doors closed."""
        with build(config.load(self.path, {})) as node:
            yield node
            finish(node.catalog, node.packs)

    def store(self, node: Node, study: MadeStudy, sender: str = "dicom:CT1") -> bytes:
        """Store a study's instances; return the study's id."""
        outcomes = [
            node.receiving.store(samples.BytesSource(one.file), sender) for one in study.instances
        ]
        return outcomes[0].study

    def pack(self, pack: bytes) -> Path:
        """Where a published pack lies."""
        return self.path / "packs" / pack.hex()

    def check(self, subset: Subset | None = None, *, running: bool = False) -> Report:
        """Check the home."""
        return check_home(
            self.path, key_encryption_key=WRAPPING_KEY, running=running, subset=subset
        )

    def codes(self, subset: Subset | None = None) -> list[str]:
        """Check the home; return the codes of what was found, sorted."""
        return sorted(problem.code for problem in self.check(subset).problems)


def make_home(path: Path) -> StoredHome:
    """Make an empty home."""
    seed = samples.name("node key", 32)
    recovery = SignKey.from_seed(samples.name("recovery key", 32))
    homes.create_home(
        path,
        node_seed=seed,
        key_encryption_key=WRAPPING_KEY,
        records=[
            sign_identity_record(
                SignKey.from_seed(seed),
                next_hash=sha256(recovery.public).digest(),
                issued=START_MS // 1000,
            )
        ],
        demo=True,
        settings=_SETTINGS,
        entropy=SeededEntropy("home"),
    )
    return StoredHome(path)


def fill(home: StoredHome, sizes: Sequence[Sequence[int]], *, settle: bool = True) -> list[bytes]:
    """Store one study for each list of sizes; return the studies' ids."""
    studies = []
    with home.node() as node:
        for number, lengths in enumerate(sizes):
            studies.append(home.store(node, make_study(number, lengths)))
            if settle:
                node.admin.settling.settle(studies[-1], "")
    return studies
