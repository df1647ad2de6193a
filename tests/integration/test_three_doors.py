"""Every file of two test sets goes in through every door and comes out as it was.

In by C-STORE, by STOW-RS and by the import of a folder; out by WADO-RS and by export. Files that
share their SOP Instance UID, or their study with another patient, go in one after the other.

What comes by C-STORE has no file meta information on the wire: its data set is what it was. What
comes as a file leaves as that file; only a preamble in which a program could hide becomes zeros in
an export.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.dicom_files import every_file, every_refusal
from support.dicomweb import DicomWebNode, parts_of
from support.raw_sender import RawSender
from support.two_nodes import running
from support.workstation import data_set_bytes
from undisc_node.dicom.reader import FactReader
from undisc_node.dicom.sources import BytesSource
from undisc_node.services.model import InstanceFacts
from undisc_node.services.preambles import harmless

pytestmark = pytest.mark.integration

REFUSED = every_refusal()
TOGETHER = 20  # files in one request


@dataclass(frozen=True)
class File:
    """A file of a test set."""

    name: str
    content: bytes
    facts: InstanceFacts

    @property
    def place(self) -> str:
        """Where it is served."""
        facts = self.facts
        return f"/studies/{facts.study_uid}/series/{facts.series_uid}/instances/{facts.sop_uid}"


def by_c_store(web: DicomWebNode, files: Sequence[File], folder: Path) -> None:
    """Send each as a modality does."""
    for one in files:
        facts = one.facts
        contexts = [(facts.sop_class, facts.transfer_syntax)]
        with RawSender(("127.0.0.1", web.node.dicom_port), contexts) as sender:
            answer = sender.store(
                1, facts.sop_class, facts.sop_uid, data_set_bytes(one.content), fragment=100_000
            )
        assert answer == (0, ""), one.name


def by_stow(web: DicomWebNode, files: Sequence[File], folder: Path) -> None:
    """Post them as a viewer does."""
    for start in range(0, len(files), TOGETHER):
        answer = web.post([one.content for one in files[start : start + TOGETHER]])
        assert answer.status_code == 200, answer.text


def by_folder(web: DicomWebNode, files: Sequence[File], folder: Path) -> None:
    """Import them from a folder as a person does."""
    folder.mkdir()
    for number, one in enumerate(files):
        (folder / f"{number}").write_bytes(one.content)
    said = web.node.ask("studies", "import", str(folder), "--all-patients")
    assert said["counts"] == {"stored": len(files)}


DOORS = {"C-STORE": by_c_store, "STOW-RS": by_stow, "folder": by_folder}


@pytest.fixture(scope="module")
def web() -> Iterator[DicomWebNode]:
    """A node, and somebody who signed in to its DICOMweb."""
    with running("Practice") as (node,):
        yield DicomWebNode(node)


def waves() -> list[list[File]]:
    """Put files that cannot be in one node at the same time into different waves."""
    made: list[list[File]] = []
    for name, path in every_file().items():
        if name in REFUSED:
            continue
        content = path.read_bytes()
        file = File(name, content, FactReader().facts(BytesSource(content)))
        wave = next((one for one in made if all(_fit(file, other) for other in one)), None)
        if wave is None:
            made.append([file])
        else:
            wave.append(file)
    return made


def _fit(one: File, other: File) -> bool:
    if one.facts.study_uid != other.facts.study_uid:
        return True
    return one.facts.sop_uid != other.facts.sop_uid and one.facts.patient == other.facts.patient


def exported(web: DicomWebNode) -> dict[str, bytes]:
    """Return everything a node exports, by SOP Instance UID, and erase it there."""
    found = {}
    for study in web.node.studies():
        found |= web.node.exported(study["id"])
        web.node.admin.delete(f"studies/{study['id']}")
    return found


def test_every_file_goes_in_by_three_doors_and_comes_out_by_two(web, tmp_path):
    tested = set()
    for number, files in enumerate(waves()):
        for door, bring in DOORS.items():
            bring(web, files, tmp_path / str(number))
            served = {}
            for one in files:
                ((_, served[one.facts.sop_uid]),) = parts_of(web.get(one.place))
            written = exported(web)
            for one in files:
                wado, export = served[one.facts.sop_uid], written[one.facts.sop_uid]
                if door == "C-STORE":
                    assert data_set_bytes(wado) == data_set_bytes(one.content), one.name
                    assert export == wado, one.name
                else:
                    assert wado == one.content, (one.name, door)
                    assert export == harmless(one.content), (one.name, door)
                tested.add((one.name, door))
            assert len(written) == len(files)
    assert len(tested) == len(DOORS) * (len(every_file()) - len(REFUSED)) == 3 * 230


def test_what_is_refused_is_refused_for_the_reason_in_the_table(web, tmp_path):
    """35 files of the sets are no images that a node can keep; each is named, with its reason."""
    assert len(REFUSED) == 35
    paths = every_file()
    for number, name in enumerate(REFUSED):
        (tmp_path / f"{number:02}").write_bytes(paths[name].read_bytes())
    said = web.node.undisc("studies", "import", str(tmp_path), "--all-patients").body
    told = {Path(one["path"]).name: one["code"] for one in said["files"]}
    assert {name: told[f"{number:02}"] for number, name in enumerate(REFUSED)} == REFUSED
    answer = web.post([paths[name].read_bytes() for name in REFUSED])
    assert answer.status_code == 409
    assert "00081199" not in answer.json()
    assert web.node.studies() == []
