"""One of everything that a node's admin API tells, in the API's shapes."""

from __future__ import annotations

import base64
from typing import Any

STUDY_ID = "3f2a81c0" + "0" * 24
PEER_ID = "91c4d5e6" + "0" * 56
GRANT_ID = "8d10aa01" + "0" * 56
SHARE_ID = "5b77bb02" + "0" * 56
FETCH_ID = "77abcc03" + "0" * 24
ENDED: dict[str, Any] = {
    "peer": PEER_ID,
    "peer_name": "Riverside Radiology",
    "kind": "ended",
    "made": "2026-11-26T08:00:00Z",
    "attempts": 2,
    "done": "2026-11-26T09:00:00Z",
    "outcome": "keeps its copy",
    "heard": "2026-11-26T09:00:00Z",
    "does": "kept",
    "why": "treatment",
    "passed": True,
}
WORDS = [
    "zoo",
    "able",
    "acid",
    "actor",
    "adapt",
    "adult",
    "agree",
    "alarm",
    "album",
    "alert",
    "alien",
    "alley",
]  # twelve
DID = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
OFFER = base64.b64encode(b"the bytes of an offer").decode()

STATUS: dict[str, Any] = {
    "version": "0.1.0",
    "name": "Lakeside Imaging",
    "node_id": "aa" * 32,
    "words": WORDS,
    "did": DID,
    "demo": False,
    "urls": ["https://lakeside.example"],
    "listeners": {"public": "0.0.0.0:8443", "internal": "127.0.0.1:8080", "dicom": None},
    "home": "/srv/undisc",
    "studies": {"active": 3, "held": 1, "withdrawn": 0, "unsettled": 1, "waiting": 2},
    "peers": {"trusted": 1, "pending": 0, "suspended": 0, "revoked": 0},
    "log": {"origin": "bb" * 16, "size": 1234, "root": "cc" * 32},
    "disk_free": 52_480_000_000,
    "queue": 3,
    "peer_alerts": 0,
    "log_differs": False,
    "strangers": 1,
    "kit_verified": True,
    "restored_unconfirmed": None,
}
STUDY_ROW: dict[str, Any] = {
    "id": STUDY_ID,
    "uid": "1.2.826.0.1.3680043.8.498.1",
    "patient": {
        "name": "Doe^Jane",
        "id": "P-1",
        "issuer": "LAKESIDE",
        "birth_date": "19700101",
        "sex": "F",
    },
    "study_date": "20261124",
    "study_time": "101500",
    "accession": "A-77",
    "description": "CT head",
    "modalities": ["CT"],
    "sender": "import",
    "instances": 2,
    "bytes": 1_048_576,
    "waiting": 0,
    "state": "active",
    "reason": "",
    "created": "2026-11-24T05:31:23Z",
    "arrived": "2026-11-24T05:31:24Z",
    "settled": "2026-11-24T05:32:24Z",
    "kept": False,
}
RECEIPT_ROW: dict[str, Any] = {
    "id": "dd" * 32,
    "peer": PEER_ID,
    "peer_name": "Riverside Radiology",
    "objects": 2,
    "bytes": 1_048_576,
    "at": "2026-11-24T06:00:00Z",
}
PEER_ROW: dict[str, Any] = {
    "id": PEER_ID,
    "words": WORDS,
    "did": DID,
    "name": "Riverside Radiology",
    "state": "trusted",
    "scopes": ["fetch", "offer"],
    "urls": ["https://riverside.example"],
    "added": "2026-11-24T05:00:00Z",
    "card_expires": "2026-12-24T05:00:00Z",
}
LOOK: dict[str, Any] = {
    "node_id": PEER_ID,
    "words": WORDS,
    "name": "Riverside Radiology",
    "did": DID,
    "urls": ["https://riverside.example"],
    "known": None,
}
GRANT_ROW: dict[str, Any] = {
    "id": GRANT_ID,
    "study": STUDY_ID,
    "audience": DID,
    "peer_name": "Riverside Radiology",
    "command": "/img/read",
    "basis": "treatment",
    "staff": "Dr. Ada Example",
    "purpose": "second opinion",
    "created": "2026-11-24T05:40:00Z",
    "expires": "2027-11-24T05:40:00Z",
    "revoked": None,
    "state": "active",
}
SHARE_ROW: dict[str, Any] = {
    "id": SHARE_ID,
    "grant": GRANT_ID,
    "study": STUDY_ID,
    "audience": DID,
    "peer_name": "Riverside Radiology",
    "command": "/img/read",
    "series": [],
    "created": "2026-11-24T05:45:00Z",
    "expires": "2027-11-24T05:40:00Z",
    "revoked": None,
    "state": "active",
}
FETCH_ROW: dict[str, Any] = {
    "id": FETCH_ID,
    "peer": PEER_ID,
    "peer_name": "Riverside Radiology",
    "state": "done",
    "problem": None,
    "next_try": None,
    "study": STUDY_ID,
    "objects": 12,
    "objects_done": 12,
    "bytes": 600_000_000,
    "bytes_done": 600_000_000,
    "mb_per_s": 118.4,
    "reused_bytes": 0,
    "created": "2026-11-24T05:50:00Z",
    "ended": "2026-11-24T05:50:05Z",
    "receipt": "taken",
}
RESTORED: dict[str, Any] = {
    "restored": {
        "since": "2026-11-24T07:00:00Z",
        "taken": "2026-11-23T22:00:00Z",
        "how": "restore",
        "confirmed": None,
    },
    "suspended": [
        {"kind": "grant", **GRANT_ROW, "state": "suspended"},
        {"kind": "share", **SHARE_ROW, "state": "suspended"},
    ],
    "recalled": [
        {
            "peer": PEER_ID,
            "peer_name": "Riverside Radiology",
            "at": "2026-11-24T07:01:00Z",
            "missing_lines": 37,
            "ended": 1,
            "stored": 2,
            "fetched": 0,
            "problem": None,
        }
    ],
}
WORKLIST: dict[str, Any] = {"at": "2026-11-24T06:00:00Z", "orders": 12, "problem": None}
ORDER_ROW: dict[str, Any] = {
    "id": "ab" * 16,
    "accession": "A-77",
    "patient": STUDY_ROW["patient"],
    "scheduled": "20261124101500",
    "modality": "CT",
    "description": "CT head",
    "requested_by": "Weiss^Anna",
    "referring": "",
    "study_uid": "1.2.3",
    "source": "worklist",
    "state": "scheduled",
    "seen": "2026-11-24T06:00:00Z",
}
REPORT_ROW: dict[str, Any] = {
    "id": "ba" * 16,
    "accession": "A-78",
    "patient": STUDY_ROW["patient"],
    "state": "final",
    "title": "CT head",
    "author": "Weiss^Anna",
    "reported": "20261126085500",
    "form": "text",
    "source": "hl7:RIS",
    "bytes": 1200,
    "since": "2026-11-26T08:00:00Z",
}
QUEUE_ROW: dict[str, Any] = {
    "id": "4e5f6a7b" + "0" * 24,
    "kind": "patient-merge",
    "study": STUDY_ID,
    "facts": [
        {"name": "patient id", "here": "P-1", "there": "P-9"},
        {"name": "name", "here": "Doe^Jane", "there": "Doe^Jane"},
    ],
    "since": "2026-11-24T06:30:00Z",
    "done": None,
    "outcome": "",
}
QUEUE_DECISIONS: list[dict[str, Any]] = [
    {"decision": "apply", "text": "take over the identity as it came", "value": None},
    {"decision": "keep", "text": "keep the identity as it is here", "value": None},
]
STAFF_ROW: dict[str, Any] = {
    "name": "anna",
    "role": "admin",
    "created": "2026-11-24T05:40:00Z",
    "changed": "2026-11-24T05:40:00Z",
    "disabled": None,
}
EVENT: dict[str, Any] = {
    "number": 7,
    "at": "2026-11-24T05:40:00Z",
    "type": "grant.created",
    "id": "110113",
    "action": "C",
    "outcome": 0,
    "who": [{"user": "ada", "name": "", "role": "", "requestor": True, "net": ""}],
    "what": [{"kind": 2, "role": 3, "idtype": "study", "id": "3f2a", "name": ""}],
    "why": "second opinion",
    "detail": {},
}


