"""A support bundle holds nothing of a patient, no secret, and no name unless it is wanted."""

import json
import stat
import zipfile

import pytest
from click.testing import CliRunner

from support import samples
from support.stored_home import WRAPPING_KEY, fill, make_home
from undisc_node.cli import main
from undisc_node.support.redacting import Redactor

SECRETS = [
    "Doe^Jane",
    "P-100",
    "19700102",
    "A-7",
    "CT of the head",
    "1.2.826",
    WRAPPING_KEY.hex(),
    samples.name("node key", 32).hex(),
]
NAMES = [
    "Praxis Dr. Muster",
    "ct-room-3",
    "10.20.30.40",
    "MUSTER_CT",
    "images.muster.example",
    "Practice B",
    "b.example",
    "/mnt/backup-of-muster",
]
SETTINGS = """
name = "Praxis Dr. Muster"
[public]
host = "10.20.30.41"
urls = ["https://images.muster.example/undisc"]
[backup]
path = "/mnt/backup-of-muster"
[dicom]
ae_title = "MUSTER_PACS"
[[dicom.senders]]
name = "ct-room-3"
address = "10.20.30.40"
ae_title = "MUSTER_CT"
"""


@pytest.fixture
def home(tmp_path):
    """A home full of what must not come out."""
    home = make_home(tmp_path / "home-of-muster")
    fill(home, [[300]])
    with home.node() as node, node.catalog.change() as records:
        records.studies.put(samples.study("planted"))
        records.peers.put(samples.peer())
    (home.path / "undisc.toml").write_text(SETTINGS)
    return home


def written(home, path, *options):
    done = CliRunner().invoke(
        main, ["--home", str(home.path), "support-bundle", str(path), *options]
    )
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(path) as bundle:
        return done.output, {name: bundle.read(name).decode() for name in bundle.namelist()}


def test_what_was_planted_is_nowhere_in_the_bundle(home, tmp_path):
    output, parts = written(home, tmp_path / "support.zip")
    whole = output + "".join(parts.values()) + (tmp_path / "support.zip").read_bytes().hex()
    for word in [*SECRETS, *NAMES, str(home.path), "MUSTER"]:
        assert word not in "".join(parts.values()), word
    assert WRAPPING_KEY.hex() not in whole
    assert "look through it" in output
    assert "README.txt" in parts


def test_it_says_what_somebody_who_helps_must_know(home, tmp_path):
    _, parts = written(home, tmp_path / "support.zip")
    settings = json.loads(parts["settings.json"])
    assert settings["dicom.port"]["value"] == 11112
    sender = settings["dicom.senders"]["value"][0]
    assert sender["name"].startswith("<sender-")
    databases = {one["name"]: one for one in json.loads(parts["databases.json"])}
    assert databases["catalog.sqlite3"]["tables"]["studies"] == 2
    assert databases["keyring.sqlite3"]["steps"][0] == "m0001_study_keys"
    kinds = [one["kind"] for one in json.loads(parts["events.json"])]
    assert "study.begun" in kinds
    assert json.loads(parts["files.json"])["packs"]["files"] == 1
    assert any(one["name"] == "sqlite" for one in json.loads(parts["doctor.json"]))


def test_names_stay_when_they_are_wanted_but_patients_never_do(home, tmp_path):
    _, parts = written(home, tmp_path / "support.zip", "--with-names")
    whole = "".join(parts.values())
    assert "ct-room-3" in whole
    assert [word for word in SECRETS if word in whole] == []


def test_only_its_owner_can_read_it_and_it_overwrites_nothing(home, tmp_path):
    path = tmp_path / "support.zip"
    written(home, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    done = CliRunner().invoke(main, ["--home", str(home.path), "support-bundle", str(path)])
    assert done.exit_code == 1
    assert "exists already" in done.output


def test_one_name_has_one_placeholder_and_addresses_are_found_in_texts():
    redactor = Redactor()
    redactor.add("sender", ["ct1"])
    text = redactor.text("ct1 at 192.168.1.5 and ct1 at fe80::1:2, not ct10, from 0.0.0.0 at 05:31")
    assert text == (
        "<sender-1> at <address-1> and <sender-1> at <address-2>, not ct10, from 0.0.0.0 at 05:31"
    )
    assert redactor.text("a@b.example or https://x.example/y") == "<mail-1> or <url-1>"
