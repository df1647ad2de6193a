"""Who may send: known by address or certificate, and kept apart when nobody knows them."""

from __future__ import annotations

import random
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, build_role
from pynetdicom.sop_class import StorageCommitmentPushModel

from support.clock import FakeClock
from support.dcmtk import dcmtk
from support.dicom_files import IMPLICIT, SC, data_set, storable_files
from support.dicom_port import CONTEXTS, ECHO, Received, eventually, known, running
from support.killable_node import KillableNode
from support.memory_catalog import MemoryCatalog
from support.practices import send_raw
from support.programs import package
from support.raw_sender import RawSender, pdu
from support.studies_on_disk import make_study
from support.two_nodes import settings, short_directory
from undisc_node.dicom.bounds import Bounds
from undisc_node.dicom.certificates import read_certificate
from undisc_node.dicom.tls import TlsContexts
from undisc_node.services.known_senders import KnownSenders
from undisc_node.services.sender_model import Sender, SenderState

pytestmark = pytest.mark.integration

SCANNER = Sender("scanner", "127.0.0.2", "CT1")


@pytest.fixture
def received() -> Received:
    return Received()


# --- In quarantine --------------------------------------------------------------------------------


def test_a_title_of_a_known_sender_does_not_make_a_stranger_known(received):
    """The attacker knows the scanner's AE title, and calls from another address."""
    with running(received, senders=known(SCANNER, quarantine=True)) as port:
        for source in ("127.0.0.1", "127.0.0.2"):
            with RawSender(port.address, CONTEXTS, calling="CT1", source=source) as sender:
                assert sender.store(1, SC, "1.2.3.4", data_set())[0] == 0
    assert [name for _, name in received.files] == ["stranger:CT1@127.0.0.1", "dicom:scanner"]


def test_strangers_do_not_use_up_the_connections_of_those_who_are_known(received):
    bounds = Bounds(strangers=2)
    with running(received, senders=known(SCANNER, quarantine=True), bounds=bounds) as port:
        strangers = [RawSender(port.address, ECHO, source=f"127.0.1.{n}") for n in (1, 2)]
        with pytest.raises((ConnectionError, TimeoutError)):
            RawSender(port.address, ECHO, source="127.0.1.3")
        with RawSender(port.address, ECHO, calling="CT1", source="127.0.0.2") as sender:
            assert sender.echo() == 0
        for one in strangers:
            assert one.echo() == 0
            one.connection.close()


def test_a_stranger_cannot_say_that_an_archive_has_taken_responsibility():
    """A report of storage commitment ends what this node keeps for an archive."""
    reports = []
    senders = known(SCANNER, quarantine=True)
    with running(Received(), senders=senders, on_report=lambda *said: reports.append(said)) as port:
        application = AE(ae_title="PACS")
        application.add_requested_context(StorageCommitmentPushModel)
        role = build_role(StorageCommitmentPushModel, scp_role=True)
        association = application.associate(*port.address, ext_neg=[role])
        report = Dataset()
        report.TransactionUID = "1.2.3"
        try:
            status, _ = association.send_n_event_report(
                report, 1, StorageCommitmentPushModel, "1.2.840.10008.1.20.1.1"
            )
        finally:
            association.release()
    assert status.Status != 0
    assert reports == []


def test_a_sender_that_is_removed_is_refused_within_its_association(received):
    catalog = MemoryCatalog()
    with catalog.change() as records:
        records.senders.put(Sender("ct", "127.0.0.1"))
    senders = KnownSenders(catalog=catalog, clock=FakeClock())
    with running(received, senders=senders) as port, RawSender(port.address, CONTEXTS) as sender:
        assert sender.store(1, SC, "1.2.3.4", data_set())[0] == 0
        with catalog.change() as records:
            records.senders.put(Sender("ct", "127.0.0.1", state=SenderState.REMOVED))
        senders.reload()
        assert sender.store(1, SC, "1.2.3.4", data_set())[0] != 0
    assert len(received.files) == 1


def test_an_abort_in_the_middle_of_an_object_keeps_nothing_and_frees_the_connection(received):
    bounds = Bounds(per_address=1)
    senders = known(quarantine=True)
    with running(received, senders=senders, bounds=bounds) as port:
        for how in (pdu(7, bytes(4)), b""):
            sender = eventually(port)
            sender.ask_to_store(1, SC, "1.2.3.4", data_set()[:40], is_last=False)
            sender.connection.sendall(how)
            sender.connection.close()
        with eventually(port) as sender:
            assert sender.store(1, SC, "1.2.3.4", data_set())[0] == 0
    assert len(received.files) == 1


