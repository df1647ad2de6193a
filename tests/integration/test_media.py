"""Discs go into one node and come out of another, with every byte and the story of the disc."""

from __future__ import annotations

import subprocess
import zipfile

import pytest

from support.dicom_files import pydicom_files, storable_files
from support.studies_on_disk import make_study
from support.two_nodes import running

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def nodes():
    """Two nodes that do not know each other: only a disc goes from one to the other."""
    with running("Practice A", "Practice B") as (first, second):
        yield first, second


def held(node):
    """Return every current instance of a node by SOP Instance UID."""
    return {
        uid: content
        for study in node.studies()
        for uid, content in node.exported(study["id"]).items()
    }


def clear(node):
    for study in node.studies():
        node.admin.delete(f"studies/{study['id']}")


@pytest.mark.parametrize("form", ["zip", "folder"])
def test_a_study_crosses_on_a_disc_bit_for_bit_and_the_receiver_knows_which(nodes, tmp_path, form):
    first, second = nodes
    study = make_study(1, [10, 70_000, 1_500_000])
    study.write(tmp_path / "from")
    first.ask("studies", "import", str(tmp_path / "from"))
    identifier = first.studies()[0]["id"]
    medium = tmp_path / ("disc.zip" if form == "zip" else "disc")

    first.ask("studies", "export", identifier, str(medium), "--media")
    said = second.ask("studies", "import", str(medium))

    assert said["counts"] == {"stored": 3, "skipped": 4}
    assert [(one["listed"], one["missing"]) for one in said["dicomdirs"]] == [(3, [])]
    assert held(second) == held(first)
    (came,) = second.ask("studies", "show", study.uid)["media"]
    assert (came["kind"], came["label"]) == (form, medium.name)
    assert (came["file_set"], came["creator"]) == ("UNDISC", "UNDISC_1")
    again = second.ask("studies", "import", str(medium))
    assert again["counts"] == {"duplicate": 3, "skipped": 4}
    clear(first)
    clear(second)


@pytest.mark.filterwarnings("ignore")
def test_files_of_every_kind_go_in_by_folder_and_leave_on_media(nodes, tmp_path):
    """Each study on a disc of its own, then all discs into the other node.

    The whole set leaves in `tests/unit/media`, without processes.
    """
    first, second = nodes
    for number, path in enumerate(list(storable_files().values())[::8]):
        (tmp_path / "in" / f"{number:04}").parent.mkdir(exist_ok=True)
        (tmp_path / "in" / f"{number:04}").write_bytes(path.read_bytes())
    first.undisc("studies", "import", str(tmp_path / "in"), "--all-patients")
    for study in first.studies():
        if study["state"] == "active":
            disc = tmp_path / "discs" / study["id"]
            first.ask("studies", "export", study["id"], str(disc), "--media")
            subprocess.run(
                ["dcmdump", "-q", str(disc / "DICOMDIR")], check=True, capture_output=True
            )
    second.undisc("studies", "import", str(tmp_path / "discs"), "--all-patients")
    before, after = held(first), held(second)
    assert len(after) > 12
    for uid, content in after.items():
        original = before[uid]
        start = 132 if original[128:132] == b"DICM" else 0
        assert content.endswith(original[start:]) or content[132:] == original[132:]
    clear(first)
    clear(second)


def test_the_disc_of_pydicoms_tests_is_imported_with_and_without_its_dicomdir(nodes, tmp_path):
    """Two patients, four studies, 31 files, and a README that is none of them."""
    node, _ = nodes
    files = {
        name.removeprefix("test_files/dicomdirtests/"): path
        for name, path in pydicom_files().items()
        if name.startswith(("test_files/dicomdirtests/7", "test_files/dicomdirtests/9"))
    }
    directory = pydicom_files()["test_files/dicomdirtests/DICOMDIR"]
    with zipfile.ZipFile(tmp_path / "disc.zip", "w") as archive:
        archive.write(directory, "DICOMDIR")
        for name, path in list(files.items())[:-2]:
            archive.write(path, name)
    said = node.ask("studies", "import", str(tmp_path / "disc.zip"), "--all-patients")
    assert said["counts"] == {"stored": len(files) - 2, "skipped": 1}
    assert (said["dicomdirs"][0]["listed"], len(said["dicomdirs"][0]["missing"])) == (31, 2)
    assert len(said["patients"]) == 2
    clear(node)
