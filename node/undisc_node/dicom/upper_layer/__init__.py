"""The upper layer of DICOM (PS3.8), sans-io: it can be read, tested byte by byte and reused.

`connection` is the door; `state` the table it obeys; `pdu`, `user_information` and `fragments` the
bytes; `limits` the bounds. Nothing here opens a socket, looks at a clock, starts a thread, or
knows what an image is.
"""

from undisc_node.dicom.upper_layer.connection import Connection, Side
from undisc_node.dicom.upper_layer.errors import (
    AbortReason,
    LocalViolation,
    RemoteViolation,
    UpperLayerError,
)
from undisc_node.dicom.upper_layer.events import (
    NEED_DATA,
    AssociationAborted,
    AssociationAccepted,
    AssociationRejected,
    AssociationRequested,
    DataReceived,
    Event,
    Need,
    ReleaseConfirmed,
    ReleaseRequested,
)
from undisc_node.dicom.upper_layer.limits import PduBounds
from undisc_node.dicom.upper_layer.state import State

__all__ = [
    "NEED_DATA",
    "AbortReason",
    "AssociationAborted",
    "AssociationAccepted",
    "AssociationRejected",
    "AssociationRequested",
    "Connection",
    "DataReceived",
    "Event",
    "LocalViolation",
    "Need",
    "PduBounds",
    "ReleaseConfirmed",
    "ReleaseRequested",
    "RemoteViolation",
    "Side",
    "State",
    "UpperLayerError",
]
