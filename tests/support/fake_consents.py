"""Consents and visits as a node tells them; part of `support.fake_admin`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

PATIENT = {
    "name": "Doe^Jane",
    "id": "P-100",
    "issuer": "",
    "birth_date": "19700102",
    "sex": "F",
}
CONSENT_ROW: dict[str, Any] = {
    "id": "c0ffee12" + "0" * 56,
    "state": "active",
    "decision": "yes",
    "patient": PATIENT,
    "decider": "self",
    "decider_name": "Doe^Jane",
    "authority": "",
    "scope": {
        "covers": "visit",
        "orders": ["A-77"],
        "first": "20261124",
        "last": "20261124",
        "later_reports": True,
    },
    "recipients": [{"peer": "91c4" * 16, "name": "Riverside Radiology", "command": "/img/read"}],
    "text": {"language": "es", "version": "2026-11-24", "sha256": "ab" * 32},
    "method": "paper",
    "witness": "Anna",
    "evidence": "form 17",
    "recorded": "2026-11-24T08:00:00Z",
    "ends": "2027-11-24T08:00:00Z",
    "withdrawn": None,
    "withdrawn_by": "",
    "withdrawn_why": "",
    "signer": "did:key:z6Mk",
}
VISIT_ROW: dict[str, Any] = {
    "id": "51de0000" + "0" * 24,
    "consent": CONSENT_ROW["id"],
    "state": "active",
    "decision": "yes",
    "patient": PATIENT,
    "covers": "visit",
    "first": "20261124",
    "last": "20261124",
    "accessions": ["A-77"],
    "opened": "2026-11-24T08:00:00Z",
    "studies": [
        {
            "study": "3f2a" * 8,
            "description": "CT head",
            "study_date": "20261124",
            "here": True,
            "belongs": True,
            "by": "",
            "since": "2026-11-24T09:00:00Z",
            "released": "2026-11-24T09:30:00Z",
            "released_by": "",
        },
        {
            "study": "77ab" * 8,
            "description": "",
            "study_date": "",
            "here": False,
            "belongs": False,
            "by": "anna",
            "since": "2026-11-24T09:00:00Z",
            "released": None,
            "released_by": "",
        },
    ],
}
TEXT: dict[str, Any] = {
    "language": "es",
    "version": "2026-11-24",
    "sha256": "ab" * 32,
    "text": "¿Podemos?\n\nSí o no.\n",
}
ACCESS: dict[str, Any] = {
    "pin": True,
    "attempts": 2,
    "max_attempts": 5,
    "locked": False,
    "link": True,
    "claimed": None,
    "keys": [],
}
SHARED: dict[str, Any] = {
    "shares": [
        {
            "id": "5b770000" + "0" * 24,
            "label": "Dr. Ann",
            "state": "active",
            "created": "2026-11-24T08:00:00Z",
            "tested": None,
        }
    ],
    "accesses": [
        {"at": "2026-11-24T09:00:00Z", "what": "opened", "with": "Dr. Ann", "who": "Ann Smith"}
    ],
}
HANDOUT: dict[str, Any] = {
    "visit": VISIT_ROW["id"],
    "link": "https://practice.example/l#" + "A" * 43,
    "code": "K7QF-0M2X-9WTB",
    "pin": "471100",
    "expires": "2027-11-24T08:00:00Z",
    "language": "es",
    "access": ACCESS,
}
DETAIL = {"consent": CONSENT_ROW, "visit": VISIT_ROW, "text": TEXT, "record": "AAAA"}


def usual(method: str, parts: Sequence[str], grant: Mapping[str, Any], offer: str) -> Any:
    """Answer like a node with one consent, its visit and a grant that came of it."""
    shown = {
        "visit": VISIT_ROW,
        "recipients": [{**CONSENT_ROW["recipients"][0], "grants": [grant]}],
    }
    match [method, *parts]:
        case ["GET", "consent-texts"]:
            return {"texts": [TEXT]}
        case ["GET", "consent-texts", "es"]:
            return {"text": TEXT}
        case ["GET", "consents"]:
            return {"consents": [CONSENT_ROW]}
        case ["POST", "consents"]:
            return {"consent": CONSENT_ROW, "visit": VISIT_ROW}
        case ["GET", "consents", _]:
            return DETAIL
        case ["POST", "consents", _, "withdraw"]:
            gone = {**CONSENT_ROW, "state": "withdrawn", "withdrawn": "2026-11-25T08:00:00Z"}
            return {"consent": gone, "ended": [grant]}
        case ["GET", "visits"]:
            return {"visits": [VISIT_ROW]}
        case ["GET", "visits", _]:
            return shown
        case ["POST", "visits", _, "release"]:
            return {**shown, "released": 1}
        case ["POST", "visits", _, "link"]:
            return HANDOUT
        case ["POST", "visits", _, "pin"]:
            return {"pin": "471100", "access": ACCESS}
        case ["POST", "visits", _, "notices"]:
            return {"notices": {"wanted": True, "possible": False}}
        case ["POST", "visits", _, "reopen"] | ["GET", "visits", _, "access"]:
            return {"access": ACCESS}
        case ["GET", "visits", _, "shares"]:
            return SHARED
        case ["POST", "visits", _, "revoke"]:
            return {"ended": 1}
        case ["GET", "visits", _, "offers"]:
            one = {"peer": "91c4" * 16, "peer_name": "Riverside Radiology", "study": "3f2a" * 8}
            return {"offers": [{**one, "grant": grant["id"], "offer": offer}]}
    return None