def test_as_many_presentation_contexts_as_there_can_be(received):
    contexts = [(SC, IMPLICIT)] * 128
    with running(received) as port, RawSender(port.address, contexts) as sender:
        assert len(sender.accepted) == 128
        assert sender.store(255, SC, "1.2.3.4", data_set())[0] == 0


# --- With TLS -------------------------------------------------------------------------------------


class Certificate:
    """A key, and a certificate that signs itself."""

    def __init__(self, directory: Path, name: str) -> None:
        self.key, self.path = directory / f"{name}-key.pem", directory / f"{name}.pem"
        argv = [
            package("openssl", "openssl"), "req", "-x509", "-newkey", "ec",
            "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
            "-keyout", str(self.key), "-out", str(self.path),
        ]  # fmt: skip
        subprocess.run(argv, check=True, timeout=60, capture_output=True)
        self.der = read_certificate(self.path.read_bytes())
        self.fingerprint = ssl_fingerprint(self.der)

    @property
    def options(self) -> list[str]:
        """How DCMTK is told to show it."""
        return ["+tls", str(self.key), str(self.path)]


def ssl_fingerprint(der: bytes) -> bytes:
    """Hash as `openssl x509 -fingerprint -sha256` does."""
    argv = [package("openssl", "openssl"), "x509", "-inform", "DER", "-noout", "-fingerprint"]
    done = subprocess.run(
        [*argv, "-sha256"], input=der, check=True, timeout=60, capture_output=True
    )
    return bytes.fromhex(done.stdout.decode().partition("=")[2].strip().replace(":", ""))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> dict[str, Certificate]:
    directory = tmp_path_factory.mktemp("certificates")
    return {name: Certificate(directory, name) for name in ("node", "ct", "thief")}


class Secured:
    """A TLS port whose senders are rows, and DCMTK beside it."""

    def __init__(self, received: Received, made: dict[str, Certificate]) -> None:
        self._made = made
        self.catalog = MemoryCatalog()
        self.senders = KnownSenders(catalog=self.catalog, clock=FakeClock())
        self.tls = TlsContexts(
            certificate=made["node"].path,
            key=made["node"].key,
            client_authority=None,
            pinned=self.senders.certificates,
        )
        self.address = ("", 0)
        self._received = received

    def let_in(self, sender: Sender) -> None:
        with self.catalog.change() as records:
            records.senders.put(sender)
        self.senders.reload()

    def echo(self, *options: str) -> bool:
        return self._run("echoscu", options, [])

    def send(self, *options: str) -> bool:
        return self._run("storescu", options, [ct_small()])

    def _run(self, program: str, options: tuple[str, ...], files: list[str]) -> bool:
        host, number = self.address
        argv = [dcmtk(program), "-to", "5", "-ta", "5", *options]
        if options and options[0].startswith("+tl"):
            argv += ["+cf", str(self._made["node"].path)]
        done = subprocess.run(
            [*argv, host, str(number), *files], check=False, timeout=60, capture_output=True
        )
        return done.returncode == 0


def ct_small() -> str:
    return str(next(one for name, one in storable_files().items() if name.endswith("CT_small.dcm")))


@pytest.fixture
def secured(received, certificates) -> Iterator[Secured]:
    one = Secured(received, certificates)
    with running(received, senders=one.senders, tls=one.tls) as port:
        one.address = port.address
        yield one


def test_a_pinned_certificate_lets_in_and_another_one_does_not(secured, received, certificates):
    """Added while the port is open. The thief has the address, the AE title, and a key."""
    ct, thief = certificates["ct"], certificates["thief"]
    assert not secured.echo(*ct.options)
    pinned = Sender("ct", "127.0.0.1", fingerprint=ct.fingerprint, certificate=ct.der)
    secured.let_in(pinned)
    assert secured.echo(*ct.options)
    assert secured.send(*ct.options)
    assert not secured.send(*thief.options)
    assert not secured.send("+tla")  # TLS without a certificate
    assert not secured.send()  # no TLS
    assert [name for _, name in received.files] == ["dicom:ct"]
    secured.let_in(Sender("ct", "127.0.0.1", "OTHER", ct.fingerprint, ct.der))
    assert not secured.send(*ct.options)  # the right certificate, and another title
    secured.let_in(Sender("ct", "127.0.0.1", state=SenderState.REMOVED))
    assert not secured.send(*ct.options)
    assert len(received.files) == 1


