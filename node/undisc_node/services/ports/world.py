"""Ports to everything else: time, chance, DICOM objects, other nodes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from undisc_node.services.model import InstanceFacts
from undisc_node.services.ports.packs import ReadInto, Source


class Clock(Protocol):
    """Tells the time."""

    def now_ms(self) -> int:
        """Return UTC in milliseconds since 1970; never smaller than an earlier answer."""


class Entropy(Protocol):
    """Draws random numbers."""

    def random(self, count: int) -> bytes:
        """Return `count` unpredictable bytes."""


class InstanceReader(Protocol):
    """Reads what the node needs to know from a DICOM object."""

    def facts(self, source: Source) -> InstanceFacts:
        """Read the facts of a Part 10 file (PS3.10).

        Raises:
            Invalid: Not a DICOM object that can be stored; the message says why.
        """


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of a peer: HTTP status and body, not yet trusted."""

    status: int
    body: bytes


class PeerNetwork(Protocol):
    """Carries bytes to and from other nodes."""

    def introduce(self, url: str) -> bytes:
        """Ask for a node's document (identity records and status card).

        Raises:
            Unreachable: No answer, a forbidden address, or more bytes than `limits` allow.
        """

    def ask(self, urls: Sequence[str], path: str, body: bytes, *, limit: int) -> Reply:
        """Post bytes to the first address that answers.

        Args:
            urls: Addresses of the peer, tried in order.
            path: Such as `/undisc/v1/fetch`.
            body: What to send.
            limit: Largest accepted answer in bytes.

        Raises:
            Unreachable: No address answered.
        """

    def stream(
        self, urls: Sequence[str], ticket: bytes, start: int, stop: int
    ) -> AbstractContextManager[ReadInto]:
        """Open the bytes `[start, stop)` of a ticket's stream.

        Raises:
            Unreachable: No connection, an HTTP answer that is not exactly this range, or too slow.
            BadTicket: The holder no longer accepts the ticket (403).
        """


class BringsAnswers(Protocol):
    """Brings peers the answers to their errands, over connections of our own (SPEC.md §6.15)."""

    def bring(
        self,
        urls: Sequence[str],
        handle: bytes,
        status: int,
        pieces: Iterable[bytes],
        *,
        length: int,
    ) -> None:
        """Say what an errand is answered with.

        Args:
            urls: Addresses of the peer; the first that connects is used.
            handle: The errand's handle.
            status: The HTTP status that the request would have got here.
            pieces: The body, made while it leaves; raises what ends it early.
            length: How many bytes that is.

        Raises:
            Unreachable: No connection, too slow, or another answer than "taken".
            BadTicket: Nobody waits for it there.
        """
