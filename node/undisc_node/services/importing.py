"""What an administrator brings from a disc, stick, folder or ZIP file.

The person's own command finds the files and sends them one by one; this is what it asks the node
before that (who is on the medium?) and what stays afterwards (where did this study come from?).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from threading import Lock
from typing import BinaryIO, Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import NotFound, ServiceError
from undisc_node.services.media_model import (
    MAX_CREATOR,
    MAX_FILE_SET,
    MAX_LABEL,
    Listing,
    Medium,
    MediumKind,
)
from undisc_node.services.model import InstanceFacts
from undisc_node.services.ports import (
    Catalog,
    Clock,
    DirectoryReader,
    Entropy,
    InstanceReader,
    Source,
)

_MOST_OPEN: Final = 64  # imports that may run at once; the oldest is forgotten then


class _Head:
    """The first bytes of a file as a `Source`."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def size(self) -> int:
        """Size in bytes."""
        return len(self._content)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open for reading from the first byte."""
        yield BytesIO(self._content)


class Importing:
    """Looks at media, and remembers where studies came from.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
        entropy: Ids.
        reader: Reads facts from a DICOM object.
        directories: Reads DICOMDIR files.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
        reader: InstanceReader,
        directories: DirectoryReader,
    ) -> None:
        self._catalog = catalog
        self._journal = journal
        self._clock = clock
        self._entropy = entropy
        self._reader = reader
        self._directories = directories
        self._open: OrderedDict[bytes, Medium] = OrderedDict()
        self._attached: dict[bytes, set[bytes]] = {}
        self._lock = Lock()

    def look(self, heads: Sequence[bytes]) -> Sequence[InstanceFacts | ServiceError]:
        """Say what each file is about by how it begins; nothing is stored.

        Args:
            heads: The first bytes of files; `truncated` means that more of one is needed.
        """
        return [self._look(head) for head in heads]

    def _look(self, head: bytes) -> InstanceFacts | ServiceError:
        try:
            return self._reader.facts(_Head(head))
        except ServiceError as refusal:
            return refusal

    def listing(self, source: Source) -> Listing:
        """Read what a DICOMDIR lists.

        Raises:
            Invalid: It is none.
        """
        return self._directories.listing(source)

    def begin(
        self, kind: MediumKind, *, label: str, file_set: str, creator: str, actor: str
    ) -> Medium:
        """Name a medium from which files are about to come.

        Args:
            kind: What it is.
            label: Volume label, or the name of the folder or file; cut to `MAX_LABEL` characters.
            file_set: What its DICOMDIR calls it; cut likewise.
            creator: Who wrote it, as its DICOMDIR says; cut likewise.
            actor: Who imports it.
        """
        medium = Medium(
            id=self._entropy.random(16),
            kind=kind,
            label=_plain(label, MAX_LABEL),
            file_set=_plain(file_set, MAX_FILE_SET),
            creator=_plain(creator, MAX_CREATOR),
            actor=actor,
            at_ms=self._clock.now_ms(),
        )
        with self._lock:
            self._open[medium.id] = medium
            self._attached[medium.id] = set()
            while len(self._open) > _MOST_OPEN:
                forgotten, _ = self._open.popitem(last=False)
                del self._attached[forgotten]
        return medium

    def opened(self, medium: bytes) -> Medium:
        """Return a medium that was begun.

        Raises:
            NotFound: It was not, or before this process started, or too many were begun since.
        """
        with self._lock:
            found = self._open.get(medium)
        if found is None:
            raise NotFound("no such import is under way", hint="start the import again")
        return found

    def attach(self, medium: Medium, study: bytes) -> None:
        """Note that instances of a study came from a medium; doing it again changes nothing."""
        with self._lock:
            known = self._attached.get(medium.id)
            if known is None or study in known:
                return
        with self._catalog.change() as records:
            row = records.studies.get(study)
            if row is not None and records.media.attach(medium, study):
                self._journal.note(
                    records,
                    "study.imported",
                    who=auditing.user(medium.actor),
                    what=auditing.about_study(row),
                    detail={"medium": medium.id.hex(), "kind": medium.kind},
                )
        with self._lock:
            known.add(study)

    def of_study(self, study: bytes) -> Sequence[Medium]:
        """List the media a study came from, oldest first."""
        with self._catalog.look() as records:
            return records.media.of_study(study)


def _plain(text: str, most: int) -> str:
    """Keep what can be shown on one line, at most some characters of it."""
    return "".join(one for one in text if one.isprintable()).strip()[:most]
