"""Settings stand in four places; who wins, what is refused, and what is told about it."""

from __future__ import annotations

import dataclasses

import pytest

from support.config_fields import WITH_SECRET
from undisc_node.config import FIELDS, Settings, load, read, read_overrides
from undisc_node.config.reading import REDACTED
from undisc_node.services.errors import Invalid


def write(home, text):
    (home / "undisc.toml").write_text(text, "utf-8")


def found(home, key, environment=(), wishes=()):
    reading = read(home, dict(environment), read_overrides(wishes))
    assert not reading.problems
    return next(one for one in reading.settings if one.key == key)


def test_every_setting_reaches_the_node(tmp_path):
    """FIELDS and Settings name the same things, and every default can be read."""
    settings = load(tmp_path, {})
    attributes = {field.attribute for field in FIELDS.values()}
    assert attributes == {field.name for field in dataclasses.fields(Settings)} - {"home"}
    assert settings.public_port == 8480


def test_the_command_line_wins_then_the_environment_then_the_file(tmp_path):
    """Each place is asked only when no earlier one knows; the origin says which it was."""
    path = tmp_path / "undisc.toml"
    assert found(tmp_path, "public.port").kind == "default"
    write(tmp_path, "name = 'A'\n\n[public]\nport = 1\n")
    one = found(tmp_path, "public.port")
    assert (one.value, one.kind, one.where) == (1, "file", f"{path}:4")
    variable = {"UNDISC_PUBLIC__PORT": "2"}
    one = found(tmp_path, "public.port", variable)
    assert (one.value, one.kind, one.where) == (2, "environment", "UNDISC_PUBLIC__PORT")
    one = found(tmp_path, "public.port", variable, ["public.port=3", "public.port=4"])
    assert (one.value, one.kind, one.where) == (4, "command line", "--set")
    assert load(tmp_path, variable, read_overrides(["public.port=4"])).public_port == 4


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[public]\n# port = 9\nport = 1\n", 3),
        ("public.port = 1\n", 1),
        ("\npublic = { port = 1 }\n", 2),
        ("[ 'public' ] # the door\n'port' = 1\n", 2),
    ],
)
def test_the_origin_names_the_line_however_it_is_written(tmp_path, text, line):
    write(tmp_path, text)
    assert found(tmp_path, "public.port").where.endswith(f"undisc.toml:{line}")


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("public.prot", "public.port"),
        ("public_port", "public.port"),
        ("Public.Port", "public.port"),
        ("ae_title", "dicom.ae_title"),
        ("ingest.reserve-mib", "ingest.reserve_mib"),
    ],
)
def test_an_unknown_key_is_refused_with_the_one_that_was_meant(key, near):
    with pytest.raises(Invalid) as refusal:
        read_overrides([f"{key}=1"])
    assert refusal.value.reason == "unknown_setting"
    assert f"did you mean '{near}'?" in refusal.value.hint


def test_an_unknown_key_that_is_like_no_other_gets_no_guess():
    with pytest.raises(Invalid) as refusal:
        read_overrides(["zzz.qqqqqq=1"])
    assert "did you mean" not in refusal.value.hint


@pytest.mark.parametrize(
    ("text", "environment", "place"),
    [
        ("[public]\nprot = 1\n", {}, "undisc.toml:2"),
        ("[public.inner]\nport = 1\n", {}, "undisc.toml:1"),
        ("dicom = 5\n", {}, "undisc.toml:1"),
        ("", {"UNDISC_PUBLIC__PROT": "1"}, "UNDISC_PUBLIC__PROT"),
        ("", {"UNDISC_PORT": "tcp://10.0.0.1:80"}, "UNDISC_PORT"),
    ],
)
def test_an_unknown_key_is_refused_wherever_it_stands(tmp_path, text, environment, place):
    write(tmp_path, text)
    with pytest.raises(Invalid, match="there is no setting") as refusal:
        load(tmp_path, environment)
    assert place in str(refusal.value)


def test_everything_that_is_wrong_is_told_at_once(tmp_path):
    write(tmp_path, "nmae = 'A'\n[public]\nport = 'eighty'\nprot = 1\n")
    problems = [str(one) for one in read(tmp_path, {"UNDISC_LOG__FORMAT": "xml"}).problems]
    assert len(problems) == 4
    assert any("'nmae'" in one for one in problems)
    assert any("'public.port' must be a whole number" in one for one in problems)
    assert any("'log.format' must be one of: text, json" in one for one in problems)


