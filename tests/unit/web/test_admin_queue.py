"""The queue on the admin socket."""

from __future__ import annotations

import getpass

from unit.web import fakes_department as fakes

AT = "2026-11-24T05:31:23Z"
ROW_JSON = {
    "id": fakes.ROW.id.hex(),
    "kind": "patient-merge",
    "study": bytes(range(16)).hex(),
    "facts": [
        {"name": "patient id", "here": "4711", "there": "4712"},
        {"name": "source", "here": "RIS", "there": None},
    ],
    "since": AT,
    "done": None,
    "outcome": "",
}


def test_what_waits_is_listed_and_narrowed_down(node):
    assert node.call("admin", "GET", "/admin/v1/queue").json == {"queue": [ROW_JSON]}
    assert node.call("admin", "GET", "/admin/v1/queue?kind=other").json == {"queue": []}
    assert node.call("admin", "GET", "/admin/v1/queue?offset=1").json == {"queue": []}


def test_one_is_shown_with_what_may_be_done(node):
    answer = node.call("admin", "GET", f"/admin/v1/queue/{fakes.ROW.id.hex()[:6]}").json
    assert answer["row"] == ROW_JSON
    assert answer["decisions"] == [
        {"decision": "apply", "text": "take it over", "value": None},
        {"decision": "attach", "text": "attach it", "value": "STUDY"},
    ]
    assert node.call("admin", "GET", "/admin/v1/queue/ffff").status == 404


def test_a_decision_names_who_took_it(node):
    path = f"/admin/v1/queue/{fakes.ROW.id.hex()}/resolve"
    answer = node.call("admin", "POST", path, {"decision": "attach", "value": "3f2a"})
    outcome = f"attach 3f2a by {getpass.getuser()}"
    assert answer.json == {"row": {**ROW_JSON, "done": AT, "outcome": outcome}}
    assert node.call("admin", "POST", path, {"decision": "a", "who": "me"}).status == 400
