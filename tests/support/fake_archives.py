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
PULL_ROW: dict[str, Any] = {
    "id": "4ac0ffee" + "0" * 24,
    "pacs": "main",
    "state": "done",
    "studies": 1,
    "studies_done": 1,
    "images": 12,
    "images_total": 12,
    "bytes": 5_000_000,
    "problem": None,
    "created": "2026-11-24T05:31:23Z",
    "ended": "2026-11-24T05:31:25Z",
}
CANDIDATE: dict[str, Any] = {
    "uid": "1.2.3",
    "patient": {"name": "Doe^Jane", "id": "P-1", "issuer": "", "birth_date": "19700101", "sex": ""},
    "study_date": "20190304",
    "accession": "A-7",
    "description": "CT head",
    "modalities": ["CT"],
    "instances": 12,
    "here": 0,
    "complete": False,
}
DELIVERY_ROW: dict[str, Any] = {
    "id": "5e0a0b0c" + "0" * 24,
    "study": "3f2a81c0" + "0" * 24,
    "pacs": "main",
    "state": "done",
    "patient": {"name": "Doe^Jane", "id": "L-1", "issuer": "H", "birth_date": "", "sex": "F"},
    "accession": "A-7",
    "objects": 12,
    "handed_over": 12,
    "committed": 12,
    "problem": None,
    "attempts": 0,
    "next": None,
    "created": "2026-11-24T05:31:23Z",
    "ended": "2026-11-24T05:31:25Z",
}
MATCH: dict[str, Any] = {
    "pacs": "main",
    "outside": [{**CANDIDATE["patient"], "id": "OUT-7"}],
    "local": DELIVERY_ROW["patient"],
    "candidates": [],
    "differs": [],
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
        case ["POST", "studies", _, "deliveries", "look"]:
            return MATCH
        case ["POST", "studies", _, "deliveries"]:
            return {"delivery": DELIVERY_ROW}
        case ["GET", "deliveries"]:
            return {"deliveries": [DELIVERY_ROW]}
        case ["GET", "deliveries", _] | ["POST", "deliveries", _, "cancel"]:
            return {"delivery": DELIVERY_ROW}
        case ["POST", "pulls", "look"]:
            return {"pacs": "main", "studies": [CANDIDATE]}
        case ["POST", "pulls", *_] | ["GET", "pulls", _]:
            return {"pull": PULL_ROW}
    return None
