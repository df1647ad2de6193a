"""The viewer on the public listener, everything below `/view`: for whoever has opened a link.

    /view/                 the light page: series, one image at a time, reports
    /view/studies/…        its images and reports, made by the node
    /view/copy             everything as a ZIP file (IHE PDI), where the share allows it
    /view/alive            whether the session lives; open pages ask it
    /view/ohif/…           the full viewer
    /view/dicom-web/…      DICOMweb within the session, for the full viewer

Every route asks for the session anew (`asking`), except for the files of the full viewer, which are
anybody's. Images and reports go out under policies that let nothing run.
"""

from __future__ import annotations

import re
from typing import Final

from aiohttp import hdrs, web

from undisc_node.services.dicomweb.rendering import Wish
from undisc_node.services.errors import Invalid, NotFound, Refused
from undisc_node.services.viewing.looking import PDF_CLASS
from undisc_node.web import keys
from undisc_node.web.admin_answers import send_chunks
from undisc_node.web.dicomweb.mount import mount
from undisc_node.web.dicomweb.sending import send_part
from undisc_node.web.pages.protecting import STRICT
from undisc_node.web.pages.rendering import page
from undisc_node.web.routing import NO_BODY, Authority, Handler, Route
from undisc_node.web.viewer.asking import cookie_in, session_allowed, session_of, watch
from undisc_node.web.viewer.ohif import BASE, PAGE_POLICY, Asset
from undisc_protocol.errors import RemoteProtocolError

