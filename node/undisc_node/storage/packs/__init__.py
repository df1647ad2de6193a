"""Pack files on disk: implements `ports.Packs` (SPEC.md §5)."""

from undisc_node.storage.packs.store import PackStore

__all__ = ["PackStore"]
