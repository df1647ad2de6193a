"""A study for viewers: a real CT slice as a stack, reports as text and PDF, and hostile ones."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Final

import pydicom
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from undisc_node.dicom.report_objects import ReportObjects
from undisc_node.services.department_rows import Report, ReportState
from undisc_node.services.model import Patient

STUDY = "2.25.4711"
AXIAL, OTHER = f"{STUDY}.1", f"{STUDY}.2"
PWN = "<img src=x onerror=document.pwned=1>"
QUOTED = '"><svg onload=document.pwned=1>'
SCRIPT = "</script><script>document.pwned=1</script>"
TEXT = "No acute finding.\n<b>bold</b> " + SCRIPT
FIELDS: Mapping[str, str] = {
    "PatientName": f"Doe^{PWN}",
    "PatientID": QUOTED[:64],
    "IssuerOfPatientID": PWN,
    "PatientComments": SCRIPT,
    "OtherPatientIDs": PWN,
    "PatientAddress": PWN,
    "Occupation": "<script>1",
    "AdditionalPatientHistory": SCRIPT,
    "EthnicGroup": "<svg onload=1>",
    "AccessionNumber": "<svg/onload>",
    "StudyID": "<svg onload>",
    "StudyDescription": PWN,
    "SeriesDescription": QUOTED,
    "ProtocolName": SCRIPT,
    "BodyPartExamined": "<SVG ONLOAD>",
    "ReferringPhysicianName": f"{PWN}^Dr",
    "PerformingPhysicianName": f"{QUOTED}^Dr",
    "OperatorsName": f"{PWN}^Op",
    "PhysiciansOfRecord": f"{PWN}^Of",
    "InstitutionName": PWN,
    "InstitutionAddress": SCRIPT,
    "InstitutionalDepartmentName": QUOTED,
    "StationName": "<svg onload=1>",
    "Manufacturer": PWN,
    "ManufacturerModelName": QUOTED,
    "SoftwareVersions": PWN,
    "DeviceSerialNumber": PWN,
    "ImageComments": SCRIPT,
    "ContrastBolusAgent": PWN,
    "DerivationDescription": SCRIPT,
    "RequestedProcedureDescription": PWN,
    "WindowCenterWidthExplanation": QUOTED,
}
"""More than thirty attributes, each with text that a careless page would run."""


HOSTILE: Final = Patient(
    FIELDS["PatientName"],
    FIELDS["PatientID"],
    FIELDS["IssuerOfPatientID"],
    "19700102",
    "F",
)


def _bytes_of(made: Dataset) -> bytes:
    out = io.BytesIO()
    made.save_as(out, enforce_file_format=True)
    return out.getvalue()


def stack(count: int, *, series: str = AXIAL, hostile: bool = False) -> list[bytes]:
    """Return slices of a CT: one real slice, shifted from one to the next."""
    real = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    pixels = real.pixel_array
    made = []
    for number in range(1, count + 1):
        one = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
        one.SpecificCharacterSet = "ISO_IR 192"
        one.StudyInstanceUID, one.SeriesInstanceUID = STUDY, series
        one.SOPInstanceUID = f"{series}.{number}"
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        one.InstanceNumber, one.SeriesNumber = number, int(series.rpartition(".")[2])
        one.PatientName, one.PatientID, one.PatientBirthDate = "Doe^Jane", "4711", "19700102"
        one.AccessionNumber, one.StudyDescription = "A-1", "CT head"
        one.SeriesDescription = f"series {one.SeriesNumber}"
        one.ImagePositionPatient = [-60.0, -60.0, float(number)]
        one.WindowCenter, one.WindowWidth = 40, 400
        one.PixelData = pixels.take(range(number, number + 128), axis=1, mode="wrap").tobytes()
        if hostile:
            for keyword, value in FIELDS.items():
                setattr(one, keyword, value)
        made.append(_bytes_of(one))
    return made


def pdf(text: str = "Report: no acute finding.") -> bytes:
    """Return a page of PDF with a line of text."""
    content = f"BT /F1 24 Tf 72 700 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
            b"/Resources << /Font << /F1 5 0 R >> >> >>"
        ),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, offsets = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    rows = b"".join(b"%010d 00000 n \n" % one for one in offsets)
    return (
        out
        + b"xref\n0 6\n0000000000 65535 f \n%strailer << /Size 6 /Root 1 0 R >>\n" % rows
        + (b"startxref\n%d\n%%%%EOF\n" % len(out))
    )


def report(form: str, content: bytes, *, number: int = 1, patient: Patient = HOSTILE) -> bytes:
    """Return a report of the study as an object."""
    study = SimpleNamespace(
        uid=STUDY,
        patient=patient,
        study_date="20040119",
        study_time="072730",
        accession="A-1",
        description="CT head",
    )
    said = Report(
        id=bytes([number]) * 16,
        series=bytes([number + 100]) * 16,
        source="folder",
        accession="A-1",
        state=ReportState.FINAL,
        title=f"{QUOTED} report",
        form=form,
        content=content,
        at_ms=1_795_498_283_000,
        reported="20260302120000",
    )
    with ReportObjects().compose(said, study).open() as stream:
        return stream.read()


def posing(content: bytes, media: str, number: int) -> bytes:
    """Return an encapsulated document that is no PDF, and says which media type it has."""
    made = pydicom.dcmread(io.BytesIO(report("pdf", content, number=number)))
    made.MIMETypeOfEncapsulatedDocument = media
    return _bytes_of(made)


def uids(content: bytes) -> Sequence[str]:
    """Return series and instance UID of a file."""
    read = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
    return str(read.SeriesInstanceUID), str(read.SOPInstanceUID)
