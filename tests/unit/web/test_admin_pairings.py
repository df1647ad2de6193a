"""The admin socket's routes about pairing."""

from __future__ import annotations

import base64

from undisc_protocol.pairing import Says
from unit.web.fakes_pairings import PAIRING
from unit.web.test_admin_api import ME

NAME = PAIRING.id.hex()


def test_an_invitation_comes_with_a_code_to_scan(node):
    answer = node.call("admin", "POST", "/admin/v1/pairings", {"scopes": ["fetch"]}).json
    assert answer["invitation"] == "undisc-invitation:AA"
    assert len(answer["qr"]) * 2 in range(len(answer["qr"][0]), len(answer["qr"][0]) + 2)
    assert "file" not in answer
    assert node.admin.pairings.calls[-1] == ("invite", ("fetch",), False, ME)


def test_an_invitation_by_file_comes_as_its_bytes(node):
    answer = node.call("admin", "POST", "/admin/v1/pairings", {"scopes": [], "by_file": True}).json
    assert base64.b64decode(answer["file"]) == b"file"
    assert "invitation" not in answer


def test_an_invitation_is_taken_up_as_it_was_pasted(node):
    pasted = base64.b64encode(b"undisc-invitation:AA\n").decode()
    answer = node.call(
        "admin", "POST", "/admin/v1/pairings/accept", {"invitation": pasted, "scopes": ["offer"]}
    )
    assert answer.json["pairing"]["words"] == PAIRING.words.split()
    assert node.admin.pairings.calls[-1] == ("accept", "undisc-invitation:AA\n", ("offer",), ME)
    noise = base64.b64encode(b"\xff").decode()
    refused = node.call("admin", "POST", "/admin/v1/pairings/accept", {"invitation": noise})
    assert (refused.status, refused.error) == (400, "invalid")


def test_a_file_is_taken_in_and_another_one_goes_back(node):
    given = base64.b64encode(b"a file").decode()
    answer = node.call("admin", "POST", "/admin/v1/pairings/accept", {"file": given}).json
    assert base64.b64decode(answer["file"]) == b"back"
    assert node.admin.pairings.calls[-1] == ("accept_file", b"a file", (), ME)


def test_pairings_are_shown_without_what_seals_them_and_are_decided(node):
    (shown,) = node.call("admin", "GET", "/admin/v1/pairings").json["pairings"]
    assert shown["words"] == ["zoo", "able", "about", "yard"]
    assert PAIRING.key.hex() not in str(shown)
    assert PAIRING.handle.hex() not in str(shown)
    assert node.call("admin", "GET", f"/admin/v1/pairings/{NAME[:6]}").json["pairing"] == shown
    for path, says, state in (
        ("confirm", Says.YES, "confirmed"),
        ("refuse", Says.NO, "refused"),
    ):
        answer = node.call("admin", "POST", f"/admin/v1/pairings/{NAME}/{path}", {}).json
        assert answer["pairing"]["state"] == state
        assert node.admin.pairings.calls[-1] == ("decide", PAIRING.id, says, ME)


def test_the_local_network_is_asked_for_a_bounded_time(node):
    (one,) = node.call("admin", "GET", "/admin/v1/discovered?seconds=7").json["discovered"]
    assert one == {
        "name": "Seen for 7 s",
        "node_id_begins": "ab" * 8,
        "url": "https://seen.example",
        "addresses": ["10.1.2.3"],
        "claims_peer": None,
        "claims_own": False,
    }
    (one,) = node.call("admin", "GET", "/admin/v1/discovered?seconds=3600").json["discovered"]
    assert one["name"] == "Seen for 30 s"
