"""What the fake of the admin API answers about media: every file is one patient's image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

MEDIUM: dict[str, Any] = {
    "id": "ab" * 16,
    "kind": "folder",
    "label": "disc",
    "file_set": "",
    "creator": "",
    "by": "ada",
    "at": "2026-11-24T05:31:23Z",
}
LOOKED: dict[str, Any] = {
    "patient": {
        "name": "Doe^Jane",
        "id": "P-1",
        "issuer": "LAKESIDE",
        "birth_date": "19700101",
        "sex": "F",
    },
    "study_uid": "1.2.3",
    "sop_uid": "1.2.3.1",
    "study_date": "20261124",
    "description": "CT head",
    "modality": "CT",
}


def heads(body: bytes) -> Iterator[bytes]:
    """Take the starts of files apart."""
    at = 0
    while at < len(body):
        stop = at + 4 + int.from_bytes(body[at : at + 4])
        yield body[at + 4 : stop]
        at = stop


def usual(method: str, parts: list[str], body: bytes) -> Mapping[str, Any] | None:
    """Answer like a node; None for what is not about media."""
    match [method, *parts]:
        case ["POST", "imports", "look"]:
            return {"files": [LOOKED for _ in heads(body)]}
        case ["POST", "imports"]:
            return {"medium": MEDIUM}
    return None
