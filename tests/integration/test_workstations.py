"""Workstations query and retrieve at the DICOM port: pynetdicom, and DCMTK's three programs."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.filereader import read_dataset
from pynetdicom import evt

from support.dcmtk import dcmtk
from support.dicom_files import EXPLICIT, IMPLICIT, SC, explicit_data_set
from support.dicom_port import LOCAL
from support.raw_sender import RawSender
from support.two_nodes import dicom_file, pixels
from support.workstation import (
    PATIENT_FIND,
    STUDY_FIND,
    STUDY_GET,
    STUDY_MOVE,
    House,
    associated,
    data_set_bytes,
    destination,
    found,
    got,
    house,
    keys,
    moved,
    written,
)
from undisc_node.demo.nodes import free_port
from undisc_node.dicom.bounds import Bounds
from undisc_node.dicom.calling import Called
from undisc_node.dicom.part10 import compose_part10
from undisc_node.services.workstations import finding, giving

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore"),  # pydicom warns about oddities of its test files
]

FILES = [
    *(dicom_file(n, study="1.2.1", patient_id=b"P-1", name=b"DOE^JANE") for n in (1, 2, 3)),
    *(dicom_file(n, study="1.2.1", series=2, patient_id=b"P-1", name=b"DOE^JANE") for n in (1, 2)),
    dicom_file(1, study="1.2.2", patient_id=b"P-1", name=b"DOE^JANE", accession=b"A-2"),
    dicom_file(
        1,
        study="1.2.3",
        patient_id=b"P-2",
        name="MÜLLER^ZOË".encode(),
        character_set=b"ISO_IR 192",
    ),
]
KIND = [(SC, IMPLICIT)]
RLE = "1.2.840.10008.1.2.5"
ABORT = bytes.fromhex("07000000000400000000")


@pytest.fixture(scope="module")
def full() -> Iterator[House]:
    """A practice that holds three studies of two patients."""
    with house() as made:
        made.take(FILES)
        yield made


@pytest.fixture
def fresh() -> Iterator[House]:
    """The same, for tests that change it."""
    with house() as made:
        made.take(FILES)
        yield made


# --- Queries --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "studies"),
    [
        ({}, ["1.2.1", "1.2.2", "1.2.3"]),
        ({"PatientID": "P-1"}, ["1.2.1", "1.2.2"]),
        ({"PatientID": "P-*"}, ["1.2.1", "1.2.2", "1.2.3"]),
        ({"PatientID": "P-?"}, ["1.2.1", "1.2.2", "1.2.3"]),
        ({"PatientID": "*"}, ["1.2.1", "1.2.2", "1.2.3"]),
        ({"PatientID": "P-9"}, []),
        ({"PatientName": "doe^j*"}, ["1.2.1", "1.2.2"]),
        ({"PatientName": "Müller^Zoë"}, ["1.2.3"]),
        ({"AccessionNumber": "A-2"}, ["1.2.2"]),
        ({"StudyInstanceUID": "1.2.1\\1.2.3\\1.2.9"}, ["1.2.1", "1.2.3"]),
        ({"StudyDate": "19000101-"}, []),  # a study without a date is in no range
        ({"ModalitiesInStudy": "OT"}, ["1.2.1", "1.2.2", "1.2.3"]),
    ],
    ids=str,
)
def test_studies_are_found_by_the_rules_of_matching(full, asked, studies):
    answers, status = found(full.address, keys(**{"StudyInstanceUID": "", **asked}))
    assert status == 0
    assert sorted(one.StudyInstanceUID for one in answers) == studies


def test_an_answer_has_what_was_asked_for_and_nothing_else(full):
    asked = keys(
        StudyInstanceUID="1.2.3", PatientName="", PatientWeight="", InstitutionName="",
        NumberOfStudyRelatedInstances="", RetrieveURL="",
    )  # fmt: skip
    ((one,), status) = found(full.address, asked)
    assert status == 0
    assert one.SpecificCharacterSet == "ISO_IR 192"
    assert str(one.PatientName) == "MÜLLER^ZOË"
    assert one.NumberOfStudyRelatedInstances == 1
    assert (one.QueryRetrieveLevel, one.RetrieveAETitle) == ("STUDY", "UNDISC")
    assert one.PatientWeight is None  # a key without a value
    assert "PatientID" not in one
    assert not one.get("RetrieveURL")


def test_series_images_and_patients_are_found_at_their_levels(full):
    series, _ = found(
        full.address,
        keys(level="SERIES", StudyInstanceUID="1.2.1", SeriesInstanceUID="", Modality="",
             NumberOfSeriesRelatedInstances="", PatientID=""),
    )  # fmt: skip
    assert [
        (one.SeriesInstanceUID, one.NumberOfSeriesRelatedInstances, one.StudyInstanceUID)
        for one in series
    ] == [("1.2.1.1", 3, "1.2.1"), ("1.2.1.2", 2, "1.2.1")]
    images, _ = found(
        full.address,
        keys(level="IMAGE", StudyInstanceUID="1.2.1", SeriesInstanceUID="1.2.1.2",
             SOPInstanceUID="", InstanceNumber=""),
    )  # fmt: skip
    assert [one.SOPInstanceUID for one in images] == ["1.2.1.2.1", "1.2.1.2.2"]
    patients, _ = found(
        full.address,
        keys(level="PATIENT", PatientID="", PatientName="", NumberOfPatientRelatedStudies="",
             NumberOfPatientRelatedInstances=""),
        PATIENT_FIND,
    )  # fmt: skip
    assert sorted(
        (one.PatientID, one.NumberOfPatientRelatedStudies, one.NumberOfPatientRelatedInstances)
        for one in patients
    ) == [("P-1", 2, 6), ("P-2", 1, 1)]


@pytest.mark.parametrize(
    ("asked", "root", "status"),
    [
        (keys(level="PATIENT", PatientID=""), STUDY_FIND, 0xA900),
        (keys(level="NOTHING"), STUDY_FIND, 0xA900),
        (keys(StudyDate="20240101-20241301-"), STUDY_FIND, 0xC000),
        (keys(StudyInstanceUID="1.2'"), STUDY_FIND, 0xC000),
    ],
    ids=str,
)
def test_a_question_that_cannot_be_read_is_refused(full, asked, root, status):
    assert found(full.address, asked, root) == ([], status)


def test_a_question_may_come_in_another_character_set(full):
    """The name travels in Latin 1, and is found."""
    asked = keys(StudyInstanceUID="")
    asked.SpecificCharacterSet = "ISO_IR 100"
    asked.PatientName = "MÜLLER^*"
    answers, _ = found(full.address, asked)
    assert [one.StudyInstanceUID for one in answers] == ["1.2.3"]


def test_a_query_is_cancelled_between_two_answers(full):
    asked = keys(StudyInstanceUID="")
    seen = []
    with associated(full.address, [(STUDY_FIND, None)]) as association:
        for status, _ in association.send_c_find(asked, STUDY_FIND, msg_id=7):
            seen.append(status.Status)
            association.send_c_cancel(7, query_model=STUDY_FIND)
    assert seen[-1] in {0xFE00, 0}  # three answers may have left before it was read
    assert len(seen) <= 4


def test_findscu_finds(full):
    host, number = full.address
    argv = [dcmtk("findscu"), "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID=P-1",
            "-k", "StudyInstanceUID", "-k", "StudyDescription", host, str(number)]  # fmt: skip
    said = subprocess.run(argv, check=True, timeout=60, capture_output=True)
    text = (said.stdout + said.stderr).decode("latin-1")
    assert text.count("1.2.1") == 1
    assert text.count("1.2.2") >= 1
    assert "1.2.3" not in text


# --- Who may ask ----------------------------------------------------------------------------------


def test_who_may_not_query_is_offered_nothing(fresh):
    fresh.forbid()
    contexts = [(one, IMPLICIT) for one in (STUDY_FIND, STUDY_MOVE, STUDY_GET, SC)]
    with RawSender(fresh.address, contexts) as sender:
        assert sender.accepted == {7}


def test_a_permission_that_is_taken_away_ends_at_once(fresh):
    with associated(fresh.address, [(STUDY_FIND, None)]) as association:
        fresh.forbid()
        ((status, _),) = association.send_c_find(keys(StudyInstanceUID=""), STUDY_FIND)
    assert status.Status == 0x0124


def test_what_is_held_or_withdrawn_is_neither_found_nor_given(fresh):
    with fresh.practice.catalog.look() as records:
        rows = [records.studies.find_uid(uid) for uid in ("1.2.1", "1.2.2")]
    fresh.practice.studies.hold(rows[0].id, "wrong patient", "admin")
    fresh.practice.studies.withdraw(rows[1].id, "wrong patient", "admin")
    answers, _ = found(fresh.address, keys(StudyInstanceUID=""))
    assert [one.StudyInstanceUID for one in answers] == ["1.2.3"]
    for uid in ("1.2.1", "1.2.2"):
        assert found(fresh.address, keys(level="SERIES", StudyInstanceUID=uid)) == ([], 0)
        result = got(fresh.address, keys(StudyInstanceUID=uid), KIND)
        assert (result.data_sets, result.status) == ({}, 0)


def test_a_study_that_is_held_meanwhile_stops_leaving(fresh):
    with fresh.practice.catalog.look() as records:
        study = records.studies.find_uid("1.2.1").id

    def hold(_event):
        if fresh.practice.study("1.2.1").state == "active":
            fresh.practice.studies.hold(study, "wrong patient", "admin")
        return 0

    result = got(fresh.address, keys(StudyInstanceUID="1.2.1"), KIND, on_store=hold)
    assert len(result.data_sets) == 1
    assert (result.status, len(result.failed)) == (0xB000, 4)
    assert "held" in result.comment


# --- C-GET ----------------------------------------------------------------------------------------


def test_images_come_back_on_the_same_association_and_are_counted(full):
    result = got(full.address, keys(StudyInstanceUID="1.2.1"), KIND)
    assert sorted(result.data_sets.values()) == sorted(map(data_set_bytes, FILES[:5]))
    pending = [counts for status, counts in result.answers if status == 0xFF00]
    assert pending == [[4, 1, 0, 0], [3, 2, 0, 0], [2, 3, 0, 0], [1, 4, 0, 0]]
    assert result.answers[-1] == (0, [None, 5, 0, 0])


def test_series_and_single_images_are_retrieved(full):
    one = {"level": "SERIES", "StudyInstanceUID": "1.2.1", "SeriesInstanceUID": "1.2.1.2"}
    assert len(got(full.address, keys(**one), KIND).data_sets) == 2
    uids = ["1.2.1.1.1", "1.2.1.1.3"]
    some = {"level": "IMAGE", "StudyInstanceUID": "1.2.1", "SOPInstanceUID": "\\".join(uids)}
    assert sorted(got(full.address, keys(**some), KIND).data_sets) == uids
    assert got(full.address, keys(level="IMAGE", SOPInstanceUID=uids[0]), KIND).status == 0xC000


def test_what_the_workstation_does_not_take_is_told_with_the_reason(full):
    """Pixels are not converted: an image in another transfer syntax stays here."""
    result = got(full.address, keys(StudyInstanceUID="1.2.1"), [(SC, RLE)])
    assert result.data_sets == {}
    assert result.answers[-1] == (0xA702, [None, 0, 5, 0])
    assert len(result.failed) == 5
    assert "transfer syntax" in result.comment


def test_refusals_and_warnings_of_the_workstation_are_counted(full):
    statuses = iter((0xA700, 0xB000, 0, 0, 0))
    result = got(
        full.address, keys(StudyInstanceUID="1.2.1"), KIND, on_store=lambda _: next(statuses)
    )
    assert result.answers[-1] == (0xB000, [None, 3, 1, 1])
    assert len(result.failed) == 1
    assert "A700" in result.comment


def test_a_retrieval_is_cancelled_in_the_middle(full):
    def cancel(event):
        event.assoc.send_c_cancel(1, query_model=STUDY_GET)
        return 0

    result = got(full.address, keys(StudyInstanceUID="1.2.1"), KIND, on_store=cancel)
    assert result.status == 0xFE00
    assert result.answers[-1][1][0] > 0
    assert len(result.data_sets) < 5


@pytest.mark.parametrize("last_words", [ABORT, b""], ids=["abort", "close"])
def test_the_workstation_goes_away_in_the_middle_and_others_are_served(fresh, last_words):
    """Within a large image: nothing stays behind, and the log says what left."""
    fresh.take([dicom_file(1, study="1.2.8", extra=pixels(bytes(20_000_000)))])
    pdus = []

    def leave(event):
        pdus.append(event)
        if len(pdus) == 20:
            connection = event.assoc.dul.socket.socket
            connection.sendall(last_words)
            connection.shutdown(socket.SHUT_RDWR)

    with associated(
        fresh.address,
        [(STUDY_GET, None), (SC, [IMPLICIT])],
        roles=[SC],
        handlers=[(evt.EVT_PDU_RECV, leave)],
    ) as association:
        list(association.send_c_get(keys(StudyInstanceUID="1.2.8"), STUDY_GET))
    assert len(got(fresh.address, keys(StudyInstanceUID="1.2.1"), KIND).data_sets) == 5
    ended = [one for one in fresh.practice.events() if one.type == "retrieve.ended"]
    assert [one.detail["images"] for one in ended] == [0, 5]
    assert ended[0].outcome != 0


def test_getscu_gets(fresh, tmp_path):
    """It proposes Explicit VR Little Endian and nothing else; what is stored so comes as it is."""
    files = [_explicit(number) for number in (1, 2, 3)]
    fresh.take(files)
    host, number = fresh.address
    for study in ("1.2.9", "1.2.1"):
        (tmp_path / study).mkdir()
        argv = [dcmtk("getscu"), "-S", "+B", "-od", str(tmp_path / study),
                "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}",
                host, str(number)]  # fmt: skip
        subprocess.run(argv, check=True, timeout=60, capture_output=True)
    came = written(tmp_path / "1.2.9")
    assert sorted(map(data_set_bytes, came)) == sorted(map(data_set_bytes, files))
    assert len(written(tmp_path / "1.2.1")) == 5


def _explicit(number: int) -> bytes:
    uid = f"1.2.9.1.{number}"
    head = compose_part10(sop_class=SC, sop_uid=uid, transfer_syntax=EXPLICIT)
    return head + explicit_data_set(
        study_uid=b"1.2.9", series_uid=b"1.2.9.1", sop_uid=uid.encode(), number=b"1"
    )


# --- C-MOVE ---------------------------------------------------------------------------------------


def test_images_go_to_a_destination_that_is_configured(fresh):
    with destination(KIND) as (called, arrived):
        fresh.destinations["ARCHIVE"] = called
        result = moved(fresh.address, keys(StudyInstanceUID="1.2.1"), "ARCHIVE")
    assert sorted(arrived.values()) == sorted(map(data_set_bytes, FILES[:5]))
    assert result.answers[0] == (0xFF00, [4, 1, 0, 0])
    assert result.answers[-1] == (0, [None, 5, 0, 0])


def test_nothing_goes_to_a_place_that_nobody_configured(fresh):
    for title in ("STATION", "ARCHIVE", "127.0.0.1", ""):
        assert moved(fresh.address, keys(StudyInstanceUID="1.2.1"), title or "X").status == 0xA801
    assert "retrieve.begun" not in fresh.practice.kinds()


def test_a_destination_that_does_not_answer_fails_every_image(fresh):
    fresh.destinations["ARCHIVE"] = Called("127.0.0.1", free_port(), "UNDISC", "ARCHIVE")
    result = moved(fresh.address, keys(StudyInstanceUID="1.2.1"), "ARCHIVE")
    assert result.answers[-1] == (0xA702, [None, 0, 5, 0])
    assert "does not answer" in result.comment


def test_a_destination_that_takes_another_syntax_only_is_told(fresh):
    with destination([(SC, RLE)]) as (called, arrived):
        fresh.destinations["ARCHIVE"] = called
        result = moved(fresh.address, keys(StudyInstanceUID="1.2.1"), "ARCHIVE")
    assert arrived == {}
    assert (result.status, len(result.failed)) == (0xA702, 5)


def test_headers_are_rewritten_for_whoever_takes_the_other_plain_encoding_only(fresh):
    """Stored implicit, taken explicit; by C-GET and by C-MOVE, and the values are the same."""
    asked = keys(StudyInstanceUID="1.2.1")
    result = got(fresh.address, asked, [(SC, EXPLICIT)])
    assert result.answers[-1] == (0, [None, 5, 0, 0])
    with destination([(SC, EXPLICIT)]) as (called, arrived):
        fresh.destinations["ARCHIVE"] = called
        assert moved(fresh.address, asked, "ARCHIVE").status == 0
    assert arrived == result.data_sets
    for file in FILES[:5]:
        stored = dcmread(BytesIO(file))
        body = BytesIO(arrived[stored.SOPInstanceUID])
        assert read_dataset(body, is_implicit_VR=False, is_little_endian=True) == stored


def test_movescu_moves_to_storescp(fresh, tmp_path):
    number = free_port()
    argv = [dcmtk("storescp"), "+B", "+xa", "-od", str(tmp_path), "-aet", "ARCHIVE", str(number)]
    fresh.destinations["ARCHIVE"] = Called("127.0.0.1", number, "UNDISC", "ARCHIVE")
    host, port = fresh.address
    with subprocess.Popen(argv) as server:
        try:
            _wait_until_listening(number)
            move = [dcmtk("movescu"), "-S", "-aem", "ARCHIVE", "-k", "QueryRetrieveLevel=STUDY",
                    "-k", "StudyInstanceUID=1.2.1", host, str(port)]  # fmt: skip
            subprocess.run(move, check=True, timeout=60, capture_output=True)
        finally:
            server.terminate()
    assert sorted(map(data_set_bytes, written(tmp_path))) == sorted(map(data_set_bytes, FILES[:5]))


def _wait_until_listening(number: int) -> None:
    for _ in range(100):
        done = subprocess.run(
            [dcmtk("echoscu"), "-aec", "ARCHIVE", "127.0.0.1", str(number)],
            check=False,
            capture_output=True,
            timeout=30,
        )
        if done.returncode == 0:
            return
    raise AssertionError("storescp does not listen")


# --- Bounds ---------------------------------------------------------------------------------------


def test_there_are_only_so_many_questions_at_once():
    """Whoever comes too late is told so, and images still come in."""
    with house(bounds=Bounds(questions=1)) as made:
        made.take(FILES)
        waits, go_on = threading.Event(), threading.Event()

        def wait(_event):
            waits.set()
            go_on.wait(20)
            return 0

        first = threading.Thread(
            target=lambda: got(made.address, keys(StudyInstanceUID="1.2.2"), KIND, on_store=wait)
        )
        first.start()
        assert waits.wait(10)
        assert found(made.address, keys(StudyInstanceUID="")) == ([], 0xA700)
        with RawSender(made.address, KIND) as sender:
            other = dicom_file(1, study="1.2.7")
            assert sender.store(1, SC, "1.2.7.1.1", data_set_bytes(other))[0] == 0
        go_on.set()
        first.join(10)
        assert len(found(made.address, keys(StudyInstanceUID=""))[0]) == 4


def test_a_question_with_too_many_answers_is_told_to_be_narrower(full, monkeypatch):
    monkeypatch.setattr(finding, "MOST_ANSWERS", 2)
    answers, status = found(full.address, keys(StudyInstanceUID=""))
    assert (len(answers), status) == (2, 0xA700)
    patients = keys(level="PATIENT", PatientID="", NumberOfPatientRelatedStudies="")
    monkeypatch.setattr(finding, "MOST_ANSWERS", 1)
    answers, status = found(full.address, patients, PATIENT_FIND)
    assert (len(answers), status) == (1, 0xA700)
    assert answers[0].NumberOfPatientRelatedStudies is None  # not all were counted


def test_a_retrieval_that_means_too_much_is_refused(full, monkeypatch):
    monkeypatch.setattr(giving, "MOST_INSTANCES", 3)
    result = got(full.address, keys(StudyInstanceUID="1.2.1"), KIND)
    assert (result.status, result.data_sets) == (0xC000, {})
    assert "more than 3 images" in result.comment


def test_a_question_longer_than_any_is_refused_and_the_association_goes_on(full):
    asked = keys(PatientID="x" * 300_000)
    with associated(full.address, [(STUDY_FIND, None)]) as association:
        ((status, _),) = association.send_c_find(asked, STUDY_FIND)
        assert status.Status == 0xC000
        answers = list(association.send_c_find(keys(StudyInstanceUID=""), STUDY_FIND))
    assert len(answers) == 4


def test_what_was_asked_and_what_left_is_in_the_log(fresh):
    found(fresh.address, keys(StudyInstanceUID="", PatientID="P-1"))
    got(fresh.address, keys(StudyInstanceUID="1.2.2"), KIND)
    query, begun, ended = (
        one for one in fresh.practice.events() if one.type.startswith(("query", "retrieve"))
    )
    assert query.detail == {"level": "STUDY", "keys": "(0010,0020)=P-1", "answers": 2}
    assert (query.who[0].user, query.who[0].net) == (f"dicom:{LOCAL.name}", "127.0.0.1")
    assert begun.detail == {"images": 1, "to": "STATION"}
    assert ended.detail == {"images": 1, "missing": 0, "to": "STATION"}
    assert any(one.id == "1.2.2" for one in ended.what)
