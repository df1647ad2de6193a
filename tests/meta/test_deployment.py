"""Container files and units say what the how-to pages promise, and fit the program."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from fnmatch import fnmatch
from importlib.metadata import version
from pathlib import Path

import pytest

from undisc_node.cli import main

ROOT = Path(__file__).parents[2]
DOCKER, HOWTO = ROOT / "docker", ROOT / "docs" / "howto"
UNITS = sorted(HOWTO.glob("undisc-*.service"))


def instructions():
    """Read the Dockerfile: a list of instruction and its text, lines joined."""
    text = re.sub(r"^#.*\n", "", (DOCKER / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line.strip()]


def last_stage():
    found = instructions()
    begin = max(index for index, (word, _) in enumerate(found) if word == "FROM")
    return found[begin:]


def test_the_image_runs_as_a_numbered_user_without_rights():
    """An orchestrator that demands a non-root user sees a number; nothing changes it back."""
    users = [text for word, text in last_stage() if word == "USER"]
    assert users == ["65532:65532"]
    assert {word for word, _ in instructions()} <= {
        "ARG", "FROM", "ENV", "WORKDIR", "RUN", "COPY", "LABEL", "USER", "VOLUME", "EXPOSE",
        "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD",
    }  # fmt: skip


def test_every_step_is_a_program_and_no_shell():
    """No pipe, no download, no variable from outside that a shell would read."""
    for word, text in instructions():
        if word in ("RUN", "CMD", "ENTRYPOINT", "VOLUME"):
            assert json.loads(text), text


def test_only_hashed_packages_are_installed():
    """What is downloaded is named by its hash, and never built from source on the way."""
    steps = [json.loads(text) for word, text in instructions() if word == "RUN"]
    downloads = [step for step in steps if "--requirement" in step]
    assert [step[-1] for step in downloads] == ["requirements/build.txt", "requirements/run.txt"]
    assert all("--require-hashes" in step for step in downloads)


def test_what_is_copied_exists_and_is_not_ignored():
    allowed = [
        line[1:]
        for line in (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    for word, text in instructions():
        if word != "COPY" or text.startswith("--from"):
            continue
        for source in text.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert any(fnmatch(source, pattern) for pattern in allowed), source


def test_the_versions_agree():
    """Label, tag in the compose file and package are one version."""
    text = (DOCKER / "Dockerfile").read_text()
    assert f'image.version="{version("undisc")}"' in text
    assert f"image: undisc:{version('undisc')}" in (DOCKER / "compose.yml").read_text()


def test_commands_of_image_and_units_exist():
    """`health`, `serve`, `backup --to` and `init` with its options are what this program has."""
    words = json.loads(dict(last_stage())["CMD"])
    (health,) = [text for word, text in last_stage() if word == "HEALTHCHECK"]
    words += [json.loads(health[health.index("[") :])[1]]
    for unit in UNITS:
        (line,) = re.findall(r"^ExecStart=(.*)$", unit.read_text(), flags=re.MULTILINE)
        words.append(line.split()[3])
    assert set(words) == {"serve", "health", "backup"}
    assert set(words) <= set(main.commands)
    options = {option for one in main.commands["init"].params for option in one.opts}
    assert set(re.findall(r"- (--[a-z-]+)=", (DOCKER / "compose.yml").read_text())) <= options
    backup = {option for one in main.commands["backup"].params for option in one.opts}
    assert "--to" in backup


def test_compose_opens_only_what_the_page_says():
    """Caddy's two ports for all, DICOM on the local address; node and tools without rights."""
    text = (DOCKER / "compose.yml").read_text()
    ports = re.findall(
        r'"[^"]*?(\d+(?::\d+)?)"(?=[],\n])',
        "\n".join(line for line in text.splitlines() if "ports:" in line or "LAN_ADDRESS" in line),
    )
    assert ports == ["11112", "80:80", "443:443"]
    assert "${LAN_ADDRESS:?" in text
    assert text.count("cap_drop: [ALL]") == 2
    assert text.count("read_only: true") == 2
    assert text.count("no-new-privileges:true") == 2
    assert text.count("cap_add") == 1
    assert "8481" not in text
    assert "docker.sock" not in text
    needed = set(re.findall(r"\$\{([A-Z_]+):\?", text))
    example = (DOCKER / ".env.example").read_text()
    assert {name for name in needed if re.search(rf"^{name}=", example, re.MULTILINE)} == needed


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd on this machine")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_units_are_valid_and_shut_in(unit, tmp_path):
    """systemd reads every line, and rates the exposure at 2.0 of 10 or less."""
    text = unit.read_text().replace("/opt/undisc/bin/undisc-node", "/bin/true")
    (tmp_path / unit.name).write_text(text)
    shutil.copy(HOWTO / "undisc-backup.timer", tmp_path)
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / unit.name)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert unit.name not in verified.stderr, verified.stderr
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(tmp_path / unit.name)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    level = re.search(r"Overall exposure level for \S+: ([\d.]+)", rated.stdout)
    assert float(level[1]) <= 2.0, rated.stdout[-500:]
