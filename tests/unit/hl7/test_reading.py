"""Orders, reports and patient changes as a RIS says them."""

from __future__ import annotations

import base64

import pytest

from support import hl7_messages as hl7
from undisc_node.hl7.message import Unreadable, read_message
from undisc_node.hl7.reading import read_change, read_orders, read_reports
from undisc_node.services.department_rows import OrderState, ReportState
from undisc_node.services.model import Patient

JANE = Patient("Doe^Jane", "P-100", "hospital", "19700102", "F")


def orders(raw):
    return read_orders(read_message(raw), 77)


def reports(raw):
    return read_reports(read_message(raw), 77)


def test_an_order_as_ihe_writes_it():
    (order,) = orders(hl7.order())
    assert (order.accession, order.patient, order.state) == ("A-7", JANE, OrderState.SCHEDULED)
    assert (order.scheduled, order.modality) == ("20261124101500", "CT")
    assert order.description == "CT head"
    assert (order.requested_by, order.referring) == ("Weiss^Anna", "Roth^Rita")
    assert (order.study_uid, order.source) == ("1.2.826.0.1.77", "hl7:RIS")


def test_an_order_that_is_told_again_is_the_same_row():
    (first,), (again,) = orders(hl7.order("1")), orders(hl7.order("2", do="CA"))
    assert first.id == again.id
    assert again.state is OrderState.CANCELLED


def test_an_imaging_order_of_version_2_5_1():
    """OMI^O23: what belongs to imaging stands in the segment IPC."""
    raw = hl7.message(
        hl7.header("OMI^O23"),
        hl7.patient(),
        "ORC|NW|PL-1",
        hl7.segment("TQ1", f1="1", f7="202611241015"),
        hl7.segment("OBR", f1="1", f2="PL-1", f3="FI-1", f4="X^CT head^L"),
        "IPC|A-9^RIS|RP-1|1.2.3.4|SPS-1|CT",
    )
    (order,) = orders(raw)
    assert (order.accession, order.modality, order.study_uid) == ("A-9", "CT", "1.2.3.4")
    assert order.scheduled == "202611241015"


def test_several_orders_in_one_message():
    raw = hl7.message(
        hl7.header("ORM^O01"),
        hl7.patient(),
        "ORC|NW|1",
        hl7.segment("OBR", f2="1", f18="A-1"),
        "ORC|CA|2",
        hl7.segment("OBR", f2="2", f18="A-2"),
    )
    assert [(one.accession, one.state) for one in orders(raw)] == [
        ("A-1", OrderState.SCHEDULED),
        ("A-2", OrderState.CANCELLED),
    ]


def test_a_text_report():
    (report,) = reports(hl7.report("Clinical question\\.br\\Fracture?\n\nNo \\T\\ no."))
    assert report.content.decode() == "Clinical question\nFracture?\n\nNo & no."
    assert (report.accession, report.state, report.form) == ("A-7", ReportState.FINAL, "text")
    assert (report.title, report.author) == ("CT head", "Weiss^Anna")
    assert (report.reported, report.patient) == ("20261126085500", JANE)
    assert report.patient_ids == ("P-100",)


def test_a_pdf_in_base64():
    (text, pdf) = reports(hl7.report("See PDF", pdf=hl7.PDF))
    assert (pdf.form, pdf.content) == ("pdf", hl7.PDF)
    assert text.series == pdf.series
    (only,) = reports(hl7.report("", pdf=hl7.PDF))
    assert only.form == "pdf"


def test_a_pdf_broken_into_lines():
    data = base64.b64encode(hl7.PDF).decode()
    whole = hl7.report("", pdf=hl7.PDF)
    broken = whole.replace(data.encode(), (data[:8] + "\\.br\\" + data[8:]).encode())
    assert reports(broken)[0].content == hl7.PDF


@pytest.mark.parametrize("data", [b"AAAA", b"not base64!", b"", base64.b64encode(b"<html>")])
def test_what_is_no_pdf_is_refused(data):
    raw = hl7.report("", pdf=hl7.PDF).replace(base64.b64encode(hl7.PDF), data)
    with pytest.raises(Unreadable) as refused:
        reports(raw)
    assert refused.value.place in ("OBX^1^5", "OBX")


@pytest.mark.parametrize(
    ("state", "marker", "expected"),
    [
        ("P", "GDT", ReportState.PRELIMINARY),
        ("R", "GDT", ReportState.PRELIMINARY),
        ("F", "GDT", ReportState.FINAL),
        ("C", "GDT", ReportState.CORRECTED),
        ("F", "ADT", ReportState.ADDENDUM),
        ("", "GDT", ReportState.PRELIMINARY),
    ],
)
def test_what_a_report_says_about_itself(state, marker, expected):
    """What does not say that it is final is not."""
    assert reports(hl7.report(state=state, marker=marker))[0].state is expected


def test_a_withdrawn_report_replaces_what_was_said():
    (report,) = reports(hl7.report("", state="X"))
    assert report.state is ReportState.CORRECTED
    assert b"withdrawn" in report.content


def test_the_same_report_has_the_same_name_whenever_it_is_sent():
    (one,), (two,) = reports(hl7.report(control="1")), reports(hl7.report(control="2"))
    assert one.id == two.id
    (other,) = reports(hl7.report("Other text"))
    assert other.id != one.id
    assert other.series == one.series


def test_a_merge_names_what_is_gone():
    change = read_change(read_message(hl7.merge("P-100", "P-900")))
    assert (change.former, change.former_issuer) == ("P-100", "hospital")
    assert change.patient.id == "P-900"


def test_a_person_with_several_numbers_is_known_by_the_medical_record_number():
    pid = "PID|1||X1^^^state^NI~P-100^^^hospital^MR~Y2^^^other^PI||Doe^Jane||19700102|F"
    change = read_change(read_message(hl7.message(hl7.header("ADT^A08"), pid)))
    assert (change.patient.id, change.patient.issuer) == ("P-100", "hospital")
    assert change.ids == ("X1", "P-100", "Y2")


@pytest.mark.parametrize(
    ("read", "segments", "place"),
    [
        (read_orders, ["ORC|NW|1", "OBR|1|1"], "PID"),
        (read_orders, [hl7.patient()], "OBR"),
        (read_orders, [hl7.patient(), "OBR|1"], "OBR^1^18"),
        (read_orders, ["PID|1||", "OBR|1|1"], "PID^1^3"),
        (read_reports, [hl7.patient(), "OBR|1", "OBX|1|TX|||x"], "OBR^1^18"),
        (read_reports, [hl7.patient(), "OBR|1||7"], "OBX"),
    ],
)
def test_what_is_missing_is_named(read, segments, place):
    with pytest.raises(Unreadable) as refused:
        read(read_message(hl7.message(hl7.header("ORM^O01"), *segments)), 77)
    assert refused.value.place == place


def test_a_merge_without_the_former_number_is_refused():
    with pytest.raises(Unreadable):
        read_change(read_message(hl7.message(hl7.header("ADT^A40"), hl7.patient())))
