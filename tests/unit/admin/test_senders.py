"""`undisc senders`."""

from __future__ import annotations

import base64
import json

from support import fake_senders as fake
from undisc_admin.errors import ExitCode


def body(node):
    return json.loads(node.asked[-1].body)


def test_adding_says_how_the_sender_is_known_and_nothing_else(undisc, node, tmp_path):
    (tmp_path / "us.pem").write_bytes(b"-----BEGIN CERTIFICATE-----")

    done = undisc("senders", "add", "us", "--certificate", "us.pem", "--query", "--quota", "50")

    assert done.exit_code == 0
    assert body(node) == {
        "name": "us",
        "certificate": base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode(),
        "may_query": True,
        "quota": 50 * 2**30,
    }
    assert "C-ECHO" in done.stderr


def test_a_file_that_is_no_certificate_is_not_sent(undisc, node, tmp_path):
    (tmp_path / "large.pem").write_bytes(bytes(32_769))
    (tmp_path / "empty.pem").write_bytes(b"")
    for name in ("large.pem", "empty.pem"):
        done = undisc("senders", "add", "us", "--certificate", name)
        assert done.exit_code == ExitCode.INVALID
    assert node.asked == []


def test_the_list_says_who_waits_and_who_was_refused(undisc):
    done = undisc("senders", "list")

    assert "MR@192.168.1.9" in done.stdout
    assert "12 images, 6.3 MB" in done.stdout
    assert "refused: 192.168.1.77 as US, 3 times" in done.stderr
    assert "undisc senders add NAME --address 192.168.1.77" in done.stderr
    assert "undisc senders trust NAME" in done.stderr


def test_whoever_decides_sees_what_was_sent(undisc):
    done = undisc("senders", "show", "MR@192.168.1.9")

    assert "Doe^Jane" in done.stdout
    assert "knee" in done.stdout


def test_trusting_a_stranger_asks_and_says_what_came_in(undisc, node):
    assert undisc("senders", "trust", "MR@192.168.1.9", typed="n\n").exit_code == ExitCode.FAILED
    assert [one.method for one in node.asked] == ["GET"]

    done = undisc("senders", "trust", "MR@192.168.1.9", "--name", "mr", typed="y\n")

    assert body(node) == {"name": "mr"}
    assert "known by 192.168.1.9 as MR, and let in 12 images" in done.stderr
    assert "let in 12 images of 1 study" in done.stderr


def test_what_could_not_be_let_in_is_said(undisc, node):
    problem = {"code": "quota", "message": "it reached its quota", "hint": "raise the quota"}
    let_in = {"studies": 0, "objects": 0, "problem": problem}
    node.say("POST", "senders/mr/trust", {"sender": fake.SENDER_ROW, "let_in": let_in})

    done = undisc("senders", "trust", "mr", "--yes")

    assert done.exit_code != 0
    assert "the rest stays in quarantine: it reached its quota" in done.stderr


def test_removing_asks_first_and_says_what_is_gone(undisc, node):
    assert undisc("senders", "remove", "ct1", typed="n\n").exit_code == ExitCode.FAILED
    assert node.asked == []
    done = undisc("senders", "remove", "ct1", "--yes")
    assert "erased 12 images" in done.stderr


def test_a_sender_that_answers_is_told_with_its_delay(undisc, node):
    assert "answers, after 12 ms" in undisc("senders", "echo", "ct1", "--port", "104").stderr
    assert body(node) == {"port": 104}
