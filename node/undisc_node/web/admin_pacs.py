"""Archives of the practice on the admin socket: add, list, ask, remove, pull studies from."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from aiohttp import web

from undisc_node.services.archive_model import Pacs, Retrieve, Wanted
from undisc_node.services.archiving import PacsWish
from undisc_node.services.errors import Invalid
from undisc_node.services.pulling import Candidate, Pull
from undisc_node.web.admin_answers import admin_route, answer, changes, reads
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.fields import read_fields
from undisc_node.web.rendering import Json, moment_ms, moment_or_none, problem_json
from undisc_node.web.routing import NO_BODY

_PACS: Final = "/admin/v1/pacs/{pacs}"


def pacs_json(pacs: Pacs) -> Json:
    """Render an archive."""
    return {
        "name": pacs.name,
        "ae_title": pacs.ae_title,
        "host": pacs.host,
        "port": pacs.port,
        "calling_ae": pacs.calling_ae,
        "url": pacs.url,
        "credentials": pacs.credentials,
        "retrieve": pacs.retrieve,
        "takes_fetched": pacs.takes_fetched,
        "issuer": pacs.issuer,
        "added": moment_ms(pacs.added_ms),
    }


async def add_pacs(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/pacs: keep an archive by its DIMSE address or DICOMweb URL."""
    fields = await read_fields(request)
    retrieve = fields.text("retrieve", optional=True)
    if retrieve and retrieve not in frozenset(Retrieve):
        raise Invalid(f"retrieve must be one of: {', '.join(Retrieve)}")
    wish = PacsWish(
        name=fields.text("name"),
        dimse=fields.text("dimse", optional=True),
        url=fields.text("url", optional=True),
        calling_ae=fields.text("calling_ae", optional=True),
        credentials=fields.text("credentials", optional=True),
        retrieve=Retrieve(retrieve) if retrieve else None,
        takes_fetched=fields.flag("takes_fetched", default=False),
        issuer=fields.text("issuer", optional=True),
    )
    fields.done()
    return await answer(
        request, lambda uses, actor: {"pacs": pacs_json(uses.archiving.add(wish, actor))}
    )


async def list_pacs(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/pacs: every archive."""
    return await answer(
        request, lambda uses, _: {"pacs": [pacs_json(one) for one in uses.archiving.list()]}
    )


async def echo_pacs(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/pacs/{pacs}/echo: ask whether it answers."""
    name = request.match_info["pacs"]
    (await read_fields(request)).done()

    def work(uses: AdminUses, _actor: str) -> Json:
        begun = uses.clock.now_ms()
        pacs = uses.archiving.echo(name)
        return {"pacs": pacs_json(pacs), "milliseconds": uses.clock.now_ms() - begun}

    return await answer(request, work)


async def remove_pacs(request: web.Request) -> web.StreamResponse:
    """DELETE /admin/v1/pacs/{pacs}: forget it, and what is on its way there."""
    name = request.match_info["pacs"]
    return await answer(
        request, lambda uses, actor: {"removed": uses.archiving.remove(name, actor).name}
    )


async def look_for_studies(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/pulls/look: what an archive has; nothing is brought."""
    fields = await read_fields(request)
    pacs = fields.text("pacs", optional=True)
    wanted = Wanted(
        patient=fields.text("patient", optional=True),
        accession=fields.text("accession", optional=True),
        study=fields.text("study", optional=True),
    )
    fields.done()

    def work(uses: AdminUses, _actor: str) -> Json:
        known, found = uses.pulling.look(pacs, wanted)
        return {"pacs": known.name, "studies": [_candidate_json(one) for one in found]}

    return await answer(request, work)


async def start_pull(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/pulls: bring studies of an archive, named by their UIDs."""
    fields = await read_fields(request)
    pacs = fields.text("pacs", optional=True)
    studies = fields.texts("studies")
    fields.done()
    return await answer(
        request,
        lambda uses, actor: {"pull": _pull_json(uses.pulling.start(pacs, studies, actor))},
    )


async def show_pull(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/pulls/{pull}: how far it has come."""
    prefix = request.match_info["pull"]
    return await answer(request, lambda uses, _: {"pull": _pull_json(uses.pulling.find(prefix))})


async def cancel_pull(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/pulls/{pull}/cancel: end it; what came stays."""
    prefix = request.match_info["pull"]
    (await read_fields(request)).done()

    def work(uses: AdminUses, _actor: str) -> Json:
        return {"pull": _pull_json(uses.pulling.cancel(uses.pulling.find(prefix).id))}

    return await answer(request, work)


def _candidate_json(one: Candidate) -> Json:
    found = one.found
    return {
        "uid": found.uid,
        "patient": asdict(found.patient),
        "study_date": found.date,
        "accession": found.accession,
        "description": found.description,
        "modalities": list(found.modalities),
        "instances": found.instances,
        "here": one.here,
        "complete": one.complete,
    }


def _pull_json(pull: Pull) -> Json:
    return {
        "id": pull.id.hex(),
        "pacs": pull.pacs,
        "state": pull.state,
        "studies": pull.studies,
        "studies_done": pull.studies_done,
        "images": pull.images,
        "images_total": pull.images_total,
        "bytes": pull.size,
        "problem": problem_json(pull.problem),
        "created": moment_ms(pull.created_ms),
        "ended": moment_or_none(pull.ended_ms),
    }


ROUTES: Final = (
    changes("/admin/v1/pacs", add_pacs),
    reads("/admin/v1/pacs", list_pacs),
    changes(_PACS + "/echo", echo_pacs),
    admin_route(method="DELETE", path=_PACS, body_limit=NO_BODY, handler=remove_pacs),
    changes("/admin/v1/pulls/look", look_for_studies),
    changes("/admin/v1/pulls", start_pull),
    reads("/admin/v1/pulls/{pull}", show_pull),
    changes("/admin/v1/pulls/{pull}/cancel", cancel_pull),
)
