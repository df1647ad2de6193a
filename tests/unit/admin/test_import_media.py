"""Imports of what somebody else made: two patients, archives that lie, names that lead out."""

from __future__ import annotations

import json
import struct
import zipfile

import pytest

from support.fake_admin import error
from support.fake_media import LOOKED, heads
from support.hostile_names import NAMES

OTHER = {**LOOKED, "study_uid": "9.9", "patient": {**LOOKED["patient"], "name": "Roe", "id": "P-2"}}


def looks(node, answers):
    """Let the node say of a file what belongs to its first byte."""
    node.say_by(
        "POST",
        "imports/look",
        lambda asked: (200, {"files": [answers[head[:1]] for head in heads(asked.body)]}),
    )


def sent(node):
    return [asked.body for asked in node.asked if asked.path == "instances"]


@pytest.fixture
def two(node, tmp_path):
    """A disc of two patients."""
    looks(node, {b"J": LOOKED, b"R": OTHER})
    for name in ("J1", "J2", "R1"):
        (tmp_path / "disc" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "disc" / name).write_bytes(name.encode())


def test_two_patients_on_a_disc_stop_the_import_before_anything_is_stored(undisc, node, two):
    done = undisc("studies", "import", "disc")

    assert done.exit_code == 6
    assert "1  Doe^Jane  P-1 of LAKESIDE  1970-01-01" in done.stderr
    assert "2  Roe       P-2 of LAKESIDE  1970-01-01" in done.stderr
    assert "error: the medium holds files of 2 patients; nothing was imported" in done.stderr
    assert "hint: say whose: --patient ID" in done.stderr
    assert sent(node) == []


@pytest.mark.parametrize(
    ("arguments", "typed", "stored"),
    [
        (["--patient", "P-2"], "", [b"R1"]),
        (["--all-patients"], "", [b"J1", b"J2", b"R1"]),
        ([], "2\n", [b"R1"]),
        ([], "1, 2\n", [b"J1", b"J2", b"R1"]),
        ([], "all\n", [b"J1", b"J2", b"R1"]),
    ],
    ids=["named", "everybody", "typed", "both typed", "all typed"],
)
def test_whose_files_are_imported_is_said(undisc, node, two, arguments, typed, stored):
    done = undisc("studies", "import", "disc", *arguments, typed=typed)

    assert done.exit_code == 0
    assert sorted(sent(node)) == stored


@pytest.mark.parametrize("typed", ["\n", "3\n", "0\n", "one\n", "-1\n", "²\n", ""])
def test_an_unclear_choice_imports_nothing(undisc, node, two, typed):
    assert undisc("studies", "import", "disc", typed=typed).exit_code == 6
    assert sent(node) == []


def test_a_patient_who_is_not_on_the_medium_is_a_clear_error(undisc, node, two):
    done = undisc("studies", "import", "disc", "--patient", "P-3")

    assert done.exit_code == 3
    assert "hint: on it are: P-1, P-2" in done.stderr
    assert sent(node) == []


def test_two_patients_are_in_the_json_with_the_error(undisc, node, two):
    said = json.loads(undisc("studies", "import", "disc", "--json").stdout)

    assert said["error"]["code"] == "several_patients"
    assert [(one["id"], one["files"]) for one in said["patients"]] == [("P-1", 2), ("P-2", 1)]


def test_one_name_in_two_spellings_is_one_person(undisc, node, tmp_path):
    plain = {**LOOKED, "patient": {**LOOKED["patient"], "name": "DOE^JANE^", "birth_date": ""}}
    looks(node, {b"a": LOOKED, b"b": plain})
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(name.encode())

    assert undisc("studies", "import", ".").exit_code == 0


def test_a_dicomdir_is_compared_with_what_is_there(undisc, node, tmp_path):
    """However the disc was mounted: in small letters, with versions behind names."""
    disc = tmp_path / "disc"
    (disc / "dicom").mkdir(parents=True)
    (disc / "dicom" / "im1.;1").write_bytes(b"image")
    (disc / "DICOMDIR").write_bytes(b"directory")
    looks(node, {b"i": LOOKED, b"d": {"error": error("dicomdir", "")["error"]}})
    node.say(
        "POST",
        "imports/directory",
        {
            "file_set": "FS1",
            "creator": "OFFIS",
            "files": [["DICOM", "IM1"], ["DICOM", "IM2"]],
            "refused": 3,
            "patients": 1,
            "damaged": False,
        },
    )

    done = undisc("studies", "import", "disc")

    assert done.exit_code == 0
    assert "DICOMDIR: 1 of 2 files listed are missing on the disc\n  DICOM/IM2" in done.stderr
    assert "3 entries name places outside the disc" in done.stderr
    begun = next(asked.json for asked in node.asked if asked.path == "imports")
    assert begun == {"kind": "folder", "label": "disc", "file_set": "FS1", "creator": "OFFIS"}


def test_a_dicomdir_that_cannot_be_read_is_not_needed(undisc, node, tmp_path):
    (tmp_path / "image").write_bytes(b"image")
    (tmp_path / "DICOMDIR").write_bytes(b"directory")
    looks(node, {b"i": LOOKED, b"d": {"error": error("dicomdir", "")["error"]}})
    node.say("POST", "imports/directory", error("truncated", "it ends"), status=400)

    done = undisc("studies", "import", ".")

    assert done.exit_code == 0
    assert "DICOMDIR cannot be read (truncated); it was not needed" in done.stderr


