"""Both implementations of each storage port."""

import pytest

from support.clock import SeededEntropy
from support.memory_catalog import MemoryCatalog
from undisc_node.storage.catalog import SqliteCatalog


@pytest.fixture(params=["memory", "sqlite"])
def catalog(request, tmp_path):
    """An empty catalog."""
    if request.param == "memory":
        made = MemoryCatalog()
    else:
        made = SqliteCatalog(tmp_path / "catalog.sqlite3", entropy=SeededEntropy(), create=True)
    yield made
    made.close()
