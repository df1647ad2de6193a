"""Opening and closing the doors: whose socket it is, and what is in the way."""

from __future__ import annotations

import getpass
import os
import socket
import stat
from types import SimpleNamespace

import pytest

from undisc_node.services.errors import Refused, Unavailable
from undisc_node.web.actors import actor_of
from unit.web import fakes
from unit.web.conftest import running_node


def test_the_admin_socket_is_for_user_and_group_and_goes_with_the_node(home):
    with running_node(home) as node:
        mode = node.opened.admin.stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o660
    assert not (home / "admin.sock").exists()


def test_the_actor_is_the_user_at_the_other_end_of_the_socket(node):
    node.call("admin", "DELETE", f"/admin/v1/studies/{fakes.STUDY.uid}")
    assert ("delete", fakes.STUDY_ID, getpass.getuser()) in node.admin.studies.calls


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
def test_a_user_without_a_name_is_named_by_number(node):
    pid = os.fork()
    if pid == 0:  # the child becomes somebody else and deletes a study
        os.chmod(node.opened.admin.parent, 0o755)  # noqa: PTH101 - a child must not run much
        os.chmod(node.opened.admin, 0o666)  # noqa: PTH101
        os.setuid(54_321)
        node.call("admin", "DELETE", f"/admin/v1/studies/{fakes.STUDY.uid}")
        os._exit(0)
    os.waitpid(pid, 0)
    assert ("delete", fakes.STUDY_ID, "user 54321") in node.admin.studies.calls


def test_without_a_unix_socket_there_is_no_actor():
    """An admin route that some mistake put on a TCP listener still does nothing."""
    with socket.socket() as connected:
        request = SimpleNamespace(get_extra_info={"socket": connected}.get)
        with pytest.raises(Refused):
            actor_of(request)


def test_a_second_node_on_the_same_home_is_refused_and_disturbs_nothing(home):
    with running_node(home) as first:
        with (
            pytest.raises(Unavailable, match="another undisc-node is running") as caught,
            running_node(home),
        ):
            pytest.fail("two nodes on one home")
        assert caught.value.hint
        assert first.call("admin", "GET", "/admin/v1/status").status == 200


def test_a_socket_left_by_a_killed_node_is_taken_over(home):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(home / "admin.sock"))
    assert (home / "admin.sock").exists()
    with running_node(home) as node:
        assert node.call("admin", "GET", "/admin/v1/status").status == 200


def test_a_file_in_place_of_the_socket_is_not_removed(home):
    (home / "admin.sock").write_text("notes")
    with pytest.raises(Unavailable, match="there is a file"), running_node(home):
        pytest.fail("the node started")
    assert (home / "admin.sock").read_text() == "notes"


def test_a_home_with_too_long_a_path_is_one_clear_sentence(home):
    deep = home / ("x" * 120)
    deep.mkdir()
    with pytest.raises(Unavailable, match="the admin socket cannot be made"), running_node(deep):
        pytest.fail("the node started")


@pytest.mark.parametrize(("door", "setting"), [("public", "public_at"), ("internal", "internal")])
def test_a_port_in_use_is_one_clear_sentence_and_leaves_nothing_behind(home, door, setting):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()
        with pytest.raises(Unavailable) as caught, running_node(home, **{setting: taken}):
            pytest.fail("the node started")
        assert (
            str(caught.value)
            == f"the {door} listener's port {taken[1]} is in use by another program"
        )
        assert caught.value.hint
    assert not (home / "admin.sock").exists()


@pytest.mark.parametrize(
    "address", [("192.0.2.1", 0), ("no.such.host.invalid", 0), ("127.0.0.1", 70_000)]
)
def test_an_address_that_is_not_ours_is_one_clear_sentence(home, address):
    with (
        pytest.raises(Unavailable, match="the public listener cannot use"),
        running_node(home, public_at=address),
    ):
        pytest.fail("the node started")


def test_uploads_left_by_a_crash_are_removed_at_the_start(home):
    (home / "00ff.upload").write_bytes(b"half")
    (home / "other.pack").write_bytes(b"stays")
    with running_node(home):
        assert not (home / "00ff.upload").exists()
        assert (home / "other.pack").exists()
