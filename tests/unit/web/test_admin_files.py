"""Files go in and come out through the admin socket whole, or not at all."""

from __future__ import annotations

import errno
import hashlib
import http.client
import io

import pytest

from undisc_node.services.errors import Damaged
from undisc_node.web import spool
from unit.web import fakes
from unit.web.conftest import running_node


@pytest.mark.parametrize("size", [1, 1_048_576, 5_000_001])
def test_an_upload_reaches_the_use_case_whole_and_leaves_no_file(start, home, size):
    node = start()
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    path = "/admin/v1/instances?filename=Doe%2FJane.dcm"
    answer = node.call("admin", "POST", path, data)
    assert answer.json == {
        "status": "stored",
        "study": fakes.STUDY_ID.hex(),
        "sop_uid": "1.2.3.4.5",
        "reason": "",
    }
    stored = (size, size, hashlib.sha256(data).digest(), "import")
    assert node.admin.receiving.stored == [stored]
    assert [path.name for path in home.iterdir()] == ["admin.sock"]


def test_an_upload_that_is_refused_says_why_and_leaves_no_file(start, home):
    answer = start().call("admin", "POST", "/admin/v1/instances", b"")
    assert (answer.status, answer.error) == (400, "not_dicom")
    assert [path.name for path in home.iterdir()] == ["admin.sock"]


def test_an_upload_that_breaks_off_is_not_stored_and_leaves_no_file(home, caplog):
    with running_node(home) as node:
        with node.socket("admin") as connected:
            connected.sendall(
                b"POST /admin/v1/instances HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\nhalf"
            )
        assert node.call("admin", "POST", "/admin/v1/instances", b"whole").status == 200
    assert [size for size, *_ in node.admin.receiving.stored] == [5]
    assert list(home.iterdir()) == []
    assert caplog.text == ""  # a caller who hangs up is no news


def test_a_full_disk_is_one_clear_sentence_and_leaves_no_file(start, home, monkeypatch):
    class Full(io.FileIO):
        def write(self, _data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spool.Path, "open", lambda path, mode, **_: Full(path, mode.strip("b")))
    answer = start().call("admin", "POST", "/admin/v1/instances", b"data")
    assert (answer.status, answer.error) == (507, "disk_full")
    assert answer.json["error"]["hint"]
    assert [path.name for path in home.iterdir()] == ["admin.sock"]


STUDY = "/admin/v1/studies/1.2.3"
FILE = f"{STUDY}/instances/{fakes.OBJECT_ID.hex()}/file"


def test_an_instance_comes_back_as_it_was_received(node):
    answer = node.call("admin", "GET", FILE)
    assert (answer.status, answer.body) == (200, b"DICM data")
    assert answer.headers["Content-Type"] == "application/dicom"
    assert answer.headers["Content-Length"] == "9"


def test_a_damaged_instance_is_an_error_and_not_a_file(start):
    node = start()
    node.admin.studies.chunks = [Damaged("a chunk does not authenticate")]
    answer = node.call("admin", "GET", FILE)
    assert (answer.status, answer.error) == (500, "damaged")


def test_an_instance_damaged_further_on_breaks_the_answer_off(start):
    """A short file that looks whole could be taken for the image."""
    node = start()
    node.admin.studies.chunks = [b"DICM ", Damaged("a chunk does not authenticate")]
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        node.call("admin", "GET", FILE)
