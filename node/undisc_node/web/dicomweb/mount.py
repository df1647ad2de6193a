"""The routes of DICOMweb at one place, for callers of one kind.

A mount knows how to learn what its callers may see, and nothing else about them: the same routes
serve the practice's staff with everything, and the holder of a share with what was shared.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Final

from aiohttp import web

from undisc_node.services.dicomweb.scope import Allowed
from undisc_node.web.dicomweb import retrieve, search, store
from undisc_node.web.dicomweb.places import NAME
from undisc_node.web.dicomweb.uses import AllowedOf
from undisc_node.web.routing import NO_BODY, Authority, Handler, Route

Scoped = Callable[[web.Request, Allowed], Awaitable[web.StreamResponse]]

_UID: Final = ":[0-9.]{1,64}}"
_STUDY: Final = "/studies/{study" + _UID
_SERIES: Final = _STUDY + "/series/{series" + _UID
_INSTANCE: Final = _SERIES + "/instances/{instance" + _UID
_FRAMES: Final = _INSTANCE + "/frames/{frames}"
_BULK: Final = _INSTANCE + "/bulkdata/{path:[0-9A-F]{8}(?:/[0-9]+/[0-9A-F]{8})*}"

READS: Final[tuple[tuple[str, Scoped], ...]] = (
    ("/studies", search.studies),
    ("/series", search.series),
    ("/instances", search.instances),
    (_STUDY, retrieve.instances),
    (_STUDY + "/metadata", retrieve.metadata),
    (_STUDY + "/thumbnail", retrieve.thumbnail),
    (_STUDY + "/series", search.series),
    (_STUDY + "/instances", search.instances),
    (_SERIES, retrieve.instances),
    (_SERIES + "/metadata", retrieve.metadata),
    (_SERIES + "/thumbnail", retrieve.thumbnail),
    (_SERIES + "/instances", search.instances),
    (_INSTANCE, retrieve.instances),
    (_INSTANCE + "/metadata", retrieve.metadata),
    (_INSTANCE + "/rendered", retrieve.rendered),
    (_INSTANCE + "/thumbnail", retrieve.thumbnail),
    (_BULK, retrieve.bulk_data),
    (_FRAMES, retrieve.frames),
    (_FRAMES + "/rendered", retrieve.rendered),
    (_FRAMES + "/thumbnail", retrieve.thumbnail),
)


def mount(
    prefix: str,
    *,
    authority: Authority,
    allowed: AllowedOf,
    storing: bool = True,
    page: bool = False,
) -> tuple[Route, ...]:
    """Make the routes of DICOMweb.

    Args:
        prefix: What comes before `/dicom-web` in the path; may hold names in braces.
        authority: Why callers may use it.
        allowed: Says what the caller of a request may see, or raises. It may put a check into
            `keys.STILL` of the request, which is then asked while the answer leaves.
        storing: Whether there are routes to store.
        page: Whether pages in browsers are the callers, see `Route`.
    """
    base = prefix + NAME

    def scoped(handler: Scoped) -> Handler:
        @wraps(handler)
        async def handle(request: web.Request) -> web.StreamResponse:
            return await handler(request, await allowed(request))

        return handle

    reads = [
        Route(
            method="GET",
            path=base + path,
            authority=authority,
            body_limit=NO_BODY,
            handler=scoped(handler),
            page=page,
        )
        for path, handler in READS
    ]
    stores = [
        Route(
            method="POST",
            path=base + path,
            authority=authority,
            body_limit=store.MAX_REQUEST,
            handler=scoped(store.store),
            seconds=store.SECONDS,
        )
        for path in ("/studies", _STUDY)
    ]
    return (*reads, *stores) if storing else tuple(reads)
