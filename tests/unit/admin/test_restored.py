"""`undisc restored`: what waits after a restore, and the decisions about it."""

from __future__ import annotations

from support.fake_admin_rows import GRANT_ID, RESTORED, SHARE_ID, STATUS


def test_it_shows_what_waits_and_how_to_go_on(undisc, node):
    done = undisc("restored", "show")

    assert done.exit_code == 0
    assert GRANT_ID[:8] in done.stdout
    assert SHARE_ID[:8] in done.stdout
    assert "a backup" in done.stdout
    assert "undisc restored confirm --keep-all" in done.stderr


def test_a_node_that_never_came_back_says_so(undisc, node):
    node.say("GET", "restored", {"restored": None, "suspended": [], "recalled": []})

    done = undisc("restored", "show")

    assert (done.exit_code, done.stdout) == (0, "")
    assert "nothing is suspended" in done.stderr


def test_after_the_confirmation_nothing_is_asked_any_more(undisc, node):
    confirmed = {**RESTORED["restored"], "confirmed": "2026-11-24T08:00:00Z"}
    node.say("GET", "restored", {"restored": confirmed, "suspended": [], "recalled": []})

    done = undisc("restored", "show")

    assert "2026-11-24 08:00" in done.stdout
    assert "hint" not in done.stderr


def test_what_is_not_named_is_revoked_after_a_question(undisc, node):
    done = undisc("restored", "confirm", "--keep", "8d10", typed="y\n")

    assert done.exit_code == 0
    assert "keep 1 permission and revoke 1?" in done.stderr
    assert node.asked[-1].json == {"keep": ["8d10"], "keep_all": False}


def test_without_an_answer_nothing_is_decided(undisc, node):
    done = undisc("restored", "confirm", typed="n\n")

    assert done.exit_code != 0
    assert ("POST", "restored/confirm") not in node.calls()


def test_keeping_all_and_some_contradict_each_other(undisc, node):
    done = undisc("restored", "confirm", "--keep", "8d10", "--keep-all")

    assert (done.exit_code, node.calls()) == (2, [])


def test_the_status_says_that_permissions_wait(undisc, node):
    node.say("GET", "status", {**STATUS, "restored_unconfirmed": "2026-11-24T07:00:00Z"})

    assert "undisc restored show" in undisc("status").stderr


def test_it_says_what_the_peers_know_and_the_copy_does_not(undisc, node):
    done = undisc("restored", "show")

    assert "Riverside Radiology" in done.stdout
    assert "37" in done.stdout
    assert "things happened after it" in done.stderr


def test_the_peers_can_be_asked_again(undisc, node):
    assert "Riverside Radiology" in undisc("restored", "recall").stdout
    assert ("POST", "restored/recall") in node.calls()
    node.say("POST", "restored/recall", {"recalled": []})
    assert "undisc peers list" in undisc("restored", "recall").stderr
