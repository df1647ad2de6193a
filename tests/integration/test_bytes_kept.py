"""What goes in comes out again, byte for byte: by file, by DICOM, and at the other practice.

All but a preamble in which a program could hide: it stays in the pack, and becomes zeros in a file
that leaves the node. Every file of the test sets, through every door: `test_three_doors`.
"""

from __future__ import annotations

import subprocess

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
POLYGLOTS = {
    "pe": b"MZ\x90\0" + bytes(56) + b"\x80\0\0\0",
    "elf": b"\x7fELF\x02\x01\x01",
    "mach-o": b"\xcf\xfa\xed\xfe\x07\0\0\x01",
    "zip": b"PK\x03\x04\x14\0",
    "pdf": b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n",
    "html": b"<!DOCTYPE html><script src=//evil.example/x></script><!--",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><!--",
    "batch": b"@echo off & calc.exe & exit\r\n",
    "late": bytes(100) + b"#!/bin/sh\n",
    "nearly-tiff": b"II*MZ",
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
    whole = bytes(128) + content[128:] if preamble.startswith(b"MZ") else content
    assert list(alone.exported(stored.text("study")).values()) == [whole]


@pytest.mark.parametrize("start", POLYGLOTS.values(), ids=POLYGLOTS)
def test_an_image_that_is_also_something_else_leaves_as_an_image_only(alone, start):
    """CVE-2019-11687: the same file is a picture to a viewer and a program to the system."""
    content = dicom_file(1, preamble=start.ljust(128, b"\0"), extra=pixels(bytes(500)))
    study = alone.import_bytes(content).text("study")
    assert list(alone.exported(study).values()) == [bytes(128) + content[128:]]
    assert alone.import_bytes(content).text("status") == "duplicate"  # the pack has it as it came


def test_an_image_that_runs_does_not_run_after_it_was_exported(alone, tmp_path):
    """A shell script in the preamble, which really works."""
    script = f"#!/bin/sh\n: >{tmp_path}/ran\nexit\n".encode()
    assert len(script) <= 128
    content = dicom_file(1, preamble=script.ljust(128, b"\n"), extra=pixels(bytes(500)))
    study = alone.import_bytes(content).text("study")
    (exported,) = alone.exported(study).values()
    for name, data, runs in (("as-it-came", content, True), ("exported", exported, False)):
        program = tmp_path / name
        program.write_bytes(data)
        program.chmod(0o700)
        try:
            subprocess.run([program], check=False)
        except OSError:
            assert not runs
        assert (tmp_path / "ran").exists() == runs
        (tmp_path / "ran").unlink(missing_ok=True)


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
