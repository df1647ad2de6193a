"""Senders on the admin socket."""

from __future__ import annotations

import base64

from undisc_node.services.senders import SenderWish


def test_a_sender_is_added_as_it_was_described(node):
    body = {
        "name": "ct1",
        "address": "10.1.2.3",
        "certificate": base64.b64encode(b"PEM").decode(),
        "may_query": True,
        "quota": 2**30,
    }

    answer = node.call("admin", "POST", "/admin/v1/senders", body)

    assert answer.status == 200
    assert answer.json["sender"]["fingerprint"] == "66" * 32
    _, wish, _ = node.admin.senders.calls[-1]
    assert wish == SenderWish(
        name="ct1", address="10.1.2.3", certificate=b"PEM", may_query=True, quota=2**30
    )


def test_what_is_not_said_stays_as_it_is(node):
    """An absent field is no wish; an empty one takes the thing away."""
    answer = node.call("admin", "POST", "/admin/v1/senders/ct1/trust", {"ae_title": ""})

    assert node.admin.senders.calls[-1] == ("trust", "ct1", SenderWish(ae_title=""))
    assert answer.json["let_in"] == {
        "studies": 1,
        "objects": 2,
        "problem": {"code": "disk_full", "message": "no room", "hint": "make some"},
    }


def test_senders_are_listed_with_who_was_refused(node):
    listed = node.call("admin", "GET", "/admin/v1/senders").json

    assert [one["state"] for one in listed["senders"]] == ["pending", "trusted"]
    assert listed["senders"][0]["quarantine"]["objects"] == 2
    assert (listed["unknown"], listed["refused"][0]["times"]) == ("quarantine", 3)
    assert len(node.call("admin", "GET", "/admin/v1/senders?removed=true").json["senders"]) == 1


def test_what_is_in_quarantine_is_said_to_whoever_decides(node):
    shown = node.call("admin", "GET", "/admin/v1/senders/MR@10.1.2.9").json

    assert shown["studies"][0]["patient"]["name"] == "Doe^Jane"
    assert (shown["studies"][0]["uid"], shown["studies"][0]["objects"]) == ("1.2.3", 2)


def test_a_sender_is_called_and_removed(node):
    node.call("admin", "POST", "/admin/v1/senders/ct1/echo", {"port": 104})
    removed = node.call("admin", "DELETE", "/admin/v1/senders/ct1").json

    assert node.admin.senders.calls[-1] == ("echo", "ct1", 104)
    assert removed["erased"]["objects"] == 2
    assert node.call("admin", "DELETE", "/admin/v1/senders/none").error == "not_found"
    refused = node.call("admin", "POST", "/admin/v1/senders/ct1/trust", {"port": 65_536})
    assert refused.error == "invalid"
