"""What goes wrong around a node is one clear sentence, a hint, an exit code; never a traceback."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from support.two_nodes import RunningNode, dicom_file, running, settings, short_directory
from undisc_node.dicom.scu import send_files

pytestmark = pytest.mark.integration

OUT_OF_RESOURCES = 0xA700  # PS3.4 §B.2.3
BIN = Path(sys.executable).parent


def command(program: str, home: Path, *arguments: str, **environment: str):
    """Run a command of ours and return what it said."""
    return subprocess.run(
        [str(BIN / program), "--home", str(home), *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


def assert_clear(done, sentence: str, *, exit_code: int = 1) -> None:
    """Require one sentence with this in it, a hint, the exit code, and no traceback."""
    assert done.returncode == exit_code, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    assert sentence in errors[0], done.stderr
    assert "\nhint: " in done.stderr, done.stderr


@pytest.fixture(scope="module")
def home():
    """A home that was made and is not running; tests that damage it work on a copy."""
    with short_directory() as directory:
        node = RunningNode(directory / "n", "Practice")
        node.init()
        yield node.home


@pytest.fixture
def copy(home):
    """Return a copy of the home that may be damaged."""
    with short_directory() as directory:
        yield Path(shutil.copytree(home, directory / "home"))


def serve(home: Path, **environment: str):
    """Try to serve on free ports; only failures return."""
    ports = {"UNDISC_PUBLIC__PORT": "0", "UNDISC_INTERNAL__PORT": "0", "UNDISC_DICOM__PORT": "0"}
    return command("undisc-node", home, "serve", **(ports | environment))


def test_an_empty_node_says_what_to_do_next():
    """No studies, no peers, no grants, no shares, no fetches: each list says how to get one."""
    with running("Practice") as (node,):
        for group in ("studies", "peers", "grants", "shares", "fetches"):
            done = command("undisc", node.home, group, "list")
            assert done.returncode == 0
            assert "hint: " in done.stderr, group
        second = serve(node.home)
        assert_clear(second, "another undisc-node is running")


@pytest.mark.parametrize("name", ["public", "internal", "dicom"])
def test_a_port_in_use_is_named(copy, name):
    """Another program listens where the node wants to."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        variables = {
            f"UNDISC_{name.upper()}__PORT": str(port),
            f"UNDISC_{name.upper()}__HOST": "127.0.0.1",
        }
        assert_clear(serve(copy, **variables), str(port))


def test_no_home(tmp_path):
    assert_clear(serve(tmp_path / "nowhere"), "no node lives at")
    assert_clear(command("undisc", tmp_path / "nowhere", "status"), "no node", exit_code=5)


def test_a_home_is_not_made_twice(copy, tmp_path):
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("correct horse battery\n")
    done = command(
        "undisc-node", copy, "init", "--name", "Again", "--recovery-kit", str(tmp_path / "kit"),
        "--passphrase-file", str(passphrase),
    )  # fmt: skip
    assert_clear(done, "is not empty")
    assert not (tmp_path / "kit").exists()


def test_keys_can_lie_on_another_disk(tmp_path):
    """The home has only a link to them, so that no copy of the home takes them along."""
    passphrase, keys = tmp_path / "passphrase", tmp_path / "disk" / "keys"
    passphrase.write_text("correct horse battery\n")

    def init(home: str, kit: str):
        return command(
            "undisc-node", tmp_path / home, "init", "--name", "P", "--keys", str(keys),
            "--recovery-kit", str(tmp_path / kit), "--passphrase-file", str(passphrase),
        )  # fmt: skip

    assert init("home", "kit").returncode == 0
    assert (tmp_path / "home" / "keys").is_symlink()
    assert {path.name for path in keys.iterdir()} == {"node-key", "key-encryption-key"}
    verified = command(
        "undisc-node", tmp_path / "home", "kit", "verify", str(tmp_path / "kit"),
        "--passphrase-file", str(passphrase),
    )  # fmt: skip
    assert verified.returncode == 0
    assert (keys / "kit-verified").exists()
    assert_clear(init("other", "other-kit"), "is not empty")
    assert not (tmp_path / "other-kit").exists()


def test_a_short_passphrase_makes_no_node(tmp_path):
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("short\n")
    done = command(
        "undisc-node", tmp_path / "home", "init", "--name", "P", "--recovery-kit",
        str(tmp_path / "kit"), "--passphrase-file", str(passphrase),
    )  # fmt: skip
    assert_clear(done, "passphrase is shorter")
    assert not (tmp_path / "home").exists()


