"""`undisc grants` and `undisc shares`: offers, link secrets, and honest revocations."""

from __future__ import annotations

import base64
import json
import stat

import pytest

from support.fake_admin import error
from support.fake_admin_rows import (
    DID,
    GRANT_ID,
    GRANT_ROW,
    OFFER,
    RECEIPT_ROW,
    SHARE_ID,
    SHARE_ROW,
    STUDY_DETAIL,
    STUDY_ID,
)
from undisc_protocol.capability.delegation import Basis, Meta, read_delegation, sign_grant
from undisc_protocol.keys import SignKey, link_key
from undisc_protocol.link import read_link

NOW = 1_795_500_000  # as the fixture's clock
DAY = 86_400
SECRET = bytes(range(32))
LINK = base64.urlsafe_b64encode(SECRET).rstrip(b"=").decode()
CREATE = ["grants", "create", "3f2a", "--staff", "Dr. Ada Example", "--purpose", "second opinion"]
TO_LINK = [*CREATE, "--to-link", "--link-file"]


def test_a_grant_writes_its_offer_and_says_what_to_do_next(undisc, node, tmp_path):
    done = undisc(*CREATE, "--to", "Riverside Radiology", "--days", "30")

    path = tmp_path / "riverside-radiology-3f2a81c0.undisc-offer"
    assert done.exit_code == 0
    assert path.read_bytes() == base64.b64decode(OFFER)
    assert f"undisc fetch {path.name}" in done.stderr
    assert node.asked[-1].json == {
        "study": STUDY_ID,
        "peer": "Riverside Radiology",
        "link": False,
        "basis": "treatment",
        "staff": "Dr. Ada Example",
        "purpose": "second opinion",
        "expires": None,
        "days": 30,
        "command": "/img/read",
    }


def test_view_only_and_an_end_reach_the_node(undisc, node):
    undisc(*CREATE, "--to", "91c4", "--view-only", "--until", "2027-01-31T12:00:00+01:00")

    assert node.asked[-1].json["command"] == "/img/view"
    assert node.asked[-1].json["expires"] == "2027-01-31T11:00:00Z"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--to", "91c4", "--days", "3", "--until", "2027-01-01"], "give one of them"),
        (["--to", "91c4", "--until", "2020-01-01"], "2020-01-01 is past"),
        (["--to", "91c4", "--until", "2036-01-01"], "more than 400 days away"),
        (["--to", "91c4", "--until", "soon"], "'soon' is not a date"),
        (["--to", "91c4", "--days", "0"], "0 is not in the range"),
        (["--to", "91c4", "--to-link", "--link-file", "x"], "say whom"),
        ([], "say whom"),
        (["--to-link"], "belong together"),
        (["--to", "91c4", "--link-file", "x"], "belong together"),
    ],
)
def test_a_contradiction_is_refused_before_the_node_is_asked(undisc, node, arguments, sentence):
    done = undisc(*CREATE, *arguments)

    assert (done.exit_code, node.calls()) == (2, [])
    assert sentence in done.stderr


def test_an_offer_that_is_there_is_not_overwritten_and_no_grant_is_made(undisc, node, tmp_path):
    (tmp_path / "offer").write_bytes(b"an older offer")

    done = undisc(*CREATE, "--to", "91c4", "--out", "offer")

    assert done.exit_code == 6
    assert done.stderr.startswith("error: offer is there already\nhint: ")
    assert (tmp_path / "offer").read_bytes() == b"an older offer"
    assert ("POST", "grants") not in node.calls()


def test_force_replaces_an_offer(undisc, tmp_path):
    (tmp_path / "offer").write_bytes(b"an older offer")

    assert undisc(*CREATE, "--to", "91c4", "--out", "offer", "--force").exit_code == 0
    assert (tmp_path / "offer").read_bytes() == base64.b64decode(OFFER)
    assert [path.name for path in tmp_path.iterdir()] == ["offer"]


@pytest.mark.parametrize("force", [[], ["--force"]], ids=["", "force"])
def test_a_refused_grant_leaves_no_file(undisc, node, tmp_path, force):
    node.say("POST", "grants", error("unknown_recipient", "the peer is not trusted"), status=403)

    done = undisc(*CREATE, "--to", "91c4", *force)

    assert (done.exit_code, list(tmp_path.iterdir())) == (4, [])


def test_a_directory_that_is_not_there_is_noticed_before_a_grant_is_made(undisc, node):
    done = undisc(*CREATE, "--to", "91c4", "--out", "nowhere/offer")

    assert done.exit_code == 7
    assert ("POST", "grants") not in node.calls()


