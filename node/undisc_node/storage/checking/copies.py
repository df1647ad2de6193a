"""Says where a good copy of a study may come from, without saying whose study it is."""

from __future__ import annotations

from collections.abc import Sequence

from undisc_node.services.deciding import PEER_SENDER
from undisc_node.services.model import Study
from undisc_node.services.ports import Records
from undisc_node.storage.checking.problems import short


def copies_of(records: Records, study: Study) -> Sequence[str]:
    """List the places that had this study: who brought it, who has receipts for it, the backup."""
    places = []
    brought = {fetch.peer for fetch in records.fetches.list(study=study.id)}
    if study.sender.startswith(PEER_SENDER):
        brought.add(bytes.fromhex(study.sender.removeprefix(PEER_SENDER)))
    elif study.sender:
        places.append(f"{study.sender}, which sent it")
    places += [f"{_peer(records, peer)}, from which it was fetched" for peer in sorted(brought)]
    taken = {receipt.peer for receipt in records.fetches.receipts(study.id)}
    places += [f"{_peer(records, peer)}, which stored it" for peer in sorted(taken - brought)]
    places.append("a backup")
    return places


def _peer(records: Records, peer: bytes) -> str:
    known = records.peers.get(peer)
    return f"peer {known.name} ({short(peer)})" if known else f"peer {short(peer)}"
