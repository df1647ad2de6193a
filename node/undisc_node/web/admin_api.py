"""The admin API: everything the administrator can do, on the Unix socket of the node's home."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from undisc_node.web import (
    admin_consents,
    admin_deliveries,
    admin_department,
    admin_fetches,
    admin_grants,
    admin_keys,
    admin_links,
    admin_log,
    admin_media,
    admin_messages,
    admin_offers,
    admin_outgoing,
    admin_pacs,
    admin_pairings,
    admin_patients,
    admin_peers,
    admin_queue,
    admin_restored,
    admin_senders,
    admin_staff,
    admin_studies,
)
from undisc_node.web.admin_answers import answer, reads


async def status(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/status: the node in one look."""
    return await answer(request, lambda uses, _: uses.status.status())


ROUTES: Final = (
    reads("/admin/v1/status", status),
    *admin_studies.ROUTES,
    *admin_media.ROUTES,
    *admin_peers.ROUTES,
    *admin_keys.ROUTES,
    *admin_pairings.ROUTES,
    *admin_grants.ROUTES,
    *admin_fetches.ROUTES,
    *admin_consents.ROUTES,
    *admin_patients.ROUTES,
    *admin_messages.ROUTES,
    *admin_offers.ROUTES,
    *admin_outgoing.ROUTES,
    *admin_queue.ROUTES,
    *admin_department.ROUTES,
    *admin_staff.ROUTES,
    *admin_links.ROUTES,
    *admin_log.ROUTES,
    *admin_restored.ROUTES,
    *admin_pacs.ROUTES,
    *admin_senders.ROUTES,
    *admin_deliveries.ROUTES,
)
