"""`undisc fetch` with a link: what protects it is asked for, and never stands on a command line."""

from __future__ import annotations

import base64
import json

import pytest

from support.fake_admin import error
from support.fake_admin_rows import FETCH_ROW
from undisc_admin import links

LINK = "https://riverside.example/l#c2VjcmV0"
DONE = {"fetches": [FETCH_ROW]}


@pytest.fixture
def person(monkeypatch):
    """Somebody sits at the terminal."""
    monkeypatch.setattr(links, "is_terminal", lambda _: True)


def said(node):
    return [call.json for call in node.asked if call.path == "fetches/link"]


def refuse(node, *codes):
    for code, message in codes:
        node.say("POST", "fetches/link", error(code, message, "do this"), status=403)


def test_passcode_and_code_are_asked_for_one_after_the_other(undisc, node, person):
    """The one-time code is sent once the passcode was right; the command says where it went."""
    refuse(node, ("locked", "the link asks for a passcode"),
           ("code_asked", "a code was sent to j***@e***"))  # fmt: skip
    node.say("POST", "fetches/link", DONE)

    done = undisc("fetch", typed=f"{LINK}\nblue horse\n314159\n")

    assert done.exit_code == 0
    assert "a code was sent to j***@e***\nhint: do this\n" in done.stderr
    assert [(one.get("passcode"), one.get("code")) for one in said(node)] == [
        (None, None), ("blue horse", None), ("blue horse", "314159"),
    ]  # fmt: skip
    assert base64.b64decode(said(node)[0]["link"]) == LINK.encode()
    assert "blue horse" not in done.output


def test_a_wrong_code_may_be_typed_again(undisc, node, person):
    refuse(node, ("code_asked", "a code was sent to j***@e***"),
           ("wrong_code", "the code is not right"))  # fmt: skip
    node.say("POST", "fetches/link", DONE)

    done = undisc("fetch", typed=f"{LINK}\n111111\n314159\n")

    assert done.exit_code == 0
    assert "the code is not right" in done.stderr
    assert [one.get("code") for one in said(node)] == [None, "111111", "314159"]


def test_codes_are_not_asked_for_without_end(undisc, node, person):
    refuse(node, *[("wrong_code", "the code is not right")] * 4)

    done = undisc("fetch", typed=f"{LINK}\n1\n2\n3\n4\n")

    assert (done.exit_code, len(said(node))) == (4, 4)


def test_a_script_takes_two_steps(undisc, node, tmp_path):
    """First without a code: refused with `code_asked`; then with the code in a file."""
    (tmp_path / "link").write_text(LINK)
    (tmp_path / "passcode").write_text("blue horse\n")
    (tmp_path / "code").write_text("314 159\n")
    refuse(node, ("code_asked", "a code was sent to j***@e***"))
    node.say("POST", "fetches/link", DONE)

    first = undisc("fetch", "link", "--passcode-file", "passcode", "--json")

    assert first.exit_code == 4
    shape = json.loads(first.stdout or first.stderr)["error"]
    assert (shape["code"], shape["message"]) == ("code_asked", "a code was sent to j***@e***")
    assert "--code-file" in shape["hint"]

    second = undisc("fetch", "link", "--passcode-file", "passcode", "--code-file", "code", "--json")

    assert second.exit_code == 0
    assert said(node)[-1]["code"] == "314 159"
    assert json.loads(second.stdout)["fetch"]["id"] == FETCH_ROW["id"]


def test_a_wrong_code_in_a_file_is_not_tried_again(undisc, node, tmp_path):
    (tmp_path / "link").write_text(LINK)
    (tmp_path / "code").write_text("111111\n")
    refuse(node, ("wrong_code", "the code is not right"))

    done = undisc("fetch", "link", "--code-file", "code")

    assert (done.exit_code, len(said(node))) == (4, 1)
    assert "error: the code is not right" in done.stderr


def test_an_empty_code_file_asks_nobody(undisc, node, tmp_path):
    (tmp_path / "link").write_text(LINK)
    (tmp_path / "code").write_text("\n")

    done = undisc("fetch", "link", "--code-file", "code")

    assert (done.exit_code, said(node)) == (7, [])
