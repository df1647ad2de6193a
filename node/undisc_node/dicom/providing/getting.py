"""C-GET in the role of the provider (PS3.4 §C.4.3): instances go back on the same association.

Each goes in the transfer syntax in which it is stored, in a context in which the workstation
takes it (role selection, PS3.7 §D.3.3.4); chunk by chunk, as the network takes them. Only where a
workstation takes the other uncompressed little endian encoding are headers rewritten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from undisc_node.dicom.converting import OTHER, check, converted
from undisc_node.dicom.dimse.commands import Command, Request
from undisc_node.dicom.providing.asked import Asked
from undisc_node.dicom.providing.counting import Tally
from undisc_node.dicom.providing.dialogue import PIECE, Dialogue
from undisc_node.dicom.sources import data_set_of
from undisc_node.services.errors import Invalid, ServiceError
from undisc_node.services.ports import Source
from undisc_node.services.workstations.giving import Chosen

NOT_TAKEN: Final = "not taken in their transfer syntax"
STOPPED: Final = "held or withdrawn meanwhile"


@dataclass(frozen=True, slots=True)
class Way:
    """How an instance goes.

    Attributes:
        context: The presentation context in which it is taken.
        converts: Whether that has the other one of the uncompressed little endian encodings.
        seconds: How long its answer may take.
    """

    context: int
    converts: bool
    seconds: float


class Opens(Protocol):
    """Hands out bytes, as `services.workstations.Giving` does."""

    def source(self, one: Chosen) -> Source:
        """Return the bytes of an instance; raises `ServiceError` if it may not leave any more."""


def give_back(
    opens: Opens,
    asked: Asked,
    chosen: Sequence[Chosen],
    tally: Tally,
    dialogue: Dialogue,
    *,
    seconds: float,
) -> None:
    """Send instances on the association on which they were asked for.

    Args:
        opens: Hands out bytes.
        asked: The request.
        chosen: What to send.
        tally: Counts.
        dialogue: The connection.
        seconds: How long the answer to one instance may take.

    Raises:
        Gone: The connection has ended, or there was no answer in time.
        ServiceError: Stored bytes do not authenticate, in the middle of an instance.
    """
    for one in chosen:
        if dialogue.is_cancelled:
            return
        header = one.located.stored.header
        kind = header.sop_class, header.syntax
        other = header.sop_class, OTHER.get(header.syntax, "")
        if kind in asked.storage:
            way = Way(asked.storage[kind], converts=False, seconds=seconds)
            _send(opens, one, way, asked.command, tally, dialogue)
        elif other in asked.storage:
            way = Way(asked.storage[other], converts=True, seconds=seconds)
            _send(opens, one, way, asked.command, tally, dialogue)
        else:
            tally.fail(one, NOT_TAKEN)
        if tally.remaining:
            tally.tell(dialogue)


def _send(
    opens: Opens,
    one: Chosen,
    way: Way,
    request: Command,
    tally: Tally,
    dialogue: Dialogue,
) -> None:
    header = one.located.stored.header
    try:
        source = opens.source(one)
    except ServiceError:
        tally.fail(one, STOPPED)
        return
    if way.converts:
        try:
            with source.open() as stream:
                check(data_set_of(stream, source.size), header.syntax)
        except Invalid:
            tally.fail(one, NOT_TAKEN)
            return
    command = Command(
        Request.STORE,
        sop_class=header.sop_class,
        instance=header.sop_uid,
        priority=request.priority,
    )
    with source.open() as stream:
        data_set = data_set_of(stream, source.size)
        pieces = iter(lambda: data_set.read(PIECE), b"")
        if way.converts:
            pieces = converted(data_set, header.syntax)
        answer = dialogue.store(way.context, command, pieces, seconds=way.seconds)
        tally.count(one, answer.status)
