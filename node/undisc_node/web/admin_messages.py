"""Messages to people on the admin socket, where patients want their links, and print-outs."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from undisc_node.services.contacts import Contact, read_contact
from undisc_node.services.desk_rows import Channel, ChannelKind
from undisc_node.services.errors import Invalid
from undisc_node.services.message_rows import MessageKind, MessageRow
from undisc_node.web.admin_answers import answer, changes, reads
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.fields import Fields, query_number, read_fields
from undisc_node.web.rendering import Json, base64_text, moment_ms, moment_or_none

_MOST: Final = 1_000  # rows of one answer


def message_json(message: MessageRow) -> Json:
    """Render a message."""
    return {
        "id": message.id.hex(),
        "kind": message.kind,
        "subject": message.subject.hex(),
        "visit": message.visit.hex() if message.visit else None,
        "channel": message.contact.channel,
        "to": message.contact.to,
        "language": message.language,
        "state": message.state,
        "attempts": message.attempts,
        "problem": message.problem,
        "reference": message.reference,
        "made": moment_ms(message.made_ms),
        "next": moment_ms(message.next_ms) if message.state.goes_on else None,
        "ended": moment_or_none(message.ended_ms),
    }


def contact_json(one: Channel) -> Json:
    """Render where a patient wants a link."""
    return {
        "channel": one.kind,
        "to": one.address,
        "language": one.language,
        "warning_accepted": moment_or_none(one.accepted_ms),
        "by": one.by,
        "since": moment_ms(one.at_ms),
    }


def take_contacts(fields: Fields) -> tuple[list[Contact], bool]:
    """Take from a body where a link is to go, and whether the warning was accepted."""
    contacts = [
        *(read_contact(ChannelKind.EMAIL, one) for one in fields.texts("emails")),
        *(read_contact(ChannelKind.TEXT, one) for one in fields.texts("numbers")),
    ]
    if fields.flag("print", default=False):
        contacts.append(read_contact(ChannelKind.PRINT, ""))
    return contacts, fields.flag("warning_accepted", default=False)


async def list_messages(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/messages: newest first; of a visit, or all."""
    visit = request.query.get("visit", "")
    limit = max(1, query_number(request, "limit", default=100, most=_MOST))

    def work(uses: AdminUses, _actor: str) -> Json:
        of = uses.visiting.find(visit).id if visit else None
        return {"messages": [message_json(one) for one in uses.messaging.list(of, limit)]}

    return await answer(request, work)


async def show_message(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/messages/{message}: one, with what stands in its way."""
    name = request.match_info["message"]
    return await answer(
        request, lambda uses, _: {"message": message_json(uses.messaging.find(name))}
    )


async def retry(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/messages/{message}/retry: send it once more, now."""
    name = request.match_info["message"]
    fields = await read_fields(request)
    again = fields.flag("again", default=False)
    fields.done()

    def work(uses: AdminUses, actor: str) -> Json:
        message = uses.messaging.find(name)
        return {"message": message_json(uses.messaging.retry(message.id, again=again, actor=actor))}

    return await answer(request, work)


async def cancel(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/messages/{message}/cancel: do not send it."""
    name = request.match_info["message"]
    (await read_fields(request)).done()

    def work(uses: AdminUses, actor: str) -> Json:
        message = uses.messaging.find(name)
        return {"message": message_json(uses.messaging.cancel(message.id, actor))}

    return await answer(request, work)


async def test(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/messages/test: send a test message at once."""
    fields = await read_fields(request)
    channel, to = fields.choice("channel", ChannelKind), fields.text("to")
    language = fields.text("language", optional=True) or "en"
    fields.done()
    if channel is ChannelKind.PRINT:
        raise Invalid("a test goes by email or text", hint="print with: undisc visits print")
    contact = read_contact(channel, to)

    def work(uses: AdminUses, _actor: str) -> Json:
        uses.sending_now.send(
            MessageKind.TEST, contact, language=language, fill=lambda facts: facts
        )
        return {"sent": True, "channel": channel}

    return await answer(request, work)


async def show_contacts(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/visits/{visit}/contacts: where its link goes, and what was sent."""
    name = request.match_info["visit"]

    def work(uses: AdminUses, _actor: str) -> Json:
        visit = uses.visiting.find(name)
        return {
            "contacts": [contact_json(one) for one in uses.reaching.contacts(visit.id)],
            "messages": [message_json(one) for one in uses.messaging.list(visit.id)],
        }

    return await answer(request, work)


async def choose_contacts(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/visits/{visit}/contacts: say where its link is to go."""
    name = request.match_info["visit"]
    fields = await read_fields(request)
    contacts, warned = take_contacts(fields)
    fields.done()

    def work(uses: AdminUses, actor: str) -> Json:
        visit = uses.visiting.find(name)
        chosen = uses.reaching.choose(visit.id, contacts, warned=warned, actor=actor)
        return {"contacts": [contact_json(one) for one in chosen]}

    return await answer(request, work)


async def print_visit(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/visits/{visit}/print: the sheet that opens it, as PDF."""
    name = request.match_info["visit"]
    fields = await read_fields(request)
    language = fields.text("language", optional=True)
    fields.done()

    def work(uses: AdminUses, actor: str) -> Json:
        visit = uses.visiting.find(name)
        return {
            "visit": visit.id.hex(),
            "pdf": base64_text(uses.reaching.printed(visit.id, language, actor)),
        }

    return await answer(request, work)


ROUTES: Final = (
    reads("/admin/v1/messages", list_messages),
    changes("/admin/v1/messages/test", test),
    reads("/admin/v1/messages/{message}", show_message),
    changes("/admin/v1/messages/{message}/retry", retry),
    changes("/admin/v1/messages/{message}/cancel", cancel),
    reads("/admin/v1/visits/{visit}/contacts", show_contacts),
    changes("/admin/v1/visits/{visit}/contacts", choose_contacts),
    changes("/admin/v1/visits/{visit}/print", print_visit),
)
