"""HL7 messages as a RIS sends them; a test changes what its story needs."""

from __future__ import annotations

import base64

PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"


def header(kind: str, control: str = "1", *, charset: str = "", processing: str = "P") -> str:
    """Return a header segment."""
    tail = f"||||||{charset}" if charset else ""
    return f"MSH|^~\\&|RIS|LAKESIDE|UNDISC||20261124081500||{kind}|{control}|{processing}|2.5{tail}"


def patient(
    number: str = "P-100", name: str = "Doe^Jane", born: str = "19700102", sex: str = "F"
) -> str:
    """Return a patient segment."""
    return f"PID|1||{number}^^^hospital^MR||{name}||{born}|{sex}"


def segment(name: str, **fields: str) -> str:
    """Return a segment from its fields: `segment("OBR", f4="CT", f18="A-7")`."""
    given = {int(field[1:]): value for field, value in fields.items()}
    return "|".join([name, *(given.get(place, "") for place in range(1, max(given) + 1))])


def message(*segments: str, encoding: str = "utf-8") -> bytes:
    """Join segments."""
    return ("\r".join(segments) + "\r").encode(encoding)


def report(
    text: str = "No finding.",
    *,
    control: str = "1",
    accession: str = "A-7",
    state: str = "F",
    number: str = "P-100",
    reported: str = "20261126085500",
    pdf: bytes | None = None,
    marker: str = "GDT",
) -> bytes:
    """Return a result message with text, and a PDF if there is one."""
    request = segment(
        "OBR",
        f1="1",
        f2="PL-1",
        f3="FI-1",
        f4="CTHEAD^CT head^L",
        f7="20261124101500",
        f18=accession,
        f22=reported,
        f25=state,
        f32="W12&Weiss&Anna",
    )
    segments = [header("ORU^R01", control), patient(number), "ORC|RE", request]
    for place, line in enumerate(text.split("\n") if text else (), start=1):
        segments.append(f"OBX|{place}|TX|18748-4&{marker}^Report^LN||{line}||||||{state}")
    if pdf is not None:
        data = base64.b64encode(pdf).decode()
        segments.append(f"OBX|99|ED|PDF^Report||^AP^PDF^Base64^{data}||||||{state}")
    return message(*segments)


def order(control: str = "1", *, accession: str = "A-7", do: str = "NW") -> bytes:
    """Return an order message as IHE RAD-4 has it."""
    return message(
        header("ORM^O01", control),
        patient(),
        segment("PV1", f1="1", f2="O", f8="R1^Roth^Rita"),
        segment("ORC", f1=do, f2="PL-1", f3="FI-1", f5="SC", f7="^^^20261124101500"),
        segment(
            "OBR",
            f1="1",
            f2="PL-1",
            f3="FI-1",
            f4="CTHEAD^CT head^L",
            f16="W12^Weiss^Anna",
            f18=accession,
            f19="RP-1",
            f20="SPS-1",
            f24="CT",
            f27="^^^20261124101500",
        ),
        "ZDS|1.2.826.0.1.77^undisc^Application^DICOM",
    )


def update(control: str = "1", **who: str) -> bytes:
    """Return a patient update."""
    return message(header("ADT^A08", control), "EVN|A08|20261124", patient(**who))


def merge(former: str = "P-100", into: str = "P-900", control: str = "1") -> bytes:
    """Return a patient merge."""
    return message(
        header("ADT^A40", control),
        "EVN|A40|20261124",
        patient(into),
        f"MRG|{former}^^^hospital^MR",
    )
