"""`_FILE` variables: a value, often a secret, that stands in a file of its own."""

from __future__ import annotations

import os

import pytest

from support.config_fields import WITH_SECRET
from undisc_node.config import load, loose_value_files, read
from undisc_node.config.sources import MAX_VALUE_FILE
from undisc_node.services.errors import Invalid


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_text("hunter2\n")
    path.chmod(0o600)
    return path


def test_the_value_stands_in_a_file_and_the_last_newline_is_not_part_of_it(tmp_path, secret):
    reading = read(tmp_path, {"UNDISC_MAIL__PASSWORD_FILE": str(secret)}, fields=WITH_SECRET)
    one = next(one for one in reading.settings if one.key == "mail.password")
    assert one.value == "hunter2"
    assert (one.kind, one.where) == ("environment", "UNDISC_MAIL__PASSWORD_FILE")


def test_any_setting_can_stand_in_a_file(tmp_path):
    (tmp_path / "port").write_text("1234\n")
    settings = load(tmp_path, {"UNDISC_PUBLIC__PORT_FILE": str(tmp_path / "port")})
    assert settings.public_port == 1234


@pytest.mark.parametrize("order", [1, -1])
def test_the_same_setting_with_and_without_file_is_refused(tmp_path, secret, order):
    """Nobody should have to know which of the two would win."""
    environment = [("UNDISC_NAME", "A"), ("UNDISC_NAME_FILE", str(secret))][::order]
    with pytest.raises(Invalid, match="set the same"):
        load(tmp_path, dict(environment))


def test_a_file_without_end_is_read_up_to_the_bound_only(tmp_path):
    path = tmp_path / "long"
    path.write_bytes(b"a" * (MAX_VALUE_FILE + 1))
    with pytest.raises(Invalid, match="larger than 65536 bytes"):
        load(tmp_path, {"UNDISC_NAME_FILE": str(path)})
    with pytest.raises(Invalid, match="larger than 65536 bytes"):
        load(tmp_path, {"UNDISC_NAME_FILE": "/dev/zero"})


@pytest.mark.parametrize("name", ["/nowhere/hunter2", "hunter2\0", "/"])
def test_a_file_that_cannot_be_read_is_named_by_its_variable_only(tmp_path, name):
    """Whoever puts the secret itself where its file belongs does not find it in the log."""
    with pytest.raises(Invalid, match="UNDISC_NAME_FILE") as refusal:
        load(tmp_path, {"UNDISC_NAME_FILE": name})
    assert "hunter2" not in str(refusal.value)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(Invalid, match="not UTF-8"):
        load(tmp_path, {"UNDISC_NAME_FILE": str(tmp_path / "bytes")})


def test_a_file_for_a_setting_that_does_not_exist_is_refused(tmp_path, secret):
    with pytest.raises(Invalid, match=r"there is no setting 'nmae' \(UNDISC_NMAE_FILE\)"):
        load(tmp_path, {"UNDISC_NMAE_FILE": str(secret)})


@pytest.mark.parametrize(("mode", "loose"), [(0o600, False), (0o640, True), (0o604, True)])
def test_a_file_that_others_can_read_is_noticed(secret, mode, loose):
    secret.chmod(mode)
    environment = {"UNDISC_NAME_FILE": str(secret), "UNDISC_HOME": "/", "PATH": os.defpath}
    assert loose_value_files(environment) == (["UNDISC_NAME_FILE"] if loose else [])
