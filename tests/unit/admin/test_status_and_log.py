"""`undisc status` and `undisc log` as a person reads them."""

from __future__ import annotations

import json

import pytest

from support import fake_admin_rows as fake
from support.fake_admin import error
from support.fake_admin_rows import EVENT, STATUS


def test_status_shows_the_words_in_rows_that_can_be_read_out(undisc):
    shown = undisc("status").stdout

    assert "   1 zoo         2 able        3 acid        4 actor\n" in shown
    assert "3 active, 1 held (1 still growing)" in shown
    assert "52.5 GB free" in shown
    assert "dicom         closed" in shown


def test_status_says_what_needs_the_administrator(undisc, node):
    node.say("GET", "status", {**STATUS, "kit_verified": False})

    said = undisc("status").stderr

    assert "hint: 2 arrivals wait for your decision: undisc studies list" in said
    assert "recovery kit" in said


def test_the_log_is_a_table_oldest_first(undisc, node):
    erased = {"number": 6, "erased": True}
    node.say("GET", "log", {"events": [EVENT, erased]})

    assert undisc("log").stdout.splitlines() == [
        "NO  WHEN              EVENT          OUTCOME  WHO  WHAT        WHY",
        " 6                    (erased)",
        " 7  2026-11-24 05:40  grant.created  ok       ada  study 3f2a  second opinion",
    ]


def test_following_asks_for_what_came_after_the_last_event_until_interrupted(undisc, node):
    node.say("GET", "log", {"events": [EVENT]})
    node.say("GET", "log", {"events": []})
    node.say("GET", "log", {"events": [{**EVENT, "number": 8}]})
    naps = []

    def nap(seconds):
        naps.append(seconds)
        if len(naps) == 3:
            raise KeyboardInterrupt

    done = undisc("log", "--follow", "--json", sleep=nap)

    assert done.exit_code == 130
    assert [json.loads(line)["number"] for line in done.stdout.splitlines()] == [7, 8]
    assert [asked.query.get("after") for asked in node.asked] == [None, "7", "7"]


def test_a_changed_log_is_exit_code_9(undisc, node):
    damaged = error("log_damaged", "line 12 of the log was changed", "keep the database as it is")
    node.say("POST", "log/verify", damaged, status=500)

    done = undisc("log", "verify")

    assert done.exit_code == 9
    assert done.stderr.startswith("error: line 12 of the log was changed\nhint: keep")


def test_a_sound_log_says_how_far_the_proof_reaches(undisc):
    done = undisc("log", "verify")

    assert fake.STATUS["log"]["root"] in done.stdout
    assert "1,234 events: the log adds up to its root" in done.stderr
    assert "no peer was asked" in done.stderr


WITNESS = {
    "peer": "91c4" * 16,
    "peer_name": "Riverside",
    "answered": True,
    "lines": 40,
    "root": "dd" * 32,
    "at": "2026-11-24T05:31:23Z",
    "other_log": False,
    "differs": None,
}


def test_each_peer_says_what_it_has_seen_of_the_log(undisc, node):
    silent = {**WITNESS, "peer_name": "Lakeside", "answered": False, "lines": None, "at": None}
    answer = {"size": 41, "root": "cc" * 32, "origin": "bb" * 16, "erased": 0, "ok": True}
    node.say("POST", "log/verify", {**answer, "witnesses": [WITNESS, silent]})

    done = undisc("log", "verify")

    assert done.exit_code == 0
    assert "Riverside        40  2026-11-24 05:31  ok" in done.stdout
    assert "nothing seen yet (does not answer now)" in done.stdout


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_log_that_is_not_what_a_peer_has_seen_is_exit_code_9(undisc, node, more):
    wrong = {**WITNESS, "differs": "the log had 40 lines, and has 12 now"}
    answer = {"size": 12, "root": "cc" * 32, "origin": "bb" * 16, "erased": 0, "ok": False}
    node.say("POST", "log/verify", {**answer, "witnesses": [wrong]})

    done = undisc("log", "verify", *more)

    assert done.exit_code == 9
    assert "the log had 40 lines, and has 12 now" in done.stdout


def test_status_says_that_peers_have_alerts(undisc, node):
    node.say("GET", "status", {**STATUS, "peer_alerts": 2, "log_differs": True})
    said = undisc("status").stderr
    assert "2 peers have an alert: undisc peers list" in said
    assert "undisc log verify" in said


def test_status_says_how_much_waits_for_a_person_and_where_hl7_listens(undisc, node):
    doors = {**STATUS["listeners"], "hl7": "127.0.0.1:2575"}
    node.say("GET", "status", {**STATUS, "queue": 3, "listeners": doors})
    done = undisc("status")
    assert "hl7           127.0.0.1:2575" in done.stdout
    assert "3 things wait for your decision: undisc queue list" in done.stderr


def test_status_is_silent_about_doors_and_queues_that_are_not_in_use(undisc, node):
    node.say("GET", "status", {**STATUS, "queue": 0})
    done = undisc("status")
    assert "hl7" not in done.stdout
    assert "queue" not in done.stderr
