"""Polling: a node that nobody can connect to goes and asks (SPEC.md §6.15).

Each trusted peer with an address is polled now and then. While it has something for us the poll is
repeated at once; what it asks is answered by the very use cases that answer at the public door, and
the answer goes out over a connection of our own. Plain intervals, and no waiting at the peer: one
request a minute costs less than a connection that is held, and survives every proxy.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import BinaryIO, Final, Protocol

from nacl.public import PrivateKey

from undisc_node.services.auditing import Journal
from undisc_node.services.errors import ServiceError
from undisc_node.services.following import say_as_known, take_card
from undisc_node.services.identity import Cards, OwnIdentity
from undisc_node.services.model import Peer, PeerState
from undisc_node.services.ports import BringsAnswers, Catalog, Clock, Entropy, PeerNetwork, Reply
from undisc_protocol import limits
from undisc_protocol.addressed import REQUEST_NONCE
from undisc_protocol.answer import request_hash
from undisc_protocol.errors import BadTicket, OutsideExtent, RemoteProtocolError
from undisc_protocol.identity import NodeDocument, NodeId, read_identity, read_status_card
from undisc_protocol.keys import KEY_SIZE
from undisc_protocol.poll import STREAM_PATH, Errand, Polled, make_poll, read_polled

PATH: Final = "/undisc/v1/poll"
LONGEST_MS: Final = 900_000  # between two polls of a peer that does not answer
SESSIONS: Final = 32  # peers that are polled at once; one that keeps us busy must not hold up all
ANSWERS: Final = 64  # errands that are answered at once, each with a block of 1 MiB at most
OF_PEER: Final = 16  # of these, of one peer; what is more is told again after a few seconds
_AGAIN_SECONDS: Final = 0.5  # between two polls while something waits
_QUIET_MS: Final = 120_000  # a peer that says "more" and sends nothing is left alone after that
_CARD_MS: Final = 600_000  # our card is shown again for so long
_KEPT: Final = 4  # answers of one visit that may have got lost
_BLOCK: Final = limits.CHUNK  # bytes read and sent at once
_PARTIAL, _FORBIDDEN, _NOT_FOUND, _OUTSIDE = 206, 403, 404, 416

_log = logging.getLogger(__name__)


class Piece(Protocol):
    """A run of bytes of a pack file."""

    @property
    def file(self) -> BinaryIO:
        """The open pack file."""

    @property
    def offset(self) -> int:
        """First byte in the file."""

    @property
    def length(self) -> int:
        """Number of bytes."""


class Opened(Protocol):
    """Granted bytes, opened for one answer."""

    def batches(self) -> Iterator[Sequence[Piece]]:
        """Yield the range in batches, each after a look at revocations."""

    def close(self) -> None:
        """Close what is open."""


class OpensStreams(Protocol):
    """Opens the bytes of tickets."""

    def open(self, ticket: bytes, start: int, stop: int | None) -> Opened:
        """Open `[start, stop)`."""


@dataclass(slots=True)
class _Visit:
    """One visit at a peer: errands that are being answered, and answers that may have got lost."""

    going: dict[bytes, Future[None]] = field(default_factory=dict)
    answers: dict[bytes, Reply] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def keep(self, handle: bytes, reply: Reply) -> None:
        """Keep an answer until it was brought; a few, because one may have megabytes."""
        with self.lock:
            while len(self.answers) >= _KEPT:
                del self.answers[next(iter(self.answers))]
            self.answers[handle] = reply

    def forget(self, handle: bytes) -> None:
        """Drop an answer that was brought."""
        with self.lock:
            self.answers.pop(handle, None)

    def busy(self) -> bool:
        """Tell whether an errand is being answered."""
        return any(not one.done() for one in self.going.values())


@dataclass(slots=True)
class Standing:
    """How polling a peer goes.

    Attributes:
        next_ms: When it is polled next.
        failures: How often it has not answered since it last did.
        last_ms: When it last answered, or None.
        problem: What went wrong last; empty while all is well.
        visit: The visit that is going on, or None.
    """

    next_ms: int = 0
    failures: int = 0
    last_ms: int | None = None
    problem: str = ""
    visit: Future[None] | None = None


class Polling:
    """Polls peers and answers their errands.

    Args:
        catalog: Rows.
        network: Reaches peers.
        bringer: Brings them answers.
        journal: The log.
        clock: Time.
        entropy: Nonces, keys, and a little chance in the intervals.
        own: Who we are.
        cards: Makes our status card.
        doors: What answers at each path.
        streams: Opens the bytes of tickets.
        every_ms: Time between two polls of one peer.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        network: PeerNetwork,
        bringer: BringsAnswers,
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
        own: OwnIdentity,
        cards: Cards,
        doors: Mapping[str, Callable[[bytes], Reply]],
        streams: OpensStreams,
        every_ms: int,
    ) -> None:
        self.catalog = catalog
        self.network = network
        self.journal = journal
        self.clock = clock
        self._bringer = bringer
        self._entropy = entropy
        self._own = own
        self._cards = cards
        self._doors = doors
        self._streams = streams
        self._every_ms = every_ms
        self._visits = ThreadPoolExecutor(SESSIONS, "poll")
        self._answers = ThreadPoolExecutor(ANSWERS, "errand")
        self._stop = Event()
        self._lock = Lock()
        self._standing: dict[bytes, Standing] = {}
        self._card: tuple[bytes, int] = (b"", 0)

    # --- When -------------------------------------------------------------------------------------

    def round(self) -> int:
        """Begin to visit those who are due; return how many."""
        now_ms, begun = self.clock.now_ms(), 0
        with self.catalog.look() as records:
            peers = records.peers.list()
        for peer in peers:
            if peer.state is not PeerState.TRUSTED or not peer.addresses:
                continue
            with self._lock:
                standing = self._standing.setdefault(peer.id, Standing())
                going = standing.visit is not None and not standing.visit.done()
                if going or now_ms < standing.next_ms or self._stop.is_set():
                    continue
                standing.next_ms = now_ms + self._every_ms  # also after a mistake of our own
                standing.visit = self._visits.submit(self._visited, peer.id, standing)
                standing.visit.add_done_callback(self._tell)
                begun += 1
        return begun

    def standing(self) -> Mapping[bytes, Standing]:
        """Return how polling each peer goes."""
        with self._lock:
            return dict(self._standing)

    def hurry(self, peer: bytes) -> None:
        """Poll a peer at the next round."""
        with self._lock:
            standing = self._standing.setdefault(peer, Standing())
            standing.next_ms = 0

    def stop(self) -> None:
        """End every visit and wait for what is being answered."""
        self._stop.set()
        self._visits.shutdown(wait=True, cancel_futures=True)
        self._answers.shutdown(wait=True, cancel_futures=True)

    @staticmethod
    def _tell(done: Future[None]) -> None:
        """Write a mistake of our own down: nobody looks at what came of these threads."""
        if not done.cancelled() and (mistake := done.exception()) is not None:
            _log.error("polling stopped on a mistake of this node", exc_info=mistake)

    def _visited(self, peer_id: bytes, standing: Standing) -> None:
        try:
            self._visit(peer_id)
        except (RemoteProtocolError, ServiceError) as problem:
            code = problem.code if isinstance(problem, RemoteProtocolError) else problem.reason
            standing.failures += 1
            standing.problem = f"{code}: {problem}"
        else:
            standing.failures, standing.problem = 0, ""
            standing.last_ms = self.clock.now_ms()
        pause = min(self._every_ms << min(standing.failures, 10), max(LONGEST_MS, self._every_ms))
        # Peers that all came back at once, after a night without power, shall not all poll at once.
        chance = int.from_bytes(self._entropy.random(2), "big") / 65_536
        standing.next_ms = self.clock.now_ms() + int(pause * (0.8 + 0.4 * chance))

    # --- A visit ----------------------------------------------------------------------------------

    def _visit(self, peer_id: bytes) -> None:
        """Poll until nothing waits any more."""
        visit, first = _Visit(), True
        quiet_from = self.clock.now_ms()
        while not self._stop.is_set():
            with self.catalog.look() as records:
                peer = records.peers.get(peer_id)
            if peer is None or peer.state is not PeerState.TRUSTED:
                return
            polled = say_as_known(self, peer, self._poll)
            if first:
                self._take_card(peer, polled)
                first = False
            fresh = [one for one in polled.errands if self._begin(peer, visit, one)]
            if fresh or visit.busy():
                quiet_from = self.clock.now_ms()
            elif not (polled.more or polled.errands) or self._quiet_since(quiet_from):
                return
            self._stop.wait(_AGAIN_SECONDS)

    def _quiet_since(self, from_ms: int) -> bool:
        return self.clock.now_ms() - from_ms >= _QUIET_MS

    def _poll(self, peer: Peer) -> Polled:
        now, reply_key = self.clock.now_ms() // 1000, PrivateKey(self._entropy.random(KEY_SIZE))
        body = make_poll(
            self._own.key,
            sender=self._own.identity,
            to=NodeId(peer.id),
            box=peer.box,
            card=self._own_card(),
            reply_to=bytes(reply_key.public_key),
            nonce=self._entropy.random(REQUEST_NONCE),
            ephemeral=self._entropy.random(KEY_SIZE),
            issued=now,
            expires=now + limits.REQUEST_LIFETIME,
        )
        reply = self.network.ask(peer.addresses, PATH, body, limit=limits.MAX_POLL_ANSWER)
        return read_polled(
            reply.body,
            status=reply.status,
            request=request_hash(body),
            peer=peer.did,
            poll_key=reply_key,
        )

    def _own_card(self) -> bytes:
        with self._lock:
            card, made_ms = self._card
            now_ms = self.clock.now_ms()
            if not card or now_ms >= made_ms + _CARD_MS:
                card = self._cards.card()
                self._card = (card, now_ms)
            return card

    def _take_card(self, peer: Peer, polled: Polled) -> None:
        """Take over the peer's newer card; a card that is wrong says nothing about the rest."""
        with self.catalog.look() as records:
            known = records.peers.get(peer.id)
        if known is None:
            return
        try:
            identity = read_identity(known.records)
            card = read_status_card(polled.card, identity=identity, now=self.clock.now_ms() // 1000)
            take_card(
                self.catalog, self.journal, self.clock, NodeDocument(identity, card, polled.card)
            )
        except RemoteProtocolError as problem:
            _log.warning("a peer showed a card that is not good: %s", problem.code)

    # --- Errands ----------------------------------------------------------------------------------

    def _begin(self, peer: Peer, visit: _Visit, errand: Errand) -> bool:
        """Begin to answer an errand; False when that is going on."""
        going = visit.going.get(errand.id)
        if going is not None and not going.done():
            return False
        visit.going = {name: one for name, one in visit.going.items() if not one.done()}
        if len(visit.going) >= OF_PEER:
            return False
        answering = self._answers.submit(self._do, peer, visit, errand)
        answering.add_done_callback(self._tell)
        visit.going[errand.id] = answering
        return True

    def _do(self, peer: Peer, visit: _Visit, errand: Errand) -> None:
        try:
            if errand.path == STREAM_PATH:
                self._pour(peer, errand)
                return
            reply = visit.answers.get(errand.id)
            if reply is None:  # else the answer got lost: a request is used up only once
                door = self._doors.get(errand.path)
                reply = door(errand.body) if door else Reply(_NOT_FOUND, b"")
                visit.keep(errand.id, reply)
            self._bring(peer, errand, reply.status, [reply.body], len(reply.body))
            visit.forget(errand.id)
        except (RemoteProtocolError, ServiceError) as problem:
            _log.info("an errand of a peer was not answered: %s", type(problem).__qualname__)

    def _pour(self, peer: Peer, errand: Errand) -> None:
        """Bring a range of a ticket's stream, with a look at revocations before each slice."""
        try:
            stream = self._streams.open(errand.body, errand.start, errand.stop)
        except BadTicket:
            self._bring(peer, errand, _FORBIDDEN, (), 0)
            return
        except OutsideExtent:
            self._bring(peer, errand, _OUTSIDE, (), 0)
            return
        try:
            pieces = self._pieces(stream)
            self._bring(peer, errand, _PARTIAL, pieces, errand.stop - errand.start)
        finally:
            stream.close()

    def _pieces(self, stream: Opened) -> Iterator[bytes]:
        for batch in stream.batches():
            for piece in batch:
                at, stop = piece.offset, piece.offset + piece.length
                while at < stop:
                    if self._stop.is_set():
                        raise BadTicket("the node is shutting down")
                    piece.file.seek(at)
                    block = piece.file.read(min(_BLOCK, stop - at))
                    if not block:
                        raise BadTicket("a pack ends too early")
                    yield block
                    at += len(block)

    def _bring(
        self, peer: Peer, errand: Errand, status: int, pieces: Iterable[bytes], length: int
    ) -> None:
        self._bringer.bring(peer.addresses, errand.id, status, pieces, length=length)
