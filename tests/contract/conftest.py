"""Both implementations of each storage port."""

import pytest

from support.clock import SeededEntropy
from support.memory_catalog import MemoryCatalog
from support.memory_packs import MemoryPacks
from undisc_node.storage.catalog import SqliteCatalog
from undisc_node.storage.keyring import Keyring
from undisc_node.storage.packs import PackStore


@pytest.fixture(params=["memory", "sqlite"])
def catalog(request, tmp_path):
    """An empty catalog."""
    if request.param == "memory":
        made = MemoryCatalog()
    else:
        made = SqliteCatalog(tmp_path / "catalog.sqlite3", entropy=SeededEntropy(), create=True)
    yield made
    made.close()


@pytest.fixture(params=["memory", "disk"])
def packs(request, tmp_path):
    """An empty pack store."""
    if request.param == "memory":
        yield MemoryPacks()
        return
    keyring = Keyring(
        tmp_path / "keyring.sqlite3",
        key_encryption_key=bytes(32),
        entropy=SeededEntropy("keyring"),
        create=True,
    )
    yield PackStore(tmp_path, keyring=keyring, entropy=SeededEntropy("packs"))
    keyring.close()
