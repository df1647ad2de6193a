"""Media that studies were imported from: implements `ports.MediaRecords`."""

from __future__ import annotations

from collections.abc import Sequence

from undisc_node.services.media_model import Medium, MediumKind
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns

_MEDIA = Columns.of("media", "id kind label file_set creator actor at_ms")


class MediaTable:
    """Media, within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def attach(self, medium: Medium, study: bytes) -> bool:
        """Note that instances of a study came from a medium; False if that was noted before.

        Raises:
            Conflict: There is no such study.
        """
        known = self._session.row(
            "SELECT 1 FROM media_studies WHERE medium = ? AND study = ?", (medium.id, study)
        )
        if known is not None:
            return False
        self._session.write(
            _MEDIA.insert("ON CONFLICT (id) DO NOTHING"),
            (
                medium.id,
                medium.kind,
                medium.label,
                medium.file_set,
                medium.creator,
                medium.actor,
                medium.at_ms,
            ),
        )
        self._session.write(
            "INSERT INTO media_studies (medium, study) VALUES (?, ?)", (medium.id, study)
        )
        return True

    def of_study(self, study: bytes) -> Sequence[Medium]:
        """List the media a study came from, oldest first."""
        rows = self._session.rows(
            _MEDIA.select(
                "WHERE id IN (SELECT medium FROM media_studies WHERE study = ?) ORDER BY at_ms, id"
            ),
            (study,),
        )
        return [Medium(row[0], MediumKind(row[1]), *row[2:7]) for row in rows]
