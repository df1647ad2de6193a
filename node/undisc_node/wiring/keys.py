"""Builds what looks after the node's own keys, and what lets a node begin under the next one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from undisc_node.clocks import SystemEntropy
from undisc_node.config import Settings
from undisc_node.notify.printing import draw_kit
from undisc_node.services import auditing
from undisc_node.services.auditing import Journal, Refusals
from undisc_node.services.identity import Cards, OwnIdentity
from undisc_node.services.ports import Catalog, Clock, PeerNetwork
from undisc_node.services.rounds import Rounds
from undisc_node.succession.ceremony import KeyCeremony
from undisc_node.wiring.duties import Duty

_ROUND_SECONDS: Final = 5.0  # how often peers are looked for that are due
_ANSWER_SECONDS: Final = 0.2  # the answer that says so leaves before the doors close


class Renewal:
    """Lets a running node end in good order and be built anew, in the same process.

    Attributes:
        wanted: Whether somebody asked for that.
    """

    def __init__(self) -> None:
        self.wanted = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None

    def bind(self, ended: asyncio.Event) -> None:
        """Name what ends the node; called in the loop that it runs in."""
        self._loop, self._ended = asyncio.get_running_loop(), ended

    def ask(self) -> None:
        """End the node soon, to be built anew; from any thread."""
        self.wanted = True
        if self._loop is not None and self._ended is not None:
            loop, ended = self._loop, self._ended
            loop.call_soon_threadsafe(lambda: loop.call_later(_ANSWER_SECONDS, ended.set))


@dataclass(frozen=True, slots=True)
class KeyParts:
    """What was built.

    Attributes:
        ceremony: Replaces the node's key.
        rounds: Greets peers.
        duty: Makes the rounds.
    """

    ceremony: KeyCeremony
    rounds: Rounds
    duty: Duty


def build_keys(
    settings: Settings,
    *,
    own: OwnIdentity,
    cards: Cards,
    catalog: Catalog,
    network: PeerNetwork,
    journal: Journal,
    refusals: Refusals,
    clock: Clock,
    renewal: Renewal,
) -> KeyParts:
    """Build what looks after our key and our peers'; a key that is new since is written down.

    Peers are told of it at once, with everything else that has changed.
    """
    number, now_ms, entropy = own.identity.number, clock.now_ms(), SystemEntropy()
    with catalog.change() as records:
        if records.rounds.begin_key(number, now_ms) and number > 0:
            records.rounds.hurry(now_ms)
            journal.note(
                records,
                "node.key_changed",
                who=auditing.user("undisc-node"),
                detail={"number": number, "did": own.key.did},
            )
    ceremony = KeyCeremony(
        home=settings.home,
        own=own,
        catalog=catalog,
        journal=journal,
        clock=clock,
        entropy=entropy,
        drill_days=settings.keys_drill_days,
        draw=lambda page: draw_kit(settings.messages_paper, page),
        renew=renewal.ask,
    )
    rounds = Rounds(
        catalog=catalog,
        network=network,
        journal=journal,
        refusals=refusals,
        clock=clock,
        entropy=entropy,
        own=own,
        cards=cards,
        stale_days=settings.peers_stale_days,
    )
    return KeyParts(ceremony, rounds, Duty("rounds to peers", _ROUND_SECONDS, rounds.make))
