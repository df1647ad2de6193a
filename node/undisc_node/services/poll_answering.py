"""Answering polls: who comes by himself hears what waits for him (SPEC.md §6.15)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final

from undisc_node.services.auditing import Journal, Refusals
from undisc_node.services.errands import Errands
from undisc_node.services.following import recognise, take_card
from undisc_node.services.identity import Cards, OwnIdentity
from undisc_node.services.model import Peer, PeerState
from undisc_node.services.ports import Catalog, Clock, Entropy, Reply
from undisc_node.services.replying import reply_to
from undisc_protocol import limits
from undisc_protocol.errors import Replayed, UnknownRecipient
from undisc_protocol.identity import NodeDocument
from undisc_protocol.keys import KEY_SIZE
from undisc_protocol.poll import Poll, answer_poll, read_poll

_REMEMBERED: Final = 4_096  # polls; far more than all peers send while one of them is good
_CARD_MS: Final = 600_000  # a card is told again for so long, so that peers need not write it down

Waking = Callable[[Peer, bool], int]
"""Is told who came, and whether he was away before; returns how much is about to wait for him."""


class PollAnswering:
    """Answers polls.

    Args:
        catalog: Rows.
        journal: The log.
        refusals: Counts what is refused to strangers.
        clock: Time.
        entropy: Keys.
        own: Who we are.
        cards: Makes our status card.
        errands: What waits.
        waking: Lets what is due for whoever came become due now.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        journal: Journal,
        refusals: Refusals,
        clock: Clock,
        entropy: Entropy,
        own: OwnIdentity,
        cards: Cards,
        errands: Errands,
        waking: Waking,
    ) -> None:
        self._catalog = catalog
        self._journal = journal
        self._refusals = refusals
        self._clock = clock
        self._entropy = entropy
        self._own = own
        self._cards = cards
        self._errands = errands
        self._waking = waking
        self._seen: OrderedDict[bytes, int] = OrderedDict()
        self._card: tuple[bytes, int] = (b"", 0)
        self._lock = Lock()

    def answer(self, body: bytes) -> Reply:
        """Answer a sealed poll with signed bytes.

        Args:
            body: The HTTP body as received.
        """
        return reply_to(
            body,
            self._answered,
            key=self._own.key,
            clock=self._clock,
            refusals=self._refusals,
            busy="the node cannot answer polls at the moment",
        )

    def _answered(self, body: bytes) -> bytes:
        now = self._clock.now_ms() // 1000
        poll = read_poll(body, box=self._own.box, own=self._own.id, now=now)
        peer = recognise(self._catalog, self._journal, self._clock, poll.sender)
        if peer is None or peer.state is not PeerState.TRUSTED:
            raise UnknownRecipient("the polling node is not a trusted peer")
        self._once(poll)
        document = NodeDocument(poll.sender, poll.card, poll.card_bytes)
        peer = take_card(self._catalog, self._journal, self._clock, document) or peer
        was_away = self._errands.come(peer.id, () if poll.card.urls else peer.urls)
        waits = self._waking(peer, was_away)
        told, left = self._errands.take(peer.id)
        return answer_poll(
            self._own.key,
            poll,
            card=self._own_card(),
            errands=told,
            more=left + waits,
            at=now,
            ephemeral=self._entropy.random(KEY_SIZE),
        )

    def _once(self, poll: Poll) -> None:
        """Use a poll up; one that was used in an earlier life of this process costs a moment only.

        Raises:
            Replayed: It was answered before.
        """
        now = self._clock.now_ms() // 1000
        with self._lock:
            if poll.nonce in self._seen:
                raise Replayed("this poll was answered before")
            self._seen[poll.nonce] = poll.expires + limits.CLOCK_SKEW
            while self._seen:
                oldest, end = next(iter(self._seen.items()))
                if end > now and len(self._seen) <= _REMEMBERED:
                    break
                del self._seen[oldest]

    def _own_card(self) -> bytes:
        with self._lock:
            card, made_ms = self._card
            now_ms = self._clock.now_ms()
            if not card or now_ms >= made_ms + _CARD_MS:
                card = self._cards.card()
                self._card = (card, now_ms)
            return card
