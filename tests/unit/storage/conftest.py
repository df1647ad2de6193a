"""A node's storage on a real disk."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from support import samples
from support.clock import SeededEntropy
from support.disks import open_keyring
from undisc_node.storage.catalog import SqliteCatalog
from undisc_node.storage.keyring import Keyring
from undisc_node.storage.packs import PackStore


@dataclass
class Home:
    """A node's directory; `restart` is what a new process would see."""

    path: Path
    keyring: Keyring
    packs: PackStore
    starts: int = 0

    def restart(self):
        """Open the packs anew, with nothing remembered."""
        self.starts += 1
        entropy = SeededEntropy(f"start {self.starts}")
        self.packs = PackStore(self.path, keyring=self.keyring, entropy=entropy)
        return self.packs

    def forget(self, pack: bytes) -> PackStore:
        """Let the store open headers again; as `restart`, but quick enough for thousands."""
        self.packs._cache.forget_beyond(pack, 0)
        return self.packs

    def file(self, pack: bytes) -> Path:
        """Where a pack's bytes lie, wherever that is."""
        found = [*self.path.glob(f"packs/{pack.hex()}"), *self.path.glob(f"staging/{pack.hex()}")]
        assert len(found) == 1
        return found[0]

    def filled(self, *contents):
        """Make a pack with some objects."""
        drafts = [samples.draft(content, number) for number, content in enumerate(contents)]
        return self.packs.append(self.packs.create(samples.study_header()), drafts)


@pytest.fixture
def home(tmp_path):
    """An empty home."""
    keyring = open_keyring(tmp_path / "keyring.sqlite3", create=True)
    yield Home(tmp_path, keyring, PackStore(tmp_path, keyring=keyring, entropy=SeededEntropy()))
    keyring.close()


@pytest.fixture
def catalog(tmp_path):
    """An empty catalog on disk."""
    made = SqliteCatalog(tmp_path / "catalog.sqlite3", entropy=SeededEntropy(), create=True)
    yield made
    made.close()
