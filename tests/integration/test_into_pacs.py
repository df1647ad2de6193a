"""An outside study is fetched, finds its patient, and lies in Orthanc under the local number."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import pytest
from pydicom import Dataset, dcmread

from support.archive_servers import OrthancArchive
from support.killable_node import KillableNode, wait_for
from support.two_nodes import befriend, dicom_file, pixels, short_directory

pytestmark = pytest.mark.integration

LOCAL = {"name": b"Doe^Jane", "birth_date": b"19700102", "sex": b"F"}


@dataclass(frozen=True)
class Walk:
    """Practice A, which has studies; practice B, which fetches them; B's archive."""

    a: KillableNode
    b: KillableNode
    orthanc: OrthancArchive

    def undisc(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "undisc_admin", "--home", str(self.b.home), *arguments],
            capture_output=True,
            input=typed,
            text=True,
            check=False,
        )

    def fetched(self, study: str, files: list[bytes]) -> str:
        """Let A have a study and B fetch it; return its id at B."""
        for one in files:
            self.a.import_bytes(one)
        at_a = self.a.admin.get(f"studies/{study}").part("study").text("id")
        self.a.admin.post(f"studies/{at_a}/settle")
        _, offer = self.a.grant(at_a, self.b.name)
        row = self.b.fetch(offer)
        assert row["state"] == "done", row
        return row["study"]

    def deliveries(self, study: str) -> list[dict]:
        return list(self.b.admin.get(f"studies/{study}/deliveries").raw["deliveries"])

    def delivered(self, study: str, state: str = "done") -> dict:
        def there():
            rows = self.deliveries(study)
            return rows[0] if rows and rows[0]["state"] == state else None

        return wait_for(f"the delivery is {state}", there, seconds=60)

    def knows(self, number: str, **patient: bytes) -> None:
        """Let the archive know a local patient."""
        self.orthanc.load(
            [outside(f"1.9.{number[2:]}", 1, patient_id=number.encode(), **{**LOCAL, **patient})]
        )

    def at_archive(self, study: str) -> dict[str, Dataset]:
        files = self.orthanc.files().values()
        found = [dcmread(BytesIO(one)) for one in files]
        return {str(one.SOPInstanceUID): one for one in found if one.StudyInstanceUID == study}


def outside(
    study: str,
    number: int,
    *,
    name: bytes = b"DOE^JANE",
    patient_id: bytes = b"OUT-7",
    birth_date: bytes = b"19700102",
    sex: bytes = b"F",
) -> bytes:
    """Make an image of another practice."""
    file = dicom_file(number, study=study, name=name, patient_id=patient_id)
    patient = b"".join(
        tag + len(value).to_bytes(4, "little") + value
        for tag, value in (
            (b"\x10\x00\x30\x00", birth_date),
            (b"\x10\x00\x40\x00", sex + b" " * (len(sex) % 2)),
        )
        if value
    )
    at = file.index(b"\x20\x00\x0d\x00")
    return file[:at] + patient + file[at:] + pixels(bytes([number]) * 2_000)


@pytest.fixture(scope="module")
def walk() -> Iterator[Walk]:
    with short_directory() as directory:
        a = KillableNode(directory / "a", "Practice A")
        b = KillableNode(directory / "b", "Practice B")
        orthanc = None
        try:
            for node in (a, b):
                node.init()
                node.start()
            befriend(a, b)
            orthanc = OrthancArchive(
                directory / "orthanc", node_ae="UNDISC", node_port=b.dicom_port
            )
            made = Walk(a, b, orthanc)
            made.knows("L-1001")
            wish = {"name": "main", "dimse": orthanc.address, "takes_fetched": True}
            b.admin.post("pacs", {**wish, "issuer": "HOSP"})
            yield made
        finally:
            for one in (a, b, orthanc):
                if one is not None:
                    one.stop()


def test_a_fetched_study_finds_its_patient_and_the_archive_has_it_under_the_local_number(walk):
    """No hand is needed when name, birth date and sex fit exactly one local patient."""
    files = [outside("1.7.1", number) for number in (1, 2, 3)]
    study = walk.fetched("1.7.1", files)

    row = walk.delivered(study)

    assert row["patient"]["id"] == "L-1001"
    assert (row["handed_over"], row["committed"]) == (3, 3)
    found = walk.at_archive("1.7.1")
    assert len(found) == 3
    for one in found.values():
        assert (one.PatientID, one.IssuerOfPatientID) == ("L-1001", "HOSP")
        item = one.OriginalAttributesSequence[0]
        assert item.ReasonForTheAttributeModification == "COERCE"
        assert item.ModifiedAttributesSequence[0].PatientID == "OUT-7"
        assert item.SourceOfPreviousValues == "Practice A"
        assert item.ModifyingSystem == "Practice B"
        assert one[0x04000600].value == "IMPORTED"
        assert one.InstanceCoercionDateTime
    # What the node holds is what came, bit for bit.
    assert sorted(walk.b.exported(study).values()) == sorted(files)


