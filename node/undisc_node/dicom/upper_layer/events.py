"""What `Connection.next_event` tells (the indications and confirmations of PS3.8 §7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from undisc_node.dicom.upper_layer.pdu import AssociateAccept, AssociateReject, AssociateRequest


class Need(Enum):
    """That there is nothing to tell."""

    DATA = "give more bytes"


NEED_DATA = Need.DATA


@dataclass(frozen=True, slots=True)
class AssociationRequested:
    """Somebody wants an association; answer with `accept` or `reject`."""

    request: AssociateRequest


@dataclass(frozen=True, slots=True)
class AssociationAccepted:
    """Our request was accepted."""

    answer: AssociateAccept


@dataclass(frozen=True, slots=True)
class AssociationRejected:
    """Our request was rejected; close."""

    answer: AssociateReject


@dataclass(frozen=True, slots=True)
class DataReceived:
    """A piece of a command or data set.

    Attributes:
        context: Number of an accepted context.
        is_command: Whether it belongs to a command set, else to a data set.
        is_last: Whether nothing more of that set follows.
        data: The bytes. A view of what was given to `receive_data`: use it before the next call.
    """

    context: int
    is_command: bool
    is_last: bool
    data: memoryview = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReleaseRequested:
    """The other side is done; answer with `confirm_release`."""


@dataclass(frozen=True, slots=True)
class ReleaseConfirmed:
    """The other side agrees to our release."""


@dataclass(frozen=True, slots=True)
class AssociationAborted:
    """The other side aborted, or closed without a word; close.

    Attributes:
        source: As in an A-ABORT, or None when the transport ended.
        reason: As in an A-ABORT.
    """

    source: int | None = None
    reason: int = 0


Event = (
    AssociationRequested
    | AssociationAccepted
    | AssociationRejected
    | DataReceived
    | ReleaseRequested
    | ReleaseConfirmed
    | AssociationAborted
)
