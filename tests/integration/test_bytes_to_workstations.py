"""What goes in by C-STORE goes out by C-GET and C-MOVE with the same bytes, whatever it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.uid import UID_dictionary

from support.dicom_files import IMPLICIT, SC, explicit_data_set, storable_files
from support.raw_sender import RawSender
from support.workstation import data_set_bytes, destination, got, house, keys, kinds_of, moved
from undisc_node.dicom.inflating import DEFLATED
from undisc_node.dicom.part10 import EXPLICIT_BIG, compose_part10
from undisc_node.dicom.reader import FactReader
from undisc_node.dicom.sources import BytesSource

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore"),  # pydicom warns about oddities of its test files
]

ENCAPSULATED = bytes.fromhex("e07f10004f420000fffffffffeff00e000000000feff00e004000000") + (
    b"\1\2\3\4" + bytes.fromhex("feffdde000000000")
)


def _only_current(files: dict[str, Path]) -> list[bytes]:
    """Return one file for each SOP Instance UID, and one patient for each study."""
    kept: dict[str, bytes] = {}
    patients: dict[str, str] = {}
    for path in files.values():
        facts = FactReader().facts(BytesSource(path.read_bytes()))
        if patients.setdefault(facts.study_uid, facts.patient.id) == facts.patient.id:
            kept.setdefault(facts.sop_uid, path.read_bytes())
    return list(kept.values())


def _of_every_syntax() -> list[bytes]:
    """Return an object for each transfer syntax that DICOM names; the node does not decode them."""
    made = []
    for number, (uid, (name, kind, *_)) in enumerate(UID_dictionary.items()):
        if kind != "Transfer Syntax" or uid in {IMPLICIT, EXPLICIT_BIG, *DEFLATED} or not name:
            continue
        sop = f"1.2.6.1.{number}"
        head = compose_part10(sop_class=SC, sop_uid=sop, transfer_syntax=uid)
        body = explicit_data_set(study_uid=b"1.2.6", series_uid=b"1.2.6.1", sop_uid=sop.encode())
        made.append(head + body + ENCAPSULATED)
    return made


def test_every_storable_file_goes_in_by_c_store_and_out_by_c_get_and_c_move():
    """Every kind of object and transfer syntax of the test set, and not a bit is different."""
    files = [*_only_current(storable_files()), *_of_every_syntax()]
    kinds = kinds_of(files)
    assert len(files) > 160
    assert len({syntax for _, syntax in kinds}) > 50
    with house() as made:
        expected: dict[str, dict[str, bytes]] = {}
        for file in files:
            facts, wire = FactReader().facts(BytesSource(file)), data_set_bytes(file)
            with RawSender(made.address, [(facts.sop_class, facts.transfer_syntax)]) as sender:
                assert sender.store(1, facts.sop_class, facts.sop_uid, wire)[0] == 0
            expected.setdefault(facts.study_uid, {})[facts.sop_uid] = wire
        studies = keys(StudyInstanceUID="\\".join(expected))
        everything = {uid: wire for study in expected.values() for uid, wire in study.items()}
        result = got(made.address, studies, kinds)
        assert (result.status, result.failed) == (0, [])
        assert result.data_sets == everything
        with destination(kinds) as (called, arrived):
            made.destinations["ARCHIVE"] = called
            result = moved(made.address, studies, "ARCHIVE")
        assert (result.status, result.failed) == (0, [])
        assert arrived == everything
