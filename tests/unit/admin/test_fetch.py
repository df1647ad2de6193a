"""`undisc fetch`: the node fetches, the command only watches."""

from __future__ import annotations

import base64
import json

import pytest

from support.fake_admin_rows import FETCH_ID, FETCH_ROW

RUNNING = {
    **FETCH_ROW,
    "state": "running",
    "study": None,
    "objects_done": 3,
    "bytes_done": 150_000_000,
    "mb_per_s": 100.0,
    "ended": None,
}


def stopped(state, code, message, hint=""):
    problem = {"code": code, "message": message, "hint": hint}
    return {**FETCH_ROW, "state": state, "study": None, "problem": problem}


def test_it_hands_the_offer_over_and_watches_until_the_study_is_here(undisc, node, tmp_path):
    (tmp_path / "some.undisc-offer").write_bytes(b"an offer")
    node.say("POST", "fetches", {"fetch": RUNNING})
    node.say("GET", f"fetches/{FETCH_ID}", {"fetch": RUNNING})
    node.say("GET", f"fetches/{FETCH_ID}", {"fetch": FETCH_ROW})
    naps = []

    done = undisc("fetch", "some.undisc-offer", sleep=naps.append)

    assert base64.b64decode(node.asked[0].json["offer"]) == b"an offer"
    assert done.exit_code == 0
    assert "3 of 12 images, 150.0 MB of 600.0 MB, 100.0 MB/s, 0:05 left\n" in done.stderr
    assert "fetched 12 images, 600.0 MB, from Riverside Radiology at 118.4 MB/s" in done.stderr
    assert done.stdout == FETCH_ROW["study"] + "\n"
    assert len(naps) == 2


def test_plain_progress_has_no_control_characters(undisc, node):
    node.say("POST", "fetches", {"fetch": RUNNING})

    done = undisc("fetch", "-", typed="an offer")

    assert not set(done.output) & {"\r", "\x1b"}


def test_ctrl_c_leaves_the_transfer_running_and_says_so(undisc, node):
    node.say("POST", "fetches", {"fetch": RUNNING})

    def interrupt(_):
        raise KeyboardInterrupt

    done = undisc("fetch", "-", typed="an offer", sleep=interrupt)

    assert done.exit_code == 130
    assert "stopped watching; the transfer goes on as fetch 77abcc03" in done.stderr
    assert "hint: see how it is doing: undisc fetches show 77abcc03" in done.stderr
    assert {method for method, path in node.calls() if path != "fetches"} <= {"GET"}


def test_no_wait_returns_at_once(undisc, node):
    node.say("POST", "fetches", {"fetch": RUNNING})

    done = undisc("fetch", "-", "--no-wait", typed="an offer")

    assert (done.exit_code, node.calls()) == (0, [("POST", "fetches")])
    assert "fetch 77abcc03 is running" in done.stderr


@pytest.mark.parametrize(
    ("code", "expected"),
    [("revoked", 4), ("expired", 4), ("tampered", 9), ("study_unavailable", 3), ("disk_full", 8)],
)
def test_a_failed_fetch_has_the_exit_code_of_its_cause(undisc, node, code, expected):
    node.say("POST", "fetches", {"fetch": stopped("failed", code, "it is so", "do this")})

    done = undisc("fetch", "-", typed="an offer")

    assert done.exit_code == expected
    assert done.stderr == "error: fetch 77abcc03 has failed: it is so\nhint: do this\n"


def test_a_paused_fetch_says_how_to_go_on(undisc, node):
    node.say("POST", "fetches", {"fetch": stopped("paused", "unreachable", "no address answered")})

    done = undisc("fetch", "-", typed="an offer")

    assert done.exit_code == 8
    assert "hint: go on with: undisc fetches resume 77abcc03" in done.stderr


def test_json_of_a_failed_fetch_is_the_fetch_with_its_problem(undisc, node):
    row = stopped("failed", "revoked", "the permission was taken back")
    node.say("POST", "fetches", {"fetch": row})

    done = undisc("fetch", "-", "--json", typed="an offer")

    assert (done.exit_code, json.loads(done.stdout)) == (4, {"fetch": row})


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "it is empty"), (b"x" * 16_385, "it is too large")],
    ids=["empty", "too large"],
)
def test_what_cannot_be_an_offer_is_not_sent(undisc, node, tmp_path, content, sentence):
    (tmp_path / "file").write_bytes(content)

    done = undisc("fetch", "file")

    assert (done.exit_code, node.calls()) == (7, [])
    assert sentence in done.stderr


def test_an_offer_that_is_not_there(undisc):
    done = undisc("fetch", "nowhere.undisc-offer")

    assert done.exit_code == 3
    assert done.stderr.startswith("error: nowhere.undisc-offer cannot be read: no such file")


def test_a_receipt_that_is_still_due_is_waited_for_and_then_said(undisc, node):
    due = {"fetch": {**FETCH_ROW, "receipt": "due"}}
    node.say("POST", "fetches", due)
    for _ in range(20):
        node.say("GET", f"fetches/{FETCH_ID}", due)

    assert "has not taken our receipt yet" in undisc("fetch", "-", typed="an offer").stderr


def test_the_list_shows_how_far_each_is(undisc, node):
    node.say("GET", "fetches", {"fetches": [RUNNING]})

    assert " 3/12 " in undisc("fetches", "list").stdout


WAITING = {
    **RUNNING,
    "problem": {
        "code": "suspended",
        "message": "the permission waits for its holder",
        "hint": "the other practice must confirm its permissions first",
    },
    "next_try": "2026-11-24T05:50:08Z",
}


def test_what_a_fetch_waits_for_is_said_once_with_advice_and_the_next_try(undisc, node):
    """A holder that came back from a backup: nothing is wrong here, and nothing goes on either."""
    node.say("POST", "fetches", {"fetch": RUNNING})
    for row in (WAITING, {**WAITING, "next_try": "2026-11-24T05:50:16Z"}, FETCH_ROW):
        node.say("GET", f"fetches/{FETCH_ID}", {"fetch": row})

    done = undisc("fetch", "-", typed="an offer")

    assert done.exit_code == 0
    assert done.stderr.count("waits and tries again by itself: the permission waits") == 1
    assert done.stderr.count("hint: the other practice must confirm its permissions first") == 1


def test_a_waiting_fetch_shows_its_reason_and_its_next_try(undisc, node):
    node.say("GET", "fetches", {"fetches": [WAITING]})
    node.say("GET", f"fetches/{FETCH_ID}", {"fetch": WAITING})

    listed, shown = undisc("fetches", "list"), undisc("fetches", "show", FETCH_ID)

    assert "waiting" in listed.stdout
    assert "the permission waits" in listed.stdout
    assert ":50:08" in shown.stdout
    assert "hint: the other practice must confirm" in shown.stderr