def test_another_birth_date_stops_and_asks_and_a_person_decides(walk):
    study = walk.fetched("1.7.2", [outside("1.7.2", 1, birth_date=b"19700201")])

    walk.delivered(study, "asking")
    (row,) = [one for one in walk.b.admin.get("queue").raw["queue"] if one["study"] == study]
    shown = walk.undisc("queue", "show", row["id"][:8])
    assert walk.at_archive("1.7.2") == {}
    done = walk.undisc("queue", "resolve", row["id"][:8], "patient", "L-1001", "--yes")

    assert "19700201" in shown.stdout
    assert done.returncode == 0, done.stderr
    walk.delivered(study)
    assert {one.PatientID for one in walk.at_archive("1.7.2").values()} == {"L-1001"}


def test_pushing_by_hand_shows_both_sides_and_asks_before_it_sends(walk):
    study = walk.fetched("1.7.3", [outside("1.7.3", 1, name=b"ROE^JANE")])
    walk.delivered(study, "asking")
    push = ("studies", "push", study, "--patient", "L-1001", "--accession", "A-77")

    refused = walk.undisc(*push, typed="n\n")
    assert walk.at_archive("1.7.3") == {}
    sent = walk.undisc(*push, typed="y\n")

    assert refused.returncode == 1
    assert "ROE^JANE" in refused.stdout
    assert "Doe^Jane" in refused.stdout
    assert "name differs" in refused.stderr
    assert sent.returncode == 0, sent.stderr
    (found,) = walk.at_archive("1.7.3").values()
    assert (found.PatientID, found.AccessionNumber) == ("L-1001", "A-77")
    waits = [one for one in walk.b.admin.get("queue").raw["queue"] if one["study"] == study]
    assert waits == []


def test_a_number_that_the_archive_does_not_know_has_to_be_accepted(walk):
    study = walk.fetched("1.7.4", [outside("1.7.4", 1, name=b"NEW^PERSON")])
    walk.delivered(study, "asking")

    asked = walk.undisc("studies", "push", study, "--patient", "L-2000")
    sent = walk.undisc("studies", "push", study, "--patient", "L-2000", "--accept", "--json")

    assert asked.returncode == 1
    assert "does not know this number" in asked.stderr
    assert sent.returncode == 0, sent.stderr
    assert json.loads(sent.stdout)["delivery"]["state"] == "done"
    (found,) = walk.at_archive("1.7.4").values()
    assert (found.PatientID, found.PatientName) == ("L-2000", "NEW^PERSON")


def test_a_study_that_grows_is_completed_there(walk):
    """The report that comes two days later follows by itself."""
    first = [outside("1.7.5", 1)]
    study = walk.fetched("1.7.5", first)
    walk.delivered(study)

    assert walk.fetched("1.7.5", [outside("1.7.5", 2)]) == study

    wait_for("both are there", lambda: len(walk.at_archive("1.7.5")) == 2, seconds=60)


def test_the_archive_may_be_away_and_the_node_be_killed_in_the_middle(walk):
    """What is acknowledged is not sent again; what is not comes after the restart."""
    count = 120
    files = [outside("1.7.6", number) for number in range(1, count + 1)]
    study = walk.fetched("1.7.6", files)

    def some():
        rows = walk.deliveries(study)
        return rows and rows[0]["handed_over"] >= 16

    wait_for("some are there", some, seconds=60)
    walk.b.kill_now()
    walk.b.bury()
    before = len(walk.at_archive("1.7.6"))
    walk.b.start()
    row = walk.delivered(study)

    assert before <= count
    assert row["handed_over"] == count
    assert len(walk.at_archive("1.7.6")) == count
    assert sorted(walk.b.exported(study).values()) == sorted(files)


def test_the_same_by_stow(walk):
    walk.b.admin.post("pacs", {"name": "web", "url": walk.orthanc.url, "issuer": "HOSP"})
    files = [outside("1.7.7", number) for number in range(1, 12)]
    study = walk.fetched("1.7.7", files)
    walk.delivered(study)
    walk.orthanc.empty()
    walk.knows("L-1001")

    sent = walk.undisc("studies", "push", study, "--to", "web", "--accession", "A-8")

    assert sent.returncode == 0, sent.stderr
    assert "11 of 11 images are in the PACS web under L-1001" in sent.stderr
    found = walk.at_archive("1.7.7")
    assert len(found) == 11
    for one in found.values():
        assert (one.PatientID, one.AccessionNumber) == ("L-1001", "A-8")
        assert one.OriginalAttributesSequence[0].ModifiedAttributesSequence[0].PatientID == "OUT-7"
    assert sorted(walk.b.exported(study).values()) == sorted(files)


def test_what_was_sent_is_on_record(walk):
    kinds = {one["type"] for one in walk.b.events()}

    assert {"delivery.asked", "delivery.matched", "delivery.done", "pacs.added"} <= kinds
    assert "deliver" in walk.undisc("pacs", "deliveries").stdout.lower()


def test_a_held_study_is_not_sent(walk):
    study = walk.fetched("1.7.8", [outside("1.7.8", 1, name=b"ROE^JANE")])
    walk.delivered(study, "asking")
    walk.b.admin.post(f"studies/{study}/hold", {"reason": "wrong patient"})

    sent = walk.undisc("studies", "push", study, "--to", "main", "--patient", "L-1001", "--accept")

    assert sent.returncode != 0
    assert "held" in sent.stderr
    assert walk.at_archive("1.7.8") == {}
