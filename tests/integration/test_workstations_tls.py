"""Workstations and senders over TLS with a certificate of their own: DCMTK's programs, and breaks.

Debian's `dcmsend`, `getscu` and `movescu` speak no TLS; practices put a tunnel before them, and so
do these tests. `findscu` and `storescu` speak it themselves.
"""

from __future__ import annotations

import hashlib
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.dcmtk import dcmtk
from support.dicom_files import EXPLICIT, IMPLICIT, SC, data_set, explicit_data_set
from support.dicom_port import known
from support.programs import package
from support.raw_sender import RawSender
from support.tunnel import tunnel
from support.two_nodes import dicom_file
from support.workstation import House, data_set_bytes, destination, house, written
from undisc_node.dicom.certificates import read_certificate
from undisc_node.dicom.part10 import compose_part10
from undisc_node.dicom.tls import TlsContexts
from undisc_node.services.sender_model import Sender

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]

FILES = [dicom_file(number, study="1.2.1", patient_id=b"P-1") for number in (1, 2, 3)]
ABORT = bytes.fromhex("07000000000400000000")
STUDY = ["-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.1"]


@dataclass
class Secured:
    """A practice whose port speaks TLS only, and what a workstation needs for it."""

    house: House
    options: list[str]
    context: ssl.SSLContext


def _certificate(directory: Path, name: str) -> tuple[Path, Path]:
    key, made = directory / f"{name}-key.pem", directory / f"{name}.pem"
    argv = [
        package("openssl", "openssl"), "req", "-x509", "-newkey", "ec",
        "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
        "-keyout", str(key), "-out", str(made),
    ]  # fmt: skip
    subprocess.run(argv, check=True, timeout=60, capture_output=True)
    return key, made


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> dict[str, tuple[Path, Path]]:
    directory = tmp_path_factory.mktemp("certificates")
    return {name: _certificate(directory, name) for name in ("node", "station", "thief")}


def _context(certificates, name: str) -> ssl.SSLContext:
    key, made = certificates[name]
    context = ssl.create_default_context(cafile=str(certificates["node"][1]))
    context.load_cert_chain(made, key)
    return context


@pytest.fixture
def secured(certificates) -> Iterator[Secured]:
    """A practice with three images; the workstation is known by its certificate alone."""
    key, made = certificates["station"]
    der = read_certificate(made.read_bytes())
    station = Sender(
        "station", fingerprint=hashlib.sha256(der).digest(), certificate=der, may_query=True
    )
    senders = known(station)
    tls = TlsContexts(
        certificate=certificates["node"][1],
        key=certificates["node"][0],
        client_authority=None,
        pinned=senders.certificates,
    )
    with house(tls=tls) as opened:
        opened.senders.configured = (station,)
        opened.senders.reload()
        opened.take(FILES)
        options = ["+tls", str(key), str(made), "+cf", str(certificates["node"][1])]
        yield Secured(opened, options, _context(certificates, "station"))


def _run(program: str, address: tuple[str, int], *options: str) -> str:
    argv = [dcmtk(program), *options, address[0], str(address[1])]
    done = subprocess.run(argv, check=True, timeout=60, capture_output=True)
    return (done.stdout + done.stderr).decode("latin-1")


def test_findscu_finds_over_tls(secured):
    said = _run("findscu", secured.house.address, *secured.options, "-S", *STUDY)
    assert "1.2.1" in said


def test_getscu_gets_through_a_tunnel(secured, tmp_path):
    """Explicit images, as it asks for nothing else; the bytes are those that are stored."""
    file = compose_part10(sop_class=SC, sop_uid="1.2.9.1.1", transfer_syntax=EXPLICIT)
    file += explicit_data_set(
        study_uid=b"1.2.9", series_uid=b"1.2.9.1", sop_uid=b"1.2.9.1.1", number=b"1"
    )
    secured.house.take([file])
    with tunnel(secured.house.address, secured.context) as near:
        asked = ["-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.9"]
        _run("getscu", near, "-S", "+B", "-od", str(tmp_path), *asked)
    (came,) = written(tmp_path)
    assert data_set_bytes(came) == data_set_bytes(file)


def test_movescu_moves_through_a_tunnel(secured):
    """What is asked comes over TLS; the archive is a destination of the practice's own."""
    with destination([(SC, IMPLICIT)]) as (called, arrived):
        secured.house.destinations["ARCHIVE"] = called
        with tunnel(secured.house.address, secured.context) as near:
            _run("movescu", near, "-aet", "STATION", "-aem", "ARCHIVE", "-S", *STUDY)
    assert sorted(arrived.values()) == sorted(map(data_set_bytes, FILES))


@pytest.mark.parametrize("pdu", ["4096", "131072"])
def test_dcmsend_sends_through_a_tunnel(secured, tmp_path, pdu):
    """A folder of images, with the smallest and the largest PDUs that it knows."""
    for number in (1, 2, 3):
        file = dicom_file(number, study="1.2.5", patient_id=b"P-5")
        (tmp_path / f"{number}.dcm").write_bytes(file)
    with tunnel(secured.house.address, secured.context) as near:
        argv = [dcmtk("dcmsend"), "-pdu", pdu, "--max-send-pdu", pdu, near[0], str(near[1])]
        subprocess.run([*argv, "+sd", str(tmp_path)], check=True, timeout=60, capture_output=True)
    assert secured.house.practice.study("1.2.5").instances == 3


def test_another_certificate_comes_to_nothing(secured, certificates):
    """The thief has address and AE title, and a key of its own."""
    with tunnel(secured.house.address, _context(certificates, "thief")) as near:
        argv = [dcmtk("echoscu"), "-to", "5", "-ta", "5", near[0], str(near[1])]
        assert subprocess.run(argv, check=False, timeout=60, capture_output=True).returncode


def test_a_line_that_is_cut_within_an_image_keeps_nothing(secured):
    """The cable is pulled, or the sender aborts, in the middle of an image; the next one comes."""
    address, kinds = secured.house.address, [(SC, IMPLICIT)]
    secured.context.check_hostname = False
    body = data_set()
    for last_words in (b"", ABORT):
        with RawSender(address, kinds, secured=secured.context) as sender:
            sender.ask_to_store(1, SC, "1.2.3.4", body[: len(body) // 2], is_last=False)
            sender.connection.sendall(last_words)
    assert _studies(secured) == 1
    with RawSender(address, kinds, secured=secured.context) as sender:
        assert sender.store(1, SC, "1.2.3.4", body, fragment=7) == (0, "")
        sender.release()
    assert _studies(secured) == 2


def _studies(secured: Secured) -> int:
    with secured.house.practice.catalog.look() as records:
        return len(records.studies.list())
