"""The admin API: every route, its answer to the letter, and what it refuses."""

from __future__ import annotations

import getpass
from dataclasses import replace
from urllib.parse import quote

import pytest

from undisc_node.services.model import Basis, PeerState, StudyState
from undisc_protocol.did import fingerprint_words
from unit.web import fakes
from unit.web.fakes_keys import HEARD_JSON, SEEN_JSON, WITNESS_JSON

ME = getpass.getuser()
STUDY = "/admin/v1/studies/1.2.3"
AT = "2026-11-24T05:31:23Z"
STUDY_JSON = {
    "id": fakes.STUDY_ID.hex(),
    "uid": "1.2.3",
    "patient": {
        "name": "Doe^Jane",
        "id": "4711",
        "issuer": "",
        "birth_date": "19700101",
        "sex": "F",
    },
    "study_date": "20261124",
    "study_time": "053123",
    "accession": "A1",
    "description": "CT chest",
    "modalities": ["CT"],
    "sender": "dicom:CT1",
    "instances": 1,
    "bytes": 9,
    "waiting": 0,
    "state": "active",
    "reason": "",
    "created": AT,
    "arrived": AT,
    "settled": None,
    "kept": False,
}
INSTANCE_JSON = {
    "id": fakes.OBJECT_ID.hex(),
    "sop_uid": "1.2.3.4.5",
    "sop_class": "1.2.840.10008.5.1.4.1.1.2",
    "series_uid": "1.2.3.4",
    "series": (b"e" * 16).hex(),
    "transfer_syntax": "1.2.840.10008.1.2.1",
    "modality": "CT",
    "number": 7,
    "bytes": 9,
    "blake3": (b"h" * 32).hex(),
    "sender": "dicom:CT1",
    "state": "current",
}
PEER_JSON = {
    "id": fakes.PEER_ID.hex(),
    "words": list(fingerprint_words(fakes.PEER_ID)),
    "did": fakes.DID,
    "name": "Praxis B",
    "state": "trusted",
    "scopes": ["fetch"],
    "urls": ["https://b.example"],
    "added": AT,
    "card_expires": None,
}
GRANT_JSON = {
    "id": fakes.GRANT_ID.hex(),
    "study": fakes.STUDY_ID.hex(),
    "audience": fakes.DID,
    "peer_name": "Praxis B",
    "command": "/img/read",
    "basis": "treatment",
    "staff": "Dr. Weiss",
    "purpose": "second opinion",
    "created": AT,
    "expires": "2026-11-25T05:31:23Z",
    "revoked": None,
    "state": "active",
}
SHARE_JSON = {
    "id": fakes.SHARE_ID.hex(),
    "grant": fakes.GRANT_ID.hex(),
    "study": fakes.STUDY_ID.hex(),
    "audience": fakes.DID,
    "peer_name": "Praxis B",
    "command": "/img/view",
    "series": [(b"1" * 16).hex()],
    "created": AT,
    "expires": "2026-11-24T05:31:22Z",
    "revoked": None,
    "state": "expired",
}
FETCH_JSON = {
    "id": fakes.FETCH_ID.hex(),
    "peer": fakes.PEER_ID.hex(),
    "peer_name": "Praxis B",
    "state": "paused",
    "problem": {
        "code": "unreachable",
        "message": "b.example does not answer",
        "hint": "check the address and the connection, then try again; the transfer resumes",
    },
    "next_try": None,
    "study": None,
    "objects": 20,
    "objects_done": 5,
    "bytes": 2000,
    "bytes_done": 500,
    "mb_per_s": 12.3,
    "reused_bytes": 100,
    "created": AT,
    "ended": None,
    "receipt": "none",
}
DONE_JSON = {
    **FETCH_JSON,
    "state": "done",
    "problem": None,
    "study": fakes.STUDY_ID.hex(),
    "ended": AT,
    "receipt": "taken",
}
GRANT_BODY = {
    "study": "1.2.3",
    "peer": "Praxis B",
    "link": False,
    "basis": "treatment",
    "staff": "Dr. Weiss",
    "purpose": "second opinion",
    "expires": None,
    "days": 7,
    "command": "/img/read",
}


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "/admin/v1/status", None, {"version": "0.1.0"}),
        ("GET", "/admin/v1/studies", None, {"studies": [STUDY_JSON]}),
        ("POST", STUDY + "/settle", None, {"study": {**STUDY_JSON, "settled": AT}}),
        ("POST", STUDY + "/settle", {}, {"study": {**STUDY_JSON, "settled": AT}}),
        (
            "POST",
            STUDY + "/hold",
            {"reason": "wrong patient"},
            {"study": {**STUDY_JSON, "state": "held", "reason": "wrong patient"}},
        ),
        ("POST", STUDY + "/release", None, {"study": STUDY_JSON}),
        (
            "POST",
            STUDY + "/withdraw",
            {"reason": "why"},
            {"study": {**STUDY_JSON, "state": "withdrawn", "reason": "why"}},
        ),
        (
            "POST",
            STUDY + "/resolve",
            {"accept": False},
            {"study": {**STUDY_JSON, "reason": "accept False"}},
        ),
        ("DELETE", STUDY, None, {"deleted": fakes.STUDY_ID.hex()}),
        (
            "POST",
            "/admin/v1/peers/look",
            {"url": "https://b.example"},
            {
                "node_id": fakes.PEER_ID.hex(),
                "words": list(fingerprint_words(fakes.PEER_ID)),
                "name": "Praxis B",
                "did": fakes.DID,
                "urls": ["https://b.example"],
                "known": None,
            },
        ),
        ("GET", "/admin/v1/peers", None, {"peers": [PEER_JSON | HEARD_JSON]}),
        (
            "GET",
            "/admin/v1/peers/Praxis%20B",
            None,
            {"peer": PEER_JSON | HEARD_JSON, "seen": SEEN_JSON},
        ),
        ("POST", "/admin/v1/peers/Praxis%20B/trust", None, {"peer": PEER_JSON}),
        (
            "POST",
            "/admin/v1/peers/70707070/suspend",
            None,
            {"peer": {**PEER_JSON, "state": "suspended"}},
        ),
        (
            "POST",
            "/admin/v1/peers/70707070/revoke",
            None,
            {"peer": {**PEER_JSON, "state": "revoked"}},
        ),
        (
            "POST",
            "/admin/v1/grants",
            GRANT_BODY,
            {"grant": GRANT_JSON, "offer": "b2ZmZXI=", "link": None},
        ),
        (
            "POST",
            "/admin/v1/grants",
            {**GRANT_BODY, "peer": None, "link": True},
            {"grant": GRANT_JSON, "offer": None, "link": "_" * 42 + "8"},
        ),
        ("GET", "/admin/v1/grants", None, {"grants": [GRANT_JSON]}),
        ("GET", "/admin/v1/grants?study=1.2.3", None, {"grants": [GRANT_JSON]}),
        ("GET", "/admin/v1/grants/6767/token", None, {"token": "Z3JhbnQgdG9rZW4="}),
        (
            "POST",
            "/admin/v1/grants/6767/revoke",
            None,
            {"grant": {**GRANT_JSON, "revoked": AT, "state": "revoked"}},
        ),
        (
            "POST",
            "/admin/v1/shares",
            {"token": "AAAA"},
            {"share": SHARE_JSON, "offer": "b2ZmZXIgb2YgAAAA"},
        ),
        (
            "POST",
            "/admin/v1/shares/7373/revoke",
            None,
            {"share": {**SHARE_JSON, "revoked": AT, "state": "revoked"}},
        ),
        (
            "POST",
            "/admin/v1/fetches",
            {"offer": "b2ZmZXI="},
            {"fetch": {**FETCH_JSON, "state": "running", "problem": None}},
        ),
        ("GET", "/admin/v1/fetches", None, {"fetches": [FETCH_JSON]}),
        ("GET", "/admin/v1/fetches/6666", None, {"fetch": FETCH_JSON}),
        ("POST", "/admin/v1/fetches/6666/resume", None, {"fetch": DONE_JSON}),
        (
            "POST",
            "/admin/v1/log/verify",
            None,
            {
                "size": 2,
                "root": (b"t" * 32).hex(),
                "origin": (b"l" * 16).hex(),
                "erased": 1,
                "ok": True,
                "witnesses": [WITNESS_JSON],
            },
        ),
    ],
)
def test_each_route_answers_to_the_letter(node, method, path, body, expected):
    answer = node.call("admin", method, path, body)
    assert (answer.status, answer.json) == (200, expected)
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_study_is_shown_with_instances_provenance_and_receipts(node):
    shown = node.call("admin", "GET", STUDY).json
    assert shown["study"] == STUDY_JSON
    assert shown["instances"] == [INSTANCE_JSON, {**INSTANCE_JSON, "state": "waiting"}]
    assert shown["provenance"] == [
        {
            "fetch": fakes.FETCH_ID.hex(),
            "peer": fakes.PEER_ID.hex(),
            "peer_name": "Praxis B",
            "capability": fakes.GRANT_ID.hex(),
            "at": None,
        }
    ]
    assert shown["receipts"] == [
        {
            "id": (b"R" * 32).hex(),
            "peer": fakes.PEER_ID.hex(),
            "peer_name": "Praxis B",
            "objects": 20,
            "bytes": 2000,
            "at": AT,
        }
    ]


