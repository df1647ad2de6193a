"""The whole story at level DEBUG, and then nothing of a patient or a secret is in any log line.

Names, numbers, UIDs and file names are unlike anything that the node writes by itself, so that
looking for them finds nothing else.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from support.dicom_files import IMPLICIT, SC, data_set, implicit
from support.raw_sender import RawSender, pdu
from support.refusing import Practice
from support.two_nodes import RunningNode, befriend, dicom_file, short_directory
from undisc_admin.errors import CommandError
from undisc_node.dicom.part10 import split_part10
from undisc_node.dicom.scu import send_files
from undisc_node.dicom.sources import BytesSource
from undisc_protocol.capability.delegation import COMMAND_READ, read_delegation, sign_share
from undisc_protocol.did import Did

pytestmark = pytest.mark.integration

NAME, OTHER_NAME = b"Zebrastein^Quirina", b"Wolkenbruch^Ottokar"
NUMBER, ACCESSION = b"PID-77418529", b"ACC-66190377"
TITLE, REASON = b"Kniegelenk links Zb", "because Mrs Zebrastein asked"
STUDY = "1.2.826.0.1.3680043.9.77418529"
FILE = "Zebrastein_Quirina_19610203"
PATIENT = {
    "name": NAME,
    "patient_id": NUMBER,
    "description": TITLE,
}
WORDS = ("zebrastein", "quirina", "wolkenbruch", "ottokar", "77418529", "66190377", "kniegelenk")
SECRETS = re.compile(r"[0-9a-f]{64}|[A-Za-z0-9_-]{43}")
"""A key or ticket of 32 bytes, as hex or base64."""


def picture(number: int, **changes: bytes) -> bytes:
    """Make an image of the patient."""
    accession = implicit(0x00080050, ACCESSION)
    content = dicom_file(number, study=STUDY, **{**PATIENT, **changes})
    at = content.index(b"\x08\x00\x60\x00")
    return content[:at] + accession + content[at:]


def ask(node: RunningNode, door: str, method: str, path: str, headers=()) -> int:
    """Call a listener as a stranger would; return the status."""
    port = node.public_port if door == "public" else node.internal_port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, headers=dict(headers))
        return connection.getresponse().status
    finally:
        connection.close()


def sends(node: RunningNode, folder: Path) -> None:
    """Let images in by every way: good, damaged, of another patient, and no images at all."""
    good = folder / f"{FILE}.dcm"
    good.write_bytes(picture(1))
    assert [status for _, status in send_files(
        "127.0.0.1", node.dicom_port, "ZEBRASTEIN", "UNDISC", [good]
    )] == [0]  # fmt: skip
    node.import_bytes(picture(2))
    node.import_bytes(picture(2, description=b"Kniegelenk neu Zb"))
    node.import_bytes(picture(3, name=OTHER_NAME))
    bad = [
        picture(4)[:-9],
        picture(4)[:200],
        picture(4).replace(b"1.2.826", b"1.x.826"),
        NAME * 40,
        picture(4, name=b"\xff\xfe" + NAME, character_set=b"ISO 2022 IR 999"),
        picture(4, modality=NAME),
    ]
    for number, content in enumerate(bad):
        with suppress(CommandError):
            node.import_bytes(content)
        file = folder / f"{FILE}-{number}.dcm"
        file.write_bytes(content)
        node.undisc("studies", "import", str(file))
    uid = f"{STUDY}.1.9"
    with RawSender(("127.0.0.1", node.dicom_port), [(SC, IMPLICIT)]) as sender:
        assert sender.store(1, SC, uid, data_set(study_uid=STUDY.encode(), name=NAME))[0] != 0
    wire = picture(9)[split_part10(BytesSource(b"", picture(9))) :]
    with suppress(OSError), RawSender(("127.0.0.1", node.dicom_port), [(SC, IMPLICIT)]) as sender:
        sender.store(1, SC, uid, wire[: len(wire) // 2])
    for nonsense in (NAME * 100, pdu(1, NAME * 20), pdu(4, NAME * 20)):
        with socket.create_connection(("127.0.0.1", node.dicom_port), timeout=10) as connection:
            connection.sendall(nonsense)
            connection.shutdown(socket.SHUT_WR)
            with suppress(OSError):
                connection.recv(1000)


def strangers(node: RunningNode, secrets: list[str]) -> None:
    """Call every listener with names and secrets where they do not belong."""
    for door in ("public", "internal"):
        for text in ("Zebrastein", *secrets):
            ask(node, door, "GET", f"/{text}?patient=Quirina&ticket={text}")
            ask(node, door, "DELETE", "/", {"X-Request-Id": text, "Host": text}.items())
    bearer = {"Authorization": f"Bearer {secrets[0]}", "Range": "bytes=0-99"}
    ask(node, "public", "GET", "/undisc/v1/packs", bearer.items())
    with socket.create_connection(("127.0.0.1", node.public_port), timeout=10) as connection:
        connection.sendall(b"GET /\x00" + NAME + b" HTTP/1.1\r\n" + NAME + b"\r\n\r\n")
        connection.recv(1000)


def mistakes_of_ours(node: RunningNode) -> None:
    """Break a row in a way nobody foresaw: the traceback's message would quote it."""
    for before, after in (("active", "Zebrastein"), ("Zebrastein", "active")):
        catalog = sqlite3.connect(node.home / "catalog.sqlite3", timeout=30)
        catalog.execute("PRAGMA ignore_check_constraints = ON")
        with catalog:
            catalog.execute("UPDATE studies SET state = ? WHERE state = ?", (after, before))
        catalog.close()
        if after != "active":
            with pytest.raises(CommandError, match="failed on this request"):
                node.admin.get("studies")


