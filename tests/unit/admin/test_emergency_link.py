"""`undisc grants create --to-link --basis emergency`: a link that opens once, shown once."""

from __future__ import annotations

import json
import stat

import pytest

from support.fake_admin import error
from support.fake_admin_rows import GRANT_ROW, STUDY_ID

LINK = "https://riverside.example/l#c2VjcmV0"
MADE = {"grant": GRANT_ROW, "offer": None, "link": None, "url": LINK}
GIVE = [
    "grants", "create", "3f2a", "--to-link", "--basis", "emergency",
    "--staff", "Dr. Vega", "--purpose", "unconscious",
]  # fmt: skip


@pytest.fixture
def emergency(node):
    node.say("POST", "grants", MADE)
    return node


def test_the_link_is_printed_once_with_what_to_do_next(undisc, emergency):
    done = undisc(*GIVE)

    assert (done.exit_code, done.stdout) == (0, LINK + "\n")
    assert "opens once, in a browser or another node; it is shown only now" in done.stderr
    assert "a second person has to look at it: undisc queue list" in done.stderr
    assert "undisc grants revoke" in done.stderr
    assert emergency.asked[-1].json == {
        "study": STUDY_ID,
        "peer": None,
        "link": True,
        "basis": "emergency",
        "staff": "Dr. Vega",
        "purpose": "unconscious",
        "expires": None,
        "days": None,
        "command": "/img/read",
    }


def test_a_passcode_comes_from_a_file_and_never_from_the_command_line(undisc, emergency, tmp_path):
    (tmp_path / "passcode").write_text("blue horse\n")

    done = undisc(*GIVE, "--passcode-file", "passcode", "--view-only", "--days", "1")

    asked = emergency.asked[-1].json
    assert (asked["passcode"], asked["command"], asked["days"]) == ("blue horse", "/img/view", 1)
    assert "blue horse" not in done.output
    assert "tell the passcode on another way" in done.stderr


def test_a_link_can_go_into_a_file_that_only_its_owner_reads(undisc, emergency, tmp_path):
    done = undisc(*GIVE, "--link-file", "link.txt")

    path = tmp_path / "link.txt"
    assert (done.exit_code, done.stdout) == (0, "")
    assert path.read_text() == LINK + "\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("file", [True, False])
def test_json_has_the_link_unless_it_is_in_a_file(undisc, emergency, file):
    done = undisc(*GIVE, "--json", *(["--link-file", "link.txt"] if file else []))

    assert json.loads(done.stdout) == {**MADE, "url": None if file else LINK}


def test_a_refusal_says_what_helps(undisc, node):
    refused = error("nobody_to_tell", "there is no second person", "name somebody")
    node.say("POST", "grants", refused, status=403)

    done = undisc(*GIVE)

    assert (done.exit_code, done.stdout) == (4, "")
    assert "there is no second person" in done.stderr
    assert "hint: name somebody" in done.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        ["--basis", "treatment", "--to", "91c4", "--passcode"],
        ["--basis", "operator", "--to-link", "--link-file", "x", "--passcode-file", "y"],
        ["--basis", "operator", "--to-link"],
    ],
    ids=" ".join,
)
def test_what_belongs_to_an_emergency_only_is_refused_elsewhere(undisc, node, wrong):
    done = undisc(*GIVE[:3], "--staff", "x", "--purpose", "x", *wrong)

    assert (done.exit_code, node.calls()) == (2, [])
