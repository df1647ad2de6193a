"""Senders on the admin socket: who may send images, who waits in quarantine, who was refused."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from aiohttp import web

from undisc_node.services.errors import Invalid
from undisc_node.services.letting_in import LetIn
from undisc_node.services.senders import SenderStatus, SenderWish
from undisc_node.web.admin_answers import admin_route, answer, changes, reads
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.fields import Fields, read_fields
from undisc_node.web.rendering import Json, moment_ms, moment_or_none
from undisc_node.web.routing import NO_BODY

_SENDER: Final = "/admin/v1/senders/{sender}"


def sender_json(status: SenderStatus) -> Json:
    """Render a sender."""
    sender, counts, kept = status.sender, status.counts, status.quarantined
    return {
        "name": sender.name,
        "state": sender.state,
        "address": sender.address,
        "ae_title": sender.ae_title,
        "fingerprint": sender.fingerprint.hex(),
        "has_certificate": bool(sender.certificate),
        "port": sender.port,
        "may_query": sender.may_query,
        "quota": sender.quota,
        "from_settings": sender.from_settings,
        "added": moment_or_none(sender.added_ms or None),
        "seen": moment_or_none(counts.seen_ms),
        "objects": counts.objects,
        "bytes": counts.size,
        "refused": counts.refused,
        "quarantine": {
            "studies": len(kept),
            "objects": sum(one.objects for one in kept),
            "bytes": sum(one.size for one in kept),
            "since": moment_or_none(kept[0].since_ms if kept else None),
        },
    }


def _let_in_json(done: LetIn) -> Json:
    problem = done.problem
    return {
        "studies": done.studies,
        "objects": done.objects,
        "problem": None
        if problem is None
        else {"code": problem.reason, "message": str(problem), "hint": problem.hint},
    }


def _wish(fields: Fields, name: str | None) -> SenderWish:
    """Read what is said about a sender; what is absent stays as it is."""
    said = {
        key: fields.text(key, optional=True)
        for key in ("address", "ae_title", "fingerprint")
        if fields.has(key)
    }
    certificate = fields.data("certificate") if fields.has("certificate") else None
    may_query = fields.flag("may_query") if fields.has("may_query") else None
    quota = (fields.number("quota") or 0) if fields.has("quota") else None
    port = (fields.number("port") or 0) if fields.has("port") else None
    if port is not None and port > 65_535:  # noqa: PLR2004 - TCP's own bound
        raise Invalid("port must be 1 to 65535")
    return SenderWish(
        name=name, certificate=certificate, may_query=may_query, quota=quota, port=port, **said
    )


async def list_senders(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/senders: who may send, and who was refused; `?removed=true` for all rows."""
    removed = request.query.get("removed") == "true"

    def work(uses: AdminUses, _actor: str) -> Json:
        return {
            "senders": [sender_json(one) for one in uses.senders.list(removed=removed)],
            "unknown": "quarantine" if uses.senders.quarantines() else "refuse",
            "refused": [
                {
                    "address": one.address,
                    "ae_title": one.ae_title,
                    "times": one.times,
                    "at": moment_ms(one.at_ms),
                }
                for one in uses.senders.refused()
            ],
        }

    return await answer(request, work)


async def show_sender(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/senders/{sender}: one of them, with what it has in quarantine."""
    name = request.match_info["sender"]

    def work(uses: AdminUses, _actor: str) -> Json:
        status = uses.senders.find(name)
        return {
            "sender": sender_json(status),
            "studies": [
                {
                    "uid": row.uid or (facts.study_uid if facts else ""),
                    "objects": row.objects,
                    "bytes": row.size,
                    "since": moment_ms(row.since_ms),
                    "patient": asdict(facts.patient) if facts else None,
                    "study_date": facts.study_date if facts else "",
                    "modality": facts.modality if facts else "",
                    "description": facts.description if facts else "",
                }
                for row, facts in uses.senders.look(status)
            ],
        }

    return await answer(request, work)


async def add_sender(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/senders: let somebody send, known by address or certificate."""
    fields = await read_fields(request)
    wish = _wish(fields, fields.text("name"))
    fields.done()
    return await answer(
        request, lambda uses, actor: {"sender": sender_json(uses.senders.add(wish, actor))}
    )


async def trust_sender(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/senders/{sender}/trust: trust or change it; what it sent comes in."""
    name = request.match_info["sender"]
    fields = await read_fields(request)
    wish = _wish(fields, fields.text("name", optional=True) or None)
    fields.done()

    def work(uses: AdminUses, actor: str) -> Json:
        status, done = uses.senders.trust(name, wish, actor)
        return {"sender": sender_json(status), "let_in": _let_in_json(done)}

    return await answer(request, work)


async def echo_sender(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/senders/{sender}/echo: ask whether it answers (C-ECHO)."""
    name = request.match_info["sender"]
    fields = await read_fields(request)
    port = fields.number("port") or 0
    fields.done()

    def work(uses: AdminUses, _actor: str) -> Json:
        begun = uses.clock.now_ms()
        status = uses.senders.echo(name, port)
        return {"sender": sender_json(status), "milliseconds": uses.clock.now_ms() - begun}

    return await answer(request, work)


async def remove_sender(request: web.Request) -> web.StreamResponse:
    """DELETE /admin/v1/senders/{sender}: refuse it, and erase what it has in quarantine."""
    name = request.match_info["sender"]

    def work(uses: AdminUses, actor: str) -> Json:
        status, done = uses.senders.remove(name, actor)
        return {"sender": sender_json(status), "erased": _let_in_json(done)}

    return await answer(request, work)


ROUTES: Final = (
    changes("/admin/v1/senders", add_sender),
    reads("/admin/v1/senders", list_senders),
    reads(_SENDER, show_sender),
    changes(_SENDER + "/trust", trust_sender),
    changes(_SENDER + "/echo", echo_sender),
    admin_route(method="DELETE", path=_SENDER, body_limit=NO_BODY, handler=remove_sender),
)