def instance_row(number: int, content: bytes, state: str = "current") -> dict[str, Any]:
    """Return an instance of a study."""
    return {
        "id": f"{number:032x}",
        "sop_uid": f"1.2.3.{number}",
        "sop_class": "1.2.840.10008.5.1.4.1.1.2",
        "series_uid": "1.2.3",
        "series": "ee" * 16,
        "transfer_syntax": "1.2.840.10008.1.2.1",
        "modality": "CT",
        "number": number,
        "bytes": len(content),
        "blake3": "ff" * 32,
        "sender": "import",
        "state": state,
    }


FILES = {1: b"first file", 2: b"the second file"}
STUDY_DETAIL: dict[str, Any] = {
    "study": STUDY_ROW,
    "instances": [instance_row(number, content) for number, content in FILES.items()],
    **{name: [] for name in ("provenance", "receipts", "deliveries")},
    "reports": [
        {
            "object": "cc" * 16,
            "sop_uid": "2.25.77",
            "sop_class": "1.2.840.10008.5.1.4.1.1.88.11",
            "sender": "hl7:RIS",
            "arrived": "2026-11-26T08:00:00Z",
            "state": "final",
            "title": "CT head",
            "reported": "20261126085500",
            "replaced": False,
        }
    ],
    "notices": [
        {
            "peer": PEER_ID,
            "peer_name": "Riverside Radiology",
            "kind": "grown",
            "made": "2026-11-26T08:00:00Z",
            "attempts": 1,
            "done": "2026-11-26T08:00:05Z",
            "outcome": "asks for the difference",
            "heard": "2026-11-26T08:00:05Z",
            "does": "asks",
            "why": None,
            "passed": False,
        },
        {
            "peer": PEER_ID,
            "peer_name": None,
            "kind": "patient",
            "made": "2026-11-26T08:00:00Z",
            "attempts": 3,
            "done": None,
            "outcome": "unreachable: nobody answers",
            "heard": None,
            "does": None,
            "why": None,
            "passed": False,
        },
        ENDED,
    ],
    "media": [],
}
