"""Hands instances over to an archive by C-STORE (PS3.4 §B), in the transfer syntax that they have.

Nothing is converted: what an archive does not take in this syntax it does not get.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BufferedReader, BytesIO
from typing import BinaryIO, Final, cast

from undisc_node.dicom.calling import Called, Sent, accepted, calling, send_object
from undisc_node.dicom.part10 import read_frame
from undisc_node.dicom.sources import Following
from undisc_node.services.errors import Invalid, Unavailable
from undisc_node.services.ports import Outgoing, StoreAnswer, Watch

_CONTEXTS: Final = 128  # presentation contexts in one association (PS3.8 §9.3.2.2)
_NOT_SUPPORTED: Final = 0x0122  # SOP class not supported (PS3.7 §C.5.27)
_OUT_OF_RESOURCES: Final = 0xA7  # high byte (PS3.4 table B.2-1)
_CANNOT_UNDERSTAND: Final = 0xC000  # what an archive would say to such an object
_META: Final = 65_536  # bytes that hold any file meta information
_WARNING: Final = 0xB  # highest digit (PS3.7 §C)


def store_objects(
    called: Called, objects: Iterable[Outgoing], watch: Watch
) -> Iterator[StoreAnswer]:
    """Hand instances over; see `ports.Archive.store`."""
    for batch in _batches(objects):
        kinds = sorted({(one.sop_class, one.syntax) for one in batch})
        with calling(called, [(one, [syntax]) for one, syntax in kinds]) as association:
            contexts = accepted(association)
            for number, one in enumerate(batch):
                if watch.wants_to_stop():
                    return
                context = contexts.get((one.sop_class, one.syntax))
                if context is None:
                    yield StoreAnswer(one.key, _NOT_SUPPORTED, taken=False)
                    continue
                if not association.is_established:
                    raise Unavailable("the PACS broke off while images were being sent")
                sent = Sent(one.sop_class, one.sop_uid, context, number % 0xFFFF + 1)
                try:
                    source = one.open()
                except Invalid:
                    yield StoreAnswer(one.key, _CANNOT_UNDERSTAND, taken=False)
                    continue
                with source.open() as stream:
                    status = send_object(association, sent, _data_set(stream, source.size))
                yield _answer(one.key, status)


def _data_set(stream: BinaryIO, size: int) -> BinaryIO:
    """Return what follows the file meta information of a stream that cannot be sought in."""
    head = stream.read(_META)
    start = read_frame(BytesIO(head), size).data_set_at
    return cast("BinaryIO", BufferedReader(Following(head[start:], stream), _META))


def _answer(key: bytes, status: int) -> StoreAnswer:
    return StoreAnswer(
        key,
        status,
        taken=status == 0 or status >> 12 == _WARNING,
        passing=status >> 8 == _OUT_OF_RESOURCES,
    )


def _batches(objects: Iterable[Outgoing]) -> Iterator[list[Outgoing]]:
    """Split into parts whose kinds fit one association, in the same order."""
    batch: list[Outgoing] = []
    kinds: set[tuple[str, str]] = set()
    for one in objects:
        kind = (one.sop_class, one.syntax)
        if kind not in kinds and len(kinds) == _CONTEXTS:
            yield batch
            batch, kinds = [], set()
        batch.append(one)
        kinds.add(kind)
    if batch:
        yield batch
