"""The DICOM port as modalities meet it: over TCP, with foreign senders."""

from __future__ import annotations

import logging
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, build_role
from pynetdicom.sop_class import StorageCommitmentPushModel

from support.dcmtk import dcmtk
from support.dicom_files import IMPLICIT, SC, data_set, storable_files
from support.dicom_port import (
    CONTEXTS,
    LOCAL,
    PATIENT,
    Calling,
    Received,
    drained,
    known,
    running,
)
from support.programs import package
from support.raw_sender import RawSender, pdu
from undisc_node.dicom.part10 import split_part10
from undisc_node.dicom.port import DicomPort
from undisc_node.dicom.reader import FactReader
from undisc_node.dicom.scu import echo, send_files
from undisc_node.dicom.sources import BytesSource, FileSource
from undisc_node.dicom.tls import tls_context
from undisc_node.services.errors import Conflict, DiskFull, Invalid, Refused, Unavailable

pytestmark = pytest.mark.integration


@pytest.fixture
def received() -> Received:
    return Received()


@pytest.fixture
def port(received) -> Iterator[DicomPort]:
    with running(received) as opened:
        yield opened


# --- Senders that mean well -----------------------------------------------------------------------


def test_echo_and_store_from_a_raw_sender(port, received):
    body = data_set()
    with RawSender(port.address, [("1.2.840.10008.1.1", IMPLICIT), (SC, IMPLICIT)]) as sender:
        assert sender.accepted == {1, 3}
        assert sender.max_pdu == 131_072
        assert sender.echo() == 0
        assert sender.store(3, SC, "1.2.3.4", body) == (0, "")
        assert sender.echo() == 0
        sender.release()
    assert received.data_sets() == [body]
    assert received.files[0][1] == "dicom:scanner"


@pytest.mark.parametrize("fragment", [2, 100, 131_066])
def test_data_sets_are_whole_however_they_are_cut(port, received, fragment):
    body = data_set(description=b"d" * 3_001)
    with RawSender(port.address, CONTEXTS) as sender:
        assert sender.store(1, SC, "1.2.3.4", body, fragment=fragment)[0] == 0
    assert received.data_sets() == [body]


def test_every_storable_file_of_the_test_set_arrives_byte_for_byte(port, received):
    sent = []
    for path in storable_files().values():
        facts = FactReader().facts(FileSource(path))
        body = path.read_bytes()[split_part10(FileSource(path)) :]
        with RawSender(port.address, [(facts.sop_class, facts.transfer_syntax)]) as sender:
            assert sender.accepted == {1}, path.name
            assert sender.store(1, facts.sop_class, facts.sop_uid, body) == (0, ""), path.name
        sent.append((body, facts))
    assert received.data_sets() == [body for body, _ in sent]
    for (data, _), (_, facts) in zip(received.files, sent, strict=True):
        assert FactReader().facts(BytesSource(data)) == facts


def test_our_own_sender_leaves_the_bytes_alone(port, received):
    """Files of every syntax, padded and oddly coded ones too, in one association."""
    paths = list(storable_files().values())
    echo(*port.address, "SCANNER", "UNDISC")
    answers = list(send_files(*port.address, "SCANNER", "UNDISC", paths))
    assert answers == [(path, 0) for path in paths]
    assert received.data_sets() == [
        path.read_bytes()[split_part10(FileSource(path)) :] for path in paths
    ]


def test_private_storage_classes_and_syntaxes_are_taken(port, received):
    private = "1.2.840.113619.4.30"
    body = data_set(sop_class=private.encode())
    with RawSender(port.address, [(private, "1.2.840.113619.5.2")]) as sender:
        assert sender.store(1, private, "1.2.3.4", body) == (0, "")
    assert received.data_sets() == [body]


def test_dcmtk_echoes_and_stores(port, received, tmp_path):
    host, number = port.address
    subprocess.run([dcmtk("echoscu"), host, str(number)], check=True, timeout=30)
    files = {
        name: path
        for name, path in storable_files().items()
        if name.endswith(("CT_small.dcm", "MR_small.dcm", "waveform_ecg.dcm"))
    }
    subprocess.run(
        [dcmtk("storescu"), "-xe", host, str(number), *map(str, files.values())],
        check=True,
        timeout=60,
    )
    # storescu encodes data sets anew; they must hold what DCMTK itself would have written.
    ours, theirs = tmp_path / "ours.dcm", tmp_path / "theirs.dcm"
    for (data, _), path in zip(received.files, files.values(), strict=True):
        ours.write_bytes(data)
        convert = [dcmtk("dcmconv"), "+te", str(path), str(theirs)]
        subprocess.run(convert, check=True, timeout=30)
        assert dumped(ours) == dumped(theirs)