def test_a_wrong_value_is_not_repeated(tmp_path):
    """It may be a secret in the wrong place."""
    with pytest.raises(Invalid) as refusal:
        load(tmp_path, {"UNDISC_PUBLIC__PORT": "hunter2-secret"})
    assert "hunter2" not in str(refusal.value) + refusal.value.hint


def test_set_without_a_value_does_not_repeat_what_was_typed():
    with pytest.raises(Invalid, match="needs a setting and its value") as refusal:
        read_overrides(["hunter2-secret"])
    assert "hunter2" not in str(refusal.value) + refusal.value.hint


def test_senders_are_set_in_the_file_only(tmp_path):
    with pytest.raises(Invalid, match="can only be set in the file"):
        load(tmp_path, {}, read_overrides(["dicom.senders=ct1"]))


def test_a_secret_is_never_taken_from_the_command_line():
    with pytest.raises(Invalid, match="is a secret") as refusal:
        read_overrides(["mail.password=hunter2"], WITH_SECRET)
    assert "UNDISC_MAIL__PASSWORD_FILE" in refusal.value.hint
    assert "hunter2" not in str(refusal.value) + refusal.value.hint


def test_a_secret_is_never_shown(tmp_path):
    """The value is there for the node; what people and JSON get is not it."""
    reading = read(tmp_path, {"UNDISC_MAIL__PASSWORD": "hunter2"}, fields=WITH_SECRET)
    one = next(one for one in reading.settings if one.key == "mail.password")
    assert one.value == "hunter2"
    assert one.shown == REDACTED
    assert "hunter2" not in repr(one)


def test_a_settings_file_without_end_is_refused(tmp_path):
    write(tmp_path, "#" * (1 << 20) + "\n[public]\nport = 1\n")
    with pytest.raises(Invalid, match="larger than"):
        load(tmp_path, {})


def test_a_file_that_is_not_toml_or_not_text_is_refused(tmp_path):
    write(tmp_path, "[public\n")
    with pytest.raises(Invalid, match="not valid TOML"):
        load(tmp_path, {})
    (tmp_path / "undisc.toml").write_bytes(b"name = '\xff'\n")
    with pytest.raises(Invalid, match="not valid TOML"):
        load(tmp_path, {})


@pytest.mark.parametrize("names", ["node.lan:8481", "a b/c", "-x", " ".join(["a"] * 17)])
def test_names_of_the_internal_listener_are_host_names_without_port(tmp_path, names):
    with pytest.raises(Invalid, match="host names"):
        load(tmp_path, {"UNDISC_INTERNAL__NAMES": names})
    assert load(tmp_path, {"UNDISC_INTERNAL__NAMES": "a b.lan"}).internal_names == ("a", "b.lan")


@pytest.mark.parametrize(
    ("network", "why"),
    [
        ("0.0.0.0/0", "no part of a private network"),
        ("10.0.0.0/7", "no part of a private network"),
        ("::/0", "no part of a private network"),
        ("128.0.0.0/1", "no part of a private network"),
        ("8.8.8.0/24", "public addresses need no permission"),
        ("169.254.169.254", "no peer can be"),
        ("100.100.100.200/32", "no peer can be"),
        ("fd00:ec2::254", "no peer can be"),
        ("224.0.0.0/4", "no peer can be"),
        ("::ffff:10.0.0.0/104", "no part of a private network"),
        ("10.1.2.3/24", "10.1.2.0/24"),
        ("practice.lan", "10.1.2.0/24"),
    ],
)
def test_only_private_networks_can_be_allowed_for_peers(tmp_path, network, why):
    """A wide network would open loopback and metadata beside what was meant."""
    reading = read(tmp_path, {"UNDISC_PEERS__ALLOW": network})
    (problem,) = reading.problems
    assert "peers.allow" in str(problem)
    assert why in str(problem)


def test_allowed_networks_are_listed_and_loopback_only_by_name(tmp_path):
    write(tmp_path, "[peers]\nallow = ['10.1.2.0/24', '127.0.0.1', 'fd12::/64']\n")
    allowed = [str(one) for one in load(tmp_path, {}).peer_networks]
    assert allowed == ["10.1.2.0/24", "127.0.0.1/32", "fd12::/64"]
    wide = load(tmp_path, {"UNDISC_PEERS__ALLOW": "", "UNDISC_PEERS__PRIVATE_ADDRESSES": "true"})
    assert "10.0.0.0/8" in map(str, wide.peer_networks)
    assert not any(one.is_loopback for one in wide.peer_networks)
