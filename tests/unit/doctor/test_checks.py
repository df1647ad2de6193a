"""`doctor` notices what is wrong, one thing at a time, and never fails itself."""

import os
import socket
import time
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from support import samples
from support.clock import START_MS
from support.stored_home import StoredHome, fill, make_home
from support.studies_on_disk import make_study
from undisc_node.checks import CHECKS, Check, Level, examine, runtime, scene
from undisc_node.checks import examining as examining_module
from undisc_node.checks.finding import ok
from undisc_node.checks.floors import FLOORS
from undisc_node.checks.runtime import version_of
from undisc_node.services.model import FetchState
from undisc_node.services.sender_model import Caller, Sender, SenderState
from undisc_node.web.viewer.ohif import FullViewer

ROOT = Path(__file__).parents[3]


@pytest.fixture
def home(tmp_path) -> StoredHome:
    home = make_home(tmp_path / "home")
    fill(home, [[300]])
    return home


def look(home, name, environment=None):
    """Return what one check finds."""
    [check] = [one for one in CHECKS if one.name == name]
    [found] = examine(home.path, environment or {}, checks=[check])
    return found


def sql(home, statement):
    with home.node() as node, node.catalog.change() as records:
        records.studies._session.write(statement)


def sender(home, *, name="us", address="", days=None, **columns):
    """Put a sender's row into the catalog; with a certificate that ends in so many days."""
    certificate = made_certificate(days) if days is not None else b""
    row = Sender(name, address, certificate=certificate, **columns)
    with home.node() as node, node.catalog.change() as records:
        records.senders.put(row)


