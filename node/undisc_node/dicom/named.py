"""Whether an object that a peer sends is the one that its manifest names.

The hash in a manifest says that bytes arrived as they were sent, not what they are: a holder can
sign a manifest of one study over the images of another patient. The names of study, series and
instance are therefore read from the bytes themselves before any is written.

Not here: whether the image shows what it says. No program can tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final

from undisc_node.dicom import text
from undisc_node.dicom.reader import collect
from undisc_node.dicom.sources import BytesSource
from undisc_node.services.errors import Invalid
from undisc_protocol.errors import Tampered
from undisc_protocol.pack import ObjectHeader, StudyHeader

_CLASS, _INSTANCE, _STUDY, _SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
_NAMES: Final = frozenset((_CLASS, _INSTANCE, _STUDY, _SERIES))


@dataclass(frozen=True, slots=True)
class _Beginning:
    """The first bytes of a file that is longer.

    Attributes:
        source: What there is.
        size: Bytes of the whole file.
    """

    source: BytesSource
    size: int

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        with self.source.open() as stream:
            yield stream


def check_names(study: StudyHeader, header: ObjectHeader, beginning: memoryview) -> None:
    """Compare what an object says it is with what its manifest says.

    Args:
        study: What was said of the study.
        header: What was said of the object.
        beginning: Its first bytes: one chunk, or all of it.

    Raises:
        Tampered: It is no DICOM object, or one of another study, series or instance. Where the
            names lie behind the first chunk they cannot be compared, and the object passes.
    """
    try:
        found = collect(_Beginning(BytesSource(b"", beginning), header.size), _NAMES, _SERIES)
    except Invalid as problem:
        if problem.reason == "truncated" and len(beginning) < header.size:
            return
        raise Tampered("a received object is not an image that can be read") from None
    named = {
        _CLASS: header.sop_class,
        _INSTANCE: header.sop_uid,
        _STUDY: study.uid,
        _SERIES: header.series_uid,
    }
    if any(text.read_uid(found.get(tag, b"")) != uid for tag, uid in named.items()):
        raise Tampered("a received object is another one than its manifest names")
