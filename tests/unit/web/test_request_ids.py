"""Each request has an id of ours, in its answer and in its log lines."""

from __future__ import annotations

import json
import re

import pytest

from support.lines import written


@pytest.mark.parametrize(
    ("door", "path", "status"),
    [
        ("public", "/undisc/v1/node", 200),
        ("public", "/nothing", 404),
        ("internal", "/livez", 200),
        ("admin", "/admin/v1/status", 200),
    ],
)
def test_every_answer_names_its_request_and_no_two_are_alike(node, door, path, status):
    answers = [node.call(door, "GET", path) for _ in range(3)]
    assert {answer.status for answer in answers} == {status}
    ids = {answer.headers["X-Request-Id"] for answer in answers}
    assert len(ids) == 3
    assert all(re.fullmatch(r"[0-9a-f]{16}", one) for one in ids)


def test_an_id_that_a_caller_brings_is_not_taken(node):
    """It could be a patient's name, or a line of its own."""
    answer = node.call("internal", "GET", "/livez", headers={"X-Request-Id": "Meier"})
    assert "Meier" not in answer.headers["X-Request-Id"]


def test_the_line_of_a_request_has_its_pattern_and_neither_path_nor_query(node):
    study = "ab" * 16
    with written("json") as lines:
        node.call("admin", "GET", f"/admin/v1/studies/{study}?text=Meier")
        node.call("public", "GET", "/Meier?secret=1")
        node.call("public", "MEIER", "/undisc/v1/node")
    assert "Meier" not in lines.getvalue()
    assert "MEIER" not in lines.getvalue()
    assert study not in lines.getvalue()
    found = [line for line in map(json.loads, lines.getvalue().splitlines()) if "route" in line]
    assert [line["route"] for line in found][:2] == ["/admin/v1/studies/{study}", "(none)"]
    assert found[0]["listener"] == "admin"
    assert found[0]["request"]
    assert found[1]["status"] == 404