_UID: Final = ":[0-9.]{1,64}}"
_SERIES: Final = "/view/studies/{study" + _UID + "/series/{series" + _UID
_REPORT: Final = _SERIES + "/reports/{instance" + _UID
_SIDES: Final = {"96", "512", "1024", "2048"}  # pixels of an image's longer side
_WINDOW: Final = re.compile(r"(-?[0-9]{1,6}),([0-9]{1,6})")
_QUALITY: Final = 80
_GONE: Final = 404
_NOTHING: Final = "default-src 'none'; sandbox; frame-ancestors 'self'"
_PAGE: Final = f"{STRICT}; frame-src 'self'"
_REPORT_PAGE: Final = STRICT.replace("frame-ancestors 'none'", "frame-ancestors 'self'")
_PDF: Final = (
    "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"
)
_OWN: Final = {
    hdrs.CACHE_CONTROL: "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_FOREVER: Final = "public, max-age=31536000, immutable"


async def light(request: web.Request) -> web.StreamResponse:
    """GET /view/: the light page."""
    uses = request.app[keys.VIEWER]
    try:
        session = await session_of(request)
        studies = await request.app[keys.WORKERS].run(lambda: uses.looking.studies(session))
    except (Refused, RemoteProtocolError) as problem:
        return page(request, "viewer/ended.html", status=problem.status, code=_code_of(problem))
    if not studies:
        return page(request, "viewer/ended.html", status=_GONE, code="nothing_shown")
    uids = ",".join(one.study.uid for one in studies)
    beside = any(report.sop_class == PDF_CLASS for one in studies for report in one.reports)
    full = f"{BASE}/basic?StudyInstanceUIDs={uids}"
    answer = page(
        request,
        "viewer/light.html",
        studies=studies,
        session=session,
        may_copy=[one for one in studies if session.may_copy(one.study.id)],
        view_only=[one for one in studies if not session.may_copy(one.study.id)],
        full=(full + ("&hangingProtocolId=undisc.report" if beside else "")),
        has_full=uses.full.is_there,
    )
    answer.headers["Content-Security-Policy"] = _PAGE
    return answer


def _code_of(problem: Refused | RemoteProtocolError) -> str:
    return problem.reason if isinstance(problem, Refused) else problem.code


async def image(request: web.Request) -> web.StreamResponse:
    """GET …/images/{position}: one image of a series, as people see it."""
    session = await session_of(request)
    names = request.match_info
    side, window = request.query.get("side", "512"), request.query.get("window", "")
    read = _WINDOW.fullmatch(window)
    if side not in _SIDES or (window and (read is None or read[2] == "0")):
        raise Invalid("the size or window of the image is none that is made", code="bad_query")
    media = "image/webp" if "image/webp" in request.headers.get(hdrs.ACCEPT, "") else "image/jpeg"
    wish = Wish(
        media=media,
        quality=_QUALITY,
        width=int(side),
        height=int(side),
        window=(float(read[1]), float(read[2])) if read else None,
    )
    looking = request.app[keys.VIEWER].looking
    body = await request.app[keys.WORKERS].run(
        lambda: looking.image(
            session, names["study"], names["series"], int(names["position"]), wish
        )
    )
    return web.Response(
        body=body, content_type=media, headers={**_OWN, "Content-Security-Policy": _NOTHING}
    )


async def report_text(request: web.Request) -> web.StreamResponse:
    """GET …/reports/{instance}/text: a structured report as a page of text."""
    session = await session_of(request)
    study, series, sop = (request.match_info[one] for one in ("study", "series", "instance"))
    looking = request.app[keys.VIEWER].looking
    lines = await request.app[keys.WORKERS].run(lambda: looking.text(session, study, series, sop))
    answer = page(request, "viewer/report.html", lines=lines, title="")
    answer.headers["Content-Security-Policy"] = _REPORT_PAGE
    return answer


async def report_document(request: web.Request) -> web.StreamResponse:
    """GET …/reports/{instance}/report.pdf: a report that is a PDF."""
    session = await session_of(request)
    study, series, sop = (request.match_info[one] for one in ("study", "series", "instance"))
    looking = request.app[keys.VIEWER].looking
    part = await request.app[keys.WORKERS].run(
        lambda: looking.document(session, study, series, sop)
    )
    watch(request, study)
    return await send_part(
        request,
        part,
        {
            **_OWN,
            "Content-Security-Policy": _PDF,
            hdrs.CONTENT_DISPOSITION: 'inline; filename="report.pdf"',
        },
    )


async def copy(request: web.Request) -> web.StreamResponse:
    """GET /view/copy: everything that may be taken, as a ZIP file of known length (IHE PDI)."""
    session = await session_of(request)
    uses, cookie = request.app[keys.VIEWER], cookie_in(request)
    size, chunks = await request.app[keys.WORKERS].run(
        lambda: uses.taking.medium(session, lambda: uses.sessions.session_of(cookie))
    )
    headers = {
        **_OWN,
        hdrs.CONTENT_DISPOSITION: 'attachment; filename="images.zip"',
        "Content-Security-Policy": _NOTHING,
    }
    return await send_chunks(request, size, chunks, "application/zip", headers)


async def alive(request: web.Request) -> web.StreamResponse:
    """GET /view/alive: whether the session lives; an error when it does not."""
    session = await session_of(request)
    if not session.opens:
        raise NotFound("there is nothing to see at the moment", code="nothing_shown")
    return web.Response(status=204, headers=_OWN)


async def full_page(request: web.Request) -> web.StreamResponse:
    """GET /view/ohif/{mode}: the full viewer's page."""
    await session_of(request)
    full = request.app[keys.VIEWER].full
    if not full.is_there:
        raise NotFound(
            "this node has no full viewer",
            code="no_full_viewer",
            hint="use the light one; the administrator adds it with make viewer",
        )
    assets = request.app[keys.PAGES].assets
    text = await request.app[keys.WORKERS].run(lambda: full.page().read(zipped=False).decode())
    for name in ("start.js", "settings.js"):
        text = text.replace(f"@{name}@", assets.address(f"viewer/{name}"))
    return web.Response(
        text=text,
        content_type="text/html",
        headers={**_OWN, "Content-Security-Policy": PAGE_POLICY},
    )


async def full_file(request: web.Request) -> web.StreamResponse:
    """GET /view/ohif/{build}/{name}: a file of the full viewer; it holds no data."""
    names = request.match_info
    asset: Asset = request.app[keys.VIEWER].full.asset(names["build"], names["name"])
    zipped = asset.zipped and "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "")
    body = await request.app[keys.WORKERS].run(lambda: asset.read(zipped=zipped))
    headers = {
        **_OWN,
        hdrs.CACHE_CONTROL: _FOREVER,
        hdrs.VARY: hdrs.ACCEPT_ENCODING,
        "Content-Security-Policy": asset.policy,
    }
    if zipped:
        headers[hdrs.CONTENT_ENCODING] = "gzip"
    return web.Response(body=body, content_type=asset.media, headers=headers)


def _of_session(path: str, handler: Handler) -> Route:
    return Route(
        method="GET",
        path=path,
        authority=Authority.BROWSER,
        body_limit=NO_BODY,
        handler=handler,
        page=True,
    )


ROUTES: Final = (
    _of_session("/view/", light),
    _of_session("/view/alive", alive),
    _of_session("/view/copy", copy),
    _of_session(_SERIES + "/images/{position:[1-9][0-9]{0,6}}", image),
    _of_session(_REPORT + "/text", report_text),
    _of_session(_REPORT + "/report.pdf", report_document),
    _of_session(BASE + "/{mode:viewer|basic}", full_page),
    Route(
        method="GET",
        path=BASE + "/{build:[0-9a-f]{12}}/{name:.+}",
        authority=Authority.ANYONE,
        body_limit=NO_BODY,
        handler=full_file,
        page=True,
    ),
    *mount("/view", authority=Authority.BROWSER, allowed=session_allowed, storing=False, page=True),
)
