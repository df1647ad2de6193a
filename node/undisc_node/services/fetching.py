"""Bringing studies from peers: start, resume, watch (SPEC.md §6.8).

The administrator hands over an offer; the rest happens in the background, survives breaks and
restarts, and ends with a study that is whole or with a reason. `fetch_run` does one attempt.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from threading import Event, Lock

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import Conflict, NotFound, Refused
from undisc_node.services.fetch_run import FetchRun
from undisc_node.services.fetch_world import FetchWorld, Progress
from undisc_node.services.finding import by_prefix
from undisc_node.services.following import offered_before
from undisc_node.services.lanes import Lanes
from undisc_node.services.link_keeping import seal_link
from undisc_node.services.model import Fetch, FetchState, Peer, PeerState
from undisc_node.services.peering import Peering
from undisc_protocol.capability.delegation import COMMAND_READ
from undisc_protocol.errors import WrongAudience
from undisc_protocol.identity import NodeDocument, StatusCard
from undisc_protocol.keys import link_key
from undisc_protocol.offer import read_offer

PARALLEL = 12
"""Fetches that run at once, so that none waits for a long one, or for a holder that is away.

Each has up to two connections with 2 MiB of buffers: 48 MiB, and fewer connections than a holder
accepts from one address (32).
"""

OF_ONE_PEER = 8
"""Of these, fetches from one peer: a holder that hangs must not keep the others waiting."""

KEPT = 64
"""Fetches that have ended and whose progress is still known to the last byte; of older ones the row
says enough. A node runs for years: what is kept for each fetch has an end."""


class Fetching:
    """Brings studies from peers.

    Args:
        world: What a run needs.
        peering: Takes over newer status cards.
        journal: The log.
        stop: Set to end every run; runs wait on it between attempts.
        each: Fetches from one peer that run at once; further ones wait for their turn.
    """

    def __init__(
        self,
        *,
        world: FetchWorld,
        peering: Peering,
        journal: Journal,
        stop: Event | None = None,
        each: int = OF_ONE_PEER,
    ) -> None:
        self._world = world
        self._peering = peering
        self._journal = journal
        self._lanes = Lanes(threads=PARALLEL, each=each, name="fetch")
        self._runs: dict[bytes, tuple[FetchRun, Future[None]]] = {}
        self._stop = stop or Event()
        self._lock = Lock()

    def start(self, offer: bytes, actor: str, *, link: bytes | None = None) -> Fetch:
        """Begin to fetch what an offer names.

        Args:
            offer: The offer as received.
            actor: Who asked for it.
            link: Secret of the link that the offer is for; None when it names this node.

        Returns:
            The new fetch, or the unfinished one for this capability, which goes on.

        Raises:
            RemoteProtocolError: The offer is not valid.
            Refused: The holder is not a trusted peer, or may not offer, or only lets us view.
        """
        read = read_offer(offer, now=self._world.clock.now_ms() // 1000)
        names = self._world.own.names if link is None else {link_key(link).did}
        if read.to not in names:
            raise WrongAudience("the offer names another recipient than this node")
        if read.capability.command != COMMAND_READ:
            raise Refused(
                "the offer only permits viewing at the other practice, not fetching",
                code="view_only",
                hint="ask for a grant or share to read",
            )
        peer = self.trusted(read.holder.node_id, read.card)
        if not offered_before(read, peer):
            self._peering.refresh(peer, NodeDocument(read.holder, read.card, read.card_bytes))
        with self._lock:
            unfinished = self._unfinished(read.capability.signed_hash)
            if unfinished is not None:
                return self._go_on(unfinished)
            fetch = self._new(read.holder.node_id, offer, read.capability.signed_hash)
            with self._world.catalog.change() as records:
                records.fetches.put(fetch)
                if link is not None:
                    records.links.keep(fetch.capability, seal_link(self._world, fetch, link))
                self._journal.note(
                    records,
                    "fetch.asked",
                    who=auditing.user(actor),
                    what=[
                        auditing.about_security("peer", fetch.peer),
                        auditing.about_security("capability", fetch.capability),
                    ],
                )
            self._submit(fetch)
            return fetch

    def again(self, earlier: Fetch) -> Fetch:
        """Ask for what has been added to a study since an earlier fetch; one at a time.

        The capability of then is used again: whether it still holds, the holder says.
        """
        with self._lock:
            unfinished = self._unfinished(earlier.capability)
            if unfinished is not None:
                with suppress(Conflict):  # it ends just now
                    return self._go_on(unfinished)
            fetch = self._new(earlier.peer, earlier.offer, earlier.capability)
            with self._world.catalog.change() as records:
                records.fetches.put(fetch)
            self._submit(fetch)
            return fetch

    def _new(self, peer: bytes, offer: bytes, capability: bytes) -> Fetch:
        return Fetch(
            id=self._world.entropy.random(16),
            peer=peer,
            offer=offer,
            pack=None,
            study=None,
            state=FetchState.RUNNING,
            problem="",
            capability=capability,
            objects=0,
            size=0,
            elapsed_ms=0,
            created_ms=self._world.clock.now_ms(),
            ended_ms=None,
            receipt_due=False,
        )

    def trusted(self, holder: bytes, card: StatusCard) -> Peer:
        """Return the holder of what is offered, if it may offer.

        Raises:
            Refused: It is not a trusted peer, or may not offer.
        """
        with self._world.catalog.look() as records:
            peer = records.peers.get(holder)
        if peer is None or peer.state is not PeerState.TRUSTED:
            address = next(iter(card.urls), "ADDRESS")
            raise Refused(
                f"the offer comes from '{card.name}', which is not a trusted peer",
                code="peer_not_trusted",
                hint=f"compare the words with its administrator: undisc peers add {address}",
            )
        if "offer" not in peer.scopes:
            raise Refused(
                f"'{peer.name}' is trusted, but may not offer studies to this node",
                code="peer_scope",
                hint="add it again with the scope 'offer': undisc peers add",
            )
        return peer

    def _unfinished(self, capability: bytes) -> Fetch | None:
        with self._world.catalog.look() as records:
            for fetch in records.fetches.unfinished():
                same = fetch.capability == capability
                if same and fetch.state in (FetchState.RUNNING, FetchState.PAUSED):
                    return fetch
        return None

    def _submit(self, fetch: Fetch) -> None:
        ended = [one for one, (_, future) in self._runs.items() if future.done()]
        for one in ended[:-KEPT]:
            del self._runs[one]
        run = FetchRun(self._world, fetch, self._stop)
        self._runs.pop(fetch.id, None)  # the newest comes last
        self._runs[fetch.id] = (run, self._lanes.submit(fetch.peer, run.drive))

    def resume(self, fetch_id: bytes, actor: str) -> Fetch:
        """Continue a paused fetch, or send a receipt that is still due; a running one runs on.

        Raises:
            NotFound: No such fetch.
            Conflict: It failed or is done.
        """
        del actor  # resuming takes no decision: the fetch was asked for, and logged, before
        with self._lock:
            with self._world.catalog.look() as records:
                fetch = records.fetches.get(fetch_id)
            if fetch is None:
                raise NotFound("no such fetch")
            return self._go_on(fetch)

    def _go_on(self, fetch: Fetch) -> Fetch:
        known = self._runs.get(fetch.id)
        if known is not None and not known[1].done():
            return fetch
        if fetch.state is FetchState.FAILED or (
            fetch.state is FetchState.DONE and not fetch.receipt_due
        ):
            raise Conflict(
                f"the fetch is {fetch.state}",
                code="fetch_ended",
                hint="fetch the offer again to start anew",
            )
        if fetch.state is FetchState.PAUSED:
            fetch = replace(fetch, state=FetchState.RUNNING, problem="")
            with self._world.catalog.change() as records:
                records.fetches.put(fetch)
        self._submit(fetch)
        return fetch

    def resume_all(self) -> int:
        """Continue what a stop or a crash interrupted; return how many fetches that were."""
        with self._world.catalog.look() as records:
            interrupted = [
                fetch
                for fetch in records.fetches.unfinished()
                if fetch.state is FetchState.RUNNING or fetch.receipt_due
            ]
        for fetch in interrupted:
            with suppress(Conflict):  # it has ended since it was looked up
                self.resume(fetch.id, "")
        return len(interrupted)

    def come(self, peer: bytes) -> int:
        """Go on with what waits for a holder that has just come; return how much that is."""
        with self._world.catalog.look() as records:
            waiting = [
                fetch
                for fetch in records.fetches.unfinished()
                if fetch.peer == peer and (fetch.receipt_due or fetch.waits)
            ]
        for fetch in waiting:
            with suppress(Conflict):  # it has ended since it was looked up
                self.resume(fetch.id, "")
        return len(waiting)

    def find(self, prefix: str) -> Fetch:
        """Return a fetch by a unique beginning of its id."""
        return by_prefix(prefix, self.list(), "fetch")

    def list(self) -> Sequence[Fetch]:
        """List fetches, newest first."""
        with self._world.catalog.look() as records:
            return records.fetches.list()

    def progress(self, fetch_id: bytes) -> Progress:
        """Return how far a fetch has come."""
        with self._lock:
            known = self._runs.get(fetch_id)
        if known is not None:
            return known[0].progress()
        with self._world.catalog.look() as records:
            fetch = records.fetches.get(fetch_id)
        if fetch is None:
            raise NotFound("no such fetch")
        return Progress.of_ended(fetch)

    def running(self, fetch_id: bytes) -> bool:
        """Say whether a run is at work, the receipt included; never waits for anything."""
        known = self._runs.get(fetch_id)
        return known is not None and not known[1].done()

    def stop(self) -> None:
        """Stop every run at its next chunk and wait for it; they continue after the next start."""
        self._stop.set()
        self._lanes.stop()
