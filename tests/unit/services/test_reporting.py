"""Reports find their study, wait for it, or wait for a person."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support import hl7_messages as hl7
from support.fate import Fate
from support.memory_reader import JANE, JOHN, instance
from undisc_node.services.department_rows import ReportState
from undisc_node.services.dropped import take_dropped
from undisc_node.services.errors import DiskFull, NotFound
from undisc_node.services.report_facts import ReportFacts, ShownReport, ordered


def send(practice, raw):
    answer = practice.hl7.answer(raw, "10.0.0.5").decode()
    return answer.split("\r")[1].split("|")[1]


def image(practice, number=1, accession="A-7", **more):
    return practice.store(instance(number, accession=accession, **more))


def shown(practice, study_id=None):
    found = practice.reporting.of_study(study_id or practice.study().id)
    return [(one.facts.state, one.is_replaced) for one in found]


def test_a_report_becomes_an_object_of_its_study(alone):
    """By its accession number and the patient's; the sender is the one who said it."""
    image(alone)
    assert send(alone, hl7.report("Line one\nLine two")) == "AA"
    (report,) = alone.reporting.of_study(alone.study().id)
    assert report.facts == ReportFacts(ReportState.FINAL, "CT head", "20261126085500")
    assert report.sender == "hl7:RIS"
    assert alone.study().instances == 2
    assert alone.bytes_of()[report.sop_uid].endswith(b"Line one\nLine two")
    assert alone.queueing.list() == []
    assert "report.attached" in alone.kinds()


def test_text_and_pdf_of_one_message_are_two_objects(alone):
    image(alone)
    send(alone, hl7.report(pdf=hl7.PDF))
    classes = {one.sop_class for one in alone.reporting.of_study(alone.study().id)}
    assert len(classes) == 2


def test_a_report_before_its_images_waits_and_attaches_by_itself(alone):
    """It is in the queue meanwhile, and leaves it without anybody."""
    assert send(alone, hl7.report()) == "AA"
    (row,) = alone.queueing.list()
    assert (row.kind, row.study) == ("unmatched-report", None)
    assert {fact.name: fact.here for fact in row.facts}["accession"] == "A-7"
    assert alone.reporting.attach_waiting() == 0
    image(alone)
    assert alone.reporting.attach_waiting() == 1
    assert shown(alone) == [(ReportState.FINAL, False)]
    assert alone.queueing.list() == []
    assert alone.queueing.find(row.id.hex()).outcome == "its images arrived"
    assert alone.reporting.waiting(10) == []
    assert alone.reporting.attach_waiting() == 0


def test_the_same_message_again_changes_nothing(alone):
    """Also when the answer was lost, and also when the RIS sends it under another control id."""
    image(alone)
    for control in ("1", "1", "2"):
        assert send(alone, hl7.report(control=control)) == "AA"
    assert alone.study().instances == 2
    assert alone.kinds().count("report.attached") == 1


def test_another_message_under_a_used_control_id_is_refused_and_not_lost(alone):
    image(alone)
    assert send(alone, hl7.report("First")) == "AA"
    assert send(alone, hl7.report("Second")) == "AE"
    assert alone.study().instances == 2
    assert send(alone, hl7.report("Second", control="2")) == "AA"
    assert alone.study().instances == 3


def test_a_report_of_another_patient_waits_with_both_sides(alone):
    """Two practices number alike, or somebody mistyped: a person decides."""
    image(alone)
    assert send(alone, hl7.report(number="P-200")) == "AA"
    assert alone.study().instances == 1
    (row,) = alone.queueing.list()
    assert row.study == alone.study().id
    sides = {fact.name: (fact.here, fact.there) for fact in row.facts}
    assert sides["patient id"] == ("P-100", "P-200")
    assert alone.reporting.attach_waiting() == 0


def test_a_person_attaches_a_report_to_the_study_of_their_choice(alone):
    image(alone, accession="")
    send(alone, hl7.report())
    (row,) = alone.queueing.list()
    assert set(alone.queueing.decisions(row)) == {"attach", "discard"}
    with pytest.raises(NotFound):
        alone.queueing.resolve(row.id, "attach", "1.9.9", "alice")
    closed = alone.queueing.resolve(row.id, "attach", alone.study().uid, "alice")
    assert closed.outcome == f"attached to {alone.study().id.hex()[:8]}"
    assert shown(alone) == [(ReportState.FINAL, False)]
    assert alone.reporting.waiting(10) == []


def test_a_person_throws_a_report_away(alone):
    send(alone, hl7.report())
    (row,) = alone.queueing.list()
    alone.queueing.resolve(row.id, "discard", "", "alice")
    assert alone.reporting.waiting(10) == []
    assert alone.events()[-1].type == "report.discarded"


