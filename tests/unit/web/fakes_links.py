"""Fakes of what the admin socket calls for links."""

from __future__ import annotations

from dataclasses import replace

from undisc_node.services.emergency_giving import Given
from undisc_node.services.link_rows import KeptPasscode, LinkRow
from undisc_node.services.sharing import Shared
from undisc_protocol.did import Did
from unit.web.fakes_patients import FakePatientLinks, FakeSharing, FakeUseNotices

NOW_MS = 1_795_498_283_000  # 2026-11-24T05:31:23Z
LINK = LinkRow(
    did=Did("did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH"),
    passcode=KeptPasscode(b"s" * 16, b"h" * 32, 3, 2**26),
    max_uses=2,
    uses=1,
    max_attempts=5,
    attempts=0,
    created_ms=NOW_MS,
)


class FakeLinking:
    def __init__(self, share):
        self._share = share
        self.protection = None

    def share(self, token, protection, actor):
        self.protection = protection
        return Shared(self._share, b"offer of " + token), LINK

    def find(self, prefix):
        return LINK

    def list(self):
        return [LINK, replace(LINK, uses=2), replace(LINK, attempts=5)]

    def reopen(self, link, actor):
        return link

    def revoke(self, link, actor):
        return replace(link, revoked_ms=NOW_MS)


class FakeLinkFetching:
    def __init__(self, fetch):
        self._fetch = fetch
        self.given = []

    def start(self, text, passcode, actor, code=""):
        self.given.append((text, passcode, code))
        return [self._fetch]


class FakeEmergencyGiving:
    def __init__(self, grant):
        self._grant = grant
        self.calls = []

    def give(self, **wanted):
        self.calls.append(wanted)
        if wanted["peer"] is None:
            return Given(self._grant, None, "https://a.example/l#c2VjcmV0")
        return Given(self._grant, b"offer", "")


def link_parts(share, fetch, grant):
    return {
        "emergency_giving": FakeEmergencyGiving(grant),
        "linking": FakeLinking(share),
        "link_fetching": FakeLinkFetching(fetch),
        "patient_links": FakePatientLinks(),
        "patient_sharing": FakeSharing(),
        "use_notices": FakeUseNotices(),
    }
