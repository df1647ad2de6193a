"""Consents and visits on the admin socket."""

from __future__ import annotations

import getpass

import pytest

from support.consents import TEXT
from unit.web import fakes_consents as fakes

SAID = {
    "decision": "yes",
    "patient_id": "P-100",
    "patient_issuer": "hospital",
    "patient_name": "Doe^Jane",
    "birth_date": "1970-01-02",
    "decider": "self",
    "covers": "visit",
    "orders": ["A-1"],
    "language": "es",
    "method": "paper",
    "witness": "Anna",
}
CONSENT, VISIT = fakes.CONSENT.id.hex(), fakes.VISIT.id.hex()


def test_a_decision_is_recorded_with_what_it_opens(node):
    answer = node.call("admin", "POST", "/admin/v1/consents", SAID).json
    assert answer["consent"]["id"] == CONSENT
    assert answer["consent"]["state"] == "active"
    assert answer["visit"]["consent"] == CONSENT
    (found, actor) = node.admin.consenting.wishes[-1]
    assert (found.patient.birth_date, found.orders, actor) == (
        "19700102", ("A-1",), getpass.getuser(),
    )  # fmt: skip
    assert found.ends is None
    node.call("admin", "POST", "/admin/v1/consents", {**SAID, "days": 10})
    assert node.admin.consenting.wishes[-1][0].ends == fakes.NOW_MS // 1000 + 10 * 86_400


@pytest.mark.parametrize(
    "changes",
    [
        {"decision": "maybe"},
        {"decider": "neighbour"},
        {"method": "telepathy"},
        {"covers": "everything"},
        {"days": 401},
        {"days": 10, "ends": "2026-12-31T00:00:00Z"},
        {"witness": ""},
        {"signature": "x"},
    ],
)
def test_what_cannot_be_read_is_not_recorded(node, changes):
    before = len(node.admin.consenting.wishes)
    answer = node.call("admin", "POST", "/admin/v1/consents", {**SAID, **changes})
    assert answer.status == 400
    assert len(node.admin.consenting.wishes) == before


def test_consents_are_listed_shown_and_withdrawn(node):
    listed = node.call("admin", "GET", "/admin/v1/consents?patient=P-100").json["consents"]
    assert [one["id"] for one in listed] == [CONSENT]
    assert node.call("admin", "GET", "/admin/v1/consents?patient=X").json == {"consents": []}
    shown = node.call("admin", "GET", f"/admin/v1/consents/{CONSENT[:8]}").json
    assert shown["text"]["text"] == TEXT.text
    assert shown["consent"]["scope"]["later_reports"] is True
    gone = node.call(
        "admin", "POST", f"/admin/v1/consents/{CONSENT[:8]}/withdraw", {"why": "moved"}
    ).json
    assert (gone["consent"]["state"], gone["consent"]["withdrawn_why"]) == ("withdrawn", "moved")
    assert [one["state"] for one in gone["ended"]] == ["revoked"]
    assert node.call("admin", "GET", "/admin/v1/consents/ffff").status == 404


def test_texts_are_shown_in_their_language(node):
    assert node.call("admin", "GET", "/admin/v1/consent-texts").json["texts"][0]["language"] == "es"
    assert node.call("admin", "GET", "/admin/v1/consent-texts/es").json["text"]["text"] == "May we?"
    assert node.call("admin", "GET", "/admin/v1/consent-texts/xx").status == 404


def test_visits_are_listed_shown_and_released(node):
    (listed,) = node.call("admin", "GET", "/admin/v1/visits").json["visits"]
    assert (listed["accessions"], len(listed["studies"])) == (["A-1"], 2)
    shown = node.call("admin", "GET", f"/admin/v1/visits/{VISIT[:8]}").json
    (recipient,) = shown["recipients"]
    assert (recipient["name"], len(recipient["grants"])) == ("Hospital", 1)
    released = node.call("admin", "POST", f"/admin/v1/visits/{VISIT[:8]}/release").json
    assert released["released"] == 1
    (offer,) = node.call("admin", "GET", f"/admin/v1/visits/{VISIT[:8]}/offers").json["offers"]
    assert offer["offer"] == "YW4gb2ZmZXI="
