"""What those say who have a copy through a grant or share that was taken back."""

from unit.web import fakes
from unit.web.test_admin_api import AT, GRANT_JSON, SHARE_JSON

ENDED_JSON = {
    "peer": fakes.PEER_ID.hex(),
    "peer_name": "Praxis B",
    "kind": "ended",
    "made": AT,
    "attempts": 1,
    "done": AT,
    "outcome": "keeps its copy",
    "heard": AT,
    "does": "kept",
    "why": "law",
    "passed": False,
}


def test_a_grant_is_shown_with_its_shares_and_the_answers(node):
    answer = node.call("admin", "GET", "/admin/v1/grants/6767")
    assert answer.json == {"grant": GRANT_JSON, "shares": [SHARE_JSON], "notices": [ENDED_JSON]}


def test_a_share_is_shown_with_the_answers(node):
    answer = node.call("admin", "GET", f"/admin/v1/shares/{fakes.SHARE_ID.hex()[:8]}")
    assert answer.json == {"share": SHARE_JSON, "notices": [ENDED_JSON]}
