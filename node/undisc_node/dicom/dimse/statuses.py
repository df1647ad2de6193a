"""What a sender is told (PS3.7 §C, PS3.4 table B.2-1)."""

from __future__ import annotations

from typing import Final

from undisc_node.services.errors import Invalid, Refused, ServiceError, Unavailable

SUCCESS: Final = 0x0000
PROCESSING_FAILURE: Final = 0x0110  # PS3.7 §C.5.14
CLASS_NOT_SUPPORTED: Final = 0x0122  # PS3.7 §C.5.20
NOT_AUTHORISED: Final = 0x0124  # PS3.7 §C.5.18
UNRECOGNISED_OPERATION: Final = 0x0211  # PS3.7 §C.5.24
OUT_OF_RESOURCES: Final = 0xA700  # PS3.4 table B.2-1, also for the two below
DOES_NOT_MATCH: Final = 0xA900
CANNOT_UNDERSTAND: Final = 0xC000

CANCELLED: Final = 0xFE00  # PS3.4 tables C.4-1 to C.4-3, also for those below
PENDING: Final = 0xFF00
PENDING_WITHOUT_KEYS: Final = 0xFF01  # some optional keys were not supported
CANNOT_COUNT: Final = 0xA701
CANNOT_PERFORM: Final = 0xA702
UNKNOWN_DESTINATION: Final = 0xA801
PARTLY: Final = 0xB000  # sub-operations failed, or were taken with warnings


def of_refused_question(refusal: ServiceError) -> int:
    """Return the C-FIND, C-MOVE or C-GET status for a refusal."""
    if refusal.reason == "bad_level":
        return DOES_NOT_MATCH
    if isinstance(refusal, Unavailable):
        return OUT_OF_RESOURCES
    return NOT_AUTHORISED if isinstance(refusal, Refused) else CANNOT_UNDERSTAND


def of_refusal(refusal: ServiceError) -> int:
    """Return the C-STORE status for a refusal."""
    if refusal.reason == "does_not_match":
        return DOES_NOT_MATCH
    if isinstance(refusal, Unavailable):
        return OUT_OF_RESOURCES
    if isinstance(refusal, Invalid):
        return CANNOT_UNDERSTAND
    return NOT_AUTHORISED if isinstance(refusal, Refused) else PROCESSING_FAILURE
