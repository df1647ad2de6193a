"""What goes in comes out again, byte for byte: by file, by DICOM, and at the other practice."""

from __future__ import annotations

import pytest

from support.dicom_files import storable_files
from support.raw_sender import RawSender
from support.two_nodes import befriend, dicom_file, pixels, running
from undisc_node.dicom.part10 import split_part10
from undisc_node.dicom.reader import FactReader
from undisc_node.dicom.sources import BytesSource, FileSource

pytestmark = pytest.mark.integration

PREAMBLES = {
    "zeros": bytes(128),
    "tiff": b"II*\x00" + bytes(124),
    "program": b"MZ" + bytes(range(126)),
}
TRAILING = {"nothing": b"", "zeros": bytes(2048), "text": b"\r\n-- end of file --"}


@pytest.fixture(scope="module")
def practices():
    """Two nodes that trust each other."""
    with running("Practice A", "Practice B") as (first, second):
        befriend(first, second)
        yield first, second


@pytest.fixture
def alone(practices):
    """Return the first node, without studies when the test begins and ends."""
    node, _ = practices
    yield node
    for study in node.studies():
        node.admin.delete(f"studies/{study['id']}")


@pytest.mark.parametrize("trailing", TRAILING.values(), ids=TRAILING)
@pytest.mark.parametrize("preamble", PREAMBLES.values(), ids=PREAMBLES)
def test_a_file_comes_back_whole(alone, preamble, trailing):
    """The preamble may hold anything (PS3.10 §7.1), and some writers leave bytes at the end."""
    # Zeros at the end belong to the pixel data's own element; other bytes follow the data set.
    content = dicom_file(1, preamble=preamble, extra=pixels(b"\x12\x34" * 700), trailing=trailing)
    stored = alone.import_bytes(content)
    assert stored.text("status") == "stored"
    assert list(alone.exported(stored.text("study")).values()) == [content]


def test_every_storable_file_of_the_test_set_comes_back_whole(alone):
    """Every character set, transfer syntax and kind of object that pydicom's own tests know."""
    files = storable_files()
    assert len(files) > 150
    for name, path in files.items():
        content = path.read_bytes()
        study = alone.import_bytes(content).text("study")
        assert list(alone.exported(study).values()) == [content], name
        alone.admin.delete(f"studies/{study}")


def test_data_sets_at_the_other_practice_are_those_on_the_wire(practices):
    """C-STORE to A, grant, fetch by B: what B gives out is what the modality sent."""
    holder, recipient = practices
    for name, path in storable_files().items():
        facts = FactReader().facts(FileSource(path))
        content = path.read_bytes()
        wire = content[split_part10(FileSource(path)) :]
        contexts = [(facts.sop_class, facts.transfer_syntax)]
        with RawSender(("127.0.0.1", holder.dicom_port), contexts) as sender:
            status, comment = sender.store(1, facts.sop_class, facts.sop_uid, wire)
        assert status == 0, (name, comment)
        study = holder.admin.get(f"studies/{facts.study_uid}").part("study").text("id")
        _, offer = holder.grant(study, recipient.name)
        fetched = recipient.fetch(offer)
        assert (fetched["state"], fetched["receipt"]) == ("done", "taken"), (name, fetched)
        (arrived,) = recipient.exported(fetched["study"]).values()
        assert arrived[split_part10(BytesSource(b"", arrived)) :] == wire, name
        holder.admin.delete(f"studies/{study}")
        recipient.admin.delete(f"studies/{fetched['study']}")
