"""One look at the whole node, for the administrator's `status`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from undisc_node.services.auditing import Refusals
from undisc_node.services.growth import own_log_is_shorter
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.model import PeerState
from undisc_node.services.ports import Catalog, Packs


class Status:
    """Sums the node up.

    Args:
        catalog: Rows.
        packs: Disk space.
        refusals: What was refused to strangers.
        own: Who we are.
        home: Directory of the node's state.
        version: Version of the program.
        kit_verified: Tells whether the recovery kit has been read back.
        listeners: Where the node listens; filled in by wiring when the listeners are up.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        packs: Packs,
        refusals: Refusals,
        own: OwnIdentity,
        home: Path,
        version: str,
        kit_verified: Callable[[], bool],
        listeners: Mapping[str, str],
    ) -> None:
        self._catalog = catalog
        self._packs = packs
        self._refusals = refusals
        self._own = own
        self._home = home
        self._version = version
        self._kit_verified = kit_verified
        self._listeners = listeners

    def status(self) -> dict[str, object]:
        """Return what `undisc status` shows, ready for JSON."""
        with self._catalog.look() as records:
            studies = records.studies.counts()
            peers = Counter(peer.state for peer in records.peers.list())
            alerts = {one.peer for one in records.rounds.alerts()}
            shorter = own_log_is_shorter(records)
            frontier = records.log.frontier()
            restored = records.restored.latest()
            waiting = records.queue.count_open()
            strangers = {row.sender for row in records.senders.quarantined()}
        return {
            "version": self._version,
            "name": self._own.name,
            "node_id": self._own.id.hex(),
            "words": list(self._own.words),
            "did": self._own.key.did,
            "demo": self._own.demo,
            "urls": list(self._own.urls),
            "listeners": dict(self._listeners),
            "home": str(self._home),
            "studies": dict(studies),
            "peers": {state.value: peers[state] for state in PeerState},
            "log": {
                "origin": frontier.origin.hex(),
                "size": frontier.size,
                "root": frontier.root().hex(),
            },
            "peer_alerts": len(alerts),
            "log_differs": shorter,
            "queue": waiting,
            "strangers": len(strangers),
            "refusals": self._refusals.counts(),
            "disk_free": self._packs.free_bytes(),
            "kit_verified": self._kit_verified(),
            "restored_unconfirmed": (
                _moment(restored.since_ms) if restored and restored.confirmed_ms is None else None
            ),
        }


def _moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
