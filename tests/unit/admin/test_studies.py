"""`undisc studies`: lists that are safe to look at, imports and exports that keep every byte."""

from __future__ import annotations

import json
import os
import socket
import stat

import pytest

from support.fake_admin import error
from support.fake_admin_rows import (
    FILES,
    RECEIPT_ROW,
    STUDY_DETAIL,
    STUDY_ID,
    STUDY_ROW,
    instance_row,
)
from support.fake_media import MEDIUM


def test_the_list_is_aligned_and_plain(undisc):
    assert undisc("studies", "list").stdout.splitlines() == [
        "STUDY     PATIENT   PATIENT ID  DATE        KIND  DESCRIPTION  IMAGES    SIZE  STATE",
        "3f2a81c0  Doe^Jane  P-1         2026-11-24  CT    CT head           2  1.0 MB  active",
    ]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Doe^\x1b[2J\x1b]0;owned\x07Jane", r"Doe^\x1b[2J\x1b]0;owned\x07Jane"),
        ("Doe\r\nFAKE ROW", r"Doe\r\nFAKE ROW"),
        ("Doe\u202eenaJ", r"Doe\u202eenaJ"),
        ("Doe\x9b31m", r"Doe\x9b31m"),
    ],
    ids=["escape sequence", "line break", "right-to-left override", "C1 control"],
)
@pytest.mark.parametrize(
    "arguments", [["list"], ["show", "3f2a"], ["delete", "3f2a"]], ids=lambda value: value[0]
)
def test_a_hostile_patient_name_cannot_drive_the_terminal(undisc, node, arguments, name, shown):
    study = {**STUDY_ROW, "patient": {**STUDY_ROW["patient"], "name": name}}
    node.say("GET", "studies", {"studies": [study]})
    node.say("GET", "studies/3f2a", {**STUDY_DETAIL, "study": study})

    done = undisc("studies", *arguments)

    assert shown in done.output
    assert not set(done.output) & {"\x1b", "\x07", "\r", "\u202e", "\x9b"}


def test_a_hostile_name_is_harmless_in_json_too(undisc, node):
    study = {**STUDY_ROW, "description": "\x1b[2J\x9b\u202e"}
    node.say("GET", "studies", {"studies": [study]})

    shown = undisc("studies", "list", "--json").stdout

    assert shown.isascii()
    assert "\x1b" not in shown
    assert json.loads(shown) == {"studies": [study]}


def test_filters_reach_the_node(undisc, node):
    undisc("studies", "list", "--text", "Müller&Söhne", "--state", "held", "--limit", "5")

    assert node.asked[0].query == {
        "text": "Müller&Söhne",
        "state": "held",
        "limit": "5",
        "offset": "0",
    }


def test_what_is_typed_as_a_study_cannot_leave_its_place_in_the_address(undisc, node):
    asked = undisc("studies", "show", "../peers?x=1")

    assert asked.exit_code == 0
    assert node.calls() == [("GET", "studies/..%2Fpeers%3Fx%3D1")]


def test_hold_says_how_it_is_undone(undisc, node):
    done = undisc("studies", "hold", "3f2a", "--reason", "wrong patient")

    assert node.asked[0].json == {"reason": "wrong patient"}
    assert "hint: undo it with: undisc studies release 3f2a81c0" in done.stderr


def test_delete_says_who_has_a_copy_and_that_there_is_no_way_back(undisc, node):
    node.say("GET", "studies/3f2a", {**STUDY_DETAIL, "receipts": [RECEIPT_ROW]})

    done = undisc("studies", "delete", "3f2a", typed="y\n")

    assert "these nodes hold a copy already, which cannot be called back:" in done.stderr
    assert "Riverside Radiology: 2 images, 1.0 MB" in done.stderr
    assert "This cannot be undone [y/N]" in done.stderr
    assert node.calls()[-1] == ("DELETE", f"studies/{STUDY_ID}")


def test_an_import_sends_every_file_byte_for_byte_and_no_name(undisc, node, tmp_path):
    folder = tmp_path / "disc" / "Doe Jane"
    folder.mkdir(parents=True)
    contents = {b"one", b"two" * 1_000_000, b"\x00\xff preamble and all"}
    for number, content in enumerate(contents):
        (folder / f"Doe_{number}").write_bytes(content)

    done = undisc("studies", "import", "disc")

    assert (done.exit_code, done.stdout) == (
        0,
        "3 stored (3.0 MB)\nstudy 3f2a81c0 (CT head, CT, 2026-11-24): 3 stored\n",
    )
    sent = [asked for asked in node.asked if asked.path == "instances"]
    assert {asked.body for asked in sent} == contents
    assert {tuple(asked.query.items()) for asked in sent} == {(("medium", MEDIUM["id"]),)}
    assert not any(b"Doe_" in asked.body for asked in node.asked)


