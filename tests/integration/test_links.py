"""Two real nodes and a link between them, and no trace of it in what they write."""

from __future__ import annotations

import base64
import time

import pytest

from support.practices import both_practices
from support.studies_on_disk import make_study
from undisc_admin.agent import ShareWish, key_of_link, share_on
from undisc_admin.errors import CommandError
from undisc_protocol.keys import link_key
from undisc_protocol.link import write_link, write_secret

CODE = "blue horse 7"
PATIENT, SECRET = b"p" * 32, b"secret of the shared link, 32 b."


def test_a_protected_link_crosses_and_leaves_no_trace():
    """Wrong passcode, right one, study, revocation; the link stands in no file of either node."""
    with both_practices() as both:
        made = make_study(1, [20_000, 30_000])
        study = both.hold(made)
        granted = both.a.admin.post(
            "grants",
            {"study": study, "link": True, "basis": "operator", "staff": "Dr A", "purpose": "test",
             "command": "/img"},
        )  # fmt: skip
        patient = base64.urlsafe_b64decode(granted.text("link") + "=")
        token = both.a.admin.get(f"grants/{granted.part('grant').text('id')}/token").text("token")
        wish = ShareWish(
            audience=link_key(SECRET).did, command="/img/read", series=(), nonce=b"n" * 16,
            made=int(time.time()), expires=None,
        )  # fmt: skip
        signed = share_on(token, key_of_link(patient), wish)
        body = {"token": signed, "passcode": CODE, "uses": 1, "attempts": 3}
        link_id = both.a.admin.post("links", body).part("link").text("id")
        link = write_link(both.proxy.url, SECRET)

        def open_with(passcode):
            given = {"link": base64.b64encode(f"<{link}>.".encode()).decode(), "passcode": passcode}
            return both.b.admin.post("fetches/link", given)

        with pytest.raises(CommandError) as caught:
            open_with("red horse 7")
        assert caught.value.code == "wrong_passcode"
        (fetch,) = open_with(CODE).parts("fetches")
        done = both.b.admin.get(f"fetches/{fetch.text('id')}", {"wait": "10000"}).part("fetch")
        assert (done.text("state"), done.integer("objects")) == ("done", 2)
        row = both.a.admin.get("links").parts("links")[0]
        assert (row.integer("uses"), row.integer("attempts")) == (1, 1)
        both.a.admin.post(f"links/{link_id}/revoke")
        with pytest.raises(CommandError) as caught:
            open_with(CODE)
        assert caught.value.code == "revoked"
        written = [path for node in (both.a, both.b) for path in node.home.rglob("*")]
        for path in [one for one in written if one.is_file()]:
            content = path.read_bytes()
            for secret in (SECRET, write_secret(SECRET).encode(), CODE.encode()):
                assert secret not in content, path
