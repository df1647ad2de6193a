"""Leftovers of a crash: packs that were begun and never committed, and erasures that were cut off.

Only while every door is closed: a pack that is being made has no row yet. A pack that neither a row
nor a tombstone names, and that was finished once, is a stray: somebody put an older catalog in
place. It is reported by `undisc-node check`, and never erased.
"""

from __future__ import annotations

from undisc_node.services.model import FetchState
from undisc_node.services.ports import Catalog, Packs, Records

_OPEN = (FetchState.RUNNING, FetchState.PAUSED)


def sweep(catalog: Catalog, packs: Packs) -> int:
    """Erase what a crash left over; return how many packs.

    In restored mode only tombstones are obeyed: what an older catalog does not name may be what the
    administrator still wants to take back.
    """
    with catalog.look() as records:
        restored = records.restored.latest()
        cut_off = records.studies.tombstones().keys() & packs.ids()
        unfinished = packs.unfinished()
        keep = frozenset(pack for pack in unfinished if _is_known(records, pack))
    for pack in cut_off:
        packs.erase(pack)
    if restored is not None and restored.confirmed_ms is None:
        return len(cut_off)
    return len(cut_off) + packs.sweep(keep)


def finish(catalog: Catalog, packs: Packs) -> None:
    """Tell the packs which of the unfinished ones have rows by now; discard what was buried."""
    unfinished = packs.unfinished()
    if not unfinished:
        return
    with catalog.look() as records:
        done = [pack for pack in unfinished if records.studies.has_pack(pack)]
        buried = unfinished & records.studies.tombstones().keys()
    for pack in buried:
        packs.erase(pack)
    packs.finish(done)


def _is_known(records: Records, pack: bytes) -> bool:
    """Tell whether a row names the pack, or a fetch that will go on."""
    return records.studies.has_pack(pack) or any(
        fetch.pack == pack and fetch.state in _OPEN for fetch in records.fetches.list()
    )
