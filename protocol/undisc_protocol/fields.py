"""Reads the fields of decoded messages: exact names, exact types, bounded values.

The decoder says that bytes are canonical; this says that they are what a format of SPEC.md
describes. Nothing is coerced and nothing unknown is skipped.

    >>> fields = Fields({"n": 3, "key": b"abc"}, "a record", {"n", "key"})
    >>> fields.integer("n", least=0, most=9)
    3
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from itertools import pairwise
from typing import Final, cast

from undisc_protocol import limits
from undisc_protocol.dagcbor import Cid, Value
from undisc_protocol.did import Did, check_did
from undisc_protocol.errors import BadFields, Oversize

_UID_CHARACTERS = "0123456789."
UNSHOWABLE: Final = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff\\ufeff]"
)
"""What could make a shown text look like another one (SPEC.md §3.5): control characters, line
separators, marks that turn the direction of writing, lone surrogates, the byte order mark.
"""


class Fields:
    """One decoded map (or positional array) whose names are exactly the expected ones.

    Args:
        value: What the decoder returned.
        what: What it should be, with an article, for the error message.
        names: Names that must be there.
        optional: Names that may be there.

    Raises:
        BadFields: Not a map, or a name is missing or unknown.
    """

    __slots__ = ("_map", "_what")

    def __init__(
        self,
        value: Value,
        what: str,
        names: AbstractSet[str],
        optional: AbstractSet[str] = frozenset(),
    ) -> None:
        if not isinstance(value, Mapping):
            raise BadFields(f"{what} is not a map")
        if not names <= value.keys() <= names | optional:
            raise BadFields(f"{what} has missing or unknown fields")
        self._map = value
        self._what = what

    @classmethod
    def of_array(cls, value: Value, what: str, names: tuple[str, ...]) -> Fields:
        """Read an array whose places have these names.

        Raises:
            BadFields: Not an array of that length.
        """
        if not isinstance(value, list) or len(value) != len(names):
            raise BadFields(f"{what} is not an array of {len(names)} items")
        # What `__init__` checks holds already, and a manifest has a hundred thousand of these.
        fields = cls.__new__(cls)
        fields._map = dict(zip(names, value, strict=True))  # noqa: SLF001 - its own
        fields._what = what  # noqa: SLF001 - its own
        return fields

    def __contains__(self, name: str) -> bool:
        return name in self._map

    def _wrong(self, name: str, expected: str) -> BadFields:
        return BadFields(f"{self._what}: {name} is not {expected}")

    def raw(self, name: str) -> Value:
        """Return a field as decoded."""
        return self._map[name]

    def fixed(self, name: str, size: int) -> bytes:
        """Return a byte string of exactly `size` bytes."""
        value = self._map[name]
        if not isinstance(value, bytes) or len(value) != size:
            raise self._wrong(name, f"a byte string of {size} bytes")
        return value

    def optional_fixed(self, name: str, size: int) -> bytes | None:
        """Return a byte string of exactly `size` bytes, or None for null."""
        return None if self._map[name] is None else self.fixed(name, size)

    def sized(self, name: str, *, most: int, least: int = 0) -> bytes:
        """Return a byte string of `least` to `most` bytes."""
        value = self._map[name]
        if not isinstance(value, bytes) or not least <= len(value) <= most:
            raise self._wrong(name, f"a byte string of {least} to {most} bytes")
        return value

    def text(self, name: str, *, most: int, least: int = 0) -> str:
        """Return text of `least` to `most` characters."""
        value = self._map[name]
        if not isinstance(value, str):
            raise self._wrong(name, "text")
        if not least <= len(value) <= most:
            raise self._wrong(name, f"{least} to {most} characters long")
        return value

    def line(self, name: str, *, most: int, least: int = 0) -> str:
        """Return text that is shown as one line, as it is: nothing in it steers a terminal."""
        value = self.text(name, most=most, least=least)
        if UNSHOWABLE.search(value):
            raise self._wrong(name, "free of control characters")
        return value

    def uid(self, name: str) -> str:
        """Return a DICOM UID: 1 to 64 digits and dots (PS3.5 §9.1; real ones break finer rules)."""
        value = self.text(name, least=1, most=limits.MAX_UID)
        if value.strip(_UID_CHARACTERS):
            raise self._wrong(name, "a UID")
        return value

    def integer(self, name: str, *, least: int = 0, most: int = limits.MAX_INTEGER) -> int:
        """Return an integer within bounds; a boolean is none."""
        value = self._map[name]
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(name, "an integer")
        if not least <= value <= most:
            raise self._wrong(name, f"between {least} and {most}")
        return value

    def boolean(self, name: str) -> bool:
        """Return true or false."""
        value = self._map[name]
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def cid(self, name: str) -> Cid:
        """Return a link to a signed token."""
        value = self._map[name]
        if not isinstance(value, Cid):
            raise self._wrong(name, "a CID")
        return value

    def cids(self, name: str, *, items: int) -> tuple[Cid, ...]:
        """Return an array of at most `items` links to signed tokens."""
        values = []
        for value in self.array(name, most=items):
            if not isinstance(value, Cid):
                raise self._wrong(name, "an array of CIDs")
            values.append(value)
        return tuple(values)

    def did(self, name: str) -> Did:
        """Return a principal.

        Raises:
            BadFields: Not text.
            BadKey: Text, but not the did:key of a sound key.
        """
        value = self._map[name]
        if not isinstance(value, str):
            raise self._wrong(name, "text")
        return check_did(value)

    def array(self, name: str, *, most: int, least: int = 0) -> list[Value]:
        """Return an array of `least` to `most` items.

        Raises:
            BadFields: No array, or too few items.
            Oversize: Too many items.
        """
        value = self._map[name]
        if not isinstance(value, list) or len(value) < least:
            raise self._wrong(name, f"an array of at least {least} items")
        if len(value) > most:
            raise Oversize(f"{self._what}: {name} has more than {most} items")
        return cast("list[Value]", value)

    def byte_strings(
        self, name: str, *, size: int, items: int, least_items: int = 0
    ) -> tuple[bytes, ...]:
        """Return an array of byte strings of at most `size` bytes each.

        Raises:
            BadFields: Something else, or fewer than `least_items`.
            Oversize: More than `items` of them, or one is longer.
        """
        values = []
        for value in self.array(name, least=least_items, most=items):
            if not isinstance(value, bytes):
                raise self._wrong(name, "an array of byte strings")
            if len(value) > size:
                raise Oversize(f"{self._what}: an item of {name} is over {size} bytes")
            values.append(value)
        return tuple(values)

    def records(self) -> tuple[bytes, ...]:
        """Return the identity records that a message carries; raises as `byte_strings`."""
        return self.byte_strings(
            "records",
            size=limits.MAX_IDENTITY_RECORD,
            items=limits.MAX_IDENTITY_RECORDS,
            least_items=1,
        )

    def names(self, name: str, *, size: int, items: int, least_items: int = 0) -> tuple[bytes, ...]:
        """Return byte strings of exactly `size` bytes, strictly increasing, as sets are written.

        Raises:
            BadFields: Something else, repeated, or not in order.
            Oversize: More than `items` of them.
        """
        values = self.byte_strings(name, size=size, items=items, least_items=least_items)
        if any(len(value) != size for value in values):
            raise self._wrong(name, f"an array of byte strings of {size} bytes")
        if any(left >= right for left, right in pairwise(values)):
            raise self._wrong(name, "sorted without repetition")
        return values
