"""What the admin socket needs of consents and visits."""

from __future__ import annotations

from dataclasses import replace

from support import samples
from support.consents import TEXT, consent, visit
from undisc_node.services.consent_rows import VisitGrant, VisitStudy
from undisc_node.services.consenting import Withdrawn
from undisc_node.services.errors import NotFound
from undisc_node.services.releasing import ReadyOffer
from undisc_node.services.visiting import VisitDetail
from unit.web.fakes_messages import message_parts

NOW_MS = 1_795_498_283_000  # 2026-11-24T05:31:23Z
CONSENT = consent(at_ms=NOW_MS, ends=NOW_MS // 1000 + 60)
VISIT = visit(CONSENT)
GRANT = samples.grant()
MADE = VisitGrant(VISIT.id, GRANT.study, samples.name("hospital", 32), GRANT.id)
ROWS = [
    (VisitStudy(VISIT.id, samples.study().id, belongs=True, by="", at_ms=NOW_MS), samples.study()),
    (VisitStudy(VISIT.id, b"g" * 16, belongs=False, by="anna", at_ms=NOW_MS), None),
]
DETAIL = VisitDetail(VISIT, CONSENT, ROWS, [(MADE, GRANT)], ["A-1"])


class FakeConsenting:
    """One consent; remembers what was recorded."""

    def __init__(self):
        self.wishes = []

    def texts(self):
        return [TEXT]

    def text(self, language):
        if language != TEXT.language:
            raise NotFound("there is no text in that language", code="no_text")
        return TEXT

    def record(self, wish, actor, also=None):
        self.wishes.append((wish, actor))
        return CONSENT, VISIT

    def find(self, prefix):
        if not CONSENT.id.hex().startswith(prefix):
            raise NotFound("no consent has that id")
        return CONSENT

    def list(self, patient, limit):
        return [CONSENT][:limit] if patient in ("", "P-100") else []

    def withdraw(self, consent_id, why, actor):
        gone = replace(CONSENT, withdrawn_ms=NOW_MS, withdrawn_by=actor, withdrawn_why=why)
        return Withdrawn(gone, [replace(GRANT, revoked_ms=NOW_MS)])

    def text_of(self, consent):
        return TEXT


class FakeVisiting:
    def find(self, prefix):
        if not VISIT.id.hex().startswith(prefix):
            raise NotFound("no visit has that id")
        return VISIT

    def list(self, patient, limit):
        return [DETAIL][:limit] if patient in ("", "P-100") else []

    def detail(self, visit_id):
        return DETAIL

    def of_consent(self, consent_id):
        return VISIT


class FakeReleasing:
    def release(self, visit_id, actor):
        return 1

    def offers(self, visit_id):
        return [ReadyOffer(MADE, GRANT, b"an offer")]


def consent_parts():
    return {
        "consenting": FakeConsenting(),
        "visiting": FakeVisiting(),
        "releasing": FakeReleasing(),
        **message_parts(),
    }