def test_no_answer_holds_an_object_key(node):
    assert (b"k" * 32).hex() not in node.call("admin", "GET", STUDY).body.decode()


def test_the_log_shows_events_and_says_what_was_erased(node):
    shown = node.call("admin", "GET", "/admin/v1/log?after=4&limit=2").json
    assert shown == {
        "events": [
            {
                "number": 5,
                "at": AT,
                "type": "grant.created",
                "id": "110113",
                "action": "C",
                "outcome": 0,
                "who": [{"user": "anna", "name": "", "role": "", "requestor": False, "net": ""}],
                "what": [{"kind": 2, "role": 13, "idtype": "grant", "id": "67", "name": ""}],
                "why": "treatment",
                "detail": {"objects": 20},
            },
            {"number": 6, "erased": True},
        ]
    }
    assert node.call("admin", "GET", "/admin/v1/log").json["events"][0]["number"] == 0


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ("list", "", "", None, 100, 0)),
        ("?text=Doe%5E&state=held", ("list", "Doe^", "", StudyState.HELD, 100, 0)),
        ("?patient=P-1&limit=99999&offset=5", ("list", "", "P-1", None, 1000, 5)),
        ("?limit=0&offset=-5", ("list", "", "", None, 1, 0)),
    ],
)
def test_lists_are_bounded(node, query, expected):
    node.call("admin", "GET", "/admin/v1/studies" + query)
    assert node.admin.studies.calls[-1] == expected


