"""What can happen to a fetch, and what is to be done about it: the words of `transfer` (§6.8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from undisc_protocol.errors import RemoteProtocolError

# --- Events ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begin:
    """Start, or go on after a pause or a restart."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The holder granted these objects.

    Attributes:
        objects: Ids of the manifest's objects.
    """

    objects: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Refused:
    """The holder refused, or what it sent does not verify.

    Attributes:
        error: The refusal or the failed check.
    """

    error: RemoteProtocolError


@dataclass(frozen=True, slots=True)
class Broken:
    """The connection ended early, or no answer came.

    Attributes:
        gained: Whether at least one more chunk is here than at the last break.
    """

    gained: bool = False


@dataclass(frozen=True, slots=True)
class TicketEnded:
    """The holder takes the ticket no longer.

    Attributes:
        gained: As in `Broken`.
    """

    gained: bool = False


@dataclass(frozen=True, slots=True)
class ObjectStored:
    """One object is here whole, and verified.

    Attributes:
        object_id: Its id, 16 bytes.
    """

    object_id: bytes


@dataclass(frozen=True, slots=True)
class Published:
    """The study is durable and visible at this node."""


@dataclass(frozen=True, slots=True)
class ReceiptTaken:
    """The holder acknowledged our receipt."""


@dataclass(frozen=True, slots=True)
class Halted:
    """This node cannot go on for now: its disk is full, or it shuts down."""


Event: TypeAlias = (
    Begin
    | Answered
    | Refused
    | Broken
    | TicketEnded
    | ObjectStored
    | Published
    | ReceiptTaken
    | Halted
)
FROM_PEER: Final = (Answered, Refused, ReceiptTaken)

# --- Effects -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ask:
    """Send a request with a fresh invocation; `have` names every object that is here whole."""


@dataclass(frozen=True, slots=True)
class Move:
    """Bring the missing objects, each from its first missing chunk on."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Make the study durable and visible, all or nothing; doing it again changes nothing."""


@dataclass(frozen=True, slots=True)
class SendReceipt:
    """Send the receipt; always the same one."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Let time pass.

    Attributes:
        seconds: How long.
    """

    seconds: int


@dataclass(frozen=True, slots=True)
class Finish:
    """All is done."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do now; `Begin` goes on."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Give up and discard what is not published.

    Attributes:
        error: Why.
    """

    error: RemoteProtocolError


Effect: TypeAlias = Ask | Move | Publish | SendReceipt | Wait | Finish | Rest | Fail
