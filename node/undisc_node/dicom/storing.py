"""Hands instances over to an archive by C-STORE (PS3.4 §B), in the transfer syntax that they have.

Nothing is converted: what an archive does not take in this syntax it does not get. Only where a
workstation asked for it are headers rewritten between the uncompressed little endian encodings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from undisc_node.dicom.calling import Called, Originator, Sent, accepted, calling, send_object
from undisc_node.dicom.converting import OTHER, check, converted
from undisc_node.dicom.sources import data_set_of, stream_of
from undisc_node.services.errors import Invalid, Unavailable
from undisc_node.services.ports import Outgoing, StoreAnswer, Watch

_CONTEXTS: Final = 128  # presentation contexts in one association (PS3.8 §9.3.2.2)
NOT_SUPPORTED: Final = 0x0122  # SOP class not supported (PS3.7 §C.5.27)
_OUT_OF_RESOURCES: Final = 0xA7  # high byte (PS3.4 table B.2-1)
_CANNOT_UNDERSTAND: Final = 0xC000  # what an archive would say to such an object
_WARNING: Final = 0xB  # highest digit (PS3.7 §C)


def store_objects(
    called: Called,
    objects: Iterable[Outgoing],
    watch: Watch,
    *,
    originator: Originator | None = None,
) -> Iterator[StoreAnswer]:
    """Hand instances over; see `ports.Archive.store`.

    Args:
        called: To whom.
        objects: Instances.
        watch: Ends it.
        originator: Whose C-MOVE this is a part of. Then the other uncompressed little endian
            encoding is proposed too, and headers are rewritten where only that one is taken.
    """
    for batch in _batches(objects, _CONTEXTS if originator is None else _CONTEXTS // 2):
        kinds = sorted({(one.sop_class, one.syntax) for one in batch})
        if originator is not None:
            others = {(one, OTHER[syntax]) for one, syntax in kinds if syntax in OTHER}
            kinds += sorted(others - set(kinds))
        with calling(called, [(one, [syntax]) for one, syntax in kinds]) as association:
            contexts = accepted(association)
            for number, one in enumerate(batch):
                if watch.wants_to_stop():
                    return
                context = contexts.get((one.sop_class, one.syntax))
                converts = context is None
                if converts:
                    context = contexts.get((one.sop_class, OTHER.get(one.syntax, "")))
                if context is None:
                    yield StoreAnswer(one.key, NOT_SUPPORTED, taken=False)
                    continue
                if not association.is_established:
                    raise Unavailable("the PACS broke off while images were being sent")
                message = number % 0xFFFF + 1
                sent = Sent(one.sop_class, one.sop_uid, context, message, originator)
                try:
                    source = one.open()
                    if converts:
                        with source.open() as stream:
                            check(data_set_of(stream, source.size), one.syntax)
                except Invalid:
                    yield StoreAnswer(one.key, _CANNOT_UNDERSTAND, taken=False)
                    continue
                with source.open() as stream:
                    data_set = data_set_of(stream, source.size)
                    if converts:
                        data_set = stream_of(converted(data_set, one.syntax))
                    status = send_object(association, sent, data_set)
                yield _answer(one.key, status)


def _answer(key: bytes, status: int) -> StoreAnswer:
    return StoreAnswer(
        key,
        status,
        taken=status == 0 or status >> 12 == _WARNING,
        passing=status >> 8 == _OUT_OF_RESOURCES,
    )


def _batches(objects: Iterable[Outgoing], most: int) -> Iterator[list[Outgoing]]:
    """Split into parts with so many kinds at most, in the same order."""
    batch: list[Outgoing] = []
    kinds: set[tuple[str, str]] = set()
    for one in objects:
        kind = (one.sop_class, one.syntax)
        if kind not in kinds and len(kinds) == most:
            yield batch
            batch, kinds = [], set()
        batch.append(one)
        kinds.add(kind)
    if batch:
        yield batch