def test_a_name_typed_like_a_path_stays_in_this_directory(undisc, tmp_path):
    undisc(*CREATE, "--to", "../../etc/Río & Co")

    assert [path.name for path in tmp_path.iterdir()] == ["etc-r-o-co-3f2a81c0.undisc-offer"]


def link_granted(node):
    node.say(
        "POST", "grants", {"grant": {**GRANT_ROW, "peer_name": None}, "offer": None, "link": LINK}
    )


def test_a_links_secret_goes_into_a_file_of_its_owner_and_nowhere_else(undisc, node, tmp_path):
    link_granted(node)

    done = undisc(*TO_LINK, "link.txt")

    assert (tmp_path / "link.txt").read_text() == LINK + "\n"
    assert stat.S_IMODE((tmp_path / "link.txt").stat().st_mode) == 0o600
    assert LINK not in done.output
    assert node.asked[-1].json["basis"] == "operator"
    assert node.asked[-1].json["command"] == "/img"


def test_a_links_secret_is_not_in_the_json_either(undisc, node, tmp_path):
    link_granted(node)

    done = undisc(*TO_LINK, "link.txt", "--json")

    assert json.loads(done.stdout)["link"] is None
    assert (tmp_path / "link.txt").read_text() == LINK + "\n"


def test_a_links_secret_goes_to_standard_output_when_told_so(undisc, node):
    link_granted(node)

    assert undisc(*TO_LINK, "-").stdout == LINK + "\n"
    assert json.loads(undisc(*TO_LINK, "-", "--json").stdout)["link"] == LINK


def test_revoking_a_grant_says_who_has_a_copy(undisc, node):
    node.say("GET", f"studies/{STUDY_ID}", {**STUDY_DETAIL, "receipts": [RECEIPT_ROW]})

    done = undisc("grants", "revoke", "8d10", typed="y\n")

    assert "these nodes hold a copy already, which cannot be called back:" in done.stderr
    assert "and 1 active share on it? This cannot be undone" in done.stderr
    assert node.calls()[-1] == ("POST", f"grants/{GRANT_ID}/revoke")


def test_a_grant_on_a_deleted_study_can_still_be_revoked(undisc, node):
    node.say("GET", f"studies/{STUDY_ID}", error("not_found", "no such study"), status=404)

    assert undisc("grants", "revoke", "8d10", "--yes").exit_code == 0


def test_revoking_a_share_by_its_prefix_revokes_the_one_that_was_shown(undisc, node):
    done = undisc("shares", "revoke", "5b77", typed="y\n")

    assert "revoke share 5b77bb02 to Riverside Radiology?" in done.stderr
    assert node.calls()[-1] == ("POST", f"shares/{SHARE_ID}/revoke")


@pytest.fixture
def holder():
    return SignKey.from_seed(b"\x01" * 32)


@pytest.fixture
def granted(node, holder):
    """A node that has granted the study to the link of `SECRET`, besides an older grant."""
    link = link_key(SECRET)
    token = sign_grant(
        holder,
        audience=link.did,
        study=bytes.fromhex(STUDY_ID),
        command="/img",
        meta=Meta(Basis.OPERATOR),
        nonce=bytes(16),
        expires=NOW + 100 * DAY,
    )
    mine = {**GRANT_ROW, "audience": link.did, "command": "/img", "peer_name": None}
    revoked = {**mine, "id": "00" * 32, "state": "revoked"}
    node.say("GET", "grants", {"grants": [revoked, GRANT_ROW, mine]})
    node.say("GET", f"grants/{GRANT_ID}/token", {"token": base64.b64encode(token).decode()})
    return node


@pytest.fixture
def link_file(tmp_path):
    path = tmp_path / "link.txt"
    path.write_text(LINK + "\n")
    path.chmod(0o600)
    return path


SHARE = ["shares", "create", "3f2a", "--to", "91c4", "--link-file"]


def posted_share(node):
    raw = base64.b64decode(node.asked[-1].json["token"])
    share = read_delegation(raw)
    share.envelope.verify(share.issuer)
    return share


def test_a_share_is_signed_here_with_the_links_key(undisc, granted, holder, link_file, tmp_path):
    done = undisc(*SHARE, "link.txt", "--days", "7", "--out", "offer")

    share = posted_share(granted)
    assert done.exit_code == 0
    assert (share.issuer, share.audience, share.subject) == (
        link_key(SECRET).did,
        DID,
        holder.did,
    )
    assert (share.not_before, share.expires) == (NOW, NOW + 7 * DAY)
    assert share.policy.study == bytes.fromhex(STUDY_ID)
    assert share.policy.series == ()
    assert (tmp_path / "offer").read_bytes() == base64.b64decode(OFFER)


