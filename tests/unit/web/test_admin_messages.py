"""Messages to people on the admin socket, where patients want their links, and print-outs."""

from __future__ import annotations

import base64

import pytest

from undisc_node.services.desk_rows import ChannelKind
from undisc_node.services.message_rows import MessageKind
from unit.web import fakes_messages as fakes
from unit.web.test_admin_consents import SAID, VISIT

MESSAGE = fakes.MESSAGE.id.hex()


def test_messages_are_listed_shown_sent_again_and_cancelled(node):
    (row,) = node.call("admin", "GET", "/admin/v1/messages").json["messages"]
    assert (row["id"], row["state"], row["to"]) == (MESSAGE, "waiting", "jane@example.org")
    shown = node.call("admin", "GET", f"/admin/v1/messages/{MESSAGE[:8]}").json["message"]
    assert shown == row
    path = f"/admin/v1/messages/{MESSAGE[:8]}"
    assert node.call("admin", "POST", f"{path}/retry", {"again": True}).status == 200
    assert node.call("admin", "POST", f"{path}/cancel").json["message"]["state"] == "cancelled"


def test_a_test_message_goes_to_a_checked_address_at_once(node):
    body = {"channel": "email", "to": " admin@Practice.example "}
    assert node.call("admin", "POST", "/admin/v1/messages/test", body).json["sent"] is True
    kind, contact, language = node.admin.sending_now.tested[-1]
    assert (kind, contact.to, language) == (MessageKind.TEST, "admin@practice.example", "en")
    for wrong in ({"channel": "email", "to": "nobody"}, {"channel": "print", "to": "x"}):
        assert node.call("admin", "POST", "/admin/v1/messages/test", wrong).status == 400


def test_where_a_link_goes_is_said_and_shown(node):
    body = {
        "emails": ["jane@example.org"],
        "numbers": ["+1 415 555 0132"],
        "print": True,
        "warning_accepted": True,
    }
    rows = node.call("admin", "POST", f"/admin/v1/visits/{VISIT}/contacts", body).json["contacts"]
    assert [(row["channel"], row["to"]) for row in rows] == [
        ("email", "jane@example.org"),
        ("text", "+14155550132"),
        ("print", ""),
    ]
    shown = node.call("admin", "GET", f"/admin/v1/visits/{VISIT}/contacts").json
    assert [row["channel"] for row in shown["contacts"]] == ["email", "print"]
    assert shown["messages"][0]["id"] == MESSAGE


def test_a_consent_can_say_in_one_request_where_the_link_goes(node):
    body = {**SAID, "emails": ["jane@example.org"], "warning_accepted": True}
    assert node.call("admin", "POST", "/admin/v1/consents", body).status == 200
    contacts, warned = node.admin.reaching.checked[-1]
    assert [(one.channel, one.to) for one in contacts] == [(ChannelKind.EMAIL, "jane@example.org")]
    assert warned


@pytest.mark.parametrize(
    "wrong", [{"emails": ["jane"]}, {"numbers": ["0132"]}, {"emails": "jane@example.org"}]
)
def test_an_address_that_cannot_be_one_is_refused_before_anything_is_recorded(node, wrong):
    before = len(node.admin.consenting.wishes)
    assert node.call("admin", "POST", "/admin/v1/consents", {**SAID, **wrong}).status == 400
    assert node.call("admin", "POST", f"/admin/v1/visits/{VISIT}/contacts", wrong).status == 400
    assert len(node.admin.consenting.wishes) == before


def test_the_sheet_of_a_visit_comes_as_pdf(node):
    answer = node.call("admin", "POST", f"/admin/v1/visits/{VISIT}/print", {"language": "es"}).json
    assert base64.b64decode(answer["pdf"]) == b"%PDF-es"
