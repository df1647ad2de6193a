"""WADO-RS: instances, descriptions, frames, bulk data and images for people (PS3.18 §10.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from aiohttp import web

from undisc_node.services.contents import Located
from undisc_node.services.dicomweb.media import OCTETS
from undisc_node.services.dicomweb.rendering import MAX_SIDE, THUMBNAIL, Wish
from undisc_node.services.dicomweb.retrieving import PDF, Part
from undisc_node.services.dicomweb.scope import Allowed
from undisc_node.services.errors import Invalid
from undisc_node.web import keys
from undisc_node.web.dicomweb.accept import Range, first, not_acceptable, ranges_of
from undisc_node.web.dicomweb.places import base_of
from undisc_node.web.dicomweb.search import JSON
from undisc_node.web.dicomweb.sending import send_list, send_part, send_parts

_DICOM: Final = "application/dicom"
_IMAGES: Final = ("image/jpeg", "image/png")
_NUMBERS: Final = re.compile(r"[1-9][0-9]{0,8}(?:,[1-9][0-9]{0,8}){0,999}")
_PAIR: Final = re.compile(r"(-?[0-9.]{1,16}),(-?[0-9.]{1,16})(?:,[A-Za-z_]+)?")
_AS_STORED: Final = "instances are served as they are stored: ask with transfer-syntax=*"


def _names(request: web.Request) -> tuple[str, str, str]:
    given = request.match_info
    return given["study"], given.get("series", ""), given.get("instance", "")


async def instances(request: web.Request, allowed: Allowed) -> web.StreamResponse:
    """GET …/studies/{study}: all instances of a study, a series, or one, byte for byte."""
    study, series, sop = _names(request)
    ranges = ranges_of(request)
    retrieving = request.app[keys.DICOMWEB].uses.retrieving

    def work() -> tuple[bool, Sequence[Part]]:
        found = retrieving.instances(allowed, study, series, sop)
        single = _single(ranges, found)
        return single, [retrieving.part10(study, one) for one in found]

    single, parts = await request.app[keys.WORKERS].run(work)
    if single:
        return await send_part(request, parts[0])
    return await send_parts(request, parts, _DICOM)


def _single(ranges: Sequence[Range], found: Sequence[Located]) -> bool:
    """Tell whether to answer with one body.

    Raises:
        NotAcceptable: Instances in that form are not to be had.
    """
    for one in ranges:
        if not one.takes(_DICOM) or not all(
            one.syntax in ("", "*", located.stored.header.syntax) for located in found
        ):
            continue
        if one.multipart:
            return False
        if len(found) == 1:
            return True
    raise not_acceptable(_AS_STORED)


async def metadata(request: web.Request, allowed: Allowed) -> web.StreamResponse:
    """GET …/metadata: what instances say before their pixel data."""
    study, series, sop = _names(request)
    first(ranges_of(request), (JSON, "application/json"))
    retrieving = request.app[keys.DICOMWEB].uses.retrieving
    base = base_of(request)
    found = await request.app[keys.WORKERS].run(
        lambda: retrieving.described(allowed, study, series, sop)
    )

    def texts() -> Iterator[bytes]:
        for located in found:
            yield retrieving.metadata(study, located, base)

    return await send_list(request, texts())


async def frames(request: web.Request, allowed: Allowed) -> web.StreamResponse:
    """GET …/frames/{frames}: frames as they are stored, compressed ones compressed."""
    study, series, sop = _names(request)
    numbers = _frames(request)
    ranges = ranges_of(request)
    retrieving = request.app[keys.DICOMWEB].uses.retrieving

    def work() -> tuple[Range, str, Sequence[Part]]:
        parts = retrieving.frames(allowed, study, series, sop, numbers)
        stored = parts[0]
        for one in ranges:
            if one.takes(stored.media_type) and one.syntax in ("", "*", stored.syntax):
                return one, stored.media_type, parts
            if one.media == OCTETS and one.syntax in ("*", stored.syntax):
                return one, OCTETS, parts
        raise not_acceptable(f"these frames are {stored.media_type}: ask with transfer-syntax=*")

    chosen, media, parts = await request.app[keys.WORKERS].run(work)
    if chosen.multipart:
        return await send_parts(request, parts, media)
    if len(parts) > 1:
        raise not_acceptable("several frames are served as multipart/related only")
    return await send_part(request, parts[0])


async def bulk_data(request: web.Request, allowed: Allowed) -> web.StreamResponse:
    """GET …/bulkdata/{path}: a value that a description only names."""
    study, series, sop = _names(request)
    path = request.match_info["path"]
    ranges = ranges_of(request)
    retrieving = request.app[keys.DICOMWEB].uses.retrieving
    part = await request.app[keys.WORKERS].run(
        lambda: retrieving.bulk(allowed, study, series, sop, path)
    )
    chosen, media = first(ranges, (part.media_type, OCTETS))
    if chosen.multipart:
        return await send_parts(request, [part], media)
    return await send_part(request, part)


async def rendered(request: web.Request, allowed: Allowed) -> web.StreamResponse:
    """GET …/rendered: an image or document as people see it."""
    return await _rendered(request, allowed, side=0)


async def thumbnail(request: web.Request, allowed: Allowed) -> web.StreamResponse:
    """GET …/thumbnail: a small image of a study, series, instance or frame."""
    return await _rendered(request, allowed, side=THUMBNAIL)


async def _rendered(request: web.Request, allowed: Allowed, *, side: int) -> web.StreamResponse:
    study, series, sop = _names(request)
    numbers = _frames(request) if "frames" in request.match_info else (1,)
    ranges = ranges_of(request)
    rendering = request.app[keys.DICOMWEB].uses.rendering
    run = request.app[keys.WORKERS].run
    located = await run(lambda: rendering.located(allowed, study, series, sop))
    document = await run(lambda: rendering.document(study, located))
    if document is not None:
        first(ranges, (PDF,))
        return await send_part(request, document)
    if len(numbers) > 1:
        raise not_acceptable("one frame is rendered at a time")
    _, media = first(ranges, _IMAGES)
    wish = _wish(request, media, side)
    image = await run(lambda: rendering.frame(study, located, numbers[0], wish))
    return web.Response(body=image, content_type=media, headers={"Cache-Control": "no-store"})


def _frames(request: web.Request) -> Sequence[int]:
    text = request.match_info["frames"]
    if not _NUMBERS.fullmatch(text):
        raise Invalid("frames are numbers from 1, with commas between", code="bad_query")
    return tuple(map(int, text.split(",")))


def _wish(request: web.Request, media: str, side: int) -> Wish:
    """Read how an image shall look (PS3.18 §8.3.5.1).

    Raises:
        Invalid: A parameter cannot be read.
    """
    width, height = (
        int(min(MAX_SIDE, max(1, number)))
        for number in _pair(request, "viewport", (side or MAX_SIDE, side or MAX_SIDE))
    )
    quality = request.query.get("quality", "90")
    if not re.fullmatch(r"[1-9][0-9]?|100", quality):
        raise Invalid("quality is a number from 1 to 100", code="bad_query")
    window = _pair(request, "window", None) if "window" in request.query else None
    return Wish(media=media, quality=int(quality), width=width, height=height, window=window)


def _pair(
    request: web.Request, name: str, default: tuple[float, float] | None
) -> tuple[float, float]:
    text = request.query.get(name)
    if text is None and default is not None:
        return default
    read = _PAIR.fullmatch(text or "")
    try:
        if read is not None:
            return float(read[1]), float(read[2])
    except ValueError:
        pass
    raise Invalid(f"{name} is two numbers with a comma between", code="bad_query")
