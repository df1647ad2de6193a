"""Making the round of peers: show them our card, hear theirs, and look after each other's logs.

Each trusted peer is greeted some times a day, and at once when there is something new to tell: the
first time, after our key or our addresses have changed (SPEC.md §6.16). So a node that moved is
found although nobody can reach its old address: it goes to its peers itself. Who does not answer is
asked again after pauses that grow. Whatever does not fit is kept as an alert for a person.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal, Refusals
from undisc_node.services.errors import ServiceError
from undisc_node.services.following import say_as_known, take_card
from undisc_node.services.growth import differs, proof_of_growth
from undisc_node.services.identity import Cards, OwnIdentity
from undisc_node.services.model import Peer, PeerState
from undisc_node.services.ports import Catalog, Clock, Entropy, PeerNetwork, Records, Reply
from undisc_node.services.replying import reply_to
from undisc_node.services.round_rows import AlertKind, PeerFacts, PeerRound
from undisc_node.services.staleness import stop_if_stale
from undisc_node.services.witnessing import tell_log_differs
from undisc_protocol import limits
from undisc_protocol.addressed import REQUEST_NONCE
from undisc_protocol.answer import request_hash
from undisc_protocol.errors import RemoteProtocolError, Tampered, UnknownRecipient
from undisc_protocol.greeting import (
    Greeted,
    Greeting,
    answer_greeting,
    make_greeting,
    read_greeted,
    read_greeting,
)
from undisc_protocol.identity import NodeId, read_card, read_identity
from undisc_protocol.keys import KEY_SIZE
from undisc_protocol.tree import Checkpoint, verify_consistency

log = logging.getLogger("undisc.node")

PATH: Final = "/undisc/v1/greeting"
EVERY_MS: Final = 6 * 3_600_000
"""Between two greetings of a peer that answers: a card of 15 days is renewed sixty times over."""

FIRST_MS: Final = 60_000
"""After a greeting that was not answered; each further pause is twice as long, up to `EVERY_MS`."""

PARALLEL: Final = 8
"""Peers that are greeted at once: a few that do not answer must not hold up the others."""

_MOST: Final = 64  # peers in one round; the others are due in the next, a minute later
_PROOF_MS: Final = 600_000  # a proof costs a look at the whole log: one for a peer in ten minutes
_SPREAD: Final = 256  # values of the byte that spreads pauses by a quarter, to either side
_KNOWN: Final = (PeerState.TRUSTED, PeerState.SUSPENDED)


@dataclass(frozen=True, slots=True)
class Witness:
    """What one peer keeps of our log, compared with the log as it is.

    Attributes:
        peer: The peer.
        seen: The newest head it keeps, or None.
        at_ms: When it said so, or None if it never did.
        answered: Whether it answered just now.
        differs: How the log differs from what the peer keeps; empty if it contains it.
        other_log: Whether it only keeps a log of before a restore.
    """

    peer: Peer
    seen: Checkpoint | None
    at_ms: int | None
    answered: bool
    differs: str
    other_log: bool


class Rounds:
    """Greets peers, and answers their greetings.

    Args:
        catalog: Rows.
        network: Reaches other nodes.
        journal: The log.
        refusals: Counts what is refused to strangers.
        clock: Time.
        entropy: Keys and nonces.
        own: Who we are.
        cards: Makes our status card.
        stale_days: Days for which a peer is dealt with after its card has ended.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        network: PeerNetwork,
        journal: Journal,
        refusals: Refusals,
        clock: Clock,
        entropy: Entropy,
        own: OwnIdentity,
        cards: Cards,
        stale_days: int,
    ) -> None:
        self.catalog = catalog
        self.network = network
        self.journal = journal
        self.clock = clock
        self._refusals = refusals
        self._entropy = entropy
        self._own = own
        self._cards = cards
        self._stale_days = stale_days
        self._proved_ms: dict[bytes, int] = {}
        self._lock = Lock()

    # --- Answering --------------------------------------------------------------------------------

    def answer(self, body: bytes) -> Reply:
        """Answer a peer's greeting; never raises for what a stranger sent.

        Args:
            body: The HTTP body as received.
        """
        return reply_to(
            body,
            self._greeted,
            key=self._own.key,
            clock=self.clock,
            refusals=self._refusals,
            busy="the node cannot answer a greeting at the moment",
        )

    def _greeted(self, body: bytes) -> bytes:
        now_ms = self.clock.now_ms()
        greeting = read_greeting(body, box=self._own.box, own=self._own.id, now=now_ms // 1000)
        peer = take_card(self.catalog, self.journal, self.clock, greeting.document)
        if peer is None or peer.state not in _KNOWN:
            raise UnknownRecipient("the greeting node is not a trusted peer")
        kept = self._remember(peer, greeting)
        card = self._cards.card()
        return answer_greeting(
            self._own.key,
            greeting,
            card=card,
            seen=kept,
            proof=self._proof(greeting, card),
            at=now_ms // 1000,
        )

    def _remember(self, peer: Peer, greeting: Greeting) -> Checkpoint | None:
        """Keep what the greeter has seen of our log; return what we keep of its log."""
        now_ms, seen = self.clock.now_ms(), greeting.seen
        with self.catalog.change() as records:
            made = records.rounds.get(peer.id) or PeerRound(peer.id, 0)
            shown = greeting.document.card.checkpoint
            kept = _kept(made.kept, shown)
            if kept is not None and shown is not None and shown.size < kept.size:
                made = replace(made, next_ms=now_ms)  # it has less than it had: look into it now
            if seen is not None:
                head = records.log.frontier()
                if seen.origin == head.origin and seen.size > head.size and seen != made.seen:
                    why = f"the log had {seen.size} lines, and has {head.size} now"
                    self._note_differs(records, peer, why)
                made = replace(made, seen=seen, seen_ms=now_ms)
            records.rounds.put(replace(made, kept=kept))
            return kept

    def _note_differs(self, records: Records, peer: Peer, why: str) -> None:
        """Log that our own log is not what a peer has seen of it."""
        self.journal.note(
            records,
            "log.differs",
            who=auditing.other_node(peer),
            what=[auditing.about_security("peer", peer.id)],
            why=why,
            outcome=auditing.SERIOUS_FAILURE,
        )

    def _proof(self, greeting: Greeting, card: bytes) -> tuple[bytes, ...] | None:
        seen, head = greeting.seen, read_card(card).checkpoint
        if seen is None or head is None or seen.origin != head.origin or seen.size > head.size:
            return None
        now_ms, peer = self.clock.now_ms(), greeting.document.identity.node_id
        with self._lock:
            if now_ms < self._proved_ms.get(peer, -_PROOF_MS) + _PROOF_MS:
                return None
            self._proved_ms[peer] = now_ms
        return proof_of_growth(self.catalog, seen, head)

    # --- Greeting ---------------------------------------------------------------------------------

    def make(self) -> int:
        """Greet every peer that is due; return how many answered."""
        now_ms = self.clock.now_ms()
        with self.catalog.look() as records:
            made = {one.peer: one for one in records.rounds.list()}
            stale = {one.peer for one in records.rounds.alerts() if one.kind is AlertKind.STALE}
            greeted = [
                one
                for one in records.peers.list()
                if one.state is PeerState.TRUSTED
                or (one.state is PeerState.SUSPENDED and one.id in stale)
            ]
        for peer in greeted:
            if stop_if_stale(self.catalog, self.journal, peer, self._stale_days, now_ms):
                log.warning("peer %s is stale: nothing is exchanged with it", peer.id.hex()[:8])
        due = [peer for peer in greeted if self._is_due(made.get(peer.id), now_ms)]
        return sum(self._all(due[:_MOST], self.greet))

    def _is_due(self, made: PeerRound | None, now_ms: int) -> bool:
        if made is None or made.next_ms <= now_ms:
            return True
        # It has answered, and took a card with other addresses or of another key than ours now.
        return not made.attempts and made.heard_ms is not None and not self._is_told(made)

    def _is_told(self, made: PeerRound) -> bool:
        return (made.told, made.knows) == (self._own.urls, self._own.identity.number)

    def greet(self, peer: Peer) -> bool:
        """Greet one peer now; return whether it answered as it should."""
        try:
            greeted, kept = say_as_known(self, peer, self._ask)
        except RemoteProtocolError as problem:
            self._missed(peer, f"{problem.code}: {problem}")
            return False
        except ServiceError as problem:
            self._missed(peer, f"{problem.reason}: {problem}")
            return False
        self._heard(peer, greeted, kept)
        return True

    def _ask(self, peer: Peer) -> tuple[Greeted, Checkpoint | None]:
        now = self.clock.now_ms() // 1000
        with self.catalog.look() as records:
            made = records.rounds.get(peer.id)
        kept = _kept(made.kept if made else None, peer.checkpoint)
        body = make_greeting(
            self._own.key,
            sender=self._own.identity,
            to=NodeId(peer.id),
            box=peer.box,
            card=self._cards.card(),
            seen=kept,
            nonce=self._entropy.random(REQUEST_NONCE),
            ephemeral=self._entropy.random(KEY_SIZE),
            issued=now,
            expires=now + limits.REQUEST_LIFETIME,
        )
        reply = self.network.ask(peer.urls, PATH, body, limit=limits.MAX_REFUSAL)
        greeted = read_greeted(
            reply.body,
            status=reply.status,
            request=request_hash(body),
            peer=read_identity(peer.records),
            now=now,
        )
        return greeted, kept

    def _heard(self, peer: Peer, greeted: Greeted, kept: Checkpoint | None) -> None:
        now_ms = self.clock.now_ms()
        proved, wrong = _judge(kept, greeted)
        if wrong is None:
            take_card(self.catalog, self.journal, self.clock, greeted.document)
        with self.catalog.change() as records:
            current = records.peers.get(peer.id)
            if current is None:
                return
            if wrong is not None:
                # The head that is kept stays: it is the evidence.
                tell_log_differs(self.journal, records, current, *wrong, now_ms)
            made = records.rounds.get(peer.id) or PeerRound(peer.id, now_ms)
            head = greeted.document.card.checkpoint
            records.rounds.put(
                replace(
                    made,
                    kept=head if proved else _kept(kept, head),
                    next_ms=now_ms + self._spread(EVERY_MS),
                    attempts=0,
                    heard_ms=now_ms,
                    knows=self._own.identity.number,
                    told=self._own.urls,
                    seen=greeted.seen or made.seen,
                    seen_ms=now_ms if greeted.seen else made.seen_ms,
                    proved_ms=now_ms if proved else made.proved_ms,
                    problem="",
                )
            )

    def _missed(self, peer: Peer, problem: str) -> None:
        now_ms = self.clock.now_ms()
        with self.catalog.change() as records:
            made = records.rounds.get(peer.id) or PeerRound(peer.id, now_ms)
            pause = min(FIRST_MS << min(made.attempts, 16), EVERY_MS)
            records.rounds.put(
                replace(
                    made,
                    next_ms=now_ms + self._spread(pause),
                    attempts=made.attempts + 1,
                    problem=problem,
                )
            )

    def _spread(self, pause_ms: int) -> int:
        """Return a pause that is up to a quarter shorter or longer: peers must not come at once."""
        by_chance = self._entropy.random(1)[0] - _SPREAD // 2
        return pause_ms + pause_ms * by_chance // (2 * _SPREAD)

    @staticmethod
    def _all(peers: Sequence[Peer], ask: Callable[[Peer], bool]) -> list[bool]:
        if not peers:
            return []
        with ThreadPoolExecutor(min(PARALLEL, len(peers)), thread_name_prefix="round") as pool:
            return list(pool.map(ask, peers))

    def facts(self) -> PeerFacts:
        """Return what rounds brought of each peer, and the alerts that nobody has settled."""
        with self.catalog.look() as records:
            return PeerFacts(
                rounds={one.peer: one for one in records.rounds.list()},
                alerts=tuple(records.rounds.alerts()),
                now_ms=self.clock.now_ms(),
            )

    # --- Witnesses of the own log ----------------------------------------------------------------

    def witnesses(self) -> Sequence[Witness]:
        """Ask every trusted peer what it keeps of our log, and compare; may take its time-outs.

        Raises:
            Damaged: The log cannot be read.
        """
        with self.catalog.look() as records:
            peers = [one for one in records.peers.list() if one.state is PeerState.TRUSTED]
        answered = dict(zip((one.id for one in peers), self._all(peers, self.greet), strict=True))
        with self.catalog.look() as records:
            made = {one.peer: one for one in records.rounds.list()}
            origin = records.log.frontier().origin
        found = []
        for peer in peers:
            row = made.get(peer.id)
            seen = row.seen if row else None
            found.append(
                Witness(
                    peer=peer,
                    seen=seen,
                    at_ms=row.seen_ms if row else None,
                    answered=answered[peer.id],
                    differs=differs(self.catalog, seen) if seen else "",
                    other_log=seen is not None and seen.origin != origin,
                )
            )
        if wrong := [one for one in found if one.differs]:
            with self.catalog.change() as records:
                for one in wrong:
                    self._note_differs(records, one.peer, one.differs)
        return found


def _kept(kept: Checkpoint | None, shown: Checkpoint | None) -> Checkpoint | None:
    """Return which head of a peer's log to keep, when nothing is proved about the one it shows."""
    if kept is None or (shown is not None and shown.origin != kept.origin):
        return shown  # the first, or one of another log: that is told where heads are seen
    return kept


def _judge(kept: Checkpoint | None, greeted: Greeted) -> tuple[bool, tuple[AlertKind, str] | None]:
    """Say whether an answer proves that the peer's log only grew, or what is wrong with it."""
    head = greeted.document.card.checkpoint
    if kept is None or head is None or kept.origin != head.origin:
        return False, None
    if head.size < kept.size:
        why = f"its log had {kept.size} lines, and has {head.size} now"
        return False, (AlertKind.LOG_SHRANK, why)
    if greeted.proof is None:
        return False, None
    try:
        verify_consistency(kept, head, greeted.proof)
    except Tampered:
        why = f"the first {kept.size} lines of its log are not what they were"
        return False, (AlertKind.LOG_FORKED, why)
    return True, None
