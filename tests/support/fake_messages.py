"""Messages to people as a node tells them; part of `support.fake_admin`."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from support.fake_admin_rows import FETCH_ROW

MESSAGE_ROW: dict[str, Any] = {
    "id": "0a1b" * 8,
    "kind": "link",
    "subject": "51de" * 8,
    "visit": "51de" * 8,
    "channel": "email",
    "to": "jane@example.org",
    "language": "es",
    "state": "failed",
    "attempts": 3,
    "problem": "mail_refused: the mail server refused the address (550 5.1.1)",
    "reference": "",
    "made": "2026-11-24T08:00:00Z",
    "next": None,
    "ended": "2026-11-24T08:00:09Z",
}
CONTACT_ROW: dict[str, Any] = {
    "channel": "email",
    "to": "jane@example.org",
    "language": "es",
    "warning_accepted": "2026-11-24T08:00:00Z",
    "by": "anna",
    "since": "2026-11-24T08:00:00Z",
}
OFFER_ROW: dict[str, Any] = {
    "id": "8d10" * 16,
    "peer": "91c4" * 16,
    "peer_name": "Riverside Radiology",
    "study": "3f2a" * 8,
    "expires": "2027-11-24T08:00:00Z",
    "state": "shown",
    "arrived": "2026-11-24T08:00:00Z",
    "decided": None,
    "by": "",
}
SENT_OFFER_ROW: dict[str, Any] = {
    "grant": "8d10" * 16,
    "peer": "91c4" * 16,
    "peer_name": "Riverside Radiology",
    "study": "3f2a" * 8,
    "made": "2026-11-24T08:00:00Z",
    "attempts": 1,
    "done": "2026-11-24T08:00:01Z",
    "outcome": "fetches it",
}
OUTGOING_ROW: dict[str, Any] = {
    "id": "0ff0" * 16,
    "kind": "notice",
    "about": "grown",
    "peer": "91c4" * 16,
    "peer_name": "Riverside Radiology",
    "study": "3f2a" * 8,
    "since": "2026-11-24T08:00:00Z",
    "attempts": 3,
    "next_try": "2026-11-24T09:00:00Z",
    "problem": {"code": "unreachable", "message": "no address answered", "hint": ""},
}
SHEET = b"%PDF-1.4 a sheet \xff"


def usual(method: str, parts: Sequence[str]) -> Mapping[str, Any] | None:
    """Answer what is about messages; None for anything else."""
    match [method, *parts]:
        case ["GET", "offers"]:
            return {"offers": [OFFER_ROW], "outgoing": [SENT_OFFER_ROW]}
        case ["POST", "offers", _, "accept"]:
            return {"offer": OFFER_ROW, "fetch": FETCH_ROW}
        case ["GET", "offers", _] | ["POST", "offers", _, _]:
            return {"offer": OFFER_ROW}
        case ["GET", "outgoing"]:
            return {"outgoing": [OUTGOING_ROW]}
        case ["POST", "outgoing", _, _]:
            return {"row": OUTGOING_ROW}
        case ["GET", "messages"]:
            return {"messages": [MESSAGE_ROW]}
        case ["POST", "messages", "test"]:
            return {"sent": True, "channel": "email"}
        case ["GET", "messages", _] | ["POST", "messages", _, _]:
            return {"message": MESSAGE_ROW}
        case ["GET", "visits", _, "contacts"]:
            return {"contacts": [CONTACT_ROW], "messages": [MESSAGE_ROW]}
        case ["POST", "visits", _, "contacts"]:
            return {"contacts": [CONTACT_ROW]}
        case ["POST", "visits", _, "print"]:
            return {"visit": "51de" * 8, "pdf": base64.b64encode(SHEET).decode()}
    return None
