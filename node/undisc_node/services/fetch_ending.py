"""Ends a fetch that rests, because what it asks with is no good any more."""

from __future__ import annotations

from dataclasses import replace

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.model import Fetch, FetchState, Tombstone
from undisc_node.services.ports import Records

_WORDS = {
    "revoked": "the holder took the permission back",
    "peer_revoked": "the holder is not a peer of this node any more",
}


def end_fetch(journal: Journal, records: Records, fetch: Fetch, code: str, now_ms: int) -> None:
    """Let a fetch fail within an open change; what it has staged is erased at the next look."""
    if fetch.pack is not None and fetch.study is None:
        records.studies.bury([Tombstone(fetch.pack, fetch.id, now_ms)])
    failed = replace(
        fetch,
        pack=None,
        state=FetchState.FAILED,
        problem=f"{code}: {_WORDS[code]}",
        ended_ms=now_ms,
    )
    records.fetches.put(failed)
    peer = records.peers.get(fetch.peer)
    journal.note(
        records,
        "fetch.failed",
        who=auditing.other_node(peer or fetch.peer),
        what=[auditing.about_security("capability", fetch.capability)],
        outcome=auditing.MINOR_FAILURE,
        detail={"code": code},
    )
