"""What the administrator sees of the node's own keys."""

from __future__ import annotations

from dataclasses import dataclass

from undisc_node.services.model import PeerState
from undisc_protocol.did import Did


@dataclass(frozen=True, slots=True)
class Knower:
    """A peer, and how much of our identity it has confirmed.

    Attributes:
        peer: Its node id.
        name: The practice's name.
        state: How far it is trusted.
        knows: Number of the newest of our identity records that it has confirmed, or None.
        heard_ms: When it last answered a round, or None.
    """

    peer: bytes
    name: str
    state: PeerState
    knows: int | None
    heard_ms: int | None


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """The node's keys at one moment.

    Attributes:
        node_id: The node id, 32 bytes.
        words: The same as twelve words.
        did: The present node key.
        number: Number of the present identity record.
        issued: When it was made, seconds since 1970.
        drilled: When the kit was last read back, seconds since 1970; None if that is not known.
        kit_fits: Whether the kit that was read back is the present one.
        drill_due: Whether another drill is due.
        begun: Whether a change of the key was begun and waits for its confirmation.
        card_expires: When a status card that is made now ends, seconds since 1970.
        knowers: Every peer that is not revoked.
    """

    node_id: bytes
    words: tuple[str, ...]
    did: Did
    number: int
    issued: int
    drilled: int | None
    kit_fits: bool
    drill_due: bool
    begun: bool
    card_expires: int
    knowers: tuple[Knower, ...]


@dataclass(frozen=True, slots=True)
class BegunChange:
    """A change of the key whose new kit is to be written down now; nobody has seen the record.

    Attributes:
        number: Number of the identity record that waits.
        kit: The page of the new kit.
        pdf: The same for a printer; empty when it was not asked for.
        resumed: Whether it was begun before, and goes on with the same kit.
    """

    number: int
    kit: str
    pdf: bytes
    resumed: bool

    def __repr__(self) -> str:
        # The page is sealed, but does not belong into a traceback all the same.
        return f"BegunChange(number={self.number}, resumed={self.resumed})"


@dataclass(frozen=True, slots=True)
class ChangedKey:
    """A key that was replaced; the node takes it up within seconds.

    Attributes:
        number: Number of the new identity record.
        did: The new key.
        suspended: Permissions that wait for the administrator after a theft.
        signed_off: Sessions of staff that ended after a theft.
    """

    number: int
    did: Did
    suspended: int
    signed_off: int