def test_an_import_counts_what_was_left_out_and_why(undisc, node, tmp_path):
    (tmp_path / "readme.txt").write_bytes(b"hello")
    (tmp_path / "good").write_bytes(b"dicom")
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")
    node.say_by(
        "POST",
        "instances",
        lambda asked: (
            (200, {"status": "duplicate", "study": STUDY_ID, "sop_uid": "1.2", "reason": ""})
            if asked.body == b"dicom"
            else (400, error("not_dicom", "this is not a DICOM file"))
        ),
    )

    done = undisc("studies", "import", ".")

    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "1 duplicate, 4 skipped (5 bytes)",
        "  empty_file: 1 file",
        "  not_dicom: 1 file",
        "  special_file: 1 file",
        "  symbolic_link: 1 file",
        "study 3f2a81c0 (CT head, CT, 2026-11-24): 1 duplicate, 1 skipped",
    ]


def test_an_import_in_which_something_waits_says_so(undisc, node, tmp_path):
    (tmp_path / "image").write_bytes(b"dicom")
    waiting = {"status": "waiting", "study": STUDY_ID, "sop_uid": "1.2", "reason": "other sender"}
    node.say("POST", "instances", waiting)

    done = undisc("studies", "import", "-v", "image")

    assert done.exit_code == 6
    assert "waiting: image (other sender)" in done.stderr
    assert "hint: decide on what waits" in done.stderr


def test_one_damaged_dicom_file_fails_the_import_but_not_the_others(undisc, node, tmp_path):
    (tmp_path / "a").write_bytes(b"damaged")
    (tmp_path / "b").write_bytes(b"good")
    node.say_by(
        "POST",
        "instances",
        lambda asked: (
            (400, error("truncated", "the object ends in the middle of an element"))
            if asked.body == b"damaged"
            else (200, {"status": "stored", "study": STUDY_ID, "sop_uid": "1.2", "reason": ""})
        ),
    )

    done = undisc("studies", "import", "a", "b")

    assert done.exit_code == 1
    assert "1 stored, 1 failed" in done.stdout
    assert "truncated: 1 file" in done.stdout


def test_an_import_without_any_dicom_is_told_apart_from_success(undisc, node, tmp_path):
    (tmp_path / "nothing").mkdir()

    done = undisc("studies", "import", "nothing")

    assert done.exit_code == 7
    assert "error: no DICOM file was found" in done.stderr


def test_a_full_disk_ends_the_import_at_once(undisc, node, tmp_path):
    for number in range(20):
        (tmp_path / f"{number:02}").write_bytes(b"image")
    node.say("POST", "instances", error("disk_full", "the disk is full", "make room"), status=507)

    done = undisc("studies", "import", ".")

    assert done.exit_code == 8
    assert "error: the disk is full\nhint: make room" in done.stderr
    assert len(node.asked) < 6


def test_import_json_is_one_document_with_the_answer_for_each_file(undisc, node, tmp_path):
    (tmp_path / "image").write_bytes(b"dicom")
    refused = error("truncated", "the object ends in the middle of an element")
    node.say("POST", "instances", refused, status=400)

    done = undisc("studies", "import", "image", "--json")

    listed = {"path": "image", "outcome": "failed", "code": "truncated", "answer": refused}
    said = json.loads(done.stdout)
    assert (said["files"], said["counts"], said["codes"]) == (
        [listed],
        {"failed": 1},
        {"truncated": 1},
    )
    assert [one["name"] for one in said["patients"]] == ["Doe^Jane"]
    assert said["error"] is None


def test_a_socket_in_a_folder_is_not_opened(undisc, tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
        assert "special_file: 1 file" in undisc("studies", "import", ".").stdout


def test_an_export_names_files_by_number_and_keeps_every_byte(undisc, node, tmp_path):
    superseded = instance_row(3, b"old", "superseded")
    rows = [superseded, *STUDY_DETAIL["instances"]]
    node.say("GET", "studies/3f2a", {**STUDY_DETAIL, "instances": rows})

    done = undisc("studies", "export", "3f2a", "out/here")

    written = {path.name: path.read_bytes() for path in (tmp_path / "out/here").iterdir()}
    assert done.exit_code == 0
    assert written == {"00001.dcm": FILES[1], "00002.dcm": FILES[2]}
    assert stat.S_IMODE((tmp_path / "out/here").stat().st_mode) == 0o700


def test_an_export_does_not_mix_with_what_is_there(undisc, node, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "00001.dcm").write_bytes(b"another study")

    refused = undisc("studies", "export", "3f2a", "out")

    assert refused.exit_code == 6
    assert "error: out is not empty\nhint: " in refused.stderr
    assert (tmp_path / "out" / "00001.dcm").read_bytes() == b"another study"

    assert undisc("studies", "export", "3f2a", "out", "--force").exit_code == 0
    assert (tmp_path / "out" / "00001.dcm").read_bytes() == FILES[1]


def test_an_export_that_comes_short_leaves_no_file_under_its_name(undisc, node, tmp_path):
    """A truncated file must never look like an exported image."""
    node.say_by("GET", f"studies/{STUDY_ID}/instances/{2:032x}/file", lambda _: (200, b"short"))

    done = undisc("studies", "export", "3f2a", "out")

    assert done.exit_code == 9
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["00001.dcm"]
