"""What a fake node says about archives, pulls and deliveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

PACS_ROW: dict[str, Any] = {
    "name": "main",
    "ae_title": "ORTHANC",
    "host": "10.1.2.3",
    "port": 4242,
    "calling_ae": "UNDISC",
    "url": "",
    "credentials": "",
    "retrieve": "move",
    "takes_fetched": True,
    "issuer": "HOSP",
    "added": "2026-11-24T05:31:23Z",
}


def usual(method: str, parts: Sequence[str]) -> Mapping[str, Any] | None:
    """Answer like a node with one archive."""
    match [method, *parts]:
        case ["GET", "pacs"]:
            return {"pacs": [PACS_ROW]}
        case ["POST", "pacs"]:
            return {"pacs": PACS_ROW}
        case ["POST", "pacs", _, "echo"]:
            return {"pacs": PACS_ROW, "milliseconds": 12}
        case ["DELETE", "pacs", name]:
            return {"removed": name}
    return None
