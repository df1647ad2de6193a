"""Reads JSON bodies and query strings: exact fields, exact types, else one clear sentence."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from aiohttp import web

from undisc_node.services.errors import Invalid
from undisc_node.web.limits import body_of
from undisc_protocol.fields import UNSHOWABLE

_Choice = TypeVar("_Choice", bound=StrEnum)
_MAX_TEXT = 1_024  # characters of any text an administrator gives
_MAX_NUMBER = 2**53 - 1


class Fields:
    """The fields of one JSON object; each is taken once, and `done` refuses what is left.

    Args:
        values: The decoded object.
    """

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = dict(values)

    def _take(self, name: str) -> object:
        return self._values.pop(name, None)

    def text(self, name: str, *, optional: bool = False) -> str:
        """Take a text; when optional, an absent one is empty."""
        value = self._take(name)
        if value is None and optional:
            return ""
        if not isinstance(value, str) or len(value) > _MAX_TEXT or (not value and not optional):
            raise Invalid(f"{name} must be a text of at most {_MAX_TEXT} characters")
        # It is shown to people and kept in the log; half a surrogate pair has no bytes at all.
        if UNSHOWABLE.search(value):
            raise Invalid(f"{name} must be one line without control characters")
        return value

    def flag(self, name: str, *, default: bool | None = None) -> bool:
        """Take true or false."""
        value = self._take(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, bool):
            raise Invalid(f"{name} must be true or false")
        return value

    def choice(self, name: str, kind: type[_Choice]) -> _Choice:
        """Take one of the values of an enumeration."""
        value = self._take(name)
        try:
            return kind(str(value))
        except ValueError as problem:
            raise Invalid(f"{name} must be one of: {', '.join(kind)}") from problem

    def number(self, name: str) -> int | None:
        """Take a positive whole number, or None."""
        value = self._take(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _MAX_NUMBER:
            raise Invalid(f"{name} must be a positive whole number")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Take a list of texts; an absent one is empty."""
        value = self._take(name) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise Invalid(f"{name} must be a list of texts")
        if any(UNSHOWABLE.search(item) for item in value):
            raise Invalid(f"{name} must be a list of lines without control characters")
        return tuple(value)

    def identifier(self, name: str, size: int) -> bytes:
        """Take an id of `size` bytes, as hex."""
        return read_hex(name, self.text(name), size)

    def has(self, name: str) -> bool:
        """Tell whether a field is there and not null."""
        return self._values.get(name) is not None

    def data(self, name: str) -> bytes:
        """Take bytes, as standard base64."""
        value = self._take(name)
        try:
            if not isinstance(value, str) or not value:
                raise ValueError  # noqa: TRY301 - one sentence for every way to be wrong
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError) as problem:
            raise Invalid(f"{name} must be bytes in base64") from problem

    def moment(self, name: str) -> int | None:
        """Take a time as RFC 3339 with an offset; return seconds since 1970, or None."""
        text = self.text(name, optional=True)
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as problem:
            raise Invalid(f"{name} must be a time such as 2026-11-24T05:31:23Z") from problem
        if moment.tzinfo is None:
            raise Invalid(f"{name} must name its offset from UTC", hint="end it with Z for UTC")
        try:
            return int(moment.astimezone(UTC).timestamp())
        except OverflowError as problem:  # the first or last hours that a calendar date can name
            raise Invalid(f"{name} is too far away") from problem

    def done(self) -> None:
        """Refuse fields that nobody took: a misspelt one must not be ignored."""
        if self._values:
            named = UNSHOWABLE.sub("?", min(self._values)[:64])
            raise Invalid(f"unknown field: {named}")


async def read_fields(request: web.Request) -> Fields:
    """Read a request's body as one JSON object; an empty body is an empty object.

    Raises:
        Invalid: Not JSON, or not an object.
    """
    body = await body_of(request).whole()
    try:
        values = json.loads(body.decode()) if body else {}
    except (ValueError, RecursionError) as problem:
        raise Invalid("the request's body is not JSON") from problem
    if not isinstance(values, dict):
        raise Invalid("the request's body is not a JSON object")
    return Fields(values)


def read_hex(name: str, text: str, size: int) -> bytes:
    """Read an id of `size` bytes.

    Raises:
        Invalid: Not exactly that many bytes in hex.
    """
    try:
        value = bytes.fromhex(text)
    except ValueError as problem:
        raise Invalid(f"{name} must be an id in hex") from problem
    if len(value) != size or value.hex() != text.lower():
        raise Invalid(f"{name} must be an id of {2 * size} hex digits")
    return value


def query_number(request: web.Request, name: str, *, default: int, most: int) -> int:
    """Read a whole number from the query string, bounded by `most`.

    Raises:
        Invalid: Not a whole number.
    """
    text = request.query.get(name, "")
    if not text:
        return default
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < len(str(_MAX_NUMBER))):
        raise Invalid(f"{name} must be a whole number")
    return min(int(text), most)
