"""An answer as a form brings it, from a device that was handed over or from the desk."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Final

from undisc_node.services.ask_facts import MAX_PIN, Answer
from undisc_node.services.consent_rows import Decision
from undisc_node.services.desk_rows import ChannelKind
from undisc_node.web.pages.forms import Form

_MOST_DRAWN: Final = 88_000  # characters of base64 of the largest signature
_MOST: Final = 320  # characters of a name or an address
FIELDS: Final[Mapping[str, str]] = {
    # code of what is wrong -> field it is shown beside
    "bad_email": "email",
    "bad_telephone": "text",
    "bad_pin": "pin",
    "weak_pin": "pin",
    "not_accepted": "accepted-1",
    "not_signed": "typed",
    "bad_signature": "typed",
}
"""Where a problem is shown."""
SECRET_FIELDS: Final = frozenset({"pin", "pin_again", "drawn"})
"""Fields that are never put back into a page."""


def answer_of(form: Form, language: str) -> Answer | None:
    """Read an answer; problems are noted in the form."""
    decision = form.choice("decision", Decision)
    if decision is None:
        return None
    channels = []
    for kind in ChannelKind:
        if kind in form.many("channel"):
            address = "" if kind is ChannelKind.PRINT else form.text(kind, most=_MOST, needed=True)
            channels.append((kind, address))
    pin, again = form.secret("pin", most=MAX_PIN), form.secret("pin_again", most=MAX_PIN)
    if channels and pin != again:
        form.problems["pin_again"] = "pins_differ"
    return Answer(
        decision=decision,
        recipients=form.many("to"),
        channels=tuple(channels),
        accepted=form.flag("accepted"),
        pin=pin,
        drawn=_drawn(form),
        typed=form.text("typed", most=_MOST),
        language=language,
        notices=form.flag("notices"),
    )


def _drawn(form: Form) -> bytes:
    try:
        return base64.b64decode(form.secret("drawn", most=_MOST_DRAWN), validate=True)
    except (binascii.Error, ValueError):
        form.problems["typed"] = "bad_signature"
        return b""
