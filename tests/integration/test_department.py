"""A node in a department: a RIS over MLLP, dropped reports, and what people decide."""

from __future__ import annotations

import os
import subprocess
import time

import pytest
from pydicom.dataset import Dataset, FileMetaDataset

from support import hl7_messages as hl7
from support.dcmtk import dcmtk
from support.ris import Ris, with_hl7
from support.two_nodes import RunningNode, dicom_file, refused, short_directory

pytestmark = pytest.mark.integration

_SECONDS = 30.0


@pytest.fixture(scope="module")
def department():
    """A node with an HL7 port and a drop folder, and a RIS that is connected to it."""
    with short_directory() as directory:
        node = RunningNode(directory / "n", "Practice A")
        node.init()
        port = with_hl7(node)
        folder = directory / "reports"
        folder.mkdir()
        path = node.home / "undisc.toml"
        watched = directory / "watched"
        watched.mkdir()
        path.write_text(
            f'{path.read_text()}\n[reports]\nfolder = "{folder}"\n'
            f"\n[watch]\nquiet_seconds = 1\n"
            f'\n[[watch.folders]]\nname = "ultrasound"\npath = "{watched}"\n'
        )
        node.start()
        ris = Ris(port)
        try:
            yield node, ris, folder
        finally:
            ris.close()
            node.stop()


def image(node, study, accession, patient_id=b"P-100"):
    content = dicom_file(
        1,
        study=study,
        accession=accession.encode(),
        patient_id=patient_id,
        name=b"Doe^Jane",
    )
    return node.import_bytes(content).text("study")


def reports(node, study):
    return node.admin.get(f"studies/{study}").raw["reports"]


def until(condition):
    """Wait for what the node does by itself every few seconds."""
    deadline = time.monotonic() + _SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.1)
    return found


def test_an_order_is_on_the_day_list(department):
    node, ris, _ = department
    assert ris.send(hl7.order("O-1", accession="A-1")) == ("AA", "O-1")
    (order,) = node.admin.get("orders", {"first": "20261124"}).raw["orders"]
    assert (order["accession"], order["patient"]["id"]) == ("A-1", "P-100")
    assert refused(node.admin.post, "orders/refresh").code == "no_worklist"


def test_a_report_with_a_pdf_is_shown_with_its_study(department):
    node, ris, _ = department
    study = image(node, "1.2.10", "A-10")
    assert ris.send(hl7.report("Text", control="R-10", accession="A-10", pdf=hl7.PDF))[0] == "AA"
    assert ris.send(hl7.report("Text", control="R-10", accession="A-10", pdf=hl7.PDF))[0] == "AA"
    shown = reports(node, study)
    assert {one["sop_class"].rsplit(".", 2)[-2] for one in shown} == {"88", "104"}
    assert {(one["state"], one["sender"]) for one in shown} == {("final", "hl7:RIS")}
    assert len(node.instances(study)) == 3


def test_a_report_that_comes_first_attaches_by_itself(department):
    node, ris, _ = department
    assert ris.send(hl7.report(control="R-11", accession="A-11"))[0] == "AA"
    kinds = {row["kind"] for row in node.admin.get("queue").raw["queue"]}
    assert kinds == {"unmatched-report"}
    study = image(node, "1.2.11", "A-11")
    until(lambda: reports(node, study))
    assert node.admin.get("queue").raw["queue"] == []


def test_a_dropped_pdf_is_taken_and_moved_away(department):
    """Its name is its accession number; a hostile name is put away and joined to no path."""
    node, _, folder = department
    study = image(node, "1.2.12", "A-12")
    outside = folder.parent / "outside.pdf"
    outside.write_bytes(hl7.PDF + b"outside")
    (folder / "A-13.pdf").symlink_to(outside)
    (folder / "A-12.pdf").write_bytes(hl7.PDF)
    (folder / "no-report.pdf").write_bytes(b"<html>")
    (folder / "readme.txt").write_bytes(b"stays")
    for name in ("A-12.pdf", "no-report.pdf"):
        os.utime(folder / name, ns=(0, 0))
    (shown,) = until(lambda: reports(node, study))
    assert (shown["sender"], shown["state"]) == ("folder", "final")
    until(lambda: not (folder / "A-12.pdf").exists() and not (folder / "no-report.pdf").exists())
    assert [one.read_bytes() for one in (folder / "taken").iterdir()] == [hl7.PDF]
    assert [one.read_bytes() for one in (folder / "refused").iterdir()] == [b"<html>"]
    left = sorted(one.name for one in folder.iterdir())
    assert left == ["A-13.pdf", "readme.txt", "refused", "taken"]


