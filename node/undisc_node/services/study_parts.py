"""The series of a study as a patient chooses among them: by the names that shares use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from undisc_node.services.contents import Contents
from undisc_node.services.ports import Packs, Records


@dataclass(frozen=True, slots=True)
class Part:
    """A series of a study.

    Attributes:
        name: Its name in shares, 16 bytes; tells nobody its UID.
        modality: Of its first object, such as `CT`.
        images: How many objects it has.
    """

    name: bytes
    modality: str
    images: int


class StudyParts:
    """Lists the series of studies.

    Args:
        packs: Names series.
        contents: What is inside studies.
    """

    def __init__(self, *, packs: Packs, contents: Contents) -> None:
        self._packs = packs
        self._contents = contents

    def of(self, records: Records, study: bytes) -> Sequence[Part]:
        """List the series of a study in order of arrival."""
        first = next(iter(records.studies.packs(study)), None)
        if first is None:
            return ()
        found: dict[str, tuple[str, int]] = {}
        for located in self._contents.of(records, study).current.values():
            header = located.stored.header
            modality, images = found.get(header.series_uid, (header.modality, 0))
            found[header.series_uid] = (modality, images + 1)
        return [
            Part(self._packs.series_name(first, uid), modality, images)
            for uid, (modality, images) in found.items()
        ]
