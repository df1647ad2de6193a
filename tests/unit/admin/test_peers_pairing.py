"""`undisc peers invite`, `accept` and `pairings`: what the two administrators see and say."""

from __future__ import annotations

import base64

import pytest

from support import fake_pairings as fake

INVITED = {"pairing": fake.WAITING_ROW, "invitation": fake.INVITATION, "qr": ["█▀▄"]}


def shows(node, *rows):
    """Let the node tell how a pairing goes on, one look after the other."""
    for row in rows:
        node.say("GET", f"pairings/{fake.ID}", {"pairing": row})


def test_inviting_prints_the_line_waits_shows_the_words_asks_and_waits_again(undisc, node):
    shows(node, fake.WAITING_ROW, fake.COMPARING_ROW, fake.CONFIRMED_ROW, fake.TRUSTED_ROW)
    node.say("POST", f"pairings/{fake.ID}/confirm", {"pairing": fake.CONFIRMED_ROW})

    done = undisc("peers", "invite", "--scope", "fetch", typed="y\n")

    assert done.exit_code == 0
    assert done.stdout == fake.INVITATION + "\n"
    assert node.asked[0].json == {"scopes": ["fetch"]}
    for told in (
        "this node answers at https://lakeside.example",
        "it is good for one try, until 06:05:00",
        "waiting for the other practice",
        "they may fetch and offer here; you may fetch there",
        "   1 zoo         2 able        3 about       4 yard\n",
        "Do they read the same words? [y/N]",
        "waiting until 06:15:00 for Riverside Radiology to confirm",
        "Riverside Radiology is trusted",
    ):
        assert told in done.stderr
    assert "█" not in done.stderr


def test_a_code_to_scan_is_shown_on_demand(undisc, node):
    done = undisc("peers", "invite", "--qr", "--no-wait")
    assert (done.exit_code, done.stdout) == (0, fake.INVITATION + "\n")
    assert "█▀▄\n█ █\n" in done.stderr
    assert "hint: when they came: undisc peers pairings confirm 7a7a" in done.stderr


@pytest.mark.parametrize("typed", ["n\n", "\n", "the words differ\n"])
def test_anything_but_yes_refuses_on_both_sides(undisc, node, typed):
    shows(node, fake.COMPARING_ROW)

    done = undisc("peers", "invite", typed=typed)

    assert done.exit_code == 4
    assert ("POST", f"pairings/{fake.ID}/refuse") in node.calls()
    assert ("POST", f"pairings/{fake.ID}/confirm") not in node.calls()
    assert "nothing is trusted" in done.stderr


def test_when_nobody_can_be_asked_the_pairing_waits(undisc, node):
    shows(node, fake.COMPARING_ROW)

    done = undisc("peers", "invite")

    assert done.exit_code != 0
    assert "hint: undisc peers pairings confirm 7a7a" in done.stderr
    assert [call for call in node.calls() if call[1].endswith(("confirm", "refuse"))] == []


def test_accepting_asks_for_the_line_and_never_takes_it_as_an_argument(undisc, node):
    done = undisc("peers", "accept", typed=f"{fake.INVITATION}\ny\n")

    assert done.exit_code == 0
    assert base64.b64decode(node.asked[0].json["invitation"]).decode() == fake.INVITATION
    assert "Riverside Radiology is trusted" in done.stderr
    refused = undisc("peers", "accept", fake.INVITATION)
    assert refused.exit_code != 0
    assert "cannot be read" in refused.stderr


def test_accepting_from_a_pipe_is_done_in_two_steps(undisc, node):
    done = undisc("peers", "accept", "-", "--no-wait", typed=f"{fake.INVITATION}\n")
    assert done.exit_code == 0
    assert "hint: when you have compared them: undisc peers pairings confirm 7a7a" in done.stderr
    wrong = undisc("peers", "pairings", "confirm", "7a7a", "--expect", "zoo able about you")
    assert wrong.exit_code == 4
    assert "these are not the words" in wrong.stderr
    assert ("POST", f"pairings/{fake.ID}/confirm") not in node.calls()
    right = undisc("peers", "pairings", "confirm", "7a7a", "--expect", "Zoo able about yard")
    assert right.exit_code == 0
    assert ("POST", f"pairings/{fake.ID}/confirm") in node.calls()


def test_files_go_there_and_back(undisc, node, tmp_path):
    node.say("POST", "pairings", {"pairing": fake.WAITING_ROW, "file": fake.FILE})
    assert undisc("peers", "invite", "--file", "a.undisc-pairing").exit_code == 0
    assert (tmp_path / "a.undisc-pairing").read_bytes() == b"a pairing file"
    assert node.asked[-1].json == {"scopes": ["fetch", "offer"], "by_file": True}
    node.say("POST", "pairings/accept", {"pairing": fake.COMPARING_ROW, "file": fake.ANSWER})

    done = undisc("peers", "accept", "a.undisc-pairing", typed="y\n")

    assert done.exit_code == 0
    assert (tmp_path / "a-answer.undisc-pairing").read_bytes() == b"its answer"
    assert base64.b64decode(node.asked[-2].json["file"]) == b"a pairing file"
    again = undisc("peers", "accept", "a.undisc-pairing", typed="y\n")
    assert "a-answer.undisc-pairing is there already" in again.stderr


def test_pairings_are_listed_with_their_words_or_the_reason_of_their_end(undisc, node):
    node.say("GET", "pairings", {"pairings": [fake.COMPARING_ROW, fake.REFUSED_ROW]})
    shown = undisc("peers", "pairings", "list").stdout
    assert "zoo able about yard" in shown
    assert "refused on the other side" in shown


def test_a_pairing_that_is_over_is_said_to_be(undisc, node):
    shows(node, fake.REFUSED_ROW)
    done = undisc("peers", "invite")
    assert done.exit_code == 4
    assert "the pairing ended: refused on the other side" in done.stderr


def test_confirming_on_a_terminal_shows_the_words_first(undisc, node):
    done = undisc("peers", "pairings", "confirm", "7a7a", typed="no\n")
    assert "   1 zoo" in done.stderr
    assert "hint: if the words differ: undisc peers pairings refuse 7a7a" in done.stderr
    assert ("POST", f"pairings/{fake.ID}/confirm") not in node.calls()
    node.say("POST", "pairings/7a7a/refuse", {"pairing": fake.REFUSED_ROW})
    assert "is over; nothing is trusted" in undisc("peers", "pairings", "refuse", "7a7a").stderr


def test_what_is_seen_on_the_network_is_a_suggestion(undisc, node):
    own = {**fake.SEEN_ROW, "name": "this very node", "claims_own": True}
    node.say("GET", "discovered", {"discovered": [fake.SEEN_ROW, own]})
    done = undisc("peers", "discover", "--seconds", "7")
    assert node.asked[-1].query == {"seconds": "7"}
    assert "SAYS IT IS" in done.stdout
    assert "https://riverside.example" in done.stdout
    assert "this very node" not in done.stdout
    assert "nothing of this is proven" in done.stderr