def test_senders_known_by_address_need_no_certificate(secured, certificates):
    """One sender with a certificate must not shut out those that have none."""
    ct = certificates["ct"]
    secured.let_in(Sender("old", "127.0.0.1"))
    secured.let_in(Sender("ct", fingerprint=ct.fingerprint, certificate=ct.der))
    assert secured.echo("+tla")
    assert secured.echo(*ct.options)


@pytest.mark.parametrize(
    "options",
    [["-pdu", "4096"], ["-pdu", "131072"], ["--max-send-pdu", "4096"], ["--abort"]],
    ids=" ".join,
)
def test_storescu_with_tls_in_odd_ways(secured, received, certificates, options):
    ct = certificates["ct"]
    secured.let_in(Sender("ct", fingerprint=ct.fingerprint, certificate=ct.der))
    assert secured.send(*ct.options, *options)
    assert len(received.files) == 1


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_an_older_tls_is_refused(secured):
    secured.let_in(Sender("old", "127.0.0.1"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(OSError, match=r"."):  # ssl.SSLError is one
        RawSender(secured.address, ECHO, secured=context)
    context.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED
    with RawSender(secured.address, ECHO, secured=context) as sender:
        assert sender.echo() == 0


def test_a_renewed_certificate_is_used_without_a_restart(received, certificates, tmp_path):
    where = tmp_path / "node.pem", tmp_path / "node-key.pem"

    def put(name: str) -> None:
        for path, now in zip(where, (certificates[name].path, certificates[name].key), strict=True):
            path.write_bytes(now.read_bytes())

    put("node")
    senders = known(Sender("ct", "127.0.0.1"))
    tls = TlsContexts(
        certificate=where[0], key=where[1], client_authority=None, pinned=senders.certificates
    )
    with running(received, senders=senders, tls=tls) as port:
        assert ssl.get_server_certificate(port.address) == certificates["node"].path.read_text()
        put("ct")
        assert ssl.get_server_certificate(port.address) == certificates["ct"].path.read_text()
        where[0].write_text("no certificate")
        assert ssl.get_server_certificate(port.address) == certificates["ct"].path.read_text()


# --- A real node ----------------------------------------------------------------------------------


@pytest.fixture
def node() -> Iterator[KillableNode]:
    """A node that keeps strangers in quarantine; its only sender is somewhere else."""
    with short_directory() as directory:
        node = KillableNode(directory / "n", "Practice")
        node.init()
        path = node.home / "undisc.toml"
        path.write_text(
            path.read_text().replace('"127.0.0.1"\n\n[peers]', '"127.0.0.9"\n\n[peers]')
        )
        settings(node, dicom__unknown_senders='"quarantine"')
        try:
            yield node
        finally:
            node.stop()


def test_a_node_killed_with_strangers_in_quarantine_loses_nothing_that_it_acknowledged(node):
    """Twice kill -9 while a stranger sends; then it is trusted, and every byte is there."""
    study = make_study(1, [200, 5_000, 130_000, 2_500_000, *[60_000] * 60])
    chance = random.Random("quarantine")
    left, acknowledged = list(study.instances), []
    for round_number in range(3):
        node.start()
        if round_number < 2:
            killer = threading.Timer(chance.uniform(0.1, 0.5), node.kill_now)
            killer.start()
        stored = send_raw(node, left, calling="MR 1")
        acknowledged += stored
        left = left[len(stored) :]
        if round_number < 2:
            killer.join()
            node.bury()
    assert not left
    assert node.studies() == []
    listed = node.admin.get("senders").parts("senders")[0]
    assert (listed.text("name"), listed.text("state")) == ("MR 1@127.0.0.1", "pending")
    assert listed.part("quarantine").integer("objects") == len(study.instances)
    shown = node.admin.get("senders/MR%201@127.0.0.1").parts("studies")
    assert [one.text("uid") for one in shown] == [study.uid]
    trusted = node.admin.post("senders/MR%201@127.0.0.1/trust", {"name": "mr"})
    assert trusted.part("let_in").integer("objects") == len(study.instances)
    (row,) = node.studies()
    assert (row["sender"], row["instances"]) == ("dicom:mr", len(study.instances))
    held = node.exported(row["id"])
    for one in study.instances:
        assert held[one.sop_uid].endswith(one.data_set)
    assert {one.sop_uid for one in acknowledged} == set(held)
    assert node.leftovers() == []
    kinds = {line["type"] for line in node.events()}
    assert {"sender.appeared", "sender.trusted", "quarantine.released"} <= kinds
