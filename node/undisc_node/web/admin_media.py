"""Media on the admin socket: who is on a disc, where files come from, and a study as a medium."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from aiohttp import web

from undisc_node.services.errors import Invalid, ServiceError
from undisc_node.services.media_model import Listing, Medium, MediumKind
from undisc_node.services.model import InstanceFacts
from undisc_node.web import keys
from undisc_node.web.actors import actor_of
from undisc_node.web.admin_answers import admin_route, answer, changes, reads, send_chunks
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.fields import read_fields
from undisc_node.web.limits import body_of
from undisc_node.web.rendering import Json, medium_json, patient_json

_LENGTH: Final = 4  # bytes of the length before each head, most significant first
_MAX_HEADS: Final = 256  # in one request
_MAX_LOOK: Final = 16 * 2**20 + _LENGTH  # bytes; the longest start of a file that is looked into
_MAX_DIRECTORY: Final = 64 * 2**20  # bytes; a full DVD's DICOMDIR has 6 MB


async def look_at_files(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/imports/look: whom files are about, by how each begins; nothing is kept.

    The body is, for each file, the length of what follows in 4 bytes, and that many of its bytes.
    """
    body = await body_of(request).whole()

    def work(uses: AdminUses, _actor: str) -> Json:
        return {"files": [_look_json(one) for one in uses.importing.look(list(_heads(body)))]}

    return await answer(request, work)


def _heads(body: bytes) -> Iterator[bytes]:
    at, count = 0, 0
    while at < len(body):
        stop = at + _LENGTH + int.from_bytes(body[at : at + _LENGTH])
        count += 1
        if stop > len(body) or count > _MAX_HEADS or at + _LENGTH > len(body):
            raise Invalid("the starts of files are not laid out as lengths say")
        yield body[at + _LENGTH : stop]
        at = stop


def _look_json(found: InstanceFacts | ServiceError) -> Json:
    if isinstance(found, ServiceError):
        return {"error": {"code": found.reason, "message": str(found), "hint": found.hint}}
    return {
        "patient": patient_json(found.patient),
        "study_uid": found.study_uid,
        "sop_uid": found.sop_uid,
        "study_date": found.study_date,
        "description": found.description,
        "modality": found.modality,
    }


async def read_directory(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/imports/directory: what a DICOMDIR, the raw body, lists; nothing is kept."""
    async with request.app[keys.SPOOL].take(body_of(request)) as source:
        return await answer(request, lambda uses, _: _listing_json(uses.importing.listing(source)))


def _listing_json(listing: Listing) -> Json:
    return {
        "file_set": listing.file_set,
        "creator": listing.creator,
        "files": [list(parts) for parts in listing.files],
        "refused": listing.refused,
        "patients": listing.patients,
        "damaged": listing.damaged,
    }


async def begin_import(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/imports: name a medium; `?medium=` of later instances refers to it."""
    fields = await read_fields(request)
    kind = fields.choice("kind", MediumKind)
    label = fields.text("label", optional=True)
    file_set = fields.text("file_set", optional=True)
    creator = fields.text("creator", optional=True)
    fields.done()

    def work(uses: AdminUses, actor: str) -> Json:
        medium: Medium = uses.importing.begin(
            kind, label=label, file_set=file_set, creator=creator, actor=actor
        )
        return {"medium": medium_json(medium)}

    return await answer(request, work)


async def write_medium(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/studies/{study}/medium: an IHE PDI medium as a ZIP file of known length."""
    name = request.match_info["study"]
    uses, actor = request.app[keys.ADMIN], actor_of(request)

    def work() -> tuple[int, Iterator[bytes]]:
        medium = uses.media.open([uses.studies.find(name).id], actor)
        return medium.zip_size, medium.zip()

    size, chunks = await request.app[keys.WORKERS].run(work)
    return await send_chunks(request, size, chunks, "application/zip")


ROUTES: Final = (
    reads("/admin/v1/studies/{study}/medium", write_medium),
    changes("/admin/v1/imports", begin_import),
    admin_route(
        method="POST",
        path="/admin/v1/imports/look",
        body_limit=_MAX_LOOK,
        handler=look_at_files,
    ),
    admin_route(
        method="POST",
        path="/admin/v1/imports/directory",
        body_limit=_MAX_DIRECTORY,
        handler=read_directory,
    ),
)
