"""Studies on the admin socket: list, show, import, export, settle, stop, delete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aiohttp import web

from undisc_node.services.errors import Invalid
from undisc_node.services.model import Study, StudyState
from undisc_node.web import keys
from undisc_node.web.actors import actor_of
from undisc_node.web.admin_answers import (
    admin_route,
    answer,
    changes,
    names_in,
    reads,
    send_chunks,
)
from undisc_node.web.admin_deliveries import delivery_json
from undisc_node.web.admin_department import notice_json, shown_json
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.fields import query_number, read_fields, read_hex
from undisc_node.web.limits import body_of
from undisc_node.web.rendering import Json, detail_json, moment_ms, study_json
from undisc_node.web.routing import NO_BODY
from undisc_protocol import limits

_OBJECT: Final = 16  # bytes of an object's id
_MEDIUM: Final = 16  # bytes of a medium's id
_DEFAULT_LIST, _MAX_LIST = 100, 1_000  # studies in one answer
_DEFAULT_DAYS, _MAX_DAYS = 7, 3_650  # days that a look ahead covers
_MAX_OFFSET: Final = 10**9
_UPLOAD_SECONDS: Final = 3_600.0  # the largest object through a slow disk
_IMPORT: Final = "import"  # the sender of what an administrator brings


async def list_studies(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/studies: the newest first."""
    text = request.query.get("text", "")
    patient = request.query.get("patient", "")
    wanted = request.query.get("state", "")
    if wanted and wanted not in frozenset(StudyState):
        raise Invalid(f"state must be one of: {', '.join(StudyState)}")
    state = StudyState(wanted) if wanted else None
    limit = max(1, query_number(request, "limit", default=_DEFAULT_LIST, most=_MAX_LIST))
    offset = max(0, query_number(request, "offset", default=0, most=_MAX_OFFSET))

    def work(uses: AdminUses, _actor: str) -> Json:
        found = uses.studies.list(text, patient, state, limit, offset)
        return {"studies": [study_json(study) for study in found]}

    return await answer(request, work)


