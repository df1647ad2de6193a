"""HTTP Basic for the practice's own people (RFC 7617)."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from aiohttp import hdrs, web

from undisc_node.services.dicomweb.scope import Allowed
from undisc_node.services.errors import NotSignedIn
from undisc_node.web import keys

_LONGEST: Final = 1_024  # characters of the header: a name and a password fit


async def staff_allowed(request: web.Request) -> Allowed:
    """Return what a member of the staff may see: everything.

    Raises:
        NotSignedIn: Name and password are missing or wrong.
        TooManyAttempts: Wrong ones were tried a moment ago.
    """
    name, password = _given(request)
    staff = request.app[keys.INTERNAL].staff
    member = await request.app[keys.WORKERS].run(lambda: staff.sign_in(name, password))
    return Allowed(sender=f"stow:{member.name}")


def _given(request: web.Request) -> tuple[str, str]:
    scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "basic" or len(given) > _LONGEST:
        raise NotSignedIn(
            "sign in with name and password", hint="an account: undisc staff add NAME"
        )
    try:
        name, colon, password = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        name, colon, password = "", "", ""
    if not colon:
        raise NotSignedIn("the authorization cannot be read", hint="HTTP Basic, in UTF-8")
    return name, password
