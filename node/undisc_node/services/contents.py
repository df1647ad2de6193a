"""What is inside a study, gathered from the headers in its packs.

The catalog has no rows for instances: the packs' own headers are the truth, and this module is the
one place that says which objects are current, superseded or waiting.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BufferedReader, RawIOBase
from threading import Lock
from typing import BinaryIO, cast

from undisc_node.services.model import Pack, PackRole
from undisc_node.services.ports import Packs, Records, Stored


@dataclass(frozen=True, slots=True)
class Located:
    """An object and the pack it lies in."""

    pack: Pack
    stored: Stored


@dataclass(frozen=True, slots=True)
class StudyContents:
    """The objects of one study; never changed, only extended into a new value.

    Attributes:
        version: The committed packs this was read from.
        current: By SOP Instance UID, in order of arrival.
        superseded: Replaced by a later object.
        waiting: In the waiting packs.
    """

    version: tuple[tuple[bytes, int], ...] = ()
    current: Mapping[str, Located] = field(default_factory=dict)
    superseded: tuple[Located, ...] = ()
    waiting: tuple[Located, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of current instances as received."""
        return sum(located.stored.header.size for located in self.current.values())

    def modalities(self, known: Sequence[str]) -> tuple[str, ...]:
        """Return the modalities that are known, and those of current instances, sorted."""
        found = {located.stored.header.modality for located in self.current.values()}
        return tuple(sorted({*known, *found} - {""}))

    def extended(self, pack: Pack, stored: Sequence[Stored]) -> StudyContents:
        """Return the contents after objects were appended to a pack.

        Bytes that are current already add nothing: two fetches of one study that ran at the same
        time bring each object twice.
        """
        sizes = dict(self.version) | {pack.id: pack.length}
        version = tuple(sizes.items())
        arrived = [Located(pack, one) for one in stored]
        if pack.role is PackRole.WAITING:
            return replace(self, version=version, waiting=(*self.waiting, *arrived))
        current, superseded = dict(self.current), list(self.superseded)
        for located in arrived:
            header = located.stored.header
            previous = current.get(header.sop_uid)
            if previous is not None:
                if previous.stored.header.hash == header.hash:
                    continue
                superseded.append(current.pop(header.sop_uid))
            current[header.sop_uid] = located
        return StudyContents(version, current, tuple(superseded), self.waiting)


class Contents:
    """Reads the contents of studies, and remembers those in use.

    Args:
        packs: Where the headers are.
        most: How many studies to remember.
    """

    def __init__(self, *, packs: Packs, most: int = 32) -> None:
        self._packs = packs
        self._most = most
        self._known: OrderedDict[bytes, StudyContents] = OrderedDict()
        self._lock = Lock()

    def of(self, records: Records, study: bytes) -> StudyContents:
        """Return the contents of a study as the catalog has committed it."""
        packs = [
            *records.studies.packs(study, PackRole.MAIN),
            *records.studies.packs(study, PackRole.WAITING),
        ]
        with self._lock:
            known = self._known.get(study)
        if known is None or dict(known.version) != {pack.id: pack.length for pack in packs}:
            known = StudyContents()
            for pack in packs:
                known = known.extended(pack, self._packs.objects(pack))
        self.remember(study, known)
        return known

    def remember(self, study: bytes, contents: StudyContents) -> None:
        """Keep contents that were extended after a commit."""
        with self._lock:
            self._known[study] = contents
            self._known.move_to_end(study)
            while len(self._known) > self._most:
                self._known.popitem(last=False)

    def forget(self, study: bytes) -> None:
        """Drop what is remembered of a study."""
        with self._lock:
            self._known.pop(study, None)


class StoredSource:
    """An object in a pack as a `Source` (for moving it into another pack)."""

    def __init__(self, packs: Packs, located: Located) -> None:
        self._packs = packs
        self._located = located

    @property
    def size(self) -> int:
        """Size of the original bytes."""
        return self._located.stored.header.size

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Read the original bytes from the start."""
        chunks = self._packs.read(self._located.pack, self._located.stored)
        yield cast("BinaryIO", BufferedReader(_Chunks(chunks), buffer_size=1 << 20))


class _Chunks(RawIOBase):
    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            try:
                self._rest = next(self._chunks)
            except StopIteration:
                return 0
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
