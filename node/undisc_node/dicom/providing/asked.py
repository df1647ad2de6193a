"""A request for an operation, with all that its connection knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from undisc_node.dicom.dimse.commands import Command
from undisc_node.dicom.part10 import EXPLICIT_LITTLE

LARGEST_IDENTIFIER: Final = 262_144  # bytes; 2,000 UIDs of 64 characters have half of it


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks for, and who.

    Attributes:
        command: The request.
        sop_class: What was agreed upon for its context.
        syntax: Transfer syntax of its identifier and of ours.
        identifier: The encoded data set.
        name: Name of the workstation.
        address: Where it is.
        ae_title: The title it calls itself by.
        may_query: Whether it may ask, now.
        storage: By SOP class and transfer syntax, contexts in which it takes instances.
    """

    command: Command
    sop_class: str
    syntax: str
    identifier: bytes = field(repr=False)
    name: str
    address: str
    ae_title: str
    may_query: bool
    storage: Mapping[tuple[str, str], int]

    @property
    def explicit(self) -> bool:
        """Whether answers name the representation of each element."""
        return self.syntax == EXPLICIT_LITTLE


class IncomingQuestion:
    """An identifier on its way in; taken in as an `Arrival` is."""

    def __init__(self) -> None:
        self._data_set = bytearray()
        self.is_too_long = False

    @property
    def identifier(self) -> bytes:
        """What has come."""
        return bytes(self._data_set)

    def write(self, data: memoryview) -> int:
        """Keep bytes, as long as they are not too many."""
        self.is_too_long |= len(self._data_set) + len(data) > LARGEST_IDENTIFIER
        if not self.is_too_long:
            self._data_set += data
        return len(data)

    def seal(self) -> None:
        """There is always room."""

    def finish(self) -> tuple[int, str]:
        """Never called: a question is not answered by one status."""
        raise AssertionError("a question is answered in a dialogue")

    def close(self) -> None:
        """Forget it."""
        self._data_set = bytearray()
