"""Senders as a node's admin API answers about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SENDER_ROW: dict[str, Any] = {
    "name": "ct1",
    "state": "trusted",
    "address": "192.168.1.20",
    "ae_title": "CT1",
    "fingerprint": "",
    "has_certificate": False,
    "port": 104,
    "may_query": False,
    "quota": 0,
    "from_settings": False,
    "added": "2026-11-24T05:31:23Z",
    "seen": "2026-11-24T06:31:23Z",
    "objects": 1200,
    "bytes": 630_000_000,
    "refused": 2,
    "quarantine": {"studies": 0, "objects": 0, "bytes": 0, "since": None},
}
STRANGER_ROW: dict[str, Any] = {
    **SENDER_ROW,
    "name": "MR@192.168.1.9",
    "state": "pending",
    "address": "192.168.1.9",
    "ae_title": "MR",
    "port": 0,
    "quarantine": {
        "studies": 1,
        "objects": 12,
        "bytes": 6_300_000,
        "since": "2026-11-24T06:31:23Z",
    },
}
KEPT: dict[str, Any] = {
    "uid": "1.2.3",
    "objects": 12,
    "bytes": 6_300_000,
    "since": "2026-11-24T06:31:23Z",
    "patient": {"name": "Doe^Jane", "id": "P-1", "issuer": "", "birth_date": "", "sex": "F"},
    "study_date": "20261124",
    "modality": "MR",
    "description": "knee",
}
REFUSED: dict[str, Any] = {
    "address": "192.168.1.77",
    "ae_title": "US",
    "times": 3,
    "at": "2026-11-24T06:31:23Z",
}
LET_IN: dict[str, Any] = {"studies": 1, "objects": 12, "problem": None}


def usual(method: str, parts: Sequence[str]) -> Mapping[str, Any] | None:
    """Answer like a node with one sender, and one that waits."""
    match [method, *parts]:
        case ["GET", "senders"]:
            return {
                "senders": [STRANGER_ROW, SENDER_ROW],
                "unknown": "quarantine",
                "refused": [REFUSED],
            }
        case ["POST", "senders"]:
            return {"sender": SENDER_ROW}
        case ["GET", "senders", _]:
            return {"sender": STRANGER_ROW, "studies": [KEPT]}
        case ["POST", "senders", _, "trust"]:
            return {"sender": SENDER_ROW, "let_in": LET_IN}
        case ["POST", "senders", _, "echo"]:
            return {"sender": SENDER_ROW, "milliseconds": 12}
        case ["DELETE", "senders", _]:
            return {"sender": {**SENDER_ROW, "state": "removed"}, "erased": LET_IN}
    return None
