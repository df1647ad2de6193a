"""Typed access to the node's JSON answers.

An answer is printed as it came with `--json`, so it is kept whole; commands read fields through
`Answer`, which turns a missing or wrongly typed field into one clear error instead of a traceback.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from undisc_admin.errors import CommandError


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON object of the admin API.

    Attributes:
        raw: The decoded object, unchanged.
    """

    raw: Mapping[str, object]

    def text(self, name: str) -> str:
        """Return a text field."""
        value = self.raw.get(name)
        if not isinstance(value, str):
            raise _unknown_shape(name)
        return value

    def text_or_none(self, name: str) -> str | None:
        """Return a text field that may be null."""
        return None if self.raw.get(name) is None else self.text(name)

    def integer(self, name: str) -> int:
        """Return a whole number."""
        value = self.raw.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise _unknown_shape(name)
        return value

    def number(self, name: str) -> float:
        """Return a number; null counts as 0."""
        value = self.raw.get(name)
        if value is None:
            return 0.0
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise _unknown_shape(name)
        try:
            number = float(value)
        except OverflowError:
            raise _unknown_shape(name) from None
        if not isfinite(number):
            raise _unknown_shape(name)
        return number

    def flag(self, name: str) -> bool:
        """Return a truth value."""
        value = self.raw.get(name)
        if not isinstance(value, bool):
            raise _unknown_shape(name)
        return value

    def texts(self, name: str) -> Sequence[str]:
        """Return a list of texts."""
        value = self.raw.get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise _unknown_shape(name)
        return value

    def part(self, name: str) -> Answer:
        """Return an object inside this one."""
        value = self.raw.get(name)
        if not isinstance(value, dict):
            raise _unknown_shape(name)
        return Answer(value)

    def part_or_none(self, name: str) -> Answer | None:
        """Return an object inside this one that may be null."""
        return None if self.raw.get(name) is None else self.part(name)

    def parts(self, name: str) -> Sequence[Answer]:
        """Return a list of objects."""
        value = self.raw.get(name)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise _unknown_shape(name)
        return [Answer(item) for item in value]


def _unknown_shape(name: str) -> CommandError:
    return CommandError(
        f"the node's answer has no usable field {name!r}",
        code="unknown_answer",
        hint="undisc and the node must come from the same release; compare `undisc --version` "
        "with `undisc-node --version`",
    )
