"""From a link to the images on a real node: opened in a browser, seen, written down, taken back."""

from __future__ import annotations

import base64
import time

import pytest
from playwright.sync_api import expect

from support import viewer_study
from support.chromium import chromium, visitor
from support.two_nodes import running
from undisc_admin.agent import ShareWish, key_of_link, share_on
from undisc_protocol.keys import link_key
from undisc_protocol.link import write_link

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]
CODE, SECRET = "blue horse 7", b"secret of the doctor's link, 32b"


def shared(node, contents, *, command="/img/read"):
    """Import a study, and share it by a link with a passcode; return the link's id and the link."""
    for content in contents:
        node.import_bytes(content)
    study = node.admin.get(f"studies/{viewer_study.STUDY}").part("study").text("id")
    node.admin.post(f"studies/{study}/settle")
    granted = node.admin.post(
        "grants",
        {"study": study, "link": True, "basis": "operator", "staff": "Dr A", "purpose": "test",
         "command": "/img"},
    )  # fmt: skip
    token = node.admin.get(f"grants/{granted.part('grant').text('id')}/token").text("token")
    wish = ShareWish(
        audience=link_key(SECRET).did, command=command, series=(), nonce=b"n" * 16,
        made=int(time.time()), expires=None,
    )  # fmt: skip
    patient = base64.urlsafe_b64decode(granted.text("link") + "=")
    signed = share_on(token, key_of_link(patient), wish)
    made = node.admin.post("links", {"token": signed, "passcode": CODE, "attempts": 3})
    return made.part("link").text("id"), write_link(node.url, SECRET)


def test_a_doctor_comes_by_the_link_and_leaves_when_it_is_revoked():
    """Three clicks at most from the link to the images, and the log says who saw them."""
    with running("Praxis Süd") as [node], chromium() as browser:
        link_id, link = shared(
            node, [*viewer_study.stack(4), viewer_study.report("text", b"Fine.", patient=JANE)]
        )
        with visitor(browser, node.url, allow=("403",)) as page:
            page.goto(link)
            page.locator("[name=passcode]:visible").fill(CODE)
            page.locator("[name=name]:visible").fill("Dr Weiss")
            page.locator("[name=name]:visible").press("Enter")
            expect(page.locator("[data-stage] img")).to_be_visible()
            assert page.url == f"{node.url}/view/"
            (seen,) = node.events("study.viewed")
            assert seen["who"][0]["name"] == "Dr Weiss"
            assert seen["who"][0]["net"] == "this machine"
            assert node.events("study.copied") == []
            with page.expect_download() as begun:
                page.get_by_role("link", name="Download").click()
            assert begun.value.suggested_filename == "images.zip"
            begun.value.path()
            assert len(node.events("study.copied")) == 1
            node.admin.post(f"links/{link_id}/revoke")
            heading = page.get_by_role("heading", name="This view has ended")
            expect(heading).to_be_visible(timeout=15_000)
            expect(page.get_by_text("The patient has taken this back")).to_be_visible()
            assert len(node.events("study.viewed")) == 1


JANE = viewer_study.Patient("Doe^Jane", "4711", "", "19700102", "F")
