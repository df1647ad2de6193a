"""C-MOVE in the role of the provider (PS3.4 §C.4.2): instances go to a place that we know.

Where a destination is comes from what an administrator configured, never from the request: an AE
title is a name, and the address behind it is ours to know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from undisc_node.dicom.calling import Called, Originator
from undisc_node.dicom.dimse import statuses
from undisc_node.dicom.providing.asked import Asked
from undisc_node.dicom.providing.counting import Tally
from undisc_node.dicom.providing.dialogue import Dialogue
from undisc_node.dicom.providing.getting import NOT_TAKEN, STOPPED, Opens
from undisc_node.dicom.storing import NOT_SUPPORTED, store_objects
from undisc_node.services.errors import Damaged, Invalid, ServiceError
from undisc_node.services.ports import Outgoing, Source
from undisc_node.services.workstations.giving import Chosen

Destinations = Callable[[str], Called | None]
"""Finds where an AE title is; None where nobody has configured it."""

DAMAGED = "damaged here"
UNREACHABLE = "not sent, the destination does not answer"


class _Watch:
    """Ends the sending when it was cancelled, or whoever asked has gone."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue

    def seen(self, done: int, total: int) -> None:
        """Nothing is shown."""

    def wants_to_stop(self) -> bool:
        """Tell whether to end."""
        return self._dialogue.is_cancelled or self._dialogue.is_over


def send_on(
    opens: Opens,
    asked: Asked,
    called: Called,
    chosen: Sequence[Chosen],
    tally: Tally,
    dialogue: Dialogue,
) -> None:
    """Send instances to a destination, and tell how far it is.

    Raises:
        Gone: Whoever asked has gone.
    """
    originator = Originator(asked.ae_title, asked.command.message)
    left, stopped = list(chosen), set[bytes]()
    while left and not dialogue.is_cancelled:
        answers = store_objects(
            called, _outgoing(opens, tuple(left), stopped), _Watch(dialogue), originator=originator
        )
        try:
            for answer in answers:
                one = left.pop(0)
                if answer.key in stopped:
                    tally.fail(one, STOPPED)
                elif answer.status == NOT_SUPPORTED:
                    tally.fail(one, NOT_TAKEN)
                else:
                    tally.count(one, answer.status)
                if left:
                    tally.tell(dialogue)
        except Damaged:  # within an instance, whose association was aborted; the others still go
            tally.fail(left.pop(0), DAMAGED)
        except ServiceError:
            while left:
                tally.fail(left.pop(0), UNREACHABLE)
        else:
            return


def _outgoing(opens: Opens, chosen: Sequence[Chosen], stopped: set[bytes]) -> Iterator[Outgoing]:
    """Yield instances; note which ones may not leave any more when their turn has come."""
    for one in chosen:
        header = one.located.stored.header

        def source(one: Chosen = one) -> Source:
            try:
                return opens.source(one)
            except ServiceError as refusal:
                stopped.add(one.located.stored.header.id)
                raise Invalid(str(refusal)) from refusal

        yield Outgoing(header.id, header.sop_class, header.sop_uid, header.syntax, source)


def unknown(asked: Asked) -> tuple[int, str]:
    """Return status and comment for a destination that nobody has configured."""
    title = asked.command.destination
    shown = title if title.isascii() and title.isprintable() else "this"
    return statuses.UNKNOWN_DESTINATION, f"the node knows no AE title {shown}"
