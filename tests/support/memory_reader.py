"""Instances that a test can read: a line of JSON with the facts, then anything.

`instance` writes one, `MemoryReader` reads it; no DICOM is involved.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

from support.samples import BytesSource, name
from undisc_node.services.errors import Invalid
from undisc_node.services.model import InstanceFacts, Patient
from undisc_node.services.ports import Source

JANE = Patient("Doe^Jane", "P-100", "hospital", "19700102", "F")
JOHN = Patient("Roe^John", "P-200", "hospital", "19650304", "M")
STUDY_UID = "1.2.826.0.1.77"

_NAMES = {field.name for field in fields(InstanceFacts)}


def instance(
    number: int = 1,
    *,
    study_uid: str = STUDY_UID,
    series: int = 1,
    patient: Patient = JANE,
    version: str = "",
    size: int = 300,
    **facts: Any,
) -> BytesSource:
    """Return an instance.

    Args:
        number: Its number; decides its SOP Instance UID.
        study_uid: Its study.
        series: Number of its series.
        patient: Whose it is.
        version: Another text gives other bytes under the same UID.
        size: Bytes after the line of facts.
        facts: Further fields of `InstanceFacts`.
    """
    said = {
        "study_uid": study_uid,
        "series_uid": f"{study_uid}.{series}",
        "sop_uid": f"{study_uid}.{series}.{number}",
        "sop_class": "1.2.840.10008.5.1.4.1.1.2",
        "transfer_syntax": "1.2.840.10008.1.2.1",
        "patient": asdict(patient),
        "modality": "CT",
        "number": number,
        **facts,
    }
    payload = name(f"{version}/{said['sop_uid']}", size)
    return BytesSource(json.dumps(said).encode() + b"\n" + payload)


class MemoryReader:
    """Reads what `instance` writes; implements `ports.InstanceReader`."""

    def facts(self, source: Source) -> InstanceFacts:
        """Read the facts, or refuse anything that `instance` did not write."""
        with source.open() as stream:
            line = stream.readline()
        try:
            said = json.loads(line)
        except ValueError:
            raise Invalid("not an instance", code="not_dicom") from None
        if not isinstance(said, dict) or not set(said) <= _NAMES:
            raise Invalid("not an instance", code="not_dicom")
        return InstanceFacts(**{**said, "patient": Patient(**said["patient"])})
