"""Ports to media: what a DICOMDIR says, what goes onto a medium, what studies came from one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from undisc_node.services.media_model import Listing, Medium
from undisc_node.services.model import Study
from undisc_node.services.ports.packs import Source
from undisc_protocol.pack import ObjectHeader


class DirectoryReader(Protocol):
    """Reads what discs say about themselves."""

    def listing(self, source: Source) -> Listing:
        """Read what a DICOMDIR lists.

        Raises:
            Invalid: Not a DICOMDIR, or one that cannot be read at all.
        """


@dataclass(frozen=True, slots=True)
class Leaf:
    """An instance as it goes onto a medium.

    Attributes:
        header: Its header.
        start: What the file begins with there.
        skip: How many of the first original bytes `start` stands for.
        kind: Type of its directory record.
        references: What its record says before it names the file, encoded.
        record: What its record says after that, encoded.
        series: What its series' record takes from it, encoded.
        study: What its study's record takes from it, encoded.
        patient: What its patient's record takes from it, encoded.
        report: Where a PDF lies in it: offset and length in the original bytes; None for none.
    """

    header: ObjectHeader
    start: bytes
    skip: int
    kind: str
    references: bytes
    record: bytes
    series: bytes
    study: bytes
    patient: bytes
    report: tuple[int, int] | None

    @property
    def size(self) -> int:
        """Size of the file on the medium, in bytes."""
        return self.header.size - self.skip + len(self.start)


@dataclass(frozen=True, slots=True)
class Branch:
    """A series as it goes onto a medium.

    Attributes:
        leaves: Its instances with the components of their file ids.
    """

    leaves: Sequence[tuple[tuple[str, ...], Leaf]]


@dataclass(frozen=True, slots=True)
class Trunk:
    """A study as it goes onto a medium.

    Attributes:
        study: Its row.
        series: Its series.
    """

    study: Study
    series: Sequence[Branch]


class MediumComposer(Protocol):
    """Makes what a DICOM medium needs besides the instances (PS3.10, PS3.3 Annex F)."""

    def leaf(self, head: bytes, header: ObjectHeader, study: Study, place: tuple[int, int]) -> Leaf:
        """Prepare one instance.

        Args:
            head: Its first original bytes; `HEAD` of them or all.
            header: Its header.
            study: The study that it belongs to.
            place: Which series and which instance of it this is, from 1; stand in for numbers that
                it does not have itself.
        """

    def directory(self, uid: str, file_set: str, studies: Sequence[Trunk]) -> bytes:
        """Make the DICOMDIR.

        Args:
            uid: What it is called itself: a new SOP Instance UID.
            file_set: What the medium is called: up to 16 of A-Z, 0-9 and _.
            studies: What is on it; none of them empty.
        """


class MediaRecords(Protocol):
    """Media that studies were imported from."""

    def attach(self, medium: Medium, study: bytes) -> bool:
        """Note that instances of a study came from a medium; False if that was noted before."""

    def of_study(self, study: bytes) -> Sequence[Medium]:
        """List the media a study came from, oldest first."""
