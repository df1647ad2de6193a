"""`undisc-node config`: an administrator looks at what is set, and where."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from undisc_node.cli import main


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.delenv("UNDISC_HOME", raising=False)

    def _run(*arguments, **environment):
        return CliRunner(env=environment).invoke(main, ["--home", str(tmp_path), *arguments])

    return _run


def test_every_setting_is_shown_with_its_origin(run, tmp_path):
    (tmp_path / "undisc.toml").write_text("name = 'Praxis Süd'\n")
    done = run(
        "--set", "public.port=9480", "config", "show", "--origin", UNDISC_LOG__FORMAT="json"
    )  # fmt: skip
    assert done.exit_code == 0
    rows = {line.split()[0]: line for line in done.output.splitlines()}
    assert '"Praxis Süd"' in rows["name"]
    assert rows["name"].endswith(f"{tmp_path}/undisc.toml:1")
    assert rows["public.port"].split()[1:] == ["9480", "--set"]
    assert rows["log.format"].split()[1:] == ['"json"', "UNDISC_LOG__FORMAT"]
    assert rows["dicom.port"].split()[1:] == ["11112", "default"]


def test_programs_get_values_and_origins(run):
    shown = json.loads(run("config", "show", "--json", UNDISC_PUBLIC__URLS="https://a").output)
    assert shown["public.urls"] == {
        "value": ["https://a"],
        "origin": "environment",
        "where": "UNDISC_PUBLIC__URLS",
        "variable": "UNDISC_PUBLIC__URLS",
    }


def test_check_names_everything_that_is_wrong(run, tmp_path):
    (tmp_path / "undisc.toml").write_text("nmae = 'A'\n[dicom]\nport = 99999\n")
    done = run("config", "check")
    assert done.exit_code == 1
    assert "there is no setting 'nmae'" in done.output
    assert "did you mean 'name'?" in done.output
    assert "setting 'dicom.port' must be a port" in done.output
    (tmp_path / "undisc.toml").write_text("name = 'A'\n")
    done = run("config", "check")
    assert done.exit_code == 0
    assert "1 set" in done.output


@pytest.mark.parametrize("command", [["doctor"], ["config", "check"], ["serve"]])
def test_a_wrong_set_stops_every_command_before_it_does_anything(run, tmp_path, command):
    done = run("--set", "public.prot=1", *command)
    assert done.exit_code == 1
    assert "error: there is no setting 'public.prot' (--set)" in done.output
    assert "did you mean 'public.port'?" in done.output
    assert list(tmp_path.iterdir()) == []
