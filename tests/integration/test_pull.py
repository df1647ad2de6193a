"""Studies are pulled out of real archives: dcmqrscp and Orthanc, by C-MOVE, C-GET and WADO-RS."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from support.archive_servers import OrthancArchive, QueryServer
from support.studies_on_disk import MadeStudy, make_study
from support.two_nodes import RunningNode, short_directory
from undisc_node.dicom.scu import send_files

pytestmark = pytest.mark.integration

SIZES = [40_000, 300_000, 10]


class Department:
    """A node and both archives, which know each other."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.node = RunningNode(directory / "n", "Practice")
        self.node.init()
        self.node.start()
        self.port = int(
            self.node.admin.get("status").part("listeners").text("dicom").rpartition(":")[2]
        )
        known = {"node_ae": "UNDISC", "node_port": self.port}
        self.orthanc = OrthancArchive(directory / "orthanc", **known)
        self.dcmtk = QueryServer(directory / "dcmtk", **known)

    def add(self, name: str, **wish: object) -> None:
        self.node.admin.post("pacs", {"name": name, **wish})

    def undisc(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "undisc_admin", "--home", str(self.node.home), *arguments],
            capture_output=True,
            text=True,
            check=False,
        )

    def stop(self) -> None:
        for one in (self.node, self.orthanc, self.dcmtk):
            one.stop()


@pytest.fixture(scope="module")
def department() -> Iterator[Department]:
    with short_directory() as directory:
        made = Department(directory)
        try:
            made.add("orthanc-move", dimse=made.orthanc.address)
            made.add("orthanc-get", dimse=made.orthanc.address, retrieve="get")
            made.add("orthanc-web", url=made.orthanc.url)
            made.add("dcmtk-move", dimse=made.dcmtk.address)
            made.add("dcmtk-get", dimse=made.dcmtk.address, retrieve="get")
            yield made
        finally:
            made.stop()


def kept(department: Department, study: MadeStudy, archive: str) -> None:
    """Let an archive hold a study."""
    if archive.startswith("orthanc"):
        department.orthanc.load([one.file for one in study.instances])
        return
    paths = study.write(department.directory / study.uid)
    server = department.dcmtk
    for _, status in send_files("127.0.0.1", server.port, "UNDISC", server.title, paths):
        assert status == 0


def contents(file: bytes) -> Dataset:
    """Read an object, whatever way it is written in: archives write it anew."""
    return Dataset({one.tag: one for one in dcmread(BytesIO(file)) if one.tag.element != 0})


WAYS = ["orthanc-move", "orthanc-get", "orthanc-web", "dcmtk-move", "dcmtk-get"]


@pytest.mark.parametrize("way", WAYS)
def test_an_archive_answers_when_asked(department, way):
    done = department.undisc("pacs", "echo", way)

    assert done.returncode == 0, done.stderr
    assert "answers" in done.stderr


@pytest.mark.parametrize(("number", "way"), list(enumerate(WAYS, start=11)))
def test_all_studies_of_a_patient_come_and_come_once(department, number, way):
    """With the contents that were put into the archive; a second pull brings nothing."""
    study = make_study(number, SIZES)
    kept(department, study, way)

    first = department.undisc("studies", "pull", "--patient", str(number), "--from", way, "--json")
    again = department.undisc("studies", "pull", "--patient", str(number), "--from", way)

    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout)
    assert [one["uid"] for one in told["studies"]] == [study.uid]
    assert told["pull"]["state"] == "done"
    held = department.node.exported(study.uid)
    assert set(held) == {one.sop_uid for one in study.instances}
    for one in study.instances:
        assert contents(held[one.sop_uid]) == contents(one.file)
    assert again.returncode == 0
    # dcmqrscp does not say how many images there are: they come again, and change nothing.
    assert ("here already" in again.stderr) == way.startswith("orthanc")
    assert len(department.node.instances(study.uid)) == len(SIZES)


def test_a_patient_whom_the_archive_does_not_know_is_said(department):
    done = department.undisc("studies", "pull", "--patient", "nobody", "--from", "dcmtk-get")

    assert done.returncode == 0
    assert "has no such study" in done.stderr


def test_an_archive_that_is_away_is_said(department):
    department.add("away", dimse="X@127.0.0.1:9")

    done = department.undisc("studies", "pull", "--patient", "1", "--from", "away")

    assert done.returncode == 8
    assert "does not accept an association" in done.stderr


def test_a_study_goes_into_an_archive_that_offers_no_storage_commitment(department):
    """DCMTK is asked for the patient, refuses the commitment, and has the study all the same."""
    study = make_study(31, SIZES)
    for one in study.instances:
        department.node.import_bytes(one.file)

    sent = department.undisc(
        "studies", "push", study.uid, "--to", "dcmtk-get", "--patient", "L-31", "--accept"
    )
    found = department.undisc(
        "studies", "pull", "--patient", "L-31", "--from", "dcmtk-get", "--dry-run", "--json"
    )

    assert sent.returncode == 0, sent.stderr
    assert "3 of 3 images are in the PACS dcmtk-get under L-31" in sent.stderr
    assert "confirmed" not in sent.stderr
    assert [one["uid"] for one in json.loads(found.stdout)["studies"]] == [study.uid]