def dumped(path: Path) -> str:
    """Return DCMTK's dump of a data set without the file meta information and group lengths."""
    dump = subprocess.run(
        [dcmtk("dcmdump"), "+L", "-M", str(path)], check=True, capture_output=True, timeout=30
    ).stdout.decode("latin-1")
    return "\n".join(
        line
        for line in dump.partition("# Dicom-Data-Set")[2].splitlines()
        if line.startswith("(") and not line.startswith(("(0002", "(fffc"))
    )


def test_senders_with_nagles_algorithm_are_not_kept_waiting(port, received):
    """Each image of such a sender would wait 40 ms for a delayed acknowledgement."""
    body = data_set(description=b"d" * 1_000)
    with RawSender(port.address, CONTEXTS) as sender:
        sender.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        started = time.perf_counter()
        for _ in range(50):
            assert sender.store(1, SC, "1.2.3.4", body, fragment=500)[0] == 0
        assert time.perf_counter() - started < 1.5
    assert len(received.files) == 50


# --- Answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (DiskFull("the disk is full"), 0xA700),
        (Unavailable("not now"), 0xA700),
        (Invalid("the object is nested too deeply"), 0xC000),
        (Conflict("the study is held"), 0x0110),
        (Refused("not from here"), 0x0124),
        (ValueError("SECRET^PATIENT"), 0x0110),
    ],
)
def test_a_refusal_is_told_to_the_sender(port, received, caplog, refusal, status):
    received.refusal = refusal
    with RawSender(port.address, CONTEXTS) as sender:
        answer, comment = sender.store(1, SC, "1.2.3.4", data_set(name=PATIENT))
        assert answer == status
        assert comment == (
            "the object could not be stored" if isinstance(refusal, ValueError) else str(refusal)
        )
        received.refusal = None
        assert sender.store(1, SC, "1.2.3.4", data_set())[0] == 0
    assert "SECRET" not in caplog.text


@pytest.mark.parametrize(
    ("sop_class", "sop_uid", "body", "status"),
    [
        (SC, "1.2.3.5", data_set(), 0xA900),
        (SC, "1.2.3.4", data_set(sop_class=b"1.2.840.10008.5.1.4.1.1.2"), 0xA900),
        (SC, "../../etc", data_set(), 0xC000),
        (SC, "1.2.3.4", data_set(study_uid=None), 0xC000),
        (SC, "1.2.3.4", b"\xff" * 1_000, 0xC000),
        (SC, "1.2.3.4", b"\0\0", 0xC000),
    ],
)
def test_an_object_that_is_not_what_the_command_says_is_refused(
    port, received, sop_class, sop_uid, body, status
):
    with RawSender(port.address, CONTEXTS) as sender:
        answer, comment = sender.store(1, sop_class, sop_uid, body)
    assert answer == status
    assert comment
    assert not received.files


def test_success_is_said_only_after_the_object_is_stored():
    """The sender deletes its copy when it hears success."""
    may_return = threading.Event()
    with (
        running(Calling(lambda _source, _sender: may_return.wait(10))) as port,
        RawSender(port.address, CONTEXTS, timeout=0.3) as sender,
    ):
        with pytest.raises(TimeoutError):
            sender.store(1, SC, "1.2.3.4", data_set())
        may_return.set()
        assert sender.answer()[0] == 0


def test_nothing_of_a_patient_is_logged(port, caplog):
    caplog.set_level(logging.DEBUG)
    with RawSender(port.address, CONTEXTS) as sender:
        sender.store(1, SC, "1.2.3.4", data_set(name=PATIENT, patient_id=b"ID-4711"))
        sender.store(1, SC, "1.2.3.9", data_set(name=PATIENT, study_uid=PATIENT))
        sender.connection.sendall(pdu(4, b"\0\0\0\x10SECRET"))
        drained(sender.connection)
    port.stop()
    ours = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith("undisc")
    )
    assert "scanner" in ours
    assert "SECRET" not in ours
    assert "4711" not in ours


# --- Opening and closing --------------------------------------------------------------------------


def test_a_port_in_use_is_said_in_one_sentence(port, received):
    second = DicomPort(
        host="127.0.0.1", port=port.address[1], senders=known(LOCAL), stores=received
    )
    with pytest.raises(Unavailable, match="in use") as caught:
        second.start()
    assert caught.value.reason == "port_in_use"
    assert caught.value.hint


def test_an_address_of_another_machine_is_said_in_one_sentence(received):
    port = DicomPort(host="192.0.2.1", port=0, senders=known(LOCAL), stores=received)
    with pytest.raises(Unavailable, match="cannot be opened"):
        port.start()