def test_the_wrong_passphrase_and_the_wrong_kit(home, tmp_path):
    """A kit opens with its own passphrase only, and belongs to one node."""
    kit = home.parent / "recovery-kit.txt"
    right = home.parent / "kit-passphrase"
    wrong = tmp_path / "wrong"
    wrong.write_text("not the passphrase at all\n")

    def verify(file: Path, passphrase: Path):
        return command(
            "undisc-node", home, "kit", "verify", str(file), "--passphrase-file", str(passphrase)
        )

    assert verify(kit, right).returncode == 0
    assert_clear(verify(kit, wrong), "passphrase does not open")
    text = kit.read_text()
    (tmp_path / "cut.txt").write_text(text[: len(text) // 2])
    assert_clear(verify(tmp_path / "cut.txt", right), "not a readable recovery kit")


def test_settings_that_do_not_exist_or_fit(copy):
    assert_clear(serve(copy, UNDISC_PUBLIC__PROT="1"), "there is no setting 'public.prot'")
    done = serve(copy, UNDISC_PUBLIC__PORT="eighty")
    assert done.returncode == 1
    assert "setting 'public.port' must be a whole number" in done.stderr
    with (copy / "undisc.toml").open("a") as file:
        file.write("\nthis is not TOML\n")
    done = serve(copy)
    assert done.returncode == 1
    assert "is not valid TOML" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda home: (home / "keys" / "node-key").unlink(), "is missing"),
        (lambda home: (home / "keys" / "node-key").write_text("xyz"), "is damaged"),
        (lambda home: (home / "keys" / "node-key").write_text("11" * 32), "node key"),
        (lambda home: (home / "catalog.sqlite3").write_bytes(b"no database" * 999), "catalog"),
        (lambda home: (home / "catalog.sqlite3").unlink(), "catalog"),
        (lambda home: (home / "keyring.sqlite3").unlink(), "keyring"),
    ],
)
def test_a_damaged_home_is_refused(copy, damage, sentence):
    """A missing or damaged key or database stops the start; nothing is made anew in its place."""
    for journal in ("catalog.sqlite3-wal", "catalog.sqlite3-shm"):
        (copy / journal).unlink(missing_ok=True)
    damage(copy)
    assert_clear(serve(copy), sentence)


def test_a_database_of_a_newer_version_is_refused(copy):
    """A downgrade must not touch what it does not understand."""
    with sqlite3.connect(copy / "catalog.sqlite3") as database:
        database.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " SELECT migration_set, 'm9999_from_the_future', applied_at"
            " FROM _sqlite_migrations LIMIT 1"
        )
    database.close()
    assert_clear(serve(copy), "newer")


def test_files_that_cannot_be_imported_are_named_with_their_reason(tmp_path):
    """Not DICOM, empty, missing: the other files go in, and it is said which did not."""
    (tmp_path / "good.dcm").write_bytes(dicom_file(1))
    (tmp_path / "letter.txt").write_text("no image")
    (tmp_path / "empty.dcm").write_bytes(b"")
    with running("Practice") as (node,):
        done = command("undisc", node.home, "studies", "import", str(tmp_path), "-v")
        assert "Traceback" not in done.stderr
        assert node.studies()[0]["instances"] == 1
        assert "not_dicom" in done.stdout + done.stderr
        missing = command("undisc", node.home, "studies", "import", str(tmp_path / "no.dcm"))
        assert missing.returncode != 0
        assert "does not exist" in missing.stderr
        assert "Traceback" not in missing.stderr


def test_a_full_disk_refuses_images_and_still_takes_a_revocation():
    """Ingest stops at the reserve; the log, grants and revocations go on; room heals it."""
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("only root can mount")
    with short_directory() as directory:
        small = directory / "disk"
        small.mkdir()
        options = ["-t", "tmpfs", "-o", "size=48m", "tmpfs"]
        subprocess.run(["mount", *options, str(small)], check=True, timeout=10)
        node = RunningNode(small / "n", "Practice")
        try:
            node.init()
            settings(node, ingest__reserve_mib=24)
            node.start()
            first = node.import_bytes(dicom_file(1)).text("study")
            grant, _, _ = node.link_grant(first)
            filler = small / "filler"
            filler.write_bytes(bytes(26 * 2**20))
            picture = directory / "two.dcm"
            picture.write_bytes(dicom_file(2))
            done = command("undisc", node.home, "studies", "import", str(picture))
            assert done.returncode != 0
            assert "nearly full" in done.stderr, done.stderr
            assert "Traceback" not in done.stderr
            sent = send_files("127.0.0.1", node.dicom_port, "SCANNER", "UNDISC", [picture])
            assert [status for _, status in sent] == [OUT_OF_RESOURCES]
            assert command("undisc", node.home, "grants", "revoke", grant, "--yes").returncode == 0
            assert command("undisc", node.home, "log", "verify").returncode == 0
            filler.unlink()
            again = command("undisc", node.home, "studies", "import", str(picture))
            assert again.returncode == 0, again.stderr
            assert node.studies()[0]["instances"] == 2
        finally:
            node.stop()
            subprocess.run(["umount", str(small)], check=True, timeout=10)
