"""Giving images out in an emergency, through the admin socket."""

from __future__ import annotations

import pytest

from unit.web import fakes
from unit.web.test_admin_api import GRANT_BODY


@pytest.mark.parametrize("to", [{"peer": "Praxis B"}, {"peer": None, "link": True}], ids=str)
def test_an_emergency_lasts_three_days_and_goes_its_own_way(start, to):
    """To a practice, or by a link that is shown once; a passcode belongs to the link alone."""
    node = start()
    body = {**GRANT_BODY, "days": None, "basis": "emergency", **to}
    if to.get("link"):
        body["passcode"] = "blue horse"
    made = node.call("admin", "POST", "/admin/v1/grants", body)
    assert (made.status, made.json["link"]) == (200, None)
    assert made.json.get("url") == ("https://a.example/l#c2VjcmV0" if to.get("link") else None)
    (wanted,) = node.admin.emergency_giving.calls
    assert wanted["expires"] == fakes.NOW + 3 * 86_400
    assert wanted["passcode"] == body.get("passcode", "")
    assert node.admin.granting.calls == []
    body = {**GRANT_BODY, "passcode": "blue horse"}
    assert node.call("admin", "POST", "/admin/v1/grants", body).status == 400