def test_a_merge_stops_the_study_until_somebody_decides(department):
    """Before sharing: applied by a person, and no byte of the image changes."""
    node, ris, _ = department
    study = image(node, "1.2.14", "A-14", b"P-14")
    before = node.exported(study)
    assert ris.send(hl7.merge("P-14", "P-15", "M-1"))[0] == "AA"
    held = node.admin.get(f"studies/{study}").raw["study"]
    assert held["state"] == "held"
    (row,) = node.admin.get("queue", {"kind": "patient-merge"}).raw["queue"]
    node.admin.post(f"queue/{row['id'][:8]}/resolve", {"decision": "apply"})
    after = node.admin.get(f"studies/{study}").raw["study"]
    assert (after["state"], after["patient"]["id"]) == ("active", "P-15")
    assert node.exported(study) == before


def test_what_the_ris_said_survives_a_kill(department):
    """Acknowledged means durable: the message is known after a restart, and changes nothing."""
    node, ris, _ = department
    port = ris.port
    raw = hl7.report(control="R-16", accession="A-16")
    assert ris.send(raw)[0] == "AA"
    node.stop()
    node.start()
    again = Ris(port)
    assert again.send(raw) == ("AA", "R-16")
    again.close()
    waiting = node.admin.get("reports").raw["reports"]
    assert [one["accession"] for one in waiting] == ["A-16"]


def test_a_watched_folder_is_a_sender(department):
    """What appears is stored and put away; what is no image is put aside, with the reason."""
    node, _, folder = department
    watched = folder.parent / "watched"
    content = dicom_file(1, study="1.2.17", accession=b"A-17", name=b"Doe^Jane")
    (watched / "device").mkdir()
    (watched / "device" / "still-writing.part").write_bytes(content)
    (watched / "letter.txt").write_bytes(b"Dear colleague")
    (watched / "device" / "still-writing.part").rename(watched / "device" / "IM0001")
    (study,) = until(lambda: [one for one in node.studies() if one["uid"] == "1.2.17"])
    assert (study["sender"], study["instances"]) == ("watch:ultrasound", 1)
    assert list(node.exported(study["id"]).values()) == [content]
    until(lambda: [one for one in (watched / "done").rglob("*") if one.is_file()])
    until(lambda: len([one for one in (watched / "failed").rglob("*") if one.is_file()]) == 2)
    left = [one for one in watched.rglob("*") if one.is_file()]
    assert {one.relative_to(watched).parts[0] for one in left} == {"done", "failed"}


def test_a_report_that_a_modality_sends_is_shown_and_leaves_on_a_disc_as_pdf(department, tmp_path):
    """C-STORE of an encapsulated PDF (PS3.3 §A.45.1); the disc has it as a file, too."""
    node, _, _ = department
    study = image(node, "1.2.18", "A-18")
    report = _encapsulated_pdf("1.2.18", "A-18")
    report.save_as(tmp_path / "report.dcm", enforce_file_format=True)
    subprocess.run(
        [dcmtk("storescu"), "-aec", "UNDISC", "-R", "127.0.0.1", str(node.dicom_port),
         str(tmp_path / "report.dcm")],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    (shown,) = reports(node, study)
    assert (shown["sop_class"], shown["sender"]) == (report.SOPClassUID, "dicom:scanner")
    assert len(node.instances(study)) == 2
    assert len(node.ask("studies", "show", study)["reports"]) == 1
    node.ask("studies", "export", study, str(tmp_path / "disc"), "--media")
    (pdf,) = (tmp_path / "disc" / "REPORTS").iterdir()
    assert pdf.read_bytes() == hl7.PDF.ljust(len(hl7.PDF) + len(hl7.PDF) % 2, b"\0")


def _encapsulated_pdf(study, accession):
    """Return a minimal encapsulated PDF (PS3.3 §C.24.2)."""
    report = Dataset()
    report.SOPClassUID = "1.2.840.10008.5.1.4.1.1.104.1"
    report.SOPInstanceUID = f"{study}.1"
    report.StudyInstanceUID = study
    report.SeriesInstanceUID = f"{study}.2"
    report.PatientName, report.PatientID = "Doe^Jane", "P-100"
    report.Modality, report.AccessionNumber = "DOC", accession
    report.DocumentTitle, report.MIMETypeOfEncapsulatedDocument = "Report", "application/pdf"
    report.EncapsulatedDocument = hl7.PDF + b"\0" * (len(hl7.PDF) % 2)
    report.file_meta = FileMetaDataset()
    report.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    return report
