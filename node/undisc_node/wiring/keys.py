"""Builds what looks after the node's own keys, and what lets a node begin under the next one."""

from __future__ import annotations

import asyncio
from typing import Final

from undisc_node.clocks import SystemEntropy
from undisc_node.config import Settings
from undisc_node.notify.printing import draw_kit
from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.ports import Catalog, Clock
from undisc_node.succession.ceremony import KeyCeremony

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


def build_ceremony(
    settings: Settings,
    *,
    own: OwnIdentity,
    catalog: Catalog,
    journal: Journal,
    clock: Clock,
    renewal: Renewal,
) -> KeyCeremony:
    """Build what replaces the node's key; a key that is new since the last start is written down.

    Peers are told of it at once, with everything else that has changed.
    """
    number, now_ms = own.identity.number, clock.now_ms()
    with catalog.change() as records:
        if records.rounds.begin_key(number, now_ms) and number > 0:
            records.rounds.hurry(now_ms)
            journal.note(
                records,
                "node.key_changed",
                who=auditing.user("undisc-node"),
                detail={"number": number, "did": own.key.did},
            )
    return KeyCeremony(
        home=settings.home,
        own=own,
        catalog=catalog,
        journal=journal,
        clock=clock,
        entropy=SystemEntropy(),
        drill_days=settings.keys_drill_days,
        draw=lambda page: draw_kit(settings.messages_paper, page),
        renew=renewal.ask,
    )