def test_a_report_never_goes_to_a_study_that_a_peer_brought(served, clock):
    """Another practice has an accession number A-7 as well, and a patient P-100."""
    holder, asker = served
    holder.store(instance(9, accession="A-7", study_uid="1.2.9"))
    fetched = asker.bring(holder.grant(holder.study("1.2.9").id, asker).offer)
    assert asker.study("1.2.9").sender.startswith("peer:"), fetched
    send(asker, hl7.report())
    assert asker.study("1.2.9").instances == 1
    assert len(asker.queueing.list()) == 1


def test_a_report_of_an_order_with_two_studies_is_in_both(alone):
    image(alone)
    image(alone, 2, study_uid="1.2.88")
    send(alone, hl7.report())
    assert [alone.study(uid).instances for uid in ("1.2.88", alone.study().uid)] == [2, 2]


def test_without_a_patient_number_only_one_study_may_fit(alone, clock):
    """A file in the drop folder names no patient."""
    image(alone)
    image(alone, 2, study_uid="1.2.88", patient=JOHN)
    take_dropped(alone.reporting, clock, "A-7", hl7.PDF)
    take_dropped(alone.reporting, clock, "A-8", hl7.PDF)
    assert len(alone.reporting.waiting(10)) == 2
    image(alone, 3, study_uid="1.2.99", accession="A-8")
    assert alone.reporting.attach_waiting() == 1
    assert shown(alone, alone.study("1.2.99").id) == [(ReportState.FINAL, False)]


def test_versions_are_newest_first_and_older_ones_are_marked(alone):
    """Preliminary, final, addendum, corrected, as they come in a week."""
    image(alone)
    for day, (state, marker) in enumerate(
        [("P", "GDT"), ("F", "GDT"), ("F", "ADT"), ("C", "GDT")], start=1
    ):
        raw = hl7.report(
            f"Text {day}", control=str(day), state=state, marker=marker, reported=f"2026112{day}"
        )
        assert send(alone, raw) == "AA"
        if day == 3:
            assert shown(alone) == [
                (ReportState.ADDENDUM, False),
                (ReportState.FINAL, False),
                (ReportState.PRELIMINARY, True),
            ]
    assert shown(alone) == [
        (ReportState.CORRECTED, False),
        (ReportState.ADDENDUM, True),
        (ReportState.FINAL, True),
        (ReportState.PRELIMINARY, True),
    ]


def test_a_final_report_that_arrives_late_does_not_hide_behind_a_newer_arrival():
    """What counts is when it was written, not when it came."""
    final = ShownReport(b"1", "1", "c", "s", "x", 9, ReportFacts(ReportState.FINAL, "", "20261126"))
    early = ReportFacts(ReportState.PRELIMINARY, "", "20261125")
    assert ordered([replace(final, object=b"2", at_ms=99, facts=early), final])[0] == final


def test_reports_of_different_kinds_do_not_replace_each_other():
    one = ShownReport(b"1", "1", "c", "s", "x", 9, ReportFacts(ReportState.FINAL, "", "20261126"))
    other = replace(one, object=b"2", series_uid="t", at_ms=10)
    unreadable = replace(one, object=b"3", series_uid="u", facts=None)
    assert not any(report.is_replaced for report in ordered([one, other, unreadable]))


def test_nothing_is_acknowledged_that_is_not_durable(alone):
    """The disk is full while a report is stored: the sender keeps it and sends it again."""
    image(alone)
    alone.meet(fate := Fate())
    fate.errors["before commit"] = [DiskFull("no room")]
    assert send(alone, hl7.report()) == "AR"
    assert send(alone, hl7.report()) == "AA"
    assert alone.study().instances == 2


def test_the_patient_of_the_object_is_the_patient_of_the_study(alone):
    """The RIS spells the name in its own way; the study would be held otherwise."""
    image(alone)
    raw = hl7.report().replace(b"Doe^Jane", b"DOE-SMITH^JANE M")
    assert send(alone, raw) == "AA"
    assert (alone.study().patient, alone.study().state) == (JANE, "active")


def test_orders_and_messages_of_long_ago_are_forgotten(alone, clock):
    """Otherwise the catalog grows with every message for ever, also without a worklist."""
    send(alone, hl7.order("1"))
    assert alone.ordering.forget() == 0
    clock.advance(100 * 86_400)
    send(alone, hl7.order("2", accession="A-8"))
    assert alone.ordering.forget() == 2
    assert [one.accession for one in alone.ordering.list("20200101", "20301231", "", 9)] == ["A-8"]
