"""A passkey at the desk, in a real browser with an authenticator that the browser plays."""

from __future__ import annotations

import pytest

from support.chromium import chromium, look, visitor
from support.desk_house import PASSWORD, sign_in
from support.two_nodes import running

pytestmark = pytest.mark.integration
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def test_a_passkey_is_made_signs_in_alone_and_ends_with_a_new_password():
    """Also: not without its holder being verified, and not when the account was disabled."""
    with running("Praxis Süd") as [node], chromium() as browser:
        for name in ("anna", "ben"):
            node.admin.post("staff", {"name": name, "role": "admin", "password": PASSWORD})
        desk = f"http://localhost:{node.internal_port}"
        with visitor(browser, desk, allow=("401", "403")) as page:
            keys = page.context.new_cdp_session(page)
            keys.send("WebAuthn.enable")
            added = keys.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
            sign_in(page)
            page.get_by_role("link", name="Passkeys").click()
            look(page, "desk-no-passkeys")
            page.get_by_label("What do you call the device?").fill("my phone")
            page.get_by_role("button", name="Make a passkey").click()
            page.get_by_text("my phone", exact=True).first.wait_for()
            look(page, "desk-passkeys")
            page.get_by_role("button", name="Sign off anna").click()
            look(page, "desk-sign-in-passkey")

            page.get_by_role("button", name="Sign in with a passkey").click()
            page.wait_for_url("**/desk/")
            page.get_by_role("button", name="Sign off anna").click()
            assert [one["detail"]["name"] for one in node.events("staff.signed_in")] == ["anna"] * 2

            unverified = {"authenticatorId": added["authenticatorId"], "isUserVerified": False}
            keys.send("WebAuthn.setUserVerified", unverified)
            page.get_by_role("button", name="Sign in with a passkey").click()
            page.get_by_text("That did not work").wait_for()
            keys.send("WebAuthn.setUserVerified", {**unverified, "isUserVerified": True})

            node.admin.post("staff/anna/reset", {"password": f"{PASSWORD} anew"})
            page.get_by_role("button", name="Sign in with a passkey").click()
            page.get_by_role("alert").filter(has_text="That did not work").wait_for()
            assert page.url.endswith("/desk/passkey")
            assert len(node.events("staff.signed_in")) == 2
