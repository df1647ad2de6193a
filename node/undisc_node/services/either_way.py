"""Reaching peers: directly where they have an address, by errand where they come by themselves.

Whoever has something to say to a peer says it here and need not know which of the two it is
(SPEC.md §6.15). A request goes one way only: what may have arrived on a broken connection is not
left as an errand as well.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from undisc_node.services.errands import Away, Errands
from undisc_node.services.errors import ServiceError
from undisc_node.services.model import COMES, node_that_comes
from undisc_node.services.peer_watch import PeerWatch
from undisc_node.services.ports import PeerNetwork, ReadInto, Reply
from undisc_protocol import limits
from undisc_protocol.answer import HTTP_OK
from undisc_protocol.errors import Unreachable

_log = logging.getLogger(__name__)
_NODE: Final = "/undisc/v1/node"


class EitherWay:
    """Carries bytes to and from other nodes; implements `ports.PeerNetwork`.

    Args:
        direct: Connects to addresses.
        errands: Waits for those that come.
        watch: Is told who answered and who did not.
    """

    def __init__(
        self, direct: PeerNetwork, *, errands: Errands, watch: PeerWatch | None = None
    ) -> None:
        self._direct = direct
        self._errands = errands
        self._watch = watch

    def introduce(self, url: str) -> bytes:
        """Ask for a node's document; see `ports.PeerNetwork`."""
        peer = node_that_comes(url)
        if peer is None:
            return self._direct.introduce(url)
        reply = self._errands.ask(peer, _NODE, b"", limit=limits.MAX_NODE_DOCUMENT)
        if reply.status != HTTP_OK:
            raise Unreachable("the other node does not say who it is")
        return reply.body

    def ask(self, urls: Sequence[str], path: str, body: bytes, *, limit: int) -> Reply:
        """Send bytes to a peer and return its answer; see `ports.PeerNetwork`."""
        comes = self._errands.at(urls)
        if comes is not None:
            return self._errands.ask(comes, path, body, limit=limit)
        try:
            reply = self._direct.ask(_addresses(urls), path, body, limit=limit)
        except Unreachable as problem:
            self._saw(urls, is_on=False)
            raise self._as_away(urls, problem) from None
        self._saw(urls, is_on=True)
        return reply

    @contextmanager
    def stream(
        self, urls: Sequence[str], ticket: bytes, start: int, stop: int
    ) -> Iterator[ReadInto]:
        """Open bytes of a ticket's stream; see `ports.PeerNetwork`."""
        comes = self._errands.at(urls)
        if comes is not None:
            with self._errands.stream(comes, ticket, start, stop) as read_into:
                yield read_into
            return
        with self._direct.stream(_addresses(urls), ticket, start, stop) as read_into:
            yield read_into

    def _saw(self, urls: Sequence[str], *, is_on: bool) -> None:
        if self._watch is None:
            return
        try:
            self._watch.saw_at(urls, is_on=is_on)
        except ServiceError as problem:  # what was said was said, whether it is written or not
            _log.warning("when a peer was on could not be written down: %s", problem.reason)

    def _as_away(self, urls: Sequence[str], problem: Unreachable) -> Unreachable:
        """Say of a peer that has come before, and may have no door, that it will come again."""
        return Away(str(problem)) if self._errands.knows(urls) else problem


def _addresses(urls: Sequence[str]) -> list[str]:
    return [url for url in urls if not url.startswith(COMES)]
