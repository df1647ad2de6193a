"""Reports as DICOM objects: what others read in them, and what we read in theirs."""

from __future__ import annotations

import io
import subprocess
from dataclasses import replace

import pydicom
import pytest

from support import samples
from support.dcmtk import dcmtk
from support.samples import BytesSource
from undisc_node.dicom.reader import FactReader
from undisc_node.dicom.report_objects import ReportObjects
from undisc_node.services.department_rows import Report, ReportState, name_of
from undisc_node.services.model import Patient
from undisc_node.services.report_facts import ReportFacts

PDF = b"%PDF-1.4\n%%EOF\n"
STUDY = samples.study(
    uid="1.2.826.0.1.77", patient=Patient("Müller^Änne", "P\\100", "hospital", "19700102", "F")
)
TEXT = Report(
    id=name_of("report", "1"),
    series=name_of("series", "1"),
    source="hl7:RIS",
    accession="A-7",
    state=ReportState.FINAL,
    title="CT head",
    form="text",
    content="Befund: unauffällig.\nKein Bruch.".encode(),
    at_ms=samples.START_MS,
    author="Weiß^Anna",
    reported="20261126085500",
)
AS_PDF = replace(TEXT, id=name_of("report", "2"), form="pdf", content=PDF)


def composed(report, study=STUDY):
    source = ReportObjects().compose(report, study)
    with source.open() as stream:
        return stream.read()


@pytest.mark.parametrize("report", [TEXT, AS_PDF], ids=["text", "pdf"])
def test_it_belongs_to_its_study_and_patient_to_the_letter(report):
    """Otherwise the study would be held for another patient's identity."""
    facts = FactReader().facts(BytesSource(composed(report)))
    assert (facts.study_uid, facts.patient) == (STUDY.uid, STUDY.patient)
    assert facts.sop_uid == ReportObjects().uid(report, STUDY)
    assert (facts.accession, facts.modality) == (STUDY.accession, facts.modality)


@pytest.mark.parametrize("report", [TEXT, AS_PDF], ids=["text", "pdf"])
def test_the_same_report_gives_the_same_bytes_and_another_study_other_names(report):
    assert composed(report) == composed(replace(report, at_ms=99))
    other = replace(STUDY, uid="1.2.3")
    assert ReportObjects().uid(report, other) != ReportObjects().uid(report, STUDY)


def test_another_program_reads_the_text():
    read = pydicom.dcmread(io.BytesIO(composed(TEXT)))
    (item,) = read.ContentSequence
    assert item.TextValue == "Befund: unauffällig.\r\nKein Bruch."
    assert (read.CompletionFlag, read.PreliminaryFlag) == ("COMPLETE", "FINAL")
    assert str(read.PatientName) == "Müller^Änne"
    assert read.AuthorObserverSequence[0].PersonName == "Weiß^Anna"
    early = pydicom.dcmread(io.BytesIO(composed(replace(TEXT, state=ReportState.PRELIMINARY))))
    assert (early.CompletionFlag, early.PreliminaryFlag) == ("PARTIAL", "PRELIMINARY")


def test_another_program_reads_the_pdf_to_the_byte():
    read = pydicom.dcmread(io.BytesIO(composed(AS_PDF)))
    assert read.EncapsulatedDocument[: read.EncapsulatedDocumentLength] == PDF
    assert read.MIMETypeOfEncapsulatedDocument == "application/pdf"


@pytest.mark.parametrize("state", list(ReportState))
@pytest.mark.parametrize("report", [TEXT, AS_PDF], ids=["text", "pdf"])
def test_what_a_version_is_travels_with_the_object(report, state):
    """A node that fetched the study knows it without any message."""
    data = composed(replace(report, state=state))
    assert ReportObjects().read(BytesSource(data)) == ReportFacts(
        state, "CT head", "20261126085500"
    )


def test_a_foreign_report_says_what_it_is_in_its_flags():
    """An SR from a reporting system: partial, then complete."""
    for completion, preliminary, expected in (
        ("PARTIAL", None, ReportState.PRELIMINARY),
        ("COMPLETE", "PRELIMINARY", ReportState.PRELIMINARY),
        ("COMPLETE", None, ReportState.FINAL),
    ):
        read = pydicom.dcmread(io.BytesIO(composed(TEXT)))
        del read.CompletionFlagDescription
        read.CompletionFlag = completion
        del read.PreliminaryFlag
        if preliminary:
            read.PreliminaryFlag = preliminary
        into = io.BytesIO()
        read.save_as(into)
        assert ReportObjects().read(BytesSource(into.getvalue())).state is expected


def test_dcmtk_finds_nothing_wrong_with_the_document(tmp_path):
    """DCMTK's dsrdump checks value types, relations and the document's own rules."""
    path = tmp_path / "report.dcm"
    path.write_bytes(composed(TEXT))
    done = subprocess.run(
        [dcmtk("dsrdump"), "+U8", "+Pl", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Kein Bruch." in done.stdout
    assert "E:" not in done.stderr


def test_dcmtk_takes_the_pdf_out_again(tmp_path):
    path, out = tmp_path / "report.dcm", tmp_path / "out.pdf"
    path.write_bytes(composed(AS_PDF))
    done = subprocess.run(
        [dcmtk("dcm2pdf"), str(path), str(out)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert out.read_bytes()[: len(PDF)] == PDF
