"""A DICOMweb archive that lies, breaks off, or says no."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from support.samples import BytesSource
from undisc_node.archives.http import WebClient, read_credentials
from undisc_node.archives.opening import ConfiguredArchives
from undisc_node.archives.web import WebArchive
from undisc_node.services.archive_model import FoundStudy, Pacs, Retrieve, Wanted
from undisc_node.services.errors import Invalid, Refused, Unavailable
from undisc_node.services.model import Patient
from undisc_node.services.ports import Outgoing

JSON = "application/dicom+json"
STUDY = {
    "0020000D": {"vr": "UI", "Value": ["1.2.3"]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane\u202e\n"}]},
    "00100020": {"vr": "LO", "Value": ["42"]},
    "00100030": {"vr": "DA", "Value": ["19700102"]},
    "00201208": {"vr": "IS", "Value": [2]},
}


class Nobody:
    """Watches, and never wants to stop."""

    def seen(self, done, total):
        pass

    def wants_to_stop(self):
        return False


class Server:
    """Answers everything with one thing; keeps what it was asked."""

    def __init__(self) -> None:
        self.status, self.kind, self.body = 200, JSON, b"[]"
        self.asked: list[tuple[str, str, bytes]] = []
        self.headers: dict[str, str] = {}
        self.extra: dict[str, str] = {}


@pytest.fixture
def server():
    said = Server()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            said.asked.append((self.command, self.path, body))
            said.headers = dict(self.headers)
            self.send_response(said.status)
            self.send_header("Content-Type", said.kind)
            self.send_header("Content-Length", str(len(said.body)))
            for name, value in said.extra.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said.body)

        do_GET = do_POST = _serve  # noqa: N815 - names the base class looks for

        def log_message(self, *_arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        said.url = f"http://127.0.0.1:{listener.server_port}/dicom-web"
        yield said
        listener.shutdown()
        thread.join()


@pytest.fixture
def archive(server, tmp_path):
    count = iter(range(100))
    return WebArchive(
        WebClient(server.url, authorization="Basic eDp5"),
        staging=tmp_path,
        random_name=lambda: f"r{next(count)}",
    )


def test_a_query_names_what_is_wanted_and_answers_are_cleaned(server, archive):
    server.body = json.dumps([STUDY]).encode()

    (found,) = archive.studies(Wanted(patient="42"), limit=10)

    assert found == FoundStudy("1.2.3", Patient("Doe^Jane", "42", "", "19700102"), instances=2)
    assert server.asked[0][1].startswith("/dicom-web/studies?PatientID=42&limit=10")
    assert server.headers["Authorization"] == "Basic eDp5"


def test_an_archive_that_ignores_the_question_brings_in_nobody_else(server, archive):
    server.body = json.dumps([STUDY]).encode()

    assert archive.studies(Wanted(patient="43"), limit=10) == []
    assert archive.patients(Patient(id="43"), limit=10) == []
    assert archive.patients(Patient(birth_date="19700101"), limit=10) == []
    assert [one.id for one in archive.patients(Patient(birth_date="19700102"), limit=9)] == ["42"]


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[" * 100_000, b"[1, 2]", b'{"0020000D": 5}', b'[{"0020000D": {"Value": {}}}]',
     b'[{"0020000D": {"vr": "UI", "Value": ["../../etc/passwd"]}}]', b""],
)  # fmt: skip
def test_nonsense_is_nothing_or_a_sentence_never_a_traceback(server, archive, body):
    server.body = body
    with suppress(Unavailable):
        assert archive.studies(Wanted(patient="42"), limit=10) == []


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (401, Refused, "pacs_credentials"),
        (403, Refused, "pacs_credentials"),
        (404, Refused, "pacs_refused"),
        (302, Refused, "pacs_refused"),
        (500, Unavailable, "pacs_failed"),
        (503, Unavailable, "pacs_failed"),
    ],
)
def test_a_refusal_says_what_to_look_at_and_a_redirect_is_not_followed(
    server, archive, status, error, code
):
    server.status, server.extra = status, {"Location": "http://169.254.169.254/latest"}

    with pytest.raises(error) as refused:
        archive.echo()

    assert refused.value.reason == code
    assert len(server.asked) == 1


def multipart(*bodies: bytes) -> bytes:
    return b"".join(b"\r\n--b\r\nContent-Type: application/dicom\r\n\r\n" + one for one in bodies)


def test_objects_that_come_are_taken_one_by_one_and_leave_nothing_behind(server, archive, tmp_path):
    server.kind = 'multipart/related; type="application/dicom"; boundary=b'
    server.body = multipart(b"one", b"two") + b"\r\n--b--"
    taken = []

    def take(source):
        with source.open() as stream:
            taken.append(stream.read())

    archive.retrieve(FoundStudy("1.2.3", instances=2), take, Nobody())

    assert taken == [b"one", b"two"]
    assert list(tmp_path.iterdir()) == []


def test_a_broken_or_short_answer_fails_after_what_came(server, archive, tmp_path):
    server.kind = 'multipart/related; type="application/dicom"; boundary=b'
    taken = []
    server.body = multipart(b"one", b"tw")
    with pytest.raises(Unavailable) as cut:
        archive.retrieve(FoundStudy("1.2.3", instances=2), taken.append, Nobody())
    server.body = multipart(b"one") + b"\r\n--b--"
    with pytest.raises(Unavailable, match="1 of 2 images") as short:
        archive.retrieve(FoundStudy("1.2.3", instances=2), taken.append, Nobody())

    assert cut.value.reason == short.value.reason == "incomplete"
    assert len(taken) == 2
    assert list(tmp_path.iterdir()) == []


def outgoing(uid: str, content: bytes = b"x") -> Outgoing:
    return Outgoing(uid.encode(), "1.2", uid, "1.2.1", lambda: BytesSource(content))


def test_each_instance_has_the_answer_that_the_archive_gave(server, archive):
    server.status = 202
    item = {"00081155": {"vr": "UI", "Value": ["1.1"]}}
    failed = {"00081155": {"vr": "UI", "Value": ["1.2"]}, "00081197": {"Value": [0xA700]}}
    server.body = json.dumps(
        {"00081199": {"Value": [item]}, "00081198": {"Value": [failed]}}
    ).encode()

    answers = list(archive.store([outgoing("1.1"), outgoing("1.2"), outgoing("1.3")], Nobody()))

    assert [(one.key, one.status, one.taken, one.passing) for one in answers] == [
        (b"1.1", 0, True, False),
        (b"1.2", 0xA700, False, True),
        (b"1.3", 0x0110, False, False),
    ]
    method, path, body = server.asked[0]
    assert (method, path) == ("POST", "/dicom-web/studies")
    assert body.count(b"Content-Type: application/dicom\r\n\r\nx") == 3


def test_an_object_that_cannot_be_read_does_not_stop_the_others(server, archive):
    def unreadable():
        raise Invalid("its header cannot be read")

    server.body = json.dumps(
        {"00081199": {"Value": [{"00081155": {"vr": "UI", "Value": ["1.2"]}}]}}
    ).encode()
    bad = Outgoing(b"bad", "1.2", "1.1", "1.2.1", unreadable)

    answers = {one.key: one.taken for one in archive.store([bad, outgoing("1.2")], Nobody())}

    assert answers == {b"bad": False, b"1.2": True}


def test_credentials_come_from_a_file_and_are_never_in_a_message(tmp_path):
    path = tmp_path / "secret"
    path.write_text("user:hunter2\n")
    assert read_credentials(str(path)) == "Basic dXNlcjpodW50ZXIy"
    for content in ("hunter2", "", "a:b\nc", "x" * 2_000):
        path.write_text(content)
        with pytest.raises(Invalid) as refused:
            read_credentials(str(path))
        assert "hunter2" not in str(refused.value)
    with pytest.raises(Invalid):
        read_credentials(str(tmp_path / "absent"))


@contextmanager
def configured(tmp_path, address):
    yield ConfiguredArchives(
        ae_title="UNDISC",
        commitments=None,
        staging=tmp_path,
        random_name=lambda: "x",
        resolve=lambda _host, port: [(2, (address, port))],
    )


@pytest.mark.parametrize("address", ["169.254.169.254", "0.0.0.0", "224.0.0.1"])
def test_an_archive_is_never_at_an_address_that_no_machine_of_the_practice_has(tmp_path, address):
    """An administrator who was talked into it must not read the metadata of a cloud."""
    dimse = Pacs("p", "A", "pacs.example", 104, "B", "", "", Retrieve.MOVE, False, "", 0)  # noqa: FBT003
    web = Pacs("p", "", "", 0, "", "http://pacs.example/x", "", Retrieve.WADO, False, "", 0)  # noqa: FBT003
    with configured(tmp_path, address) as archives:
        with pytest.raises(Invalid, match="no address that this node connects to"):
            archives.open(dimse)
        with pytest.raises(Unavailable):
            archives.open(web).echo()
