"""Media that studies came from, in memory."""

from __future__ import annotations

from collections.abc import Sequence

from support.memory_tables import Part, Tables
from undisc_node.services.errors import Conflict
from undisc_node.services.media_model import Medium


class Media(Part):
    def attach(self, medium: Medium, study: bytes) -> bool:
        if study not in self._now.studies:
            raise Conflict("there is no such study")
        if (medium.id, study) in self._now.media_studies:
            return False
        self._new.media.setdefault(medium.id, medium)
        self._new.media_studies.add((medium.id, study))
        return True

    def of_study(self, study: bytes) -> Sequence[Medium]:
        found = {medium for medium, held in self._now.media_studies if held == study}
        return sorted(
            (self._now.media[medium] for medium in found), key=lambda one: (one.at_ms, one.id)
        )


def forget_media(tables: Tables, study: bytes) -> None:
    """Forget where a study came from, and media that no study came from any more."""
    tables.media_studies = {one for one in tables.media_studies if one[1] != study}
    kept = {medium for medium, _ in tables.media_studies}
    tables.media = {name: one for name, one in tables.media.items() if name in kept}