def crosses(one: RunningNode, two: RunningNode) -> tuple[str, str, bytes]:
    """Let the study cross by a link's share, then be refused; return its ids, and the offer."""
    study = one.admin.get(f"studies/{STUDY}").part("study").text("id")
    one.undisc("studies", "list", "--search", "Zebrastein")
    one.admin.post(f"studies/{study}/resolve", {"accept": True})
    grant, key, token = one.link_grant(study)
    own = read_delegation(token)
    share = sign_share(
        key,
        audience=Did(two.did),
        subject=own.subject,
        study=own.policy.study,
        command=COMMAND_READ,
        nonce=bytes(range(12)),
        not_before=int(time.time()),
        expires=own.expires,
    )
    _, offer = one.register_share(share)
    fetched = two.fetch(offer)
    assert fetched["state"] == "done", fetched
    recipient = two.admin.get("status").text("node_id")
    one.admin.post(f"studies/{study}/hold", {"reason": REASON})
    with suppress(CommandError, AssertionError):
        two.fetch(offer)
    one.admin.post(f"studies/{study}/release")
    with damaged(one):
        other = one.import_bytes(dicom_file(1, study=STUDY + ".7", **PATIENT)).text("study")
        with suppress(CommandError, AssertionError):
            two.fetch(one.grant(other, recipient)[1])
    one.admin.post(f"grants/{grant}/revoke")
    with suppress(CommandError, AssertionError):
        two.fetch(offer)
    return study, fetched["study"], offer


@contextmanager
def damaged(node: RunningNode) -> Iterator[None]:
    """Cut every pack in half while the block runs."""
    packs = [path for path in (node.home / "packs").rglob("*") if path.is_file()]
    assert packs
    whole = {path: path.read_bytes() for path in packs}
    for path, content in whole.items():
        path.write_bytes(content[: len(content) // 2])
    yield
    for path, content in whole.items():
        path.write_bytes(content)


@pytest.fixture(scope="module")
def told() -> tuple[dict[str, str], list[str]]:
    """What both nodes wrote in the whole story, JSON and text; and the secrets that were in it."""
    with short_directory() as directory, pytest.MonkeyPatch.context() as environment:
        environment.setenv("UNDISC_LOG__LEVEL", "debug")
        environment.setenv("UNDISC_LOG__REQUESTS", "true")
        one = RunningNode(directory / "a", "Practice A")
        two = RunningNode(directory / "b", "Practice B")
        try:
            for node, form in ((one, "json"), (two, "text")):
                environment.setenv("UNDISC_LOG__FORMAT", form)
                node.init()
                node.start()
            befriend(one, two)
            sends(one, directory)
            study, copy, offer = crosses(one, two)
            stranger = Practice(one)
            ticket = stranger.ask(stranger.friend, stranger.friends_chain).ticket
            keys = [
                (node.home / "keys" / name).read_text().strip()
                for node in (one, two)
                for name in ("node-key", "key-encryption-key")
            ]
            encoded = base64.urlsafe_b64encode
            secrets = [ticket.hex(), encoded(ticket).decode().rstrip("="), *keys]
            secrets.append(encoded(offer).decode()[:60])
            strangers(one, secrets)
            mistakes_of_ours(one)
            one.admin.delete(f"studies/{study}")
            two.admin.delete(f"studies/{copy}")
        finally:
            for node in (one, two):
                node.stop()
        return {node.name: node.log_path.read_text("utf-8") for node in (one, two)}, secrets


@pytest.mark.parametrize("name", ["Practice A", "Practice B"])
def test_no_log_line_names_a_patient_or_tells_a_secret(told, name):
    """Ingest, grant, share, fetch, refusals, damage, a mistake of ours, deletion."""
    written, secrets = told
    for word in (*WORDS, *secrets):
        found = [line for line in written[name].splitlines() if word.lower() in line.lower()]
        assert not found, found[:3]
    assert not SECRETS.search(written[name]), SECRETS.search(written[name])


def test_the_story_was_told_and_each_line_is_an_object(told):
    """The test above would also pass on nodes that write nothing."""
    lines = [json.loads(line) for line in told[0]["Practice A"].splitlines()]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    routes = {line["route"] for line in lines if "route" in line}
    assert {"/undisc/v1/fetch", "/undisc/v1/packs", "/admin/v1/grants"} <= routes
    messages = " ".join(line["message"] for line in lines)
    assert "refused" in messages
    assert "mistake of this node" in messages
    traces = [line["exception"] for line in lines if "exception" in line]
    assert any("ValueError" in trace[-1] for trace in traces)
    assert "INFO undisc.node the node is ready" in told[0]["Practice B"]