def test_a_long_beginning_is_asked_about_again_with_more_of_it(undisc, node, tmp_path):
    content = b"i" * 100_000
    (tmp_path / "image").write_bytes(content)
    short = {"error": error("truncated", "")["error"]}
    node.say_by(
        "POST",
        "imports/look",
        lambda asked: (
            200,
            {"files": [LOOKED if head == content else short for head in heads(asked.body)]},
        ),
    )

    assert undisc("studies", "import", "image").exit_code == 0
    assert sent(node) == [content]


def archive(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members:
            info = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo("x")
            info.filename = name if isinstance(name, str) else info.filename  # also with NUL
            info.compress_type = zipfile.ZIP_DEFLATED
            made.writestr(info, content)
    return path


def test_a_zip_is_read_without_unpacking_it(undisc, node, tmp_path):
    contents = {b"one", b"two" * 500_000}
    archive(tmp_path / "disc.zip", [(f"DICOM/{at}", one) for at, one in enumerate(contents)])
    before = set(tmp_path.iterdir())

    done = undisc("studies", "import", "disc.zip")

    assert done.exit_code == 0
    assert set(sent(node)) == contents
    assert set(tmp_path.iterdir()) == before
    begun = next(asked.json for asked in node.asked if asked.path == "imports")
    assert (begun["kind"], begun["label"]) == ("zip", "disc.zip")


@pytest.mark.parametrize("name", NAMES)
def test_a_member_whose_name_leads_out_is_refused_and_nothing_is_written(
    undisc, node, tmp_path, name
):
    place = tmp_path / "a" / "b" / "disc.zip"
    place.parent.mkdir(parents=True)
    archive(place, [(name, b"image"), ("GOOD", b"good")])
    before = sorted(tmp_path.rglob("*"))

    done = undisc("studies", "import", "a/b/disc.zip", "-v")

    assert done.exit_code == 0
    assert sent(node) == [b"good"]
    assert "unsafe_name: 1 file" in done.stdout
    assert sorted(tmp_path.rglob("*")) == before
    assert done.stderr.isprintable() or all(one.isprintable() or one == "\n" for one in done.stderr)


def test_names_that_differ_in_case_only_are_both_imported(undisc, node, tmp_path):
    archive(tmp_path / "disc.zip", [("IM1", b"one"), ("im1", b"two")])

    assert undisc("studies", "import", "disc.zip").exit_code == 0
    assert set(sent(node)) == {b"one", b"two"}


def with_mode(name, mode):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def test_links_devices_encrypted_members_and_archives_in_archives_are_left_out(
    undisc, node, tmp_path
):
    path = archive(
        tmp_path / "disc.zip",
        [
            (with_mode("link", 0o120777), b"/etc/passwd"),
            (with_mode("pipe", 0o010644), b"x"),
            ("secret", b"secret"),
            ("inner.zip", b"PK\3\4 and so on"),
            ("good", b"good"),
        ],
    )
    content = bytearray(path.read_bytes())
    at = content.index(b"secret") - 30
    content[at + 6] |= 1
    at = content.rindex(b"secret") - 46
    content[at + 8] |= 1
    path.write_bytes(content)

    done = undisc("studies", "import", "disc.zip")

    assert sent(node) == [b"good"]
    for code in ("symbolic_link", "special_file", "zip_encrypted", "nested_zip"):
        assert f"  {code}: 1 file" in done.stdout


def test_a_member_that_unpacks_to_a_thousand_times_its_size_is_not_unpacked(undisc, node, tmp_path):
    archive(tmp_path / "disc.zip", [("bomb", bytes(32 * 2**20)), ("good", b"good")])

    done = undisc("studies", "import", "disc.zip")

    assert done.exit_code == 1
    assert "zip_ratio: 1 file" in done.stdout
    assert sent(node) == [b"good"]


@pytest.mark.parametrize("field", [24, 16], ids=["size", "checksum"])
@pytest.mark.parametrize("wrong", [1, 1_000_000])
def test_a_member_that_is_not_as_listed_is_never_stored(undisc, node, tmp_path, field, wrong):
    path = archive(tmp_path / "disc.zip", [("image", b"x" * 5_000), ("other", b"good")])
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\1\2") + field
    (value,) = struct.unpack_from("<L", content, at)
    struct.pack_into("<L", content, at, (value + wrong) & 0xFFFFFFFF)
    path.write_bytes(content)

    done = undisc("studies", "import", "disc.zip")

    assert done.exit_code == 1
    assert "zip_damaged: 1 file" in done.stdout
    assert b"good" in sent(node)
    assert not any(body.startswith(b"x") and len(body) >= 5_000 for body in sent(node))


def test_an_archive_that_is_cut_off_is_one_clear_error(undisc, node, tmp_path):
    path = archive(tmp_path / "disc.zip", [("image", b"x" * 5_000)])
    path.write_bytes(path.read_bytes()[:-60] + b"PK\5\6" + bytes(18))

    done = undisc("studies", "import", "disc.zip")

    assert done.exit_code in {1, 7}
    assert sent(node) == []


def test_a_list_of_members_beyond_every_bound_is_refused_before_it_is_read(undisc, node, tmp_path):
    path = archive(tmp_path / "disc.zip", [("image", b"x")])
    content = bytearray(path.read_bytes())
    struct.pack_into("<L", content, content.rindex(b"PK\5\6") + 12, 2**31)
    path.write_bytes(content)

    done = undisc("studies", "import", "disc.zip")

    assert done.exit_code == 7
    assert "more than any real one" in done.stderr
