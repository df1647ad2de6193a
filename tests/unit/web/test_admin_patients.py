"""Patients' links on the admin socket: shown to whoever stands at the counter, and only there."""

from __future__ import annotations

import getpass

from unit.web import fakes_patients as fakes

VISIT = fakes.VISIT.id.hex()


def test_the_link_is_shown_with_code_and_a_drawn_pin_once(start):
    node = start()
    answer = node.call("admin", "POST", f"/admin/v1/visits/{VISIT}/link", {}).json
    assert answer["link"].startswith("https://practice.example/l#")
    assert (answer["code"], answer["pin"]) == ("K7QF-0M2X-9WTB", "471100")
    assert (answer["expires"], answer["language"]) == ("2026-11-24T05:31:23Z", "es")
    again = node.call("admin", "POST", f"/admin/v1/visits/{VISIT}/link", {"new": True}).json
    assert again["pin"] == "", "there is one by now"
    assert node.admin.patient_links.calls == [("reissue", getpass.getuser())]


def test_a_pin_is_set_or_drawn(start):
    node = start()
    path = f"/admin/v1/visits/{VISIT}/pin"
    assert node.call("admin", "POST", path, {"pin": "4711 blue"}).json["pin"] == ""
    assert node.admin.patient_links.calls == [("set_pin", "4711 blue", getpass.getuser())]
    assert node.call("admin", "POST", path, {}).json["pin"] == "471100"


def test_how_a_patient_gets_in_opens_nothing(start):
    node = start()
    node.admin.patient_links.pin = fakes.PIN
    found = node.call("admin", "GET", f"/admin/v1/visits/{VISIT}/access").json["access"]
    assert (found["pin"], found["locked"], found["link"], found["claimed"]) == (
        True,
        True,
        True,
        None,
    )
    assert found["keys"][0]["kind"] == "link"
    assert "sealed" not in str(found)
    answer = node.call("admin", "POST", f"/admin/v1/visits/{VISIT}/reopen")
    assert answer.json["access"]["max_attempts"] == 5


def test_the_desk_sees_and_ends_what_the_patient_shared(start):
    node = start()
    found = node.call("admin", "GET", f"/admin/v1/visits/{VISIT}/shares").json
    assert found["shares"] == []
    assert found["accesses"][0] == {
        "at": "2026-11-24T05:31:23Z",
        "what": "opened",
        "with": "",
        "study": None,
        "who": "Dr. Ann",
        "peer": None,
    }
    path = f"/admin/v1/visits/{VISIT}/revoke"
    assert node.call("admin", "POST", path, {}).json == {"ended": 2}
    assert node.call("admin", "POST", path, {"share": "ab" * 16}).json == {"ended": 1}
    assert node.admin.patient_sharing.ended == ["all", b"\xab" * 16]


def test_the_patient_is_told_of_each_use_because_they_want_it(start):
    node = start()
    path = f"/admin/v1/visits/{VISIT}/notices"
    for wanted in (True, False):
        found = node.call("admin", "POST", path, {"wanted": wanted}).json
        assert found == {"notices": {"wanted": wanted, "possible": True}}
    assert node.call("admin", "POST", path, {}).status == 400
