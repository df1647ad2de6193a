"""E-mail to a real server: what arrives, and what each failure means."""

from __future__ import annotations

import ssl
import subprocess

import pytest

from support.mail_server import mail_server
from undisc_node.notify.email import Mailer, MailServer
from undisc_node.services.errors import MayBeSent, Refused, Unavailable
from undisc_node.services.message_rows import Words

WORDS = Words(
    "Sus imágenes\r\nBcc: all@example.org",
    "Hola\n\nhttps://a.example/l#" + "A" * 43 + "\n",
    '<p><a href="https://a.example/l">ñ</a></p>',
    "short",
)
NOW = 1_795_498_283


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mail")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", folder / "key.pem",
         "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context, str(folder / "cert.pem")


def mailer(mailbox, **changes):
    usual = {
        "host": "127.0.0.1",
        "port": mailbox.port,
        "security": "none",
        "user": "",
        "password": "",
        "sender": "images@practice.example",
        "sender_name": "Radiología Río",
    }
    return Mailer(MailServer(**(usual | changes)), now=lambda: NOW)


def send(one, handed=None, to="jane@example.org"):
    handed = [] if handed is None else handed
    words = Words(WORDS.subject.partition("\r")[0], WORDS.text, WORDS.html, WORDS.short)
    return one.send(to, words, name="ab12.0", handing=lambda: handed.append(True))


def test_a_message_arrives_as_text_and_html_with_its_own_name():
    with mail_server() as mailbox:
        handed = []
        assert send(mailer(mailbox), handed) == "250 2.0.0"
    (message,) = mailbox.taken
    assert handed == [True]
    assert message["From"] == "Radiología Río <images@practice.example>"
    assert message["To"] == "jane@example.org"
    assert message["Subject"] == "Sus imágenes"
    assert message["Message-ID"] == "<ab12.0@practice.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"] == "Tue, 24 Nov 2026 05:31:23 +0000"
    assert message.get_body(("plain",)).get_content().replace("\r\n", "\n") == WORDS.text
    assert "ñ" in message.get_body(("html",)).get_content()
    assert mailbox.senders == ["images@practice.example"]


def test_a_header_cannot_be_smuggled_in():
    with mail_server() as mailbox, pytest.raises(ValueError, match="Header"):
        mailer(mailbox).send("jane@example.org", WORDS, name="x", handing=lambda: None)
    assert mailbox.taken == []


def test_a_domain_of_another_script_is_spelt_for_the_server_and_such_a_name_refused():
    with mail_server() as mailbox:
        send(mailer(mailbox), to="jane@bücher.example")
        with pytest.raises(Refused, match="letters"):
            send(mailer(mailbox), to="jäne@example.org")
    assert mailbox.taken[0]["To"] == "jane@xn--bcher-kva.example"


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_tls_and_the_account_are_used(certificate, security):
    tls, authorities = certificate
    implicit = security == "tls"
    with mail_server(tls=tls, implicit=implicit, account=("node", "pass")) as mailbox:
        one = {"security": security, "authorities": authorities, "user": "node"}
        send(mailer(mailbox, **one, password="pass"))
        with pytest.raises(Unavailable) as problem:
            send(mailer(mailbox, **one, password="wrong-secret"))
    assert len(mailbox.taken) == 1
    assert problem.value.reason == "mail_sign_in"
    assert "wrong-secret" not in f"{problem.value} {problem.value.hint}"


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(certificate):
    tls, _ = certificate
    with mail_server(tls=tls) as mailbox, pytest.raises(Unavailable) as problem:
        send(mailer(mailbox, security="starttls"))
    assert problem.value.reason == "mail_certificate"
    assert mailbox.taken == []


def test_a_server_without_starttls_gets_no_password():
    with mail_server() as mailbox, pytest.raises(Unavailable) as problem:
        send(mailer(mailbox, security="starttls", user="node", password="pass"))
    assert problem.value.reason == "mail_no_starttls"


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        ("550 5.1.1 <jane@example.org>: no such user", Refused, "mail_refused"),
        ("450 4.2.1 jane@example.org is greylisted", Unavailable, "mail_deferred"),
    ],
)
def test_a_recipient_is_refused_for_good_or_for_now_and_is_not_named(answer, kind, code):
    handed = []
    with mail_server() as mailbox:
        mailbox.answers = [answer]
        with pytest.raises(kind) as problem:
            send(mailer(mailbox), handed)
    assert handed == []
    assert problem.value.reason == code
    assert answer[:9] in str(problem.value)
    assert "jane" not in f"{problem.value} {problem.value.hint}"


@pytest.mark.parametrize(
    ("ending", "kind"),
    [("554 5.7.1 spam", Refused), ("451 4.3.0 later", Unavailable), (None, MayBeSent)],
)
def test_after_the_message_only_silence_leaves_a_doubt(ending, kind):
    handed = []
    with mail_server() as mailbox:
        mailbox.endings = [ending]
        with pytest.raises(kind) as problem:
            send(mailer(mailbox), handed)
    assert handed == [True]
    assert isinstance(problem.value, MayBeSent) is (kind is MayBeSent)


def test_nobody_listens():
    with mail_server() as mailbox:
        pass
    with pytest.raises(Unavailable) as problem:
        send(mailer(mailbox))
    assert problem.value.reason == "mail_unreachable"


def test_a_check_goes_as_far_as_the_sender_and_sends_nothing():
    with mail_server() as mailbox:
        mailer(mailbox).check()
    assert mailbox.taken == []
