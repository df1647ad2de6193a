"""What a caller of DICOMweb may see and do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Allowed:
    """What one caller may see: everything that is asked is answered from within this.

    A question that goes beyond it is answered with what is within, never with an error: viewers ask
    for a patient's earlier studies without being told to.

    Attributes:
        studies: Ids of studies; None for every one.
        series: By the id of a study, the 16-byte names of the series in it that may be seen; a
            study that is not named may be seen whole.
        sender: As whom the caller stores, such as `stow:anna`; empty where nothing may be stored.
    """

    studies: frozenset[bytes] | None = None
    series: Mapping[bytes, frozenset[bytes]] = field(default_factory=dict)
    sender: str = ""

    def has_study(self, study: bytes) -> bool:
        """Tell whether anything of a study may be seen."""
        return self.studies is None or study in self.studies