def test_the_links_secret_never_travels(undisc, granted, link_file):
    undisc(*SHARE, "link.txt")

    for asked in granted.asked:
        for form in (SECRET, LINK.encode(), SECRET.hex().encode(), base64.b64encode(SECRET)):
            assert form not in asked.body
            assert form.decode("latin-1") not in asked.path


def test_without_an_end_a_share_ends_with_its_grant(undisc, granted, link_file):
    undisc(*SHARE, "link.txt", "--view-only")

    share = posted_share(granted)
    assert (share.expires, share.command) == (NOW + 100 * DAY, "/img/view")


def test_a_share_cannot_outlive_its_grant(undisc, granted, link_file):
    done = undisc(*SHARE, "link.txt", "--days", "101")

    assert (done.exit_code, granted.calls()[-1][0]) == (2, "GET")
    assert "outlive the grant" in done.stderr


def test_a_share_can_name_a_series_by_its_uid(undisc, granted, link_file):
    undisc(*SHARE, "link.txt", "--series", "1.2.3")

    assert posted_share(granted).policy.series == (b"\xee" * 16,)


def test_a_series_that_is_not_there_is_not_shared(undisc, granted, link_file):
    done = undisc(*SHARE, "link.txt", "--series", "1.2.4")

    assert (done.exit_code, granted.calls()[-1][0]) == (3, "GET")


def test_a_link_without_a_grant_is_told_so(undisc, node, link_file):
    done = undisc(*SHARE, "link.txt")

    assert done.exit_code == 3
    assert "error: this link has no active grant on the study" in done.stderr


def test_a_grant_for_somebody_else_is_not_signed_on(undisc, granted, holder, link_file):
    """Attack: a faulty node hands out a grant whose audience is not the link."""
    other = sign_grant(
        holder,
        audience=holder.did,
        study=bytes.fromhex(STUDY_ID),
        command="/img",
        meta=Meta(Basis.OPERATOR),
        nonce=bytes(16),
        expires=NOW + DAY,
    )
    path = f"grants/{GRANT_ID}/token"
    granted._said["GET", path].clear()
    granted.say("GET", path, {"token": base64.b64encode(other).decode()})

    done = undisc(*SHARE, "link.txt")

    assert done.exit_code == 1
    assert "a grant that this link cannot share" in done.stderr
    assert ("POST", "shares") not in granted.calls()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_link_file_that_others_can_read_is_refused(undisc, granted, link_file, mode):
    link_file.chmod(mode)

    done = undisc(*SHARE, "link.txt")

    assert (done.exit_code, granted.calls()) == (4, [])
    assert "hint: chmod 600 link.txt" in done.stderr


def test_a_link_is_read_from_standard_input(undisc, granted):
    assert undisc(*SHARE, "-", typed=LINK).exit_code == 0


@pytest.mark.parametrize(
    "content", ["", "no secret here", LINK[:-2], LINK + "AA", LINK + "\n" + LINK, "x" * 5000]
)
def test_what_is_no_link_is_refused_without_repeating_it(undisc, granted, link_file, content):
    link_file.write_text(content)

    done = undisc(*SHARE, "link.txt")

    assert (done.exit_code, granted.calls()) == (7, [])
    assert not content or content not in done.output


def test_a_new_link_is_shown_once_and_its_secret_never_travels(
    undisc, granted, link_file, tmp_path
):
    """Share and passcode go to the node, the link only to the screen."""
    made = {"id": "77" * 32, "passcode": True, "uses": 0, "max_uses": 1, "attempts": 0}
    granted.say("POST", "links", {"link": made, "share": SHARE_ROW})
    granted.say("GET", "status", {"urls": ["https://a.example"]})
    (tmp_path / "code.txt").write_text("blue horse 7\n")
    done = undisc(
        "shares", "create", "3f2a", "--link-file", "link.txt", "--to", "link",
        "--passcode-file", "code.txt", "--uses", "1",
    )  # fmt: skip

    assert done.exit_code == 0, done.stderr
    link = done.stdout.strip()
    secret = read_link(link).secret
    asked = granted.asked[-1]
    body = json.loads(asked.body)
    assert (body["passcode"], body["uses"]) == ("blue horse 7", 1)
    share = read_delegation(base64.b64decode(body["token"]))
    assert share.audience == link_key(secret).did
    assert link.split("#")[1].encode() not in b"".join(one.body for one in granted.asked)
