"""The SOP classes of query and retrieve that the node provides (PS3.4 §C.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from undisc_node.dicom.dimse.commands import Request


@dataclass(frozen=True, slots=True)
class Model:
    """One SOP class.

    Attributes:
        operation: The request that it is for.
        patient_root: Whether its hierarchy begins with the patient, else with the study.
    """

    operation: Request
    patient_root: bool


MODELS: Final = {
    "1.2.840.10008.5.1.4.1.2.1.1": Model(Request.FIND, patient_root=True),
    "1.2.840.10008.5.1.4.1.2.1.2": Model(Request.MOVE, patient_root=True),
    "1.2.840.10008.5.1.4.1.2.1.3": Model(Request.GET, patient_root=True),
    "1.2.840.10008.5.1.4.1.2.2.1": Model(Request.FIND, patient_root=False),
    "1.2.840.10008.5.1.4.1.2.2.2": Model(Request.MOVE, patient_root=False),
    "1.2.840.10008.5.1.4.1.2.2.3": Model(Request.GET, patient_root=False),
}
"""By SOP Class UID."""
