"""What a browser sends back: bounded fields, and only from a page that this node gave it.

Three things say that a form is ours, each enough by itself:

1. The cookie is SameSite=Strict: a request that another site caused does not carry it.
2. `Sec-Fetch-Site` or `Origin` say who caused the request, where a browser sends them. Over plain
   HTTP beyond loopback it sends no `Sec-Fetch-Site`, and under `Referrer-Policy: no-referrer` the
   `Origin` of a form is `null`: then they say nothing, and nothing is concluded from them.
3. The form holds a token that is made from the cookie, which other sites cannot know.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from enum import StrEnum
from hashlib import sha256
from typing import Final, TypeVar
from urllib.parse import parse_qsl, urlsplit

from aiohttp import hdrs, web

from undisc_node.services.errors import Invalid, Refused
from undisc_node.web.limits import body_of
from undisc_protocol.fields import UNSHOWABLE

_Choice = TypeVar("_Choice", bound=StrEnum)
FORM_BODY: Final = 65_536  # bytes; the longest form without a picture has 10,000
MAX_FIELDS: Final = 256  # of one form; the largest of ours has 40
MAX_TEXT: Final = 1_024  # characters of a field
TOKEN: Final = "token"  # noqa: S105 - the name of a field
"""Name of the field that holds the token."""
_TYPE: Final = "application/x-www-form-urlencoded"
_LABEL: Final = b"undisc form"


def token_of(cookie: str) -> str:
    """Return the token for forms of whoever holds a cookie; it tells nothing about the cookie."""
    return hmac.digest(cookie.encode(), _LABEL, sha256).hex()


def check_sender(request: web.Request) -> None:
    """Refuse a request that a page of another site caused.

    Raises:
        Refused: Another site caused it, as the browser says.
    """
    site = request.headers.get("Sec-Fetch-Site", "")
    origin = request.headers.get(hdrs.ORIGIN, "")
    if site and site != "same-origin":
        raise _foreign()
    if origin not in ("", "null"):
        named = urlsplit(origin)
        if named.netloc.lower() != request.headers.get(hdrs.HOST, "").lower():
            raise _foreign()


class Form:
    """The fields of one form, each taken at most once.

    Problems are collected, so that a page can show all of them beside their fields.

    Args:
        fields: Names and values as they came.

    Attributes:
        problems: Code of what is wrong, by field.
    """

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        self._fields: dict[str, list[str]] = {}
        for name, value in fields:
            self._fields.setdefault(name, []).append(value)
        self.problems: dict[str, str] = {}

    def values(self) -> dict[str, list[str]]:
        """Return everything as it came, to fill the form again."""
        return {name: list(values) for name, values in self._fields.items()}

    def text(
        self, name: str, *, most: int = MAX_TEXT, needed: bool = False, lines: bool = False
    ) -> str:
        """Take a text without the spaces around it; empty, and a problem noted, when it is wrong.

        Args:
            name: The field.
            most: Largest number of characters.
            needed: Whether it may not be empty.
            lines: Whether it may have several lines.
        """
        found = self._fields.get(name, [])
        value = found[0].strip() if len(found) == 1 else ""
        shown = value.replace("\r\n", " ").replace("\n", " ") if lines else value
        if len(found) > 1 or len(value) > most or UNSHOWABLE.search(shown):
            self.problems[name] = "bad_text"
            return ""
        if needed and not value:
            self.problems[name] = "missing"
        return value.replace("\r\n", "\n")

    def secret(self, name: str, *, most: int = MAX_TEXT) -> str:
        """Take a password or code exactly as typed; empty when it is absent or too long."""
        found = self._fields.get(name, [])
        return found[0] if len(found) == 1 and len(found[0]) <= most else ""

    def flag(self, name: str) -> bool:
        """Tell whether a box was ticked."""
        return bool(self._fields.get(name))

    def many(self, name: str, *, most: int = 64) -> tuple[str, ...]:
        """Take all values of a field, such as ticked boxes of one name."""
        found = self._fields.get(name, [])
        if len(found) > most or any(len(one) > MAX_TEXT or UNSHOWABLE.search(one) for one in found):
            self.problems[name] = "bad_text"
            return ()
        return tuple(found)

    def choice(self, name: str, kind: type[_Choice]) -> _Choice | None:
        """Take one of the values of an enumeration; None, and a problem noted, when it is none."""
        try:
            return kind(self.text(name))
        except ValueError:
            self.problems[name] = "missing"
            return None


async def read_form(request: web.Request, cookie: str) -> Form:
    """Read a form that was made for whoever holds a cookie.

    Args:
        request: The request; its route bounds its size.
        cookie: Value of the cookie that the form's token was made from.

    Raises:
        Invalid: It is no form, or has too many fields.
        Refused: It comes from elsewhere, or from before the browser got this cookie.
    """
    check_sender(request)
    if request.content_type != _TYPE:
        raise Invalid("a form is expected", hint=f"send it as {_TYPE}")
    body = await body_of(request).whole()
    try:
        fields = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError as problem:
        raise Invalid("the form cannot be read") from problem
    given = [value for name, value in fields if name == TOKEN]
    expected = token_of(cookie)
    if (
        not cookie
        or len(given) != 1
        or not hmac.compare_digest(given[0].encode(), expected.encode())
    ):
        raise Refused(
            "the form is not one that this browser was given",
            code="stale_form",
            hint="load the page again; the browser must accept this page's cookie",
        )
    return Form([(name, value) for name, value in fields if name != TOKEN])


def _foreign() -> Refused:
    return Refused("the request was caused by a page of another site", code="foreign_request")
