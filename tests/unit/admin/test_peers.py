"""`undisc peers`: first trust is never silent."""

from __future__ import annotations

import pytest

from support.fake_admin_rows import LOOK, PEER_ID, PEER_ROW, WORDS

URL = "https://riverside.example"


def test_adding_shows_twelve_numbered_words_and_asks(undisc, node):
    done = undisc("peers", "add", URL, typed="y\n")

    assert done.exit_code == 0
    assert "   1 zoo         2 able        3 acid        4 actor\n" in done.stderr
    assert "   9 album      10 alert      11 alien      12 alley\n" in done.stderr
    assert "read the same twelve words from `undisc status`? [y/N]" in done.stderr
    assert node.asked[-1].json == {
        "url": URL,
        "node_id": PEER_ID,
        "trust": True,
        "scopes": ["fetch", "offer"],
    }


@pytest.mark.parametrize(
    "expected",
    [
        ("--expect", " ".join(WORDS)),
        ("--expect", ", ".join(WORDS).upper()),
        ("--expect", " ".join(f"{number} {word}" for number, word in enumerate(WORDS, 1))),
        ("--expect-id", PEER_ID.upper()),
    ],
    ids=["words", "commas and capitals", "numbered", "id"],
)
def test_a_script_brings_what_it_expects_and_is_asked_nothing(undisc, node, expected):
    done = undisc("peers", "add", URL, *expected)

    assert (done.exit_code, "[y/N]" in done.stderr) == (0, False)
    assert node.calls() == [("POST", "peers/look"), ("POST", "peers")]


@pytest.mark.parametrize(
    "expected",
    [("--expect", " ".join([*WORDS[:11], "zoo"])), ("--expect-id", "00" * 32)],
    ids=["words", "id"],
)
@pytest.mark.parametrize("command", [("add", URL), ("trust", "91c4")], ids=["add", "trust"])
def test_somebody_else_at_the_address_is_refused(undisc, node, command, expected):
    """Attack: the address was hijacked; the node that answers has another identity."""
    done = undisc("peers", *command, *expected, typed="y\n")

    assert done.exit_code == 4
    assert "error: this is another node than the expected one; nothing was changed" in done.stderr
    assert ("POST", "peers") not in node.calls()
    assert ("POST", f"peers/{PEER_ID}/trust") not in node.calls()


@pytest.mark.parametrize("text", ["zoo", " ".join([*WORDS, "zoo"])], ids=["too few", "too many"])
def test_a_part_of_the_words_is_not_enough(undisc, node, text):
    done = undisc("peers", "add", URL, "--expect", text)

    assert (done.exit_code, node.calls()) == (2, [])


@pytest.mark.parametrize("state", ["trusted", "pending", "suspended"])
def test_a_known_node_is_compared_again_before_anything_changes(undisc, node, state):
    node.say("POST", "peers/look", {**LOOK, "known": state})

    assert undisc("peers", "add", URL, typed="n\n").exit_code == 1
    assert node.calls() == [("POST", "peers/look")]

    done = undisc("peers", "add", URL, typed="y\n")

    assert done.exit_code == 0
    assert f"this node is a peer already, and {state}" in done.stderr


def test_a_revoked_peer_is_not_added_again(undisc, node):
    node.say("POST", "peers/look", {**LOOK, "known": "revoked"})

    done = undisc("peers", "add", URL, "--expect-id", PEER_ID)

    assert (done.exit_code, node.calls()) == (6, [("POST", "peers/look")])
    assert "error: the node at this address is a revoked peer" in done.stderr


def test_a_pending_peer_is_added_without_trust(undisc, node):
    done = undisc("peers", "add", URL, "--pending", "--scope", "offer")

    assert done.exit_code == 0
    assert node.asked[-1].json["trust"] is False
    assert node.asked[-1].json["scopes"] == ["offer"]
    assert "it may do nothing yet: undisc peers trust 91c4d5e6" in done.stderr


def test_a_peers_name_with_a_space_and_a_slash_is_one_segment(undisc, node):
    undisc("peers", "show", "River/side Radiology")

    assert node.calls() == [("GET", "peers/River%2Fside%20Radiology")]


def test_a_hostile_peer_name_cannot_drive_the_terminal(undisc, node):
    node.say("POST", "peers/look", {**LOOK, "name": "Good\x1b[8mEvil"})
    node.say("GET", "peers", {"peers": [{**PEER_ROW, "name": "Good\x1b[8mEvil"}]})

    assert r"Good\x1b[8mEvil" in undisc("peers", "add", URL).stderr
    assert r"Good\x1b[8mEvil" in undisc("peers", "list").stdout


def test_suspending_needs_no_question_and_says_how_to_undo_it(undisc):
    done = undisc("peers", "suspend", "91c4")

    assert "hint: undo it with: undisc peers trust 91c4d5e6" in done.stderr


def test_revoking_says_what_it_cannot_do(undisc):
    done = undisc("peers", "revoke", "91c4", typed="yes\n")

    assert done.exit_code == 0
    assert "what this peer has copied already cannot be called back" in done.stderr
    assert "A revocation cannot be undone, a suspension can" in done.stderr