def made_certificate(days):
    """Make a certificate that ends in so many days, DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sender")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=now - timedelta(days=99),
        not_valid_after=now + timedelta(days=days),
    ).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.DER)


def dicom_tls(home, days=99):
    """Set DICOM over TLS up, with a certificate that ends in so many days."""
    path = home.path / "dicom.der"
    path.write_bytes(made_certificate(days))
    settings(home, f"[dicom]\ntls_certificate = '{path}'\n")


def ending_sender(home, days):
    """Know a sender by a certificate that ends in so many days."""
    sender(home, days=days, fingerprint=b"f" * 32)
    dicom_tls(home)


def stranger(home):
    """Keep an object of an unknown sender in quarantine."""
    caller = Caller("MR@10.9.9.9", SenderState.PENDING, "10.9.9.9", "MR")
    with home.node() as node:
        (one,) = make_study(9, [30]).instances
        node.receiving.quarantine(samples.BytesSource(one.file), caller)


def settings(home, text):
    (home.path / "undisc.toml").write_text(text)


def test_there_are_many_checks_each_with_a_name_of_its_own():
    assert len(CHECKS) >= 40
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    assert all(check.looks_at for check in CHECKS)


def test_nothing_fails_on_a_sound_home(home):
    found = examine(home.path, {})
    assert [one for one in found if one.level is Level.FAIL] == []
    assert [one.name for one in found] == [check.name for check in CHECKS]
    assert all(one.hint for one in found if one.level in {Level.WARN, Level.FAIL})
    unclear = [one.sentence for one in found if "could not be looked at" in one.sentence]
    assert unclear == []


def test_without_a_home_every_check_says_so_or_skips(tmp_path):
    found = {one.name: one for one in examine(tmp_path / "nowhere", {})}
    assert found["home"].level is Level.FAIL
    assert found["catalog"].level is not Level.OK
    assert not [one for one in found.values() if "could not be looked at" in one.sentence]


def test_wrong_settings_are_named_and_nothing_else_breaks(home):
    settings(home, "nmae = 'x'\n")
    found = {one.name: one for one in examine(home.path, {})}
    assert "nmae" in found["settings"].sentence
    assert found["senders"].level is Level.SKIP


def large_file(path):
    path.touch()
    os.truncate(path, 300 << 20)


BROKEN = {
    "key files": lambda home: (home.path / "keys" / "node-key").chmod(0o644),
    "identity": lambda home: (home.path / "keys" / "node-key").write_text("00" * 32),
    "study keys": lambda home: (home.path / "keys" / "key-encryption-key").write_text("00" * 32),
    "owners": lambda home: home.path.chmod(0o777),
    "directories": lambda home: (home.path / "staging").rmdir(),
    "catalog": lambda home: (home.path / "catalog.sqlite3").write_bytes(b"no database" * 999),
    "keyring": lambda home: (home.path / "keyring.sqlite3").write_bytes(b"no database" * 999),
    "disk": lambda home: settings(home, "[ingest]\nreserve_mib = 999999999\n"),
    "wide senders": lambda home: settings(
        home, "[[dicom.senders]]\nname = 'all'\naddress = '0.0.0.0/0'\n"
    ),
    "sender certificates": lambda home: ending_sender(home, -1),
    "DICOM certificate": lambda home: dicom_tls(home, -1),
    "watch folders": lambda home: settings(
        home, "[[watch.folders]]\nname = 'sono'\npath = '/nowhere/at/all'\n"
    ),
    "internal listener": lambda home: settings(home, "[internal]\nhost = '8.8.8.8'\n"),
    "log": lambda home: sql(home, "UPDATE log_head SET size = size + 4, nodes = zeroblob(96)"),
}
WORTH_A_LOOK = {
    "recovery kit": lambda _home: None,
    "demo": lambda _home: None,
    "senders": lambda _home: None,
    "addresses": lambda _home: None,
    "backup": lambda _home: None,
    "reserve": lambda _home: None,
    "waiting": lambda home: sql(home, "UPDATE studies SET waiting = 1"),
    "old copies": lambda home: (home.path / "catalog.sqlite3.damaged-x").touch(),
    "restored": lambda home: sql(home, "INSERT INTO restored VALUES (1, 0, 'restore', NULL)"),
    "internal listener": lambda home: settings(home, "[internal]\nhost = '0.0.0.0'\n"),
    "wide senders": lambda home: settings(
        home, "[[dicom.senders]]\nname = 'lan'\naddress = '10.0.0.0/8'\n"
    ),
    "peer networks": lambda home: settings(home, "[peers]\nprivate_addresses = true\n"),
    "sender certificates": lambda home: ending_sender(home, 5),
    "DICOM certificate": lambda home: dicom_tls(home, 5),
    "quarantine": stranger,
    "write-ahead logs": lambda home: large_file(home.path / "catalog.sqlite3-wal"),
}


def test_a_sender_that_cannot_come_in_is_named(home):
    """Its certificate is asked for by nobody: no TLS, or only its fingerprint is known."""
    sender(home, fingerprint=b"f" * 32)
    assert "sender us needs TLS" in look(home, "sender certificates").sentence
    dicom_tls(home)
    assert "only the fingerprint" in look(home, "sender certificates").sentence
    ending_sender(home, 99)
    assert look(home, "sender certificates").level is Level.OK
    assert look(home, "DICOM certificate").level is Level.OK


def test_senders_in_the_catalog_count_as_those_in_the_settings(home):
    sender(home, name="ct", address="10.0.0.0/8")
    sender(home, name="gone", address="0.0.0.0/0", state=SenderState.REMOVED)
    assert look(home, "senders").sentence == "1 senders may send images by DICOM"
    assert "sender ct lets a very large network in" in look(home, "wide senders").sentence


def test_peers_in_networks_that_are_shut_or_very_wide_are_told(home):
    """What a peer gives as its address decides, and what the settings allow."""
    with home.node() as node, node.catalog.change() as records:
        records.peers.put(samples.peer(urls=("http://10.1.2.3:8480",)))
    found = look(home, "peer networks")
    assert (found.level, "not allowed" in found.sentence) == (Level.WARN, True)
    settings(home, "[peers]\nallow = ['10.0.0.0/8']\n")
    assert "very large network: 10.0.0.0/8" in look(home, "peer networks").sentence
    settings(home, "[peers]\nallow = ['10.1.2.3']\n")
    assert look(home, "peer networks").level is Level.OK


@pytest.mark.parametrize("name", BROKEN)
def test_what_does_not_work_or_is_not_safe_fails(home, name):
    BROKEN[name](home)
    found = look(home, name)
    assert found.level is Level.FAIL, found
    assert found.hint


@pytest.mark.parametrize("name", WORTH_A_LOOK)
def test_what_should_be_seen_to_warns(home, name):
    WORTH_A_LOOK[name](home)
    found = look(home, name)
    assert found.level is Level.WARN, found
    assert found.hint


def test_a_stray_and_a_receipt_that_is_long_due_are_told(home):
    with home.node() as node, node.catalog.change() as records:
        records.fetches.put(
            samples.fetch(state=FetchState.DONE, receipt_due=True, ended_ms=START_MS - 10**9)
        )
        records.studies._session.write("DELETE FROM packs")
        records.studies._session.write("DELETE FROM studies")
    assert look(home, "receipts").level is Level.WARN
    assert look(home, "strays").level is Level.WARN


def test_a_clock_behind_the_log_is_told(home, monkeypatch):
    monkeypatch.setattr(scene, "wall_ms", lambda: int(time.time() * 1000) - 10**8)
    assert look(home, "clock").level is Level.FAIL


def test_a_port_that_another_program_has_is_told(home):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        settings(home, f"[public]\nhost = '127.0.0.1'\nport = {port}\n")
        assert look(home, "public port").level is Level.FAIL


def test_a_switch_in_the_environment_is_told(home):
    assert look(home, "switches", {"AIOHTTP_NO_EXTENSIONS": "1"}).level is Level.WARN


def test_an_old_library_is_told(home, monkeypatch):
    monkeypatch.setattr(runtime.metadata, "version", lambda _package: "0.9")
    assert look(home, "dependencies").level is Level.FAIL


def test_the_floors_are_those_of_the_installation():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    wanted = {floor.package: floor.version for floor in FLOORS}
    assert {one.split(">=")[0]: one.split(">=")[1] for one in declared} == wanted
    assert version_of("3.14.5rc1") == (3, 14, 5)
    assert version_of("10.2") > version_of("9.9.9")


def test_a_check_that_hangs_or_raises_is_a_finding(home, monkeypatch):
    """And its message is not repeated: it may quote what it stumbled over."""

    def broken(_scene):
        raise KeyError("Doe^Jane")

    monkeypatch.setattr(examining_module, "DEADLINE", 0.2)
    checks = [
        Check("x", "hangs", "nothing", lambda _scene: time.sleep(5) or ok("")),
        Check("x", "raises", "nothing", broken),
        Check("x", "works", "nothing", lambda _scene: ok("fine")),
    ]
    hangs, raises, works = examine(home.path, {}, checks=checks)
    assert (hangs.level, raises.level, works.level) == (Level.WARN, Level.WARN, Level.OK)
    assert "0.2 seconds" in hangs.sentence
    assert "Doe" not in str(raises)
    assert "KeyError" in raises.sentence


def test_an_installation_without_the_full_viewer_is_told(home, tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "FullViewer", lambda: FullViewer(tmp_path))
    found = look(home, "full viewer")

    assert (found.level, "make viewer" in found.hint) == (Level.WARN, True)