async def show_study(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/studies/{study}: its instances, provenance and receipts."""
    name = request.match_info["study"]

    def work(uses: AdminUses, _actor: str) -> Json:
        found = uses.studies.find(name).id
        detail = detail_json(
            uses.studies.detail(found), names_in(uses), uses.importing.of_study(found)
        )
        reports = [shown_json(report) for report in uses.reporting.of_study(found)]
        notices = uses.noticing.of_study(found)
        names = names_in(uses)
        told = [notice_json(notice, names) for notice in notices]
        on_their_way = [delivery_json(status) for status in uses.delivering.list(found)]
        return {**detail, "reports": reports, "notices": told, "deliveries": on_their_way}

    return await answer(request, work)


async def import_instance(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/instances: one file as the raw body; its `filename` is the caller's matter."""
    named = request.query.get("medium", "")
    medium_id = read_hex("medium", named, _MEDIUM) if named else None
    async with request.app[keys.SPOOL].take(body_of(request)) as source:

        def work(uses: AdminUses, _actor: str) -> Json:
            medium = uses.importing.opened(medium_id) if medium_id else None
            outcome = uses.receiving.store(source, _IMPORT)
            if medium is not None:
                uses.importing.attach(medium, outcome.study)
            return {
                "status": outcome.status,
                "study": outcome.study.hex(),
                "sop_uid": outcome.sop_uid,
                "reason": outcome.reason,
            }

        return await answer(request, work)


async def export_instance(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/studies/{study}/instances/{object}/file: the instance as a file."""
    name = request.match_info["study"]
    object_id = read_hex("object", request.match_info["object"], _OBJECT)
    actor_of(request)
    studies, workers = request.app[keys.ADMIN].studies, request.app[keys.WORKERS]
    size, chunks = await workers.run(lambda: studies.read(studies.find(name).id, object_id))
    return await send_chunks(request, size, chunks, "application/dicom")


def _on_study(
    request: web.Request, act: Callable[[AdminUses, Study, str], Study]
) -> Callable[[AdminUses, str], Json]:
    """Make the work of a route that changes one study and answers with it."""
    name = request.match_info["study"]

    def work(uses: AdminUses, actor: str) -> Json:
        return {"study": study_json(act(uses, uses.studies.find(name), actor))}

    return work


async def settle_study(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/studies/{study}/settle: no waiting for the quiet period."""
    (await read_fields(request)).done()
    return await answer(
        request,
        _on_study(request, lambda uses, study, actor: uses.settling.settle(study.id, actor)),
    )


async def hold_study(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/studies/{study}/hold: stop every byte for now."""
    fields = await read_fields(request)
    reason = fields.text("reason")
    fields.done()
    return await answer(
        request,
        _on_study(request, lambda uses, study, actor: uses.studies.hold(study.id, reason, actor)),
    )


async def release_study(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/studies/{study}/release: end a hold."""
    (await read_fields(request)).done()
    return await answer(
        request,
        _on_study(request, lambda uses, study, actor: uses.studies.release(study.id, actor)),
    )


async def withdraw_study(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/studies/{study}/withdraw: stop every byte for good."""
    fields = await read_fields(request)
    reason = fields.text("reason")
    fields.done()
    return await answer(
        request,
        _on_study(
            request, lambda uses, study, actor: uses.studies.withdraw(study.id, reason, actor)
        ),
    )


async def resolve_study(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/studies/{study}/resolve: accept or reject what waits."""
    fields = await read_fields(request)
    accept = fields.flag("accept")
    fields.done()
    return await answer(
        request,
        _on_study(
            request, lambda uses, study, actor: uses.settling.resolve(study.id, accept, actor)
        ),
    )


async def keep_study(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/studies/{study}/keep: let it stay without a permission, or leave again."""
    fields = await read_fields(request)
    wanted = fields.flag("keep", default=True)
    fields.done()
    return await answer(
        request,
        _on_study(request, lambda uses, study, actor: uses.studies.keep(study.id, wanted, actor)),
    )


async def list_leaving(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/leaving: studies that will be erased within some days, first to leave first."""
    days = query_number(request, "days", default=_DEFAULT_DAYS, most=_MAX_DAYS)
    limit = max(1, query_number(request, "limit", default=_DEFAULT_LIST, most=_MAX_LIST))

    def work(uses: AdminUses, _actor: str) -> Json:
        found = uses.retention.leaving(days, limit)
        return {
            "studies": [{**study_json(one.study), "leaves": moment_ms(one.at_ms)} for one in found]
        }

    return await answer(request, work)


async def delete_study(request: web.Request) -> web.StreamResponse:
    """DELETE /admin/v1/studies/{study}: destroy its key and its bytes."""
    name = request.match_info["study"]

    def work(uses: AdminUses, actor: str) -> Json:
        study = uses.studies.find(name)
        uses.studies.delete(study.id, actor)
        return {"deleted": study.id.hex()}

    return await answer(request, work)


_STUDY: Final = "/admin/v1/studies/{study}"

ROUTES: Final = (
    reads("/admin/v1/studies", list_studies),
    reads(_STUDY, show_study),
    reads(_STUDY + "/instances/{object}/file", export_instance),
    changes(_STUDY + "/settle", settle_study),
    changes(_STUDY + "/hold", hold_study),
    changes(_STUDY + "/release", release_study),
    changes(_STUDY + "/withdraw", withdraw_study),
    changes(_STUDY + "/resolve", resolve_study),
    changes(_STUDY + "/keep", keep_study),
    reads("/admin/v1/leaving", list_leaving),
    admin_route(method="DELETE", path=_STUDY, body_limit=NO_BODY, handler=delete_study),
    admin_route(
        method="POST",
        path="/admin/v1/instances",
        body_limit=limits.MAX_OBJECT,
        handler=import_instance,
        seconds=_UPLOAD_SECONDS,
    ),
)
