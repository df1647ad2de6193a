"""Text messages to a real HTTP service: what is posted, and what each answer means."""

from __future__ import annotations

import base64
import socket

import pytest

from support.mail_server import text_provider
from undisc_node.notify.text_gateway import Gateway, TextGateway
from undisc_node.services.errors import MayBeSent, Refused, Unavailable
from undisc_node.services.message_rows import Words

WORDS = Words("s", "t", "h", "Hola: {from} https://a.example/l#A {to}")


def gateway(provider, **changes):
    usual = {
        "url": provider.url,
        "form": "twilio",
        "user": "AC1",
        "password": "token",
        "sender": "+15550100",
    }
    return TextGateway(Gateway(**(usual | changes)))


def send(one, handed=None):
    handed = [] if handed is None else handed
    return one.send("+14155550132", WORDS, name="ab12.0", handing=lambda: handed.append(True))


def test_twilio_gets_its_own_form():
    handed = []
    with text_provider() as provider:
        assert send(gateway(provider), handed) == "SM1"
    ((path, headers, fields),) = provider.taken
    assert handed == [True]
    assert path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert fields == {"To": "+14155550132", "From": "+15550100", "Body": WORDS.short}
    assert headers["Authorization"] == f"Basic {base64.b64encode(b'AC1:token').decode()}"


def test_any_other_gets_the_fields_that_are_set_and_what_is_filled_in_is_never_filled_again():
    fields = {"message": {"to": ["{to}"], "body": "{text}", "n": 1}, "ref": "{id}", "x": "{no}"}
    with text_provider() as provider:
        one = gateway(provider, form="json", user="", fields=fields, url=f"{provider.url}/sms")
        send(one)
        send(gateway(provider, form="form", user=""))
    (path, headers, posted), (_, _, form) = provider.taken
    assert path == "/sms"
    assert headers["Authorization"] == "Bearer token"
    assert posted == {
        "message": {"to": ["+14155550132"], "body": WORDS.short, "n": 1},
        "ref": "ab12.0",
        "x": "{no}",
    }
    assert form == {"to": "+14155550132", "text": WORDS.short}
    assert Gateway("u", "json", "", "", fields=fields).recognises
    assert not Gateway("u", "twilio", "", "").recognises


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, Refused, "gateway_refused"),
        (422, Refused, "gateway_refused"),
        (401, Unavailable, "gateway_sign_in"),
        (429, Unavailable, "gateway_failed"),
        (503, Unavailable, "gateway_failed"),
        (302, Unavailable, "gateway_failed"),
    ],
)
def test_each_status_means_for_good_or_for_now_and_no_redirect_is_followed(status, kind, code):
    with text_provider() as provider:
        provider.statuses = [(status, {"code": 21211, "message": "+14155550132 is invalid"})]
        with pytest.raises(kind) as problem:
            send(gateway(provider))
    assert problem.value.reason == code
    assert "+14155550132" not in f"{problem.value} {problem.value.hint}"
    assert len(provider.taken) == 1


def test_silence_after_the_message_leaves_a_doubt():
    with text_provider() as provider:
        provider.statuses = [None]
        with pytest.raises(MayBeSent):
            send(gateway(provider))


def test_nobody_listens_and_nothing_is_handed_over():
    handed = []
    with text_provider() as provider:
        pass
    with pytest.raises(Unavailable) as problem:
        send(gateway(provider), handed)
    assert problem.value.reason == "gateway_unreachable"
    assert handed == []


def test_a_password_does_not_go_over_http_into_the_internet():
    def resolve(host, port):
        return [(socket.AF_INET, ("8.8.8.8", port))]

    one = TextGateway(Gateway("http://sms.example", "form", "u", "p"), resolve=resolve)
    with pytest.raises(Unavailable, match="does not answer"):
        send(one)