def test_closing_lets_an_object_finish_and_leaves_no_thread_behind():
    storing, go_on = threading.Event(), threading.Event()

    def store(_source, _sender):
        storing.set()
        go_on.wait(10)

    with running(Calling(store)) as port, RawSender(port.address, CONTEXTS) as sender:
        sender.ask_to_store(1, SC, "1.2.3.4", data_set())
        assert storing.wait(5)
        stopping = threading.Thread(target=port.stop)
        stopping.start()
        go_on.set()
        assert sender.answer()[0] == 0
        stopping.join(10)
        assert not stopping.is_alive()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("dicom")]


def test_a_report_of_storage_commitment_is_taken_in():
    """PS3.4 §J.3.3: the archive calls back in the role of the provider."""
    reports = []

    def take(data_set, syntax):
        reports.append((data_set, syntax))
        return 0

    with running(Received(), on_report=take) as port:
        application = AE(ae_title="PACS")
        application.add_requested_context(StorageCommitmentPushModel)
        role = build_role(StorageCommitmentPushModel, scp_role=True)
        association = application.associate(*port.address, ext_neg=[role])
        assert association.is_established
        try:
            report = Dataset()
            report.TransactionUID = "1.2.3"
            status, _ = association.send_n_event_report(
                report, 1, StorageCommitmentPushModel, "1.2.840.10008.1.20.1.1"
            )
        finally:
            association.release()
    assert status.Status == 0
    assert reports == [(bytes.fromhex("0800951106000000") + b"1.2.3\0", IMPLICIT)]


# --- DCMTK, in all the ways it can send -----------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [["-pdu", "4096"], ["-pdu", "131072"], ["--max-send-pdu", "4100"], ["--repeat", "3"]],
    ids=" ".join,
)
def test_storescu_in_odd_ways(port, received, options):
    path = next(path for name, path in storable_files().items() if name.endswith("CT_small.dcm"))
    host, number = port.address
    argv = [dcmtk("storescu"), *options, host, str(number), str(path)]
    times = 3 if "--repeat" in options else 1
    subprocess.run(argv, check=True, timeout=60)
    assert len(received.files) == times


def test_storescu_aborts_instead_of_releasing(port, received):
    path = next(path for name, path in storable_files().items() if name.endswith("CT_small.dcm"))
    host, number = port.address
    argv = [dcmtk("storescu"), "--abort", host, str(number), str(path)]
    subprocess.run(argv, check=True, timeout=60)
    subprocess.run([dcmtk("echoscu"), "--repeat", "5", host, str(number)], check=True, timeout=60)
    assert len(received.files) == 1


def test_dcmsend_sends_a_folder_with_many_contexts(port, received, tmp_path):
    known = {
        name: path
        for name, path in storable_files().items()
        if "dicomdirtests" in str(path) or name.endswith("_small.dcm")
    }
    for number, path in enumerate(known.values()):
        (tmp_path / f"{number}.dcm").write_bytes(path.read_bytes())
    host, number = port.address
    argv = [dcmtk("dcmsend"), "+sd", "--no-halt", host, str(number), str(tmp_path)]
    subprocess.run(argv, check=True, timeout=120, capture_output=True)
    assert len(received.files) == len(known)


@pytest.fixture
def certificate(tmp_path) -> Path:
    """A key and a certificate that sign themselves."""
    key, made = tmp_path / "key.pem", tmp_path / "certificate.pem"
    argv = [
        package("openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes",
        "-days", "2", "-subj", "/CN=node", "-addext", "subjectAltName=IP:127.0.0.1",
        "-keyout", str(key), "-out", str(made),
    ]  # fmt: skip
    subprocess.run(argv, check=True, timeout=60, capture_output=True)
    return made


def test_dcmtk_speaks_tls_with_the_port(received, certificate, tmp_path):
    """Images are the same; who does not speak TLS, or shows no certificate, comes to nothing."""
    context = tls_context(
        certificate=certificate, key=tmp_path / "key.pem", client_authority=certificate
    )
    path = next(path for name, path in storable_files().items() if name.endswith("CT_small.dcm"))
    with running(received, tls=lambda: context) as port:
        host, number = port.address
        key = ["+tls", str(tmp_path / "key.pem"), str(certificate)]
        trust = ["+cf", str(certificate)]
        send = [dcmtk("storescu"), *key, *trust, host, str(number), str(path)]
        subprocess.run(send, check=True, timeout=60)
        assert len(received.files) == 1
        anonymous = [dcmtk("echoscu"), "+tla", *trust, host, str(number)]
        assert subprocess.run(anonymous, check=False, timeout=60, capture_output=True).returncode
        plain = [dcmtk("echoscu"), "-to", "3", "-ta", "3", host, str(number)]
        assert subprocess.run(plain, check=False, timeout=60, capture_output=True).returncode
