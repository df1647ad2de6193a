"""Remembers where objects lie in packs, so that headers are opened once.

What lies within a pack's committed length never changes, so a pack and a length name one list of
objects for good. Only an append that was never committed can be replaced by another of the same
length: whoever writes drops such lists first (`forget_beyond`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final, TypeAlias

from undisc_protocol.pack import IndexEntry

Entries: TypeAlias = tuple[IndexEntry, ...]
_MOST: Final = 50_000  # objects remembered over all packs, about 1 KB each


class EntryCache:
    """The most recently used lists; safe to use from many threads."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._known: OrderedDict[tuple[bytes, int], Entries] = OrderedDict()
        self._objects = 0
        self._guard = threading.Lock()

    def get(self, pack: bytes, length: int) -> Entries | None:
        """Return the objects of a pack within a committed length, if they are remembered."""
        with self._guard:
            entries = self._known.get((pack, length))
            if entries is not None:
                self._known.move_to_end((pack, length))
            return entries

    def put(self, pack: bytes, length: int, entries: Entries) -> None:
        """Remember a list, and forget shorter ones of the same pack."""
        with self._guard:
            for key in [key for key in self._known if key[0] == pack]:
                self._drop(key)
            self._known[pack, length] = entries
            self._objects += len(entries)
            while self._objects > self._most and len(self._known) > 1:
                self._drop(next(iter(self._known)))

    def forget_beyond(self, pack: bytes, length: int) -> None:
        """Drop every list of a pack that reaches beyond a length."""
        with self._guard:
            for key in [key for key in self._known if key[0] == pack and key[1] > length]:
                self._drop(key)

    def _drop(self, key: tuple[bytes, int]) -> None:
        self._objects -= len(self._known.pop(key))
