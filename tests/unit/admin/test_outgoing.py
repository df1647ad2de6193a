"""`undisc queue outgoing|retry|drop`: what waits for other practices."""

from __future__ import annotations

from support.fake_admin_rows import FETCH_ID, FETCH_ROW
from support.fake_messages import OUTGOING_ROW


def test_the_list_says_for_whom_what_and_when(undisc, node):
    comes = {**OUTGOING_ROW, "kind": "fetch", "about": "waits", "next_try": None, "study": None}
    node.say("GET", "outgoing", {"outgoing": [OUTGOING_ROW, comes]})

    done = undisc("queue", "outgoing", "--peer", "Riverside Radiology")

    first, second = done.stdout.splitlines()[1:3]
    assert "0ff00ff0" in first
    assert "notice grown" in first
    assert "no address answered" in first
    assert "fetch waits" in second
    assert "when it comes" in second
    assert "undisc queue retry ID" in done.stderr


def test_one_is_tried_now(undisc, node):
    done = undisc("queue", "retry", "0ff0")

    assert "is tried now" in done.stderr
    assert node.asked[-1].path == "outgoing/0ff0/retry"


def test_dropping_asks_first(undisc):
    assert undisc("queue", "drop", "0ff0", typed="n\n").exit_code != 0
    done = undisc("queue", "drop", "0ff0", typed="y\n")
    assert done.exit_code == 0
    assert "does not hear of it" in done.stderr
    assert "is given up" in done.stderr


def test_a_fetch_whose_holder_has_to_come_is_watched_and_is_no_error(undisc, node):
    """It says once what it waits for, looks twice a second, and goes on to the end."""
    problem = {"code": "away", "message": "the other node comes by itself", "hint": "nothing to do"}
    waits = {**FETCH_ROW, "state": "waiting", "study": None, "problem": problem, "ended": None}
    node.say("POST", "fetches", {"fetch": waits})
    node.say("GET", f"fetches/{FETCH_ID}", {"fetch": waits})
    node.say("GET", f"fetches/{FETCH_ID}", {"fetch": FETCH_ROW})
    naps = []

    done = undisc("fetch", "-", typed="an offer", sleep=naps.append)

    assert done.exit_code == 0
    assert done.stderr.count("waits and tries again by itself: the other node comes") == 1
    assert naps == [0.5, 0.5]
    assert "fetched 12 images" in done.stderr


def test_without_waiting_it_says_what_the_fetch_waits_for(undisc, node):
    problem = {"code": "away", "message": "the other node comes by itself", "hint": "nothing to do"}
    waits = {**FETCH_ROW, "state": "waiting", "study": None, "problem": problem, "ended": None}
    node.say("POST", "fetches", {"fetch": waits})

    done = undisc("fetch", "-", "--no-wait", typed="an offer")

    assert done.exit_code == 0
    assert "is waiting: the other node comes by itself" in done.stderr
