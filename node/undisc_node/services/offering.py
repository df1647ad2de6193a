"""Offers: what a recipient's node needs in order to fetch (SPEC.md §6.7).

An offer names the holder, its addresses and the capability; it carries no patient data and is
useless to anyone but the recipient, so it may travel by e-mail or on a stick.
"""

from __future__ import annotations

from collections.abc import Sequence

from undisc_node.services.identity import Cards, OwnIdentity
from undisc_node.services.ports import Clock
from undisc_protocol.capability.delegation import read_delegation
from undisc_protocol.offer import sign_offer


class Offering:
    """Makes offers.

    Args:
        own: Who we are.
        cards: Makes our status card.
        clock: Time.
    """

    def __init__(self, *, own: OwnIdentity, cards: Cards, clock: Clock) -> None:
        self._own = own
        self._cards = cards
        self._clock = clock

    def make(self, proofs: Sequence[bytes]) -> bytes:
        """Sign the offer of a capability.

        Args:
            proofs: The tokens, root first: a grant, or a grant and a share.
        """
        return sign_offer(
            self._own.key,
            holder=self._own.identity,
            card=self._cards.card(),
            proofs=proofs,
            to=read_delegation(proofs[-1]).audience,
            at=self._clock.now_ms() // 1000,
        )
