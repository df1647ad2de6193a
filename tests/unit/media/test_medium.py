"""Studies leave as a medium that every judge reads: DCMTK, pydicom, and our own import."""

from __future__ import annotations

import re
import subprocess

import pydicom
import pytest
from pydicom.fileset import FileSet

from support.dicom_files import storable_files
from support.media_house import media_house
from undisc_node.dicom.directory import DirectoryReader
from undisc_node.dicom.sources import FileSource


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """Every storable file of pydicom's test set, taken in and written out."""
    folder = tmp_path_factory.mktemp("media")
    with media_house(folder / "house") as house:
        for path in storable_files().values():
            house.store(path.read_bytes())
        studies = [study.id for study in house.studies.list("", "", None, 1_000, 0)]
        yield house, house.unpacked(studies, folder / "out")


def images(folder):
    return sorted(path for path in (folder / "DICOM").rglob("*") if path.is_file())


def test_every_image_leaves_with_all_its_bytes_but_a_strange_preamble(everything):
    house, folder = everything
    held = sorted(house.held().values())
    written = [path.read_bytes() for path in images(folder)]
    assert len(written) == len(held) > 120
    without = {data[132:] if data[128:132] == b"DICM" else data for data in held}
    for data in written:
        assert data[128:132] == b"DICM"
        assert data[:128] == bytes(128) or data.startswith(b"II*\0")
        assert data[132:] in without or any(data.endswith(one) for one in without)


def test_names_are_counted_and_fit_every_disc(everything):
    _, folder = everything
    for path in images(folder):
        assert all(re.fullmatch(r"[A-Z0-9_]{1,8}", part) for part in path.relative_to(folder).parts)
    assert {path.name for path in folder.iterdir()} == {
        "DICOM", "DICOMDIR", "IHE_PDI", "INDEX.HTM", "README.TXT",
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore")
def test_pydicom_finds_every_image_through_the_directory(everything):
    house, folder = everything
    found = FileSet(folder / "DICOMDIR")
    assert len(found) == len(house.held())
    for instance in found:
        assert pydicom.dcmread(instance.path, stop_before_pixels=True).file_meta
    found._stage["t"].cleanup()  # pydicom leaves its folder to the garbage collector, which warns


def test_our_own_reader_lists_every_image(everything):
    _, folder = everything
    listing = DirectoryReader().listing(FileSource(folder / "DICOMDIR"))
    assert {"/".join(parts) for parts in listing.files} == {
        str(path.relative_to(folder)) for path in images(folder)
    }
    assert (listing.file_set, listing.creator) == ("UNDISC", "UNDISC_1")
    assert not listing.damaged


def test_dcmtk_reads_the_directory_without_complaint(everything):
    _, folder = everything
    done = subprocess.run(
        ["dcmdump", "-q", str(folder / "DICOMDIR")],
        capture_output=True,
        encoding="latin-1",
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(re.findall(r"ReferencedFileID", done.stdout)) == len(images(folder))
