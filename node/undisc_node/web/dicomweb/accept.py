"""Chooses the form of an answer from what a request accepts (PS3.18 §8.7.8, RFC 9110 §12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web

from undisc_node.web.errors import NotAcceptable

MOST: Final = 32  # media ranges looked at; browsers send about ten
_LONGEST: Final = 4_096  # characters
_PIECE: Final = re.compile(r'(?:[^,"]|"[^"]*")+')
_PARAMETER: Final = re.compile(r';\s*([A-Za-z0-9!#$&^_.+-]+)\s*=\s*("[^"]*"|[^;]*)')
MULTIPART: Final = "multipart/related"


@dataclass(frozen=True, slots=True)
class Range:
    """One media range of a request.

    Attributes:
        media: The type; of a multipart one, that of its parts.
        multipart: Whether the answer may be in several parts.
        single: Whether it may be one body.
        syntax: Transfer syntax asked for; `*` for any, empty when nothing was said.
    """

    media: str
    multipart: bool
    single: bool
    syntax: str

    def takes(self, media: str) -> bool:
        """Tell whether a media type is within the range."""
        kind = media.partition("/")[0]
        return self.media in {media, "*/*", f"{kind}/*"}


def ranges_of(request: web.Request) -> list[Range]:
    """Return what a request accepts, best first; everything where it says nothing."""
    said = ",".join(request.query.getall("accept", []))
    said = said or ",".join(request.headers.getall(hdrs.ACCEPT, [])) or "*/*"
    found = []
    for piece in _PIECE.findall(said[:_LONGEST])[:MOST]:
        one = _range(piece.strip())
        if one is not None:
            found.append(one)
    found.sort(key=lambda pair: -pair[0])
    return [one for _, one in found]


def _range(text: str) -> tuple[float, Range] | None:
    media = text.partition(";")[0].strip().lower()
    given = {name.lower(): value.strip().strip('"') for name, value in _PARAMETER.findall(text)}
    try:
        weight = float(given.get("q", "1"))
    except ValueError:
        weight = 1.0
    if not media or weight <= 0:
        return None
    syntax = given.get("transfer-syntax", "")
    if media in {MULTIPART, "multipart/*"}:
        inner = given.get("type", "*/*").lower()
        return weight, Range(inner, multipart=True, single=False, syntax=syntax)
    return weight, Range(media, multipart=media == "*/*", single=True, syntax=syntax)


def first(ranges: Iterable[Range], media: Iterable[str]) -> tuple[Range, str]:
    """Return the first range that takes one of some media types, and that type.

    Raises:
        NotAcceptable: None does.
    """
    offered = tuple(media)
    for one in ranges:
        for candidate in offered:
            if one.takes(candidate):
                return one, candidate
    raise not_acceptable(f"this is served as {' or '.join(offered)}")


def not_acceptable(hint: str) -> NotAcceptable:
    """Say in which form an answer could be had."""
    return NotAcceptable("the answer cannot be had in a form that the request accepts", hint=hint)
