"""A patient's link gets to the patient, and an offer to the hospital: real nodes, real servers."""

from __future__ import annotations

import base64
import json
import subprocess

import pytest

from integration.test_consent import SAID, scan, until
from support.mail_server import mail_server, text_provider
from support.programs import package
from support.two_nodes import RunningNode, befriend, short_directory
from undisc_protocol.link import read_link

pytestmark = pytest.mark.integration

REACH = {
    "emails": ["jane@example.org"],
    "numbers": ["+1 415 555 0132"],
    "print": True,
    "warning_accepted": True,
}


def configure(node, more):
    path = node.home / "undisc.toml"
    text = path.read_text().replace("[ingest]", "[ingest]\nsettle_seconds = 1")
    path.write_text(f"{text}\n[release]\nminutes = 0\n{more}")


@pytest.fixture
def practice():
    """A practice with a mail server and a provider of text messages."""
    with short_directory() as directory, mail_server() as mailbox, text_provider() as provider:
        node = RunningNode(directory / "a", "Practice A")
        try:
            node.init()
            configure(
                node,
                f'[email]\nhost = "127.0.0.1"\nport = {mailbox.port}\nsecurity = "none"\n'
                'from = "images@practice.example"\n[messages]\nphone = "+1 206 555 0100"\n'
                f'[text_messages]\nurl = "{provider.url}"\nform = "form"\npassword = "token"\n',
            )
            node.start()
            yield node, mailbox, provider
        finally:
            node.stop()


def messages(node):
    return node.admin.get("messages").raw["messages"]


def test_a_link_arrives_on_every_way_and_survives_kill_9_in_the_last_step(practice, tmp_path):
    node, mailbox, provider = practice
    mailbox.endings = [None]  # the server takes the message and breaks off before it says so
    opened = node.admin.post("consents", {**SAID, "orders": ["A-7"], **REACH}).raw
    visit = opened["visit"]["id"]
    scan(node, "1.2.7", b"A-7")
    until(lambda: mailbox.taken and provider.taken)
    node.kill()
    node.start()
    states = until(
        lambda: (
            found := {row["channel"]: row["state"] for row in messages(node)}
        ).get("email") == "waiting" and found
    )  # fmt: skip
    assert states["text"] == "sent"
    (waiting,) = (row for row in messages(node) if row["channel"] == "email")
    node.admin.post(f"messages/{waiting['id']}/retry", {"again": False})
    until(lambda: len(mailbox.taken) == 2)
    until(lambda: {row["state"] for row in messages(node)} == {"sent"})

    shown = node.admin.post(f"visits/{visit}/link", {"new": False}).raw
    first, second = mailbox.taken
    assert first["Message-ID"] == second["Message-ID"]  # one message for any mail program
    for message in mailbox.taken:
        assert message["To"] == "jane@example.org"
        text = message.get_body(("plain",)).get_content()
        assert read_link(text).secret == read_link(shown["link"]).secret
        assert shown["code"] in text
        assert "Sus imágenes" in message["Subject"]
        assert "Doe" not in message.as_string()
    ((_, _, fields),) = provider.taken
    assert shown["link"] in fields["text"]
    assert fields["to"] == "+14155550132"

    sheet = base64.b64decode(node.admin.post(f"visits/{visit}/print", {}).text("pdf"))
    path = tmp_path / "sheet.pdf"
    path.write_bytes(sheet)
    assert sheet.startswith(b"%PDF-")
    drawing, reading = package("pdftoppm", "poppler-utils"), package("zbarimg", "zbar-tools")
    subprocess.run([drawing, "-r", "100", "-png", "-singlefile", path, path], check=True)
    read = subprocess.run(
        [reading, "-q", "--raw", f"{path}.png"], check=True, capture_output=True, text=True
    )
    assert read.stdout.strip() == shown["link"]
    log = json.dumps(node.events())
    assert shown["link"].partition("#")[2] not in log
    assert "jane@example.org" not in log


def test_what_a_consent_grants_is_fetched_by_the_hospital_without_a_click():
    with short_directory() as directory:
        practice = RunningNode(directory / "a", "Practice A")
        hospital = RunningNode(directory / "b", "Hospital B")
        try:
            for node in (practice, hospital):
                node.init()
            configure(practice, "")
            configure(hospital, '[offers]\ntake = "fetch"\n')
            for node in (practice, hospital):
                node.start()
            befriend(practice, hospital)
            practice.admin.post("consents", {**SAID, "orders": ["A-7"], "peers": ["Hospital B"]})
            scan(practice, "1.2.7", b"A-7")
            until(hospital.studies)
            (sent,) = until(
                lambda: [one for one in practice.admin.get("offers").raw["outgoing"] if one["done"]]
            )
            assert sent["outcome"] == "fetches it"
            (came,) = hospital.admin.get("offers").raw["offers"]
            assert (came["peer_name"], came["state"]) == ("Practice A", "fetched")
        finally:
            for node in (practice, hospital):
                node.stop()
