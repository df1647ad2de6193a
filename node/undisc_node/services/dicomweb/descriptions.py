"""Descriptions of instances, read once and remembered as long as there is room.

An object never changes, so what was read of it is right for ever; a correction is another object.
"""

from __future__ import annotations

import io
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final, cast

from undisc_node.services.contents import Located
from undisc_node.services.dicomweb.model import BULK, Extent, Pixels
from undisc_node.services.dicomweb.objects import ObjectStream
from undisc_node.services.dicomweb.repairs import repaired
from undisc_node.services.ports import Packs
from undisc_node.services.ports.images import DescribesInstances

ROOM: Final = 96 * 2**20  # bytes of descriptions in memory: about 10,000 slices
_OVERHEAD: Final = 1_024  # bytes that one takes beside its text
_BULK_KEY: Final = f'"{BULK}":"'.encode()
_READ_AHEAD: Final = 65_536


@dataclass(frozen=True, slots=True)
class Description:
    """What is remembered of an instance.

    Attributes:
        text: Its attributes, repaired, as JSON; bulk data by path within the instance.
        syntax: Transfer Syntax UID.
        pixels: Where its pixel data lie, or None.
        bulk: Where the bulk data of each path lie.
        deflated: Whether offsets count within the inflated data set.
        big_endian: Whether values are stored with their highest byte first.
    """

    text: bytes
    syntax: str
    pixels: Pixels | None
    bulk: Mapping[str, Extent]
    deflated: bool
    big_endian: bool

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes as a dictionary."""
        return cast("dict[str, Any]", json.loads(self.text))

    def served(self, url: str) -> bytes:
        """Return the JSON with bulk data named by URL.

        Args:
            url: Where the instance is; it must not hold what JSON would escape.
        """
        # A quotation mark within a value is always escaped, so this finds keys only.
        return self.text.replace(_BULK_KEY, _BULK_KEY + f"{url}/bulkdata/".encode())


class Descriptions:
    """Reads and remembers descriptions.

    Args:
        packs: Bytes.
        describer: Reads objects.
        room: Bytes that remembered ones may take.
    """

    def __init__(self, *, packs: Packs, describer: DescribesInstances, room: int = ROOM) -> None:
        self._packs = packs
        self._describer = describer
        self._room = room
        self._taken = 0
        self._known: OrderedDict[bytes, Description] = OrderedDict()
        self._lock = Lock()

    def of(self, located: Located) -> Description:
        """Describe an instance.

        Raises:
            Damaged: Its bytes do not authenticate.
        """
        name = located.stored.header.id
        with self._lock:
            known = self._known.get(name)
            if known is not None:
                self._known.move_to_end(name)
                return known
        described = self._read(located)
        with self._lock:
            if name not in self._known:
                self._known[name] = described
                self._taken += len(described.text) + _OVERHEAD
            while self._taken > self._room and len(self._known) > 1:
                _, old = self._known.popitem(last=False)
                self._taken -= len(old.text) + _OVERHEAD
        return described

    def inflated(self, located: Located) -> bytes:
        """Return the inflated data set of a deflated instance."""
        return self._describer.inflate(self._stream(located))

    def _stream(self, located: Located) -> io.BufferedReader:
        return io.BufferedReader(ObjectStream(self._packs, located), _READ_AHEAD)

    def _read(self, located: Located) -> Description:
        header = located.stored.header
        described = self._describer.describe(self._stream(located), header.size)
        attributes = repaired(described)
        for tag, uid in (("00080018", header.sop_uid), ("0020000E", header.series_uid)):
            attributes.setdefault(tag, {"vr": "UI", "Value": [uid]})
        text = json.dumps(attributes, ensure_ascii=False, separators=(",", ":"))
        return Description(
            text=text.encode("utf-8", "replace"),
            syntax=described.syntax,
            pixels=described.pixels,
            bulk=described.bulk,
            deflated=described.deflated,
            big_endian=described.big_endian,
        )