def test_use_cases_get_what_was_asked_and_who_asked(start):
    node = start()
    added = {"url": "https://b.example", "node_id": "70" * 32, "trust": True, "scopes": ["fetch"]}
    node.call("admin", "POST", "/admin/v1/peers", added)
    node.call("admin", "POST", "/admin/v1/peers/Praxis%20B/revoke")
    assert node.admin.peering.calls == [
        ("add", "https://b.example", fakes.PEER_ID, True, ("fetch",), ME),
        (fakes.PEER_ID, PeerState.REVOKED, ME),
    ]
    node.call("admin", "POST", STUDY + "/hold", {"reason": "why"})
    assert node.admin.studies.calls == [("hold", fakes.STUDY_ID, "why", ME)]
    node.call("admin", "POST", "/admin/v1/fetches", {"offer": "b2ZmZXI="})
    assert node.admin.fetching.offers == [(b"offer", ME)]


@pytest.mark.parametrize(
    ("end", "expires"),
    [
        ({"days": 7}, fakes.NOW + 7 * 86_400),
        ({}, fakes.NOW + 30 * 86_400),
        ({"expires": "2026-12-01T00:00:00Z"}, 1_796_083_200),
        ({"expires": "2026-12-01T01:00:00+01:00"}, 1_796_083_200),
    ],
)
def test_a_grant_ends_when_it_was_said(start, end, expires):
    node = start()
    body = {**GRANT_BODY, "days": None, **end}
    assert node.call("admin", "POST", "/admin/v1/grants", body).status == 200
    assert node.admin.granting.calls[-1] == {
        "study": fakes.STUDY_ID,
        "peer": fakes.PEER,
        "basis": Basis(body["basis"]),
        "staff": "Dr. Weiss",
        "purpose": "second opinion",
        "expires": expires,
        "command": "/img/read",
        "actor": ME,
    }


