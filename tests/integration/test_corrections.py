"""A second version, another sender, another patient: nothing is lost and nothing guessed."""

from __future__ import annotations

import pytest

from support.dicom_files import IMPLICIT, SC
from support.raw_sender import RawSender
from support.two_nodes import befriend, dicom_file, refused, running
from undisc_node.dicom.part10 import split_part10
from undisc_node.dicom.sources import BytesSource

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def practices():
    """Two nodes that trust each other."""
    with running("Practice A", "Practice B") as (first, second):
        befriend(first, second)
        yield first, second


@pytest.fixture
def node(practices):
    """Return the first node, without studies when the test begins and ends."""
    first, second = practices
    yield first
    for one in (first, second):
        for study in one.studies():
            one.admin.delete(f"studies/{study['id']}")


def row(node, study: str) -> dict:
    """Return a study's row."""
    return dict(node.admin.get(f"studies/{study}").part("study").raw)


def send(node, content: bytes, uid: str) -> None:
    """Send a file's data set by C-STORE: another sender than an import."""
    wire = content[split_part10(BytesSource(b"", content)) :]
    with RawSender(("127.0.0.1", node.dicom_port), [(SC, IMPLICIT)]) as sender:
        assert sender.store(1, SC, uid, wire)[0] == 0


def test_the_same_sender_corrects_itself_and_only_the_new_version_is_fetched(practices, node):
    """The modality sends an instance again with other bytes: the old one is served no more."""
    _, recipient = practices
    study = node.import_bytes(dicom_file(1, description=b"first")).text("study")
    node.import_bytes(dicom_file(2))
    newer = dicom_file(1, description=b"second")
    assert node.import_bytes(newer).text("status") == "superseded"
    assert node.import_bytes(newer).text("status") == "duplicate"
    assert len(node.instances(study)) == 2
    assert len(node.instances(study, "superseded")) == 1
    _, offer = node.grant(study, recipient.name)
    fetched = recipient.fetch(offer)
    arrived = recipient.exported(fetched["study"])
    assert sorted(arrived.values()) == sorted([newer, dicom_file(2)])


def test_a_correction_after_the_fetch_brings_only_the_difference(practices, node):
    """The recipient fetches again: one object moves, and supersedes its own copy."""
    _, recipient = practices
    study = node.import_bytes(dicom_file(1, description=b"first")).text("study")
    node.import_bytes(dicom_file(2))
    _, offer = node.grant(study, recipient.name)
    first = recipient.fetch(offer)
    newer = dicom_file(1, description=b"second")
    node.import_bytes(newer)
    second = recipient.fetch(offer)
    assert second["study"] == first["study"]
    assert second["objects"] == 1
    arrived = recipient.exported(second["study"])
    assert sorted(arrived.values()) == sorted([newer, dicom_file(2)])
    assert len(recipient.instances(second["study"], "superseded")) == 1


@pytest.mark.parametrize("accept", [False, True])
def test_another_senders_version_waits_for_the_administrator(node, accept):
    """Two senders claim one instance: the first stays in force until a person decides."""
    original = dicom_file(1, description=b"imported")
    other = dicom_file(1, description=b"sent by a modality")
    study = node.import_bytes(original).text("study")
    send(node, other, "1.2.3.1.1")
    assert (row(node, study)["waiting"], row(node, study)["state"]) == (1, "active")
    (current,) = node.exported(study).values()
    assert current == original
    node.admin.post(f"studies/{study}/resolve", {"accept": accept})
    assert row(node, study)["waiting"] == 0
    (current,) = node.exported(study).values()
    wanted = other if accept else original
    assert (
        current[split_part10(BytesSource(b"", current)) :]
        == (wanted[split_part10(BytesSource(b"", wanted)) :])
    )


@pytest.mark.parametrize("accept", [False, True])
def test_another_patients_image_stops_the_whole_study(practices, node, accept):
    """A wrong name at the scanner: nothing of the study leaves until a person has looked."""
    _, recipient = practices
    study = node.import_bytes(dicom_file(1)).text("study")
    _, offer = node.grant(study, recipient.name)
    foreign = dicom_file(2, patient_id=b"43", name=b"ROE^RICHARD")
    assert node.import_bytes(foreign).text("status") == "waiting"
    held = row(node, study)
    assert (held["state"], held["waiting"], held["instances"]) == ("held", 1, 1)
    failed = recipient.fetch(offer)
    assert (failed["state"], failed["problem"]["code"]) == ("failed", "study_unavailable")
    assert refused(node.admin.post, f"studies/{study}/release").code == "waiting"
    node.admin.post(f"studies/{study}/resolve", {"accept": accept})
    settled = row(node, study)
    assert (settled["state"], settled["waiting"]) == ("active", 0)
    assert settled["instances"] == (2 if accept else 1)
    assert recipient.fetch(offer)["objects"] == (2 if accept else 1)
