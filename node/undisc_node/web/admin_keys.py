"""The node's own keys on the admin socket: look, try the kit out, replace the key.

Kits and passphrases travel in bodies only, over a socket that the system guards; they are in no
log and no answer but the one that hands the new kit over.
"""

from __future__ import annotations

import base64
from typing import Final

from aiohttp import web

from undisc_node.services.key_rows import KeyStatus
from undisc_node.web.admin_answers import answer, changes, reads
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.fields import read_fields
from undisc_node.web.rendering import Json, moment, moment_or_none


def _status_json(status: KeyStatus) -> Json:
    return {
        "node_id": status.node_id.hex(),
        "words": list(status.words),
        "did": status.did,
        "number": status.number,
        "since": moment(status.issued),
        "kit": {
            "read_back": None if status.drilled is None else moment(status.drilled),
            "fits": status.kit_fits,
            "drill_due": status.drill_due,
        },
        "change_begun": status.begun,
        "card_expires": moment(status.card_expires),
        "peers": [
            {
                "id": one.peer.hex(),
                "name": one.name,
                "state": one.state,
                "knows": one.knows,
                "heard": moment_or_none(one.heard_ms),
            }
            for one in status.knowers
        ],
    }


async def show(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/keys: the node's keys, and which peers know the newest."""
    return await answer(request, lambda uses, _: {"keys": _status_json(uses.keys.status())})


async def drill(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/keys/drill: prove that a recovery kit could be used; changes nothing."""
    fields = await read_fields(request)
    kit, passphrase = fields.data("kit"), fields.text("passphrase")
    fields.done()
    return await answer(
        request,
        lambda uses, actor: {"keys": _status_json(uses.keys.drill(kit, passphrase, actor))},
    )


async def begin(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/keys/change: make the next key's kit; the key is not changed yet."""
    fields = await read_fields(request)
    kit, passphrase = fields.data("kit"), fields.text("passphrase")
    new_passphrase = fields.text("new_passphrase")
    pdf = fields.flag("pdf", default=False)
    fields.done()

    def work(uses: AdminUses, _actor: str) -> Json:
        begun = uses.keys.begin(kit, passphrase, new_passphrase, pdf=pdf)
        return {
            "number": begun.number,
            "kit": begun.kit,
            "pdf": base64.b64encode(begun.pdf).decode() if begun.pdf else None,
            "resumed": begun.resumed,
        }

    return await answer(request, work)


async def confirm(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/keys/confirm: change the key, after the new kit was read back."""
    fields = await read_fields(request)
    kit, passphrase = fields.data("kit"), fields.text("passphrase")
    new_kit, new_passphrase = fields.data("new_kit"), fields.text("new_passphrase")
    theft = fields.flag("theft", default=False)
    fields.done()

    def work(uses: AdminUses, actor: str) -> Json:
        changed = uses.keys.confirm(
            kit, passphrase, new_kit, new_passphrase, theft=theft, actor=actor
        )
        return {
            "number": changed.number,
            "did": changed.did,
            "suspended": changed.suspended,
            "signed_off": changed.signed_off,
        }

    return await answer(request, work)


ROUTES: Final = (
    reads("/admin/v1/keys", show),
    changes("/admin/v1/keys/drill", drill),
    changes("/admin/v1/keys/change", begin),
    changes("/admin/v1/keys/confirm", confirm),
)
