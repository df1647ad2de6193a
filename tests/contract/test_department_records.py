"""Orders, waiting reports, messages and notices, in memory and in SQLite."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support import samples
from undisc_node.services.department_rows import (
    Message,
    Order,
    OrderState,
    Report,
    ReportState,
    name_of,
)
from undisc_node.services.errors import Conflict
from undisc_node.services.model import Patient
from undisc_node.services.notice_rows import NoticeRow

JANE = Patient("Müller^Änne", "P-100", "hospital", "19700102", "F")


def order(accession="A-1", **changes):
    sample = Order(
        id=name_of("order", accession),
        accession=accession,
        patient=JANE,
        scheduled="20261124101500",
        modality="CT",
        description="CT head",
        requested_by="Weiss^Anna",
        referring="",
        study_uid="1.2.3",
        source="worklist",
        state=OrderState.SCHEDULED,
        seen_ms=1_000,
    )
    return replace(sample, **changes)


def report(accession="A-1", **changes):
    sample = Report(
        id=name_of("report", accession),
        series=name_of("series", accession),
        source="hl7:RIS",
        accession=accession,
        state=ReportState.CORRECTED,
        title="CT head",
        form="pdf",
        content=b"%PDF-\0\xff",
        at_ms=1_000,
        patient=JANE,
        patient_ids=("P-100", "X1"),
        author="Weiss^Anna",
        reported="20261124",
    )
    return replace(sample, **changes)


def notice(text="notice", **changes):
    sample = NoticeRow(
        samples.name(text, 16),
        samples.name("peer", 32),
        samples.name("study", 16),
        "grown",
        1_000,
        0,
        1_000,
        None,
        "",
    )
    return replace(sample, **changes)


def test_the_day_list_is_in_the_order_of_the_day(catalog):
    rows = [
        order("A-1", scheduled="20261124150000"),
        order("A-2", scheduled="20261124"),
        order("A-3", scheduled="20261125080000", patient=replace(JANE, id="P-200")),
        order("A-4", scheduled=""),
    ]
    with catalog.change() as records:
        for row in rows:
            records.orders.put(row)
        records.orders.put(rows[0])
    with catalog.look() as records:
        listed = records.orders.list(first="20261124", last="20261124")
        assert listed == [rows[1], rows[0]]
        assert records.orders.list(last="20261125", text="a-3") == [rows[2]]
        assert records.orders.list(first="20261124", limit=1) == [rows[1]]
        assert records.orders.of_patient("P-200") == [rows[2]]
        assert records.orders.get(rows[3].id) == rows[3]
        assert records.orders.get(bytes(16)) is None


def test_orders_that_nobody_tells_any_more_are_forgotten(catalog):
    with catalog.change() as records:
        records.orders.put(order("old"))
        records.orders.put(order("new", seen_ms=2_000))
        assert records.orders.forget(2_000) == 1
        assert records.orders.get(order("old").id) is None
        assert records.orders.get(order("new").id) is not None


def test_a_report_waits_until_a_study_has_its_accession_number(catalog):
    one, other = report("A-7"), report("A-8", at_ms=500)
    study = samples.study(accession="A-7")
    with catalog.change() as records:
        records.reports.put(one)
        records.reports.put(other)
        records.reports.put(report(""))
        assert records.reports.awaiting() == []
        records.studies.put(study)
        records.studies.put(samples.study("nameless", accession=""))
        assert records.reports.awaiting() == [one.id]
        assert records.studies.of_accession("A-7") == [study]
        assert records.studies.of_accession("") == []
    with catalog.look() as records:
        assert records.reports.get(one.id) == one
        assert records.reports.list(limit=2) == [other, one] or len(records.reports.list()) == 3
    with catalog.change() as records:
        records.reports.remove(one.id)
        records.reports.remove(one.id)
        assert records.reports.get(one.id) is None


def test_a_message_is_remembered_for_its_sender(catalog):
    one = Message("RIS|A", "1", bytes(32), 1_000)
    with catalog.change() as records:
        records.reports.add_message(one)
        records.reports.add_message(replace(one, hash=b"x" * 32))
        assert records.reports.message("RIS|A", "1") == one
        assert records.reports.message("RIS|B", "1") is None
        assert records.reports.forget_messages(1_000) == 0
        assert records.reports.forget_messages(1_001) == 1
        assert records.reports.message("RIS|A", "1") is None


def test_a_notice_is_due_until_it_is_delivered(catalog):
    one = notice()
    later = notice("later", study=samples.name("other", 16), next_ms=9_000, made_ms=2_000)
    with catalog.change() as records:
        records.notices.put(one)
        records.notices.put(later)
        with pytest.raises(Conflict):
            records.notices.put(notice("again"))
        assert records.notices.due(5_000) == [one]
        assert records.notices.due(9_000) == [one, later]
        assert records.notices.find_open(one.peer, one.study, "grown") == one
        done = replace(one, done_ms=6_000, outcome="asks", attempts=1)
        records.notices.put(done)
        assert records.notices.find_open(one.peer, one.study, "grown") is None
        assert records.notices.get(one.id) == done
        assert records.notices.list() == [later, done]
        assert records.notices.list(study=one.study) == [done]
        records.notices.put(notice("again"))