@pytest.mark.parametrize(
    "change",
    [
        {"days": 0},
        {"days": -1},
        {"days": 401},
        {"days": 1.5},
        {"days": True},
        {"days": "7"},
        {"expires": "2026-12-01T00:00:00Z"},
        {"days": None, "expires": "2026-12-01T00:00:00"},
        {"days": None, "expires": "tomorrow"},
        {"days": None, "expires": 5},
        {"link": True},
        {"peer": None},
        {"peer": ""},
        {"link": "yes"},
        {"basis": "because"},
        {"basis": None},
        {"study": 5},
        {"study": None},
        {"staff": ["Dr. Weiss"]},
        {"staff": "x" * 2_000},
        {"command": ""},
        {"comand": "/img/read"},
    ],
)
def test_a_grant_with_a_wrong_field_is_refused_and_not_made(start, change):
    node = start()
    answer = node.call("admin", "POST", "/admin/v1/grants", {**GRANT_BODY, **change})
    assert (answer.status, answer.error) == (400, "invalid")
    assert node.admin.granting.calls == []


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"null", b"5", b"\xff", b"[" * 60_000, b'{"reason": "a"} x', b'{"reason": ""}'],
)
def test_a_body_that_is_not_the_right_json_is_refused(node, body):
    answer = node.call("admin", "POST", STUDY + "/hold", body)
    assert (answer.status, answer.error) == (400, "invalid")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/admin/v1/studies?state=lost", None),
        ("GET", "/admin/v1/studies?limit=many", None),
        ("GET", "/admin/v1/log?after=\u0661".encode().decode("latin-1"), None),
        ("GET", STUDY + "/instances/zz/file", None),
        ("GET", STUDY + "/instances/" + "00" * 15 + "/file", None),
        ("POST", "/admin/v1/shares", {"token": "no base64!"}),
        ("POST", "/admin/v1/shares", {"token": ""}),
        ("POST", "/admin/v1/peers", {"url": "u", "node_id": "00"}),
        ("POST", "/admin/v1/peers", {"url": "u", "node_id": "0 " * 32}),
        ("POST", "/admin/v1/peers", {"url": "u", "node_id": "00" * 32, "scopes": [1]}),
        ("POST", STUDY + "/settle", {"now": True}),
    ],
)
def test_other_wrong_input_is_refused(node, method, path, body):
    answer = node.call("admin", method, quote(path, safe="/?=&"), body)
    assert (answer.status, answer.error) == (400, "invalid")


def test_an_unknown_name_is_not_found_with_the_hint_of_the_use_case(node):
    answer = node.call("admin", "GET", "/admin/v1/studies/9.9.9")
    assert (answer.status, answer.error) == (404, "not_found")
    assert answer.json["error"]["hint"] == "undisc studies list shows them"


def test_a_peer_of_the_past_has_no_name(start):
    uses = fakes.admin_uses()
    uses.peering.list = list
    node = start(admin=replace(uses, peering=uses.peering))
    assert node.call("admin", "GET", "/admin/v1/grants").json["grants"][0]["peer_name"] is None


def test_restored_mode_is_shown_with_what_waits(node):
    answer = node.call("admin", "GET", "/admin/v1/restored").json
    assert answer["restored"] == {
        "since": AT,
        "taken": "2026-11-24T05:30:23Z",
        "how": "restore",
        "confirmed": None,
    }
    waiting = [(one["kind"], one["id"], one["state"]) for one in answer["suspended"]]
    assert waiting == [
        ("grant", fakes.GRANT_ID.hex(), "suspended"),
        ("share", fakes.SHARE_ID.hex(), "expired"),
    ]


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ({}, frozenset()),
        ({"keep": ["6767"]}, frozenset({fakes.GRANT_ID})),
        ({"keep_all": True}, None),
    ],
)
def test_confirming_says_what_is_kept(start, body, kept):
    node = start()
    node.call("admin", "POST", "/admin/v1/restored/confirm", body)
    assert node.admin.restoring.kept == [(kept, ME)]


def test_a_study_is_kept_or_let_go(start):
    node = start()
    assert node.call("admin", "POST", STUDY + "/keep", {}).json["study"]["kept"] is True
    let_go = node.call("admin", "POST", STUDY + "/keep", {"keep": False})
    assert let_go.json["study"]["kept"] is False
    calls = [call for call in node.admin.studies.calls if call[0] == "keep"]
    assert calls == [("keep", fakes.STUDY_ID, True, ME), ("keep", fakes.STUDY_ID, False, ME)]


def test_what_leaves_is_listed_with_its_day(node):
    answer = node.call("admin", "GET", "/admin/v1/leaving?days=1")
    assert answer.json == {"studies": [{**STUDY_JSON, "leaves": "2026-11-25T05:31:23Z"}]}


def test_what_peers_remember_is_shown_and_asked_again(node):
    (shown,) = node.call("admin", "GET", "/admin/v1/restored").json["recalled"]
    assert (shown["peer_name"], shown["missing_lines"], shown["stored"], shown["fetched"]) == (
        fakes.PEER.name,
        37,
        2,
        1,
    )
    (asked,) = node.call("admin", "POST", "/admin/v1/restored/recall", {}).json["recalled"]
    assert asked["problem"] == f"unreachable: asked by {ME}"
