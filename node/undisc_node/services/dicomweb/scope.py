"""What a caller of DICOMweb may see and do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from undisc_node.services.errors import Refused


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
        view_only: Ids of the studies that may only be looked at: of them the caller gets images
            and the usual answers of searches, and nothing as it is stored.
    """

    studies: frozenset[bytes] | None = None
    series: Mapping[bytes, frozenset[bytes]] = field(default_factory=dict)
    sender: str = ""
    view_only: frozenset[bytes] = frozenset()

    def require_stored(self, study: bytes) -> None:
        """See that the caller may have objects of a study as they are stored.

        Raises:
            Refused: `view_only`: they may only look.
        """
        if study in self.view_only:
            raise view_only()

    def has_study(self, study: bytes) -> bool:
        """Tell whether anything of a study may be seen."""
        return self.studies is None or study in self.studies


def view_only() -> Refused:
    """Say that something may be looked at, and not taken."""
    return Refused(
        "this may only be looked at",
        code="view_only",
        hint="ask for rendered images, or ask the patient for a share with download",
    )
