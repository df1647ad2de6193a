"""Media on the admin socket: looks that keep nothing, names for imports, a study as a ZIP file."""

from __future__ import annotations

import json

import pytest

from unit.web import fakes
from unit.web.fakes_media import MEDIUM, ZIP

LOOK = "/admin/v1/imports/look"


def framed(*heads):
    return b"".join(len(head).to_bytes(4) + head for head in heads)


def test_each_file_of_a_look_gets_its_own_answer(node):
    answer = node.call("admin", "POST", LOOK, framed(b"image", b"", b"other"))
    files = answer.json["files"]
    assert node.admin.importing.looked == [b"image", b"", b"other"]
    assert [one.get("study_uid") for one in files] == ["1.2", None, "1.2"]
    assert files[0]["patient"]["name"] == "Doe^Jane"
    assert files[1]["error"]["code"] == "not_dicom"


@pytest.mark.parametrize(
    "body",
    [b"\0", b"\0\0\0\5only", framed(b"a") + b"\xff\xff\xff\xff", framed(*[b"x"] * 257)],
    ids=["half a length", "cut", "more than there is", "too many"],
)
def test_a_look_that_is_not_laid_out_as_it_says_is_refused(node, body):
    answer = node.call("admin", "POST", LOOK, body)
    assert (answer.status, answer.error) == (400, "invalid")


def test_a_directory_is_read_and_nothing_of_it_stays(start, home):
    answer = start().call("admin", "POST", "/admin/v1/imports/directory", b"IM000001")
    assert answer.json == {
        "file_set": "FS1",
        "creator": "OFFIS",
        "files": [["DICOM", "IM000001"]],
        "refused": 1,
        "patients": 2,
        "damaged": False,
    }
    assert [path.name for path in home.iterdir()] == ["admin.sock"]


def test_instances_of_a_named_medium_are_attached_to_it(node):
    begun = node.call(
        "admin",
        "POST",
        "/admin/v1/imports",
        json.dumps({"kind": "disc", "label": "RADIOLOGY"}).encode(),
    )
    medium = begun.json["medium"]
    assert medium["label"] == "RADIOLOGY"
    node.call("admin", "POST", f"/admin/v1/instances?medium={medium['id']}", b"image")
    assert node.admin.importing.attached == [(MEDIUM.id, fakes.STUDY_ID)]


def test_an_unknown_medium_stores_nothing(node):
    before = len(node.admin.receiving.stored)
    answer = node.call("admin", "POST", f"/admin/v1/instances?medium={'00' * 16}", b"image")
    assert (answer.status, answer.error) == (404, "not_found")
    assert len(node.admin.receiving.stored) == before


def test_a_study_as_a_medium_has_a_known_length(node):
    answer = node.call("admin", "GET", "/admin/v1/studies/1.2.3/medium")
    assert (answer.status, answer.body) == (200, ZIP)
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Length"] == str(len(ZIP))
    assert node.admin.media.opened == [(fakes.STUDY_ID,)]


def test_a_study_says_from_which_medium_it_came(node):
    shown = node.call("admin", "GET", "/admin/v1/studies/1.2.3").json["media"]
    assert [(one["label"], one["kind"], one["by"]) for one in shown] == [
        ("RADIOLOGY", "disc", "root")
    ]
