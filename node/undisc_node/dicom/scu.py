"""Sends files by C-STORE, their data-set bytes untouched (PS3.4 §B.2.1).

The bytes come from the file as they are: nothing is decoded, converted or written again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from undisc_node.dicom.calling import Called, Sent, accepted, calling, send_object
from undisc_node.dicom.part10 import split_part10
from undisc_node.dicom.reader import FactReader
from undisc_node.dicom.sources import FileSource
from undisc_node.services.errors import Unavailable

_CONTEXTS: Final = 128  # presentation contexts in one association (PS3.8 §9.3.2.2)


@dataclass(frozen=True, slots=True)
class _Item:
    """A file, and what has to be said about it."""

    path: Path
    sop_class: str
    sop_uid: str
    transfer_syntax: str


def echo(address: str, port: int, calling_ae: str, called_ae: str) -> None:
    """Ask whether a DICOM port answers (C-ECHO).

    Raises:
        Unavailable: It does not.
        Refused: It does not accept us.
    """
    called = Called(address, port, calling_ae, called_ae)
    with calling(called, [(Verification, None)]) as association:
        if "Status" not in association.send_c_echo():
            raise Unavailable("the DICOM port does not answer")


def send_files(
    address: str, port: int, calling_ae: str, called_ae: str, paths: Sequence[Path]
) -> Iterator[tuple[Path, int]]:
    """Send files one after the other.

    Args:
        address: Address of the receiver.
        port: Its TCP port.
        calling_ae: Our AE title.
        called_ae: Its AE title.
        paths: DICOM files.

    Yields:
        Each path with the status of its answer; 0 is success.

    Raises:
        Invalid: A file cannot be read; nothing of its batch is sent.
        Unavailable: The receiver does not answer, or does not take what the files hold.
        Refused: It does not accept us.
    """
    called = Called(address, port, calling_ae, called_ae)
    for batch in _batches([_describe(path) for path in paths]):
        kinds = sorted({(item.sop_class, item.transfer_syntax) for item in batch})
        with calling(called, [(one, [syntax]) for one, syntax in kinds]) as association:
            contexts = accepted(association)
            for number, item in enumerate(batch):
                context = contexts.get((item.sop_class, item.transfer_syntax))
                if context is None:
                    raise Unavailable("the receiver does not take objects of this kind")
                source = FileSource(item.path)
                sent = Sent(item.sop_class, item.sop_uid, context, number % 0xFFFF + 1)
                with source.open() as stream:
                    stream.seek(split_part10(source))
                    yield item.path, send_object(association, sent, stream)


def _describe(path: Path) -> _Item:
    """Read what the command has to name."""
    facts = FactReader().facts(FileSource(path))
    return _Item(path, facts.sop_class, facts.sop_uid, facts.transfer_syntax)


def _batches(items: Sequence[_Item]) -> Iterator[list[_Item]]:
    """Split into parts whose kinds fit one association, in the same order."""
    batch: list[_Item] = []
    kinds: set[tuple[str, str]] = set()
    for item in items:
        kind = (item.sop_class, item.transfer_syntax)
        if len(kinds | {kind}) > _CONTEXTS:
            yield batch
            batch, kinds = [], set()
        batch.append(item)
        kinds.add(kind)
    if batch:
        yield batch
