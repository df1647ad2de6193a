"""What the admin socket calls for patients' links."""

from __future__ import annotations

from support.parties import label
from undisc_node.services.browsing_rows import Access, AccessRow
from undisc_node.services.desk_rows import VisitPin
from undisc_node.services.link_rows import KeptPasscode
from undisc_node.services.patient_links import Handout, PatientAccess
from undisc_node.services.patient_rows import KeyKind, PatientKey
from undisc_node.services.use_notices import UseWish
from undisc_protocol.keys import link_key
from unit.web.fakes_consents import VISIT

NOW_MS = 1_795_498_283_000  # 2026-11-24T05:31:23Z
KEY = PatientKey(
    link_key(label("patient")).did,
    VISIT.id,
    KeyKind.LINK,
    b"sealed",
    b"h" * 32,
    software=False,
    created_ms=NOW_MS,
)
PIN = VisitPin(VISIT.id, KeptPasscode(b"s" * 16, b"h" * 32, 3, 2**26), attempts=5)


class FakePatientLinks:
    """One visit with a link, and a PIN once one was set."""

    def __init__(self):
        self.calls = []
        self.pin = None

    def access(self, visit_id):
        return PatientAccess([KEY], self.pin)

    def handout(self, visit_id):
        link = "https://practice.example/l#" + "A" * 43
        return Handout(visit_id, link, "K7QF-0M2X-9WTB", NOW_MS // 1000, "es")

    def reissue(self, visit_id, actor):
        self.calls.append(("reissue", actor))
        return self.handout(visit_id)

    def set_pin(self, visit_id, pin, actor):
        self.calls.append(("set_pin", pin, actor))
        self.pin = PIN

    def draw_pin(self, visit_id, actor):
        self.pin = PIN
        return "471100"

    def reopen(self, visit_id, actor):
        self.calls.append(("reopen", actor))


class FakeSharing:
    """Nothing was shared."""

    def __init__(self):
        self.ended = []

    def shares_of(self, visit_id):
        return []

    def accesses_of(self, visit_id):
        return [AccessRow(NOW_MS, Access.OPENED, KEY.did, None, None, "Dr. Ann", None)]

    def revoke_of(self, visit_id, share_id, actor):
        self.ended.append(share_id)

    def revoke_all_of(self, visit_id, actor):
        self.ended.append("all")
        return 2


class FakeUseNotices:
    """Remembers what patients want."""

    def __init__(self):
        self.wanted = False

    def wish(self, visit):
        return UseWish(self.wanted, possible=True)

    def want(self, visit, actor, *, wanted):
        self.wanted = wanted


class FakeOpening:
    """Greets; tests of the pages bring a real one."""

    def greeting(self):
        return b"n" * 32, NOW_MS // 1000


def patient_parts():
    nobody = dict.fromkeys(("browsing", "patient_sharing", "use_notices"))
    return {"opening": FakeOpening(), **nobody}
