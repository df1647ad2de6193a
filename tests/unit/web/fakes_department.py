"""What the listeners need of orders, reports and the queue."""

from __future__ import annotations

from dataclasses import replace

from undisc_node.services.department_rows import Order, OrderState, Report, ReportState
from undisc_node.services.errors import NotFound
from undisc_node.services.model import Patient
from undisc_node.services.notice_rows import NoticeRow
from undisc_node.services.ordering import Refreshed
from undisc_node.services.ports import Reply
from undisc_node.services.queue_rows import Fact, QueueRow
from undisc_node.services.queueing import Decision
from undisc_node.services.report_facts import ReportFacts, ShownReport
from undisc_node.services.staff_rows import Role, StaffMember

NOW_MS = 1_795_498_283_000  # 2026-11-24T05:31:23Z

ROW = QueueRow(
    id=b"q" * 16,
    kind="patient-merge",
    study=bytes(range(16)),
    subject="1",
    facts=(Fact("patient id", "4711", "4712"), Fact("source", "RIS")),
    at_ms=NOW_MS,
)


class FakeQueueing:
    def list(self, kind="", *, done=False, limit=100, offset=0):
        return [] if kind == "other" else [ROW][offset:limit]

    def find(self, prefix):
        if not ROW.id.hex().startswith(prefix):
            raise NotFound("no row of the queue has that id")
        return ROW

    def decisions(self, row):
        return {"apply": Decision("take it over"), "attach": Decision("attach it", "STUDY")}

    def resolve(self, row_id, decision, value, actor):
        return replace(ROW, done_ms=NOW_MS, outcome=f"{decision} {value} by {actor}")


class FakeStaff:
    """One account, whose password is known."""

    member = StaffMember("anna", Role.ADMIN, bytes(16), bytes(32), 1, 8192, NOW_MS, NOW_MS)

    def __init__(self):
        self.calls = []

    def list(self):
        return [self.member]

    def add(self, name, role, password, actor):
        self.calls.append((name, role, password, actor))
        return replace(self.member, name=name, role=role)

    def disable(self, name, actor):
        if name != "anna":
            raise NotFound("there is no account of that name")
        return replace(self.member, disabled_ms=NOW_MS)

    def reset(self, name, password, actor):
        self.calls.append((name, password, actor))
        return self.member


JANE = Patient("Doe^Jane", "4711", "", "19700101", "F")
ORDER = Order(
    id=b"o" * 16,
    accession="A1",
    patient=JANE,
    scheduled="20261124101500",
    modality="CT",
    description="CT head",
    requested_by="Weiss^Anna",
    referring="",
    study_uid="1.2.3",
    source="worklist",
    state=OrderState.SCHEDULED,
    seen_ms=NOW_MS,
)
REPORT = Report(
    id=b"r" * 16,
    series=b"s" * 16,
    source="hl7:RIS",
    accession="A2",
    state=ReportState.FINAL,
    title="CT head",
    form="text",
    content=b"nothing",
    at_ms=NOW_MS,
    patient=JANE,
    author="Weiss^Anna",
    reported="20261124",
)
SHOWN = ShownReport(
    object=b"j" * 16,
    sop_uid="2.25.7",
    sop_class="1.2.840.10008.5.1.4.1.1.88.11",
    series_uid="2.25.8",
    sender="hl7:RIS",
    at_ms=NOW_MS,
    facts=ReportFacts(ReportState.PRELIMINARY, "CT head", "20261124"),
    is_replaced=True,
)


class FakeOrdering:
    def __init__(self):
        self.asked = []
        self.last = Refreshed(0, 0, "")

    def refresh(self):
        return Refreshed(NOW_MS, 12, "")

    def list(self, first, last, text, limit):
        self.asked.append((first, last, text, limit))
        return [ORDER]


class FakeReporting:
    def waiting(self, limit):
        return [REPORT]

    def of_study(self, study_id):
        return [SHOWN]


class FakeNoticing:
    def of_study(self, study):
        return [
            NoticeRow(b"n" * 16, b"p" * 32, study, "grown", NOW_MS, 2, NOW_MS, None, "unreachable")
        ]

    def about(self, permission):
        return [
            NoticeRow(
                id=b"e" * 16,
                peer=b"p" * 32,
                study=permission.study,
                kind="ended",
                made_ms=NOW_MS,
                attempts=1,
                next_ms=NOW_MS,
                done_ms=NOW_MS,
                outcome="keeps its copy",
                heard_ms=NOW_MS,
                does="kept",
                why="law",
            )
        ]


class FakeRecalling:
    def answer(self, body):
        return Reply(200, b"memory for " + body[:20])


class FakeHeeding:
    def take(self, body):
        return Reply(200, b"heard " + body[:20])


def department_parts():
    return {
        "queueing": FakeQueueing(),
        "ordering": FakeOrdering(),
        "reporting": FakeReporting(),
        "noticing": FakeNoticing(),
    }
