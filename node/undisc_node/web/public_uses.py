"""What the public listener needs from use cases, each method as it is called here.

All of them are synchronous and run in worker threads; they raise `ServiceError` or `ProtocolError`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

from undisc_node.services.ports import Reply
from undisc_node.web.asked.uses import AskedUses
from undisc_node.web.links_uses import Unlocks
from undisc_node.web.offers_uses import TakesOffers
from undisc_node.web.pairings_uses import TakesGuests
from undisc_node.web.patients_uses import (
    ChecksSessions,
    OpensLinks,
    SharesForPatients,
    TellsOfUses,
)

if TYPE_CHECKING:  # its modules use the keys
    from undisc_node.web.viewer.uses import ViewerUses


class Slice(Protocol):
    """A run of bytes of a pack file, at most `limits.SLICE` long."""

    @property
    def file(self) -> BinaryIO:
        """The open pack file; its position is of no meaning."""

    @property
    def offset(self) -> int:
        """First byte in the file."""

    @property
    def length(self) -> int:
        """Number of bytes, at least one."""


class Stream(Protocol):
    """Granted bytes, opened for one answer."""

    @property
    def start(self) -> int:
        """First byte of the range within the ticket's stream."""

    @property
    def stop(self) -> int:
        """End of the range, exclusive."""

    @property
    def total(self) -> int:
        """Length of the ticket's whole stream."""

    def batches(self) -> Iterator[Sequence[Slice]]:
        """Yield the range in batches of at most `limits.SLICE` bytes in all.

        Each step may run in another thread, never two at once.

        Raises:
            BadTicket: Before a batch, when the ticket's capability was revoked or it expired.
        """

    def close(self) -> None:
        """Close what is open; doing it again changes nothing."""


class Serves(Protocol):
    """Answers requests for studies."""

    def answer(self, body: bytes) -> Reply:
        """Answer a sealed request with signed bytes."""


class TakesReceipts(Protocol):
    """Files what recipients state."""

    def take(self, body: bytes) -> Reply:
        """File a sealed receipt; answer with signed bytes."""


class TellsMemories(Protocol):
    """Tells peers what this node remembers of them."""

    def answer(self, body: bytes) -> Reply:
        """Answer a sealed request to recall with signed bytes."""


class AnswersGreetings(Protocol):
    """Shows peers our card, and what we keep of their logs."""

    def answer(self, body: bytes) -> Reply:
        """Answer a sealed greeting with signed bytes."""


class TakesNotices(Protocol):
    """Heeds what holders tell about studies that were fetched from them."""

    def take(self, body: bytes) -> Reply:
        """Take a sealed notice in; answer with signed bytes."""


class AnswersPolls(Protocol):
    """Tells nodes that come by themselves what waits for them."""

    def answer(self, body: bytes) -> Reply:
        """Answer a sealed poll with signed bytes."""


class TakesAnswer(Protocol):
    """The answer to an errand, as it arrives."""

    def put(self, block: bytes) -> bool:
        """Take a block; return whether there is room for more at once."""

    def when_room(self, call: Callable[[], None]) -> None:
        """Have something called once there is room, from any thread."""

    def close(self) -> None:
        """End it, whole or not."""


class KeepsErrands(Protocol):
    """Keeps what waits for nodes that come by themselves."""

    def answer(self, handle: bytes, status: int, length: int | None) -> TakesAnswer:
        """Begin to take the answer to an errand.

        Raises:
            BadTicket: Nobody waits for it, or not for so many bytes.
        """


class OpensStreams(Protocol):
    """Opens the bytes of tickets."""

    def open(self, ticket: bytes, start: int, stop: int | None) -> Stream:
        """Open `[start, stop)`, or to the end.

        Raises:
            BadTicket: Unknown, expired or revoked.
            OutsideExtent: The range is not within what the ticket covers.
        """


class Introduces(Protocol):
    """Says who this node is."""

    def document(self) -> bytes:
        """Return identity records and status card (SPEC.md §3.6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicUses:
    """What the public listener calls."""

    peering: Introduces
    serving: Serves
    receipts: TakesReceipts
    streams: OpensStreams
    recalling: TellsMemories
    polls: AnswersPolls
    errands: KeepsErrands
    rounds: AnswersGreetings
    heeding: TakesNotices
    unlocking: Unlocks
    offers: TakesOffers
    pairings: TakesGuests
    opening: OpensLinks
    browsing: ChecksSessions
    patient_sharing: SharesForPatients
    use_notices: TellsOfUses
    viewer: ViewerUses
    asked: AskedUses
