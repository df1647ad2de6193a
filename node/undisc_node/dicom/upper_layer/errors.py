"""Whose fault it is: ours, or the other side's."""

from __future__ import annotations

from enum import IntEnum


class AbortReason(IntEnum):
    """Why a provider aborts (PS3.8 table 9-26)."""

    NOT_SPECIFIED = 0
    UNRECOGNIZED_PDU = 1
    UNEXPECTED_PDU = 2
    UNRECOGNIZED_PARAMETER = 4
    UNEXPECTED_PARAMETER = 5
    INVALID_PARAMETER = 6


class UpperLayerError(Exception):
    """Base of both; never raised itself. Messages hold nothing that the other side sent."""


class LocalViolation(UpperLayerError):
    """This program asked for what the protocol does not allow now."""


class RemoteViolation(UpperLayerError):
    """The other side broke the protocol or a bound.

    Attributes:
        reason: What an A-ABORT says about it.
    """

    def __init__(self, message: str, reason: AbortReason = AbortReason.INVALID_PARAMETER) -> None:
        super().__init__(message)
        self.reason = reason
