"""Rows of pairings: how far this node is with another one that it was invited by, or invites."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from undisc_protocol.invitation import PairingSecret
from undisc_protocol.pairing import Pairing, Role


class PairingState(StrEnum):
    """How far a pairing is."""

    WAITING = "waiting"  # the other side has not spoken yet
    COMPARING = "comparing"  # the words are known; nobody here has decided
    CONFIRMED = "confirmed"  # somebody here said yes; the other side has not yet
    TRUSTED = "trusted"
    REFUSED = "refused"  # somebody on one of the two sides said no
    EXPIRED = "expired"
    FAILED = "failed"  # what the other side said cannot be

    @property
    def is_open(self) -> bool:
        """Whether anything may still become of it."""
        return self in (PairingState.WAITING, PairingState.COMPARING, PairingState.CONFIRMED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairingRow:
    """One pairing.

    Attributes:
        id: 16 random bytes.
        role: Which side this node is.
        by_file: Whether files are carried, and nothing is sent.
        state: How far it is.
        handle: Names it between the nodes, 32 bytes: that of the invitation; by file, the SHA-256
            of the inviter's file.
        key: Seals what is sent; None by file, and once it is over for good.
        urls: Where the inviter answers; empty at the inviter.
        expects: Node id that the invitation names; None at the inviter.
        scopes: What the other side may do here.
        own: What this side says; by file, its file.
        commitment: What the other side committed to.
        theirs: What the other side said; by file, its file.
        name: The other practice's name; empty before it spoke.
        node: The other's node id; None before it spoke.
        their_scopes: What the other side lets this one do.
        words: What two people compare, separated by spaces; empty before the other side spoke.
        verdict: What was decided here, signed; by file, `yes` or `no`.
        their_verdict: What was decided there, signed.
        spoken_ms: When the other side spoke.
        made_ms: When it began.
        taken_by_ms: When an invitation that nobody took up is over.
        ends_ms: When it is over, unless both have decided.
        next_ms: When the guest asks the inviter next.
        ended_ms: When it ended; None while it is open.
        problem: Why it ended, for people.
        by: Who began it.
    """

    id: bytes
    role: Role
    by_file: bool
    state: PairingState
    handle: bytes
    key: bytes | None
    urls: tuple[str, ...]
    expects: bytes | None
    scopes: tuple[str, ...]
    own: bytes
    commitment: bytes | None = None
    theirs: bytes | None = None
    name: str = ""
    node: bytes | None = None
    their_scopes: tuple[str, ...] = ()
    words: str = ""
    spoken_ms: int | None = None
    verdict: bytes | None = None
    their_verdict: bytes | None = None
    made_ms: int
    taken_by_ms: int
    ends_ms: int
    next_ms: int
    ended_ms: int | None = None
    problem: str = ""
    by: str

    @property
    def secret(self) -> PairingSecret | None:
        """What seals messages; None by file, and once it is over for good."""
        return None if self.key is None else PairingSecret(self.handle, self.key)

    @property
    def line(self) -> Pairing:
        """The protocol's state of a pairing on a line."""
        return Pairing(self.role, self.own, self.commitment, self.theirs)
