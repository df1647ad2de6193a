"""Watching when peers answer, from whatever this node says to them anyway.

No message is sent to find out. One row is written when a peer goes or comes back, and otherwise
once an hour, however much is said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock

from undisc_node.services.hours import PeerHours, hour_of
from undisc_node.services.model import node_that_comes
from undisc_node.services.ports import Catalog, Clock


class PeerWatch:
    """Writes down when peers were on and off.

    Args:
        catalog: Rows.
        clock: Time.

    Attributes:
        returned: Called with the id of a peer that answers again.
    """

    def __init__(self, *, catalog: Catalog, clock: Clock) -> None:
        self._catalog = catalog
        self._clock = clock
        self._lock = Lock()
        self._counted: dict[bytes, tuple[int, bool]] = {}
        self._peers: dict[str, bytes] = {}
        self.returned: Callable[[bytes], object] = lambda _peer: None

    def saw_at(self, urls: Sequence[str], *, is_on: bool) -> None:
        """Write down that somebody at these addresses answered, or nobody did."""
        peer = self._peer_at(urls)
        if peer is not None:
            self.saw(peer, is_on=is_on)

    def saw(self, peer: bytes, *, is_on: bool) -> None:
        """Write down that a peer answered or came, or did not answer."""
        now_ms = self._clock.now_ms()
        now = (hour_of(now_ms), is_on)
        with self._lock:
            if self._counted.get(peer) == now:
                return
            self._counted[peer] = now
        with self._catalog.change() as records:
            if records.peers.get(peer) is None:
                return
            known = records.hours.get(peer) or PeerHours(peer)
            # After a restart the hour may have been counted before: once more does no harm.
            records.hours.put(known.after(now_ms, is_on=is_on, counts=True))
        if is_on and known.off_ms is not None:
            self.returned(peer)

    def of(self, peer: bytes) -> PeerHours | None:
        """Return what was seen of a peer."""
        with self._catalog.look() as records:
            return records.hours.get(peer)

    def _peer_at(self, urls: Sequence[str]) -> bytes | None:
        for url in urls:
            comes = node_that_comes(url)
            if comes is not None:
                return comes
        with self._lock:
            found = next((self._peers[url] for url in urls if url in self._peers), None)
        if found is not None:
            return found
        with self._catalog.look() as records:
            peers = {url: peer.id for peer in records.peers.list() for url in peer.addresses}
        with self._lock:
            self._peers = peers
        return next((peers[url] for url in urls if url in peers), None)
