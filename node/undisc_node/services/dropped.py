"""A PDF from the drop folder as a report."""

from __future__ import annotations

from hashlib import sha256

from undisc_node.services.department_rows import Report, ReportState, name_of
from undisc_node.services.ports import Clock
from undisc_node.services.reporting import Reporting

SOURCE = "folder"


def take_dropped(reporting: Reporting, clock: Clock, accession: str, pdf: bytes) -> None:
    """Take a dropped PDF in, durably; it is final, as whoever drops it says nothing else.

    Raises:
        ServiceError: It could not be stored.
    """
    digest = sha256(pdf).hexdigest()
    reporting.take(
        [
            Report(
                id=name_of("report", SOURCE, accession, digest),
                series=name_of("series", SOURCE, accession),
                source=SOURCE,
                accession=accession,
                state=ReportState.FINAL,
                title="Report",
                form="pdf",
                content=pdf,
                at_ms=clock.now_ms(),
            )
        ]
    )
