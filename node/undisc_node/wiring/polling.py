"""Builds what reaches peers that come by themselves, and what goes to peers to ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from undisc_node.config import Settings
from undisc_node.peers.client import PeerClient
from undisc_node.services.auditing import Refusals
from undisc_node.services.either_way import EitherWay
from undisc_node.services.errands import Errands
from undisc_node.services.fetch_world import FetchWorld
from undisc_node.services.fetching import Fetching
from undisc_node.services.identity import Cards
from undisc_node.services.model import Peer
from undisc_node.services.outgoing import OutgoingQueue
from undisc_node.services.peer_watch import PeerWatch
from undisc_node.services.poll_answering import PollAnswering
from undisc_node.services.polling import Polling
from undisc_node.services.ports import Catalog, Clock, Entropy, Reply
from undisc_node.web.public_uses import PublicUses
from undisc_node.wiring.duties import Duty

_HOURS_SECONDS: Final = 60.0  # how often a peer's usual hours are looked at
_LOOK_SECONDS: Final = 1.0  # how often a peer that is due is looked for


@dataclass(frozen=True, slots=True)
class Lines:
    """How other nodes are reached.

    Attributes:
        network: Reaches all of them.
        direct: Connects to addresses.
        errands: Waits for those that come.
        watch: Writes down when peers are on.
    """

    network: EitherWay
    direct: PeerClient
    errands: Errands
    watch: PeerWatch


def build_lines(settings: Settings, *, catalog: Catalog, clock: Clock, entropy: Entropy) -> Lines:
    """Build what reaches other nodes."""
    direct = PeerClient(allow=settings.peer_networks)
    errands = Errands(clock=clock, entropy=entropy)
    watch = PeerWatch(catalog=catalog, clock=clock)
    return Lines(EitherWay(direct, errands=errands, watch=watch), direct, errands, watch)


class Comings:
    """Those who come, and those who are gone to.

    Args:
        world: Rows, log, time, chance, and who we are.
        lines: How other nodes are reached.
        cards: Makes our status card.
        refusals: Counts what is refused to strangers.
        fetching: Goes on with what waited for a holder.

    Attributes:
        queue: What waits for peers.
        answering: Answers polls.
    """

    def __init__(
        self,
        world: FetchWorld,
        *,
        lines: Lines,
        cards: Cards,
        refusals: Refusals,
        fetching: Fetching,
    ) -> None:
        self._world = world
        self._lines = lines
        self._cards = cards
        self._polling: Polling | None = None
        self.queue = OutgoingQueue(
            catalog=world.catalog,
            journal=world.journal,
            clock=world.clock,
            fetching=fetching,
            hurry=self._hurry,
        )
        self.answering = PollAnswering(
            catalog=world.catalog,
            journal=world.journal,
            refusals=refusals,
            clock=world.clock,
            entropy=world.entropy,
            own=world.own,
            cards=cards,
            errands=lines.errands,
            waking=self._came,
        )
        lines.watch.returned = self.queue.returned

    def _came(self, peer: Peer, was_away: bool) -> int:  # noqa: FBT001 - as `Waking` calls it
        if was_away:
            self._lines.watch.saw(peer.id, is_on=True)
        return self.queue.woken(peer, was_away)

    def _hurry(self, peer: bytes) -> None:
        if self._polling is not None:
            self._polling.hurry(peer)

    def duties(self, settings: Settings, public: PublicUses) -> Sequence[Duty]:
        """Return what is done now and then; going to peers only if this node does."""
        hours = Duty("trying peers again", _HOURS_SECONDS, self.queue.round)
        wanted = settings.poll == "always" or (settings.poll == "auto" and not self._world.own.urls)
        if not wanted:
            return (hours,)
        self._polling = Polling(
            catalog=self._world.catalog,
            network=self._lines.network,
            bringer=self._lines.direct,
            journal=self._world.journal,
            clock=self._world.clock,
            entropy=self._world.entropy,
            own=self._world.own,
            cards=self._cards,
            doors=_doors(public),
            streams=public.streams,
            every_ms=int(settings.poll_seconds * 1000),
        )
        return (hours, Duty("polling peers", _LOOK_SECONDS, self._polling.round))

    def stop(self) -> None:
        """End what is going on, and wait for it."""
        self._lines.errands.close()
        if self._polling is not None:
            self._polling.stop()


def _doors(public: PublicUses) -> dict[str, Callable[[bytes], Reply]]:
    """Return what answers at each path of the public door, and nothing that it does not."""
    at = "/undisc/v1/"
    return {
        f"{at}node": lambda _: Reply(200, public.peering.document()),
        f"{at}fetch": public.serving.answer,
        f"{at}receipt": public.receipts.take,
        f"{at}recall": public.recalling.answer,
        f"{at}notice": public.heeding.take,
        f"{at}offers": public.offers.take,
        f"{at}unlock": public.unlocking.answer,
    }
