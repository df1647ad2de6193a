"""Reports as instances that a test can read; implements `ports.ReportObjects`."""

from __future__ import annotations

import json
from dataclasses import asdict

from support.samples import BytesSource
from undisc_node.services.department_rows import Report, ReportState, name_of
from undisc_node.services.errors import Invalid
from undisc_node.services.model import Study
from undisc_node.services.ports import Source
from undisc_node.services.report_facts import ReportFacts

TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"
PDF = "1.2.840.10008.5.1.4.1.1.104.1"


class MemoryReports:
    """Writes the line of facts that `MemoryReader` reads, then what a report says about itself."""

    def uid(self, report: Report, study: Study) -> str:
        """Return a UID made of both."""
        return f"2.25.{int.from_bytes(name_of(report.id.hex(), study.uid), 'big')}"

    def compose(self, report: Report, study: Study) -> BytesSource:
        """Write a report as an instance."""
        facts = {
            "study_uid": study.uid,
            "series_uid": f"2.25.{int.from_bytes(report.series, 'big')}",
            "sop_uid": self.uid(report, study),
            "sop_class": TEXT_SR if report.form == "text" else PDF,
            "transfer_syntax": "1.2.840.10008.1.2.1",
            "patient": asdict(study.patient),
            "modality": "SR",
            "number": 1,
        }
        said = {"state": report.state, "title": report.title, "reported": report.reported}
        lines = [json.dumps(facts).encode(), json.dumps(said).encode(), report.content]
        return BytesSource(b"\n".join(lines))

    def read(self, source: Source) -> ReportFacts:
        """Read what a report says about itself."""
        with source.open() as stream:
            _, line = stream.readline(), stream.readline()
        try:
            said = json.loads(line)
        except ValueError:
            raise Invalid("no report of this test") from None
        return ReportFacts(ReportState(said["state"]), said["title"], said["reported"])
