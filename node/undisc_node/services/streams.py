"""Handing out granted bytes in batches of slices (SPEC.md §6.5).

Before every batch the ticket is looked at again, so a revocation, a hold or a suspended peer bites
within `limits.SLICE` bytes. No cryptography happens here: ciphertext leaves as it lies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO

from undisc_node.services.model import Extent, Ticket
from undisc_node.services.ports import Catalog, Clock, Packs
from undisc_protocol import limits
from undisc_protocol.errors import BadTicket, OutsideExtent


@dataclass(frozen=True, slots=True)
class Slice:
    """A run of ciphertext in a pack file, at most `limits.SLICE` long."""

    file: BinaryIO
    offset: int
    length: int


class Streams:
    """Opens the bytes of tickets.

    Args:
        catalog: Rows.
        packs: Bytes.
        clock: Time.
        served: Is told how many bytes are about to leave.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        packs: Packs,
        clock: Clock,
        served: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self.served = served
        self._catalog = catalog
        self._packs = packs
        self._clock = clock

    def open(self, ticket: bytes, start: int, stop: int | None) -> Stream:
        """Open the bytes `[start, stop)` of a ticket's stream.

        Args:
            ticket: The ticket, 32 bytes.
            start: First byte.
            stop: End, exclusive; None for the end of the stream.

        Raises:
            BadTicket: Unknown, over, or its capability was revoked.
            OutsideExtent: Not within what the ticket covers.
        """
        ticket_hash = sha256(ticket).digest()
        with self._catalog.look() as records:
            found = records.tickets.get(ticket_hash)
        if found is None or found.expires_ms <= self._clock.now_ms():
            raise _over()
        total = sum(extent.length for extent in found.extents)
        end = total if stop is None else stop
        if not 0 <= start < end <= total:
            raise OutsideExtent("the range lies outside what the ticket covers")
        return Stream(self, found, start, end, total)

    def check_alive(self, ticket: Ticket) -> None:
        """Look at a ticket again.

        Raises:
            BadTicket: It is over, or its capability was revoked in the meantime.
        """
        with self._catalog.look() as records:
            end_ms = records.tickets.ends_ms(ticket.hash)
        if end_ms <= self._clock.now_ms():
            raise _over()

    def open_pack(self, pack: bytes) -> BinaryIO:
        """Open a pack file for reading ciphertext."""
        return self._packs.open_file(pack)


def _over() -> BadTicket:
    return BadTicket("the ticket is not valid, or not any more")


class Stream:
    """Granted bytes, opened for one answer.

    Attributes:
        start: First byte of the range within the ticket's stream.
        stop: End of the range, exclusive.
        total: Length of the whole stream.
    """

    def __init__(self, streams: Streams, ticket: Ticket, start: int, stop: int, total: int) -> None:
        self._streams = streams
        self._ticket = ticket
        self._files: dict[bytes, BinaryIO] = {}
        self.start = start
        self.stop = stop
        self.total = total

    def batches(self) -> Iterator[Sequence[Slice]]:
        """Yield the range in batches of at most `limits.SLICE` bytes in all.

        An image is often much smaller than that, and each look at the ticket costs as much as
        sending a small image.

        Raises:
            BadTicket: Before a batch, when the ticket is over or its capability was revoked.
        """
        for extents in _batches(_within(self._ticket.extents, self.start, self.stop)):
            self._streams.check_alive(self._ticket)
            self._streams.served(sum(extent.length for extent in extents))
            yield [
                Slice(self._file(extent.pack), extent.offset, extent.length) for extent in extents
            ]

    def _file(self, pack: bytes) -> BinaryIO:
        file = self._files.get(pack)
        if file is None:
            file = self._files[pack] = self._streams.open_pack(pack)
        return file

    def close(self) -> None:
        """Close what is open; doing it again changes nothing."""
        while self._files:
            self._files.popitem()[1].close()


def _within(extents: Sequence[Extent], start: int, stop: int) -> Iterator[Extent]:
    """Yield the parts of a concatenation of extents that lie in `[start, stop)`."""
    position = 0
    for extent in extents:
        first = max(start, position) - position
        last = min(stop, position + extent.length) - position
        if first < last:
            yield Extent(extent.pack, extent.offset + first, last - first)
        position += extent.length
        if position >= stop:
            return


def _batches(extents: Iterable[Extent]) -> Iterator[Sequence[Extent]]:
    """Cut extents so that each batch has `limits.SLICE` bytes; the last may have fewer."""
    batch: list[Extent] = []
    room = limits.SLICE
    for extent in extents:
        done = 0
        while done < extent.length:
            length = min(room, extent.length - done)
            batch.append(Extent(extent.pack, extent.offset + done, length))
            done += length
            room -= length
            if not room:
                yield batch
                batch, room = [], limits.SLICE
    if batch:
        yield batch
