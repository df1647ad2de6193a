"""The pages of a medium for people: README.TXT, INDEX.HTM and the list of what is on it.

IHE PDI (RAD TF-2 §4.47.4.1.2.2) wants INDEX.HTM and README.TXT in the root, and pages about the
content in IHE_PDI. Only the content page names the patient. No scripts, no style from elsewhere:
these pages must still open on a hospital's oldest computer, and can do nothing to a newer one.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Final

from undisc_node.services.model import Study

_WIDTH: Final = 72  # columns of README.TXT
_README: Final = """Medical images from {practice}

Written on {day} by undisc {version}.

This medium follows IHE Portable Data for Imaging (PDI) and DICOM Part 10. DICOMDIR lists every
image; the images lie in the folder DICOM. Reports that came as PDF lie in the folder REPORTS as
well, if there are any.

To look at the images, use a DICOM viewer, or give the medium to the practice or hospital that is
to read them: every radiology system can import it. There is no program on this medium, and nothing
starts by itself.

INDEX.HTM shows in any browser what is here.

What is on this medium is private. It is not encrypted. Whoever holds it can read it: keep it safe,
and destroy it when it is no longer needed.

Questions about the images are answered by {practice}.
"""
_PAGE: Final = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" \
"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
<head>
<meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
<title>{title}</title>
</head>
<body>
{body}
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the pages say about a study.

    Attributes:
        study: Its row.
        series: Modality and number of files of each series.
        reports: Paths of its reports as PDF files.
    """

    study: Study
    series: Sequence[tuple[str, int]]
    reports: Sequence[str]


def readme(practice: str, made_ms: int, version: str) -> bytes:
    """Write README.TXT: plain ASCII, lines end as on every system of the time."""
    text = _README.format(practice=practice, day=_day(made_ms), version=version)
    lines = [
        line for paragraph in text.split("\n\n") for line in (*textwrap.wrap(paragraph, _WIDTH), "")
    ]
    return "\r\n".join(lines).encode("ascii", "replace")


def index(practice: str, made_ms: int, version: str) -> bytes:
    """Write INDEX.HTM: who made the medium and where things are; it names no patient."""
    body = f"""<h1>Medical images from {escape(practice)}</h1>
<p>Written on {_day(made_ms)} by undisc {escape(version)}.
This medium follows IHE Portable Data for Imaging (PDI).</p>
<ul>
<li><a href="IHE_PDI/CONTENT.HTM">What is on this medium</a></li>
<li><a href="README.TXT">How to read it</a></li>
</ul>
<p>What is on this medium is private and not encrypted.
If it is not yours, please give it back to {escape(practice)}.</p>"""
    return _PAGE.format(title="Medical images", body=body).encode()


def content(studies: Sequence[Shown]) -> bytes:
    """Write IHE_PDI/CONTENT.HTM: whose studies these are, and what is in each."""
    body = "\n".join(
        (
            "<h1>What is on this medium</h1>",
            *map(_study, studies),
            '<p><a href="../INDEX.HTM">Back</a></p>',
        )
    )
    return _PAGE.format(title="What is on this medium", body=body).encode()


def _study(shown: Shown) -> str:
    study, patient = shown.study, shown.study.patient
    facts = (
        ("Patient", patient.name.replace("^", " ").strip()),
        ("Patient number", patient.id),
        ("Born", _date(patient.birth_date)),
        ("Sex", patient.sex),
        ("Date", _date(study.study_date)),
        ("Accession number", study.accession),
    )
    rows = "\n".join(f"<tr><th>{name}</th><td>{escape(text)}</td></tr>" for name, text in facts)
    series = "\n".join(
        f"<li>{escape(modality or 'other')}: {count} {'file' if count == 1 else 'files'}</li>"
        for modality, count in shown.series
    )
    reports = "\n".join(
        f'<li><a href="../{path}">Report {number}</a> (PDF)</li>'
        for number, path in enumerate(shown.reports, 1)
    )
    return f"""<h2>{escape(study.description or "Study")}</h2>
<table>
{rows}
</table>
<ul>
{series}{chr(10) if reports else ""}{reports}
</ul>"""


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%d")


def _date(text: str) -> str:
    """Show a DICOM date with dashes, anything else as it is."""
    plain = len(text) == len("YYYYMMDD") and text.isdecimal()
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if plain else text
