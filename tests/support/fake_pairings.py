"""Pairings as the admin API tells of them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from undisc_protocol.identity import NodeId
from undisc_protocol.invitation import Invitation, write_invitation

INVITATION = write_invitation(
    Invitation(
        NodeId(bytes(range(32))), ("https://lakeside.example",), b"token" * 6 + b"!!", 1_795_500_300
    )
)
FILE = base64.b64encode(b"a pairing file").decode()
ANSWER = base64.b64encode(b"its answer").decode()
WAITING_ROW: dict[str, Any] = {
    "id": "7a7a" + "00" * 14,
    "role": "inviter",
    "by_file": False,
    "state": "waiting",
    "name": "",
    "node_id": None,
    "words": [],
    "scopes": ["fetch", "offer"],
    "their_scopes": [],
    "urls": [],
    "made": "2026-11-24T06:00:00Z",
    "taken_by": "2026-11-24T06:05:00Z",
    "ends": "2026-11-24T06:15:00Z",
    "ended": None,
    "problem": "",
    "by": "anna",
}
COMPARING_ROW: dict[str, Any] = {
    **WAITING_ROW,
    "state": "comparing",
    "name": "Riverside Radiology",
    "node_id": "91c4" + "00" * 30,
    "words": ["zoo", "able", "about", "yard"],
    "their_scopes": ["fetch"],
}
CONFIRMED_ROW: dict[str, Any] = {**COMPARING_ROW, "state": "confirmed"}
TRUSTED_ROW: dict[str, Any] = {
    **COMPARING_ROW,
    "state": "trusted",
    "ended": "2026-11-24T06:03:00Z",
}
REFUSED_ROW: dict[str, Any] = {
    **TRUSTED_ROW,
    "state": "refused",
    "problem": "refused on the other side",
}
SEEN_ROW: dict[str, Any] = {
    "name": "Riverside Radiology",
    "node_id_begins": "91c4" + "00" * 6,
    "url": "https://riverside.example",
    "addresses": ["10.1.2.3"],
    "claims_peer": None,
    "claims_own": False,
}
ID = WAITING_ROW["id"]


def usual(method: str, parts: Sequence[str]) -> dict[str, Any] | None:
    """Answer like a node with one pairing whose words are there."""
    match [method, *parts]:
        case ["GET", "discovered"]:
            return {"discovered": [SEEN_ROW]}
        case ["GET", "pairings"]:
            return {"pairings": [COMPARING_ROW]}
        case ["POST", "pairings"]:
            return {"pairing": WAITING_ROW, "invitation": INVITATION, "qr": ["█▀▄", "█ █"]}
        case ["POST", "pairings", "accept"]:
            return {"pairing": COMPARING_ROW, "file": None}
        case ["GET", "pairings", _]:
            return {"pairing": COMPARING_ROW}
        case ["POST", "pairings", _, "confirm"]:
            return {"pairing": TRUSTED_ROW}
        case ["POST", "pairings", _, "refuse"]:
            return {"pairing": REFUSED_ROW}
        case _:
            return None
