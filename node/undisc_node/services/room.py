"""Whether there is room for more: the disk's reserve, and how much one sender or peer may hold.

Ingest and fetches stop here, long before revocation and log would find the disk full.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final

from undisc_node.services.errors import DiskFull, Unavailable
from undisc_node.services.ports import Catalog, Clock, Packs

PEER: Final = "peer:"
MODALITY: Final = "dicom:"
_COUNT_AGAIN_MS: Final = 10_000  # how long a count is trusted, with what arrived added to it


@dataclass(frozen=True, slots=True)
class Quotas:
    """How many bytes the studies of one bringer may have; 0 sets no bound.

    Attributes:
        sender: Of each DICOM sender.
        peer: Of each peer that studies were fetched from.
    """

    sender: int = 0
    peer: int = 0

    def of(self, brought_by: str) -> int:
        """Return the quota of whoever brings something; what an administrator imports has none."""
        if brought_by.startswith(MODALITY):
            return self.sender
        return self.peer if brought_by.startswith(PEER) else 0


@dataclass(slots=True)
class _Count:
    held: int
    counted_ms: int


class Room:
    """Says no before bytes are written.

    Args:
        catalog: Rows.
        packs: Disk space.
        clock: Time.
        reserve: Bytes of disk that are left free, so that revocation and log keep working.
        quotas: Bounds for each sender and peer.
        quota_of: Returns the bound of a single sender by its name; 0 for the one of all.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        packs: Packs,
        clock: Clock,
        reserve: int = 0,
        quotas: Quotas = Quotas(),
        quota_of: Callable[[str], int] = lambda _name: 0,
    ) -> None:
        self._catalog = catalog
        self._packs = packs
        self._clock = clock
        self._reserve = reserve
        self._quotas = quotas
        self._quota_of = quota_of
        self._counts: dict[str, _Count] = {}
        self._lock = Lock()

    def above_reserve(self) -> bool:
        """Tell whether anything may be written at all."""
        return self._packs.free_bytes() >= self._reserve

    def see(self, size: int = 0) -> None:
        """See that the disk has room for so many bytes.

        Raises:
            Unavailable: The disk is at its reserve.
        """
        if self._packs.free_bytes() - size < self._reserve:
            raise Unavailable(
                "the disk is nearly full, so nothing more is stored",
                code="disk_reserve",
                hint="free some space, or move the node's home to a larger disk",
            )

    def take(self, brought_by: str, size: int) -> None:
        """See that something may come in, and count it against who brings it.

        Args:
            brought_by: As in `Study.sender`.
            size: Bytes to come.

        Raises:
            Unavailable: The disk is at its reserve.
            DiskFull: Whoever brings it holds all that it may.
        """
        self.see(size)
        quota = self._quotas.of(brought_by)
        if brought_by.startswith(MODALITY):
            quota = self._quota_of(brought_by.removeprefix(MODALITY)) or quota
        if not quota:
            return
        with self._lock:
            count = self._counted(brought_by)
            if count.held + size > quota:
                raise DiskFull(
                    f"the studies of this {'peer' if brought_by.startswith(PEER) else 'sender'}"
                    f" reach its quota of {quota / 2**30:g} GiB",
                    code="quota",
                    hint="delete studies that are not needed, or raise the quota",
                )
            count.held += size

    def _counted(self, brought_by: str) -> _Count:
        count, now_ms = self._counts.get(brought_by), self._clock.now_ms()
        if count is None or now_ms - count.counted_ms > _COUNT_AGAIN_MS:
            with self._catalog.look() as records:
                count = _Count(records.studies.held_by(brought_by), now_ms)
            self._counts[brought_by] = count
        return count
