"""Archives of the practice on the admin socket: add, list, ask, remove."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from undisc_node.services.archive_model import Pacs, Retrieve
from undisc_node.services.archiving import PacsWish
from undisc_node.services.errors import Invalid
from undisc_node.web.admin_answers import admin_route, answer, changes, reads
from undisc_node.web.fields import read_fields
from undisc_node.web.rendering import Json, moment_ms
from undisc_node.web.routing import NO_BODY
from undisc_node.web.uses import AdminUses

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


ROUTES: Final = (
    changes("/admin/v1/pacs", add_pacs),
    reads("/admin/v1/pacs", list_pacs),
    changes(_PACS + "/echo", echo_pacs),
    admin_route(method="DELETE", path=_PACS, body_limit=NO_BODY, handler=remove_pacs),
)
