"""`undisc keys` as a person uses it: the kit is written and read back before the key changes."""

from __future__ import annotations

import base64
import json
import stat

import pytest

PAGE = "the page\nof a kit\n"
STATUS = {
    "keys": {
        "node_id": "aa" * 32,
        "words": ["zoo"] * 12,
        "did": "did:key:zNew",
        "number": 1,
        "since": "2026-11-24T05:31:23Z",
        "kit": {"read_back": "2026-11-24T05:31:23Z", "fits": True, "drill_due": False},
        "change_begun": False,
        "card_expires": "2026-12-09T05:31:23Z",
        "peers": [
            {"id": "91c4" * 16, "name": "Riverside", "state": "trusted", "knows": 1,
             "heard": "2026-11-24T05:31:23Z"},
            {"id": "92c4" * 16, "name": "Lakeside", "state": "trusted", "knows": 0,
             "heard": "2026-11-24T05:31:23Z"},
        ],
    }
}  # fmt: skip
BEGUN = {"number": 2, "kit": PAGE, "pdf": base64.b64encode(b"%PDF").decode(), "resumed": False}
CHANGED = {"number": 2, "did": "did:key:zNewest", "suspended": 3, "signed_off": 1}


@pytest.fixture
def place(node, tmp_path):
    """Old kit and passphrase on disk, and a node that plays along."""
    node.say("POST", "keys/change", BEGUN)
    node.say("POST", "keys/confirm", CHANGED)
    (tmp_path / "kit.txt").write_text("the old page\n")
    (tmp_path / "secret").write_text("the first passphrase\n")
    return tmp_path


def change(undisc, place, *more, act="rotate", typed=""):
    return undisc(
        "keys", act, str(place / "kit.txt"), "--new-kit", str(place / "new.txt"),
        "--passphrase-file", str(place / "secret"), *more, typed=typed,
    )  # fmt: skip


def test_status_says_which_peers_know_the_key(undisc, node):
    node.say("GET", "keys", STATUS)
    shown = undisc("keys", "status").stdout
    assert "1, of 2026-11-24 05:31" in shown
    assert "Riverside" in shown
    assert "not yet: record 0" in shown


def test_the_kit_is_on_the_disk_and_what_is_confirmed_is_what_lies_there(undisc, node, place):
    pdf = place / "new.pdf"
    done = change(undisc, place, "--yes", "--pdf", str(pdf))
    assert done.exit_code == 0, done.stderr
    assert (place / "new.txt").read_text() == PAGE
    assert pdf.read_bytes() == b"%PDF"
    for path in (place / "new.txt", pdf):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    begin, confirm = (asked.json for asked in node.asked)
    assert base64.b64decode(begin["kit"]) == b"the old page\n"
    assert begin["passphrase"] == begin["new_passphrase"] == "the first passphrase"
    assert base64.b64decode(confirm["new_kit"]).decode() == PAGE
    assert confirm["theft"] is False
    assert "undisc-node backup" in done.stderr


@pytest.mark.parametrize("typed", ["n\n", ""])
def test_without_a_yes_nothing_is_confirmed(undisc, node, place, typed):
    done = change(undisc, place, typed=typed)
    assert done.exit_code != 0
    assert [asked.path for asked in node.asked] == ["keys/change"]
    assert (place / "new.txt").exists(), "the next try goes on with this kit"


def test_a_second_try_takes_the_kit_that_is_there(undisc, node, place):
    (place / "new.txt").write_text(PAGE)
    assert change(undisc, place, "--yes").exit_code == 0


def test_another_file_is_never_overwritten(undisc, node, place):
    (place / "new.txt").write_text("somebody's letter\n")
    done = change(undisc, place, "--yes")
    assert done.exit_code != 0
    assert (place / "new.txt").read_text() == "somebody's letter\n"
    assert [asked.path for asked in node.asked] == ["keys/change"]


def test_after_a_theft_it_says_what_to_do(undisc, node, place):
    done = change(undisc, place, "--yes", act="recover")
    assert node.asked[-1].json["theft"] is True
    for step in ("restored show", "staff reset", "undisc-node backup", "call your peers"):
        assert step in done.stderr


def test_nobody_is_asked_for_a_passphrase_who_cannot_type_it(undisc, node, place):
    done = undisc("keys", "drill", str(place / "kit.txt"))
    assert done.exit_code != 0
    assert "passphrase" in done.stderr
    assert node.asked == []


def test_a_drill_gives_the_node_the_kit(undisc, node, place):
    node.say("POST", "keys/drill", STATUS)
    done = undisc(
        "keys", "drill", str(place / "kit.txt"), "--passphrase-file", str(place / "secret"),
        "--json",
    )  # fmt: skip
    assert json.loads(done.stdout) == STATUS
