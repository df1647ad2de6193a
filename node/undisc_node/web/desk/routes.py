"""Every address of the desk. All but signing in need somebody who is signed in."""

from __future__ import annotations

from functools import partial
from typing import Final

from aiohttp import web

from undisc_node.web.desk import (
    asks,
    day,
    emergency,
    fetches,
    letters,
    offers,
    passkeys,
    people,
    queue,
    recording,
    sharing,
    signing,
    visits,
)
from undisc_node.web.desk.sessions import admin_page, see, staff_page
from undisc_node.web.pages.forms import FORM_BODY
from undisc_node.web.routing import NO_BODY, Authority, Handler, Route

_route = partial(Route, page=True)


def _reads(path: str, handler: Handler, authority: Authority = Authority.STAFF_SESSION) -> Route:
    return _route(method="GET", path=path, handler=handler, authority=authority, body_limit=NO_BODY)


def _takes(path: str, handler: Handler, authority: Authority = Authority.STAFF_SESSION) -> Route:
    return _route(
        method="POST", path=path, handler=handler, authority=authority, body_limit=FORM_BODY
    )


async def _desk(_request: web.Request) -> web.StreamResponse:
    """GET /desk: leads to the day's list."""
    return see("/desk/")


ROUTES: Final = (
    _reads("/desk", _desk, Authority.LAN),
    _reads("/desk/sign-in", signing.sign_in_page, Authority.LAN),
    _takes("/desk/sign-in", signing.sign_in, Authority.LAN),
    _reads("/desk/code", signing.code_page, Authority.LAN),
    _takes("/desk/code", signing.finish, Authority.LAN),
    _takes("/desk/passkey/ask", passkeys.ask, Authority.LAN),
    _takes("/desk/passkey", passkeys.sign_in, Authority.LAN),
    _takes("/desk/sign-off", signing.sign_off, Authority.LAN),
    _reads("/desk/", staff_page(day.day)),
    _reads("/desk/ask", staff_page(asks.ask_form)),
    _takes("/desk/ask", staff_page(asks.ask)),
    _reads("/desk/asks/{ask}", staff_page(asks.show)),
    _takes("/desk/asks/{ask}/here", staff_page(asks.hand_over)),
    _takes("/desk/asks/{ask}/code", staff_page(asks.show_code)),
    _takes("/desk/asks/{ask}/drop", staff_page(asks.cancel)),
    _reads("/desk/record", staff_page(recording.record_form)),
    _takes("/desk/record", staff_page(recording.record)),
    _reads("/desk/visits", staff_page(day.visits)),
    _reads("/desk/visits/{visit}", staff_page(visits.show)),
    _reads("/desk/visits/{visit}/signature", staff_page(visits.signature)),
    _takes("/desk/visits/{visit}/release", staff_page(visits.release)),
    _takes("/desk/visits/{visit}/withdraw", staff_page(visits.withdraw)),
    _takes("/desk/visits/{visit}/link", staff_page(visits.hand_out)),
    _takes("/desk/visits/{visit}/sheet", staff_page(visits.sheet)),
    _takes("/desk/visits/{visit}/messages/{message}", staff_page(visits.send_again)),
    _takes("/desk/visits/{visit}/notices", staff_page(visits.tell_of_uses)),
    _takes("/desk/visits/{visit}/new-pin", staff_page(visits.new_pin)),
    _takes("/desk/visits/{visit}/pin", staff_page(visits.reopen_pin)),
    _reads("/desk/visits/{visit}/share", staff_page(sharing.share_form)),
    _takes("/desk/visits/{visit}/share", staff_page(sharing.share)),
    _takes("/desk/visits/{visit}/end", staff_page(sharing.end)),
    _takes("/desk/visits/{visit}/tested", staff_page(sharing.tested)),
    _reads("/desk/visits/{visit}/contacts", staff_page(letters.contacts_form)),
    _takes("/desk/visits/{visit}/contacts", staff_page(letters.contacts)),
    _reads("/desk/messages", staff_page(letters.messages)),
    _takes("/desk/messages/{message}/retry", staff_page(letters.retry)),
    _takes("/desk/messages/{message}/cancel", staff_page(letters.cancel)),
    _reads("/desk/offers", staff_page(offers.offers)),
    _takes("/desk/offers/{offer}/accept", staff_page(offers.accept)),
    _takes("/desk/offers/{offer}/refuse", staff_page(offers.refuse)),
    _reads("/desk/queue", staff_page(queue.rows)),
    _reads("/desk/queue/{row}", staff_page(queue.show)),
    _takes("/desk/queue/{row}", staff_page(queue.resolve)),
    _reads("/desk/fetches", staff_page(fetches.fetches)),
    _takes("/desk/fetches", staff_page(fetches.start)),
    _takes("/desk/fetches/{fetch}/resume", staff_page(fetches.resume)),
    _reads("/desk/emergency", staff_page(emergency.show)),
    _takes("/desk/emergency", staff_page(emergency.give)),
    _reads("/desk/passkeys", staff_page(passkeys.passkeys)),
    _takes("/desk/passkeys/ask", staff_page(passkeys.ask_new)),
    _takes("/desk/passkeys", staff_page(passkeys.add)),
    _takes("/desk/passkeys/remove", staff_page(passkeys.remove)),
    _reads("/desk/people", admin_page(people.people)),
    _takes("/desk/people", admin_page(people.add)),
    _takes("/desk/people/{name}/disable", admin_page(people.disable)),
    _takes("/desk/people/{name}/reset", admin_page(people.reset)),
)
