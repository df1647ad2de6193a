"""What bringing a study from a peer needs, and how far it has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from undisc_node.services.auditing import Journal
from undisc_node.services.contents import Contents
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.model import Fetch, FetchState
from undisc_node.services.ports import Catalog, Clock, Entropy, Packs, PeerNetwork
from undisc_node.services.room import Room


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchWorld:
    """What a fetch needs.

    Attributes:
        catalog: Rows.
        packs: Bytes.
        contents: What is inside studies.
        network: Reaches other nodes.
        journal: The log.
        clock: Time.
        entropy: Keys, nonces and ids.
        own: Who we are.
        writing: Held while packs of any study change.
        room: Says whether there is room.
        fetched: Is told how many bytes came in.
    """

    catalog: Catalog
    packs: Packs
    contents: Contents
    network: PeerNetwork
    journal: Journal
    clock: Clock
    entropy: Entropy
    own: OwnIdentity
    writing: Lock
    room: Room
    fetched: Callable[[int], None] = lambda _count: None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a fetch has come.

    Attributes:
        objects_done: Instances that are complete.
        bytes_done: Bytes of ciphertext that are here.
        reused_bytes: Of these, bytes that were here before the current attempt.
        mb_per_s: Million bytes per second while moving.
        problem: Code and sentence of what it waits for to pass; empty while it does not wait.
        next_try_ms: When it tries again, UTC in ms; None while it does not wait.
    """

    objects_done: int
    bytes_done: int
    reused_bytes: int
    mb_per_s: float
    problem: str = ""
    next_try_ms: int | None = None

    @classmethod
    def of_ended(cls, fetch: Fetch) -> Progress:
        """Return the progress of a fetch that nobody is working on."""
        if fetch.state is not FetchState.DONE:
            return cls(0, 0, 0, 0.0)
        speed = fetch.size / fetch.elapsed_ms / 1000 if fetch.elapsed_ms else 0.0
        return cls(fetch.objects, fetch.size, 0, speed)
