"""Every identity that the instances of a study name, read from their own headers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO

from undisc_node.services.contents import Located, StoredSource, StudyContents
from undisc_node.services.errors import Invalid
from undisc_node.services.matching import distinct
from undisc_node.services.model import InstanceFacts, Patient
from undisc_node.services.ports import InstanceReader, Packs


class _Head:
    """The first bytes of an instance, as a source that cuts off behind them."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data = data
        self.size = size

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open for reading from the first byte."""
        yield BytesIO(self._data)


def identities(
    packs: Packs, reader: InstanceReader, contents: StudyContents
) -> tuple[Patient, ...]:
    """Return every different patient that the current instances name, in order of arrival.

    Raises:
        Damaged: Stored bytes do not authenticate.
    """
    return distinct(facts_of(packs, reader, one).patient for one in contents.current.values())


def facts_of(packs: Packs, reader: InstanceReader, located: Located) -> InstanceFacts:
    """Return what a stored instance says about itself.

    Raises:
        Damaged: Stored bytes do not authenticate.
    """
    size = located.stored.header.size
    first = next(iter(packs.read(located.pack, located.stored)), b"")
    try:
        return reader.facts(_Head(first, size))
    except Invalid:  # its header is longer than one chunk
        with StoredSource(packs, located).open() as stream:
            return reader.facts(_Head(stream.read(), size))
