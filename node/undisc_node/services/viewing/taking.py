"""A copy of what a link opened, as a medium that any DICOM system reads (IHE PDI)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from undisc_node.services.browsing_rows import Access, BrowserSession
from undisc_node.services.contents import Located
from undisc_node.services.dicomweb.holdings import nothing
from undisc_node.services.dicomweb.scope import view_only
from undisc_node.services.media import OpenMedium
from undisc_node.services.model import Study
from undisc_node.services.viewing.looking import Looking
from undisc_node.services.viewing.session import Sessions

SLICE: Final = 2**20  # bytes between two looks at whether the taker may have more


class Composes(Protocol):
    """Makes media of instances."""

    def of(self, found: Sequence[tuple[Study, Sequence[Located]]]) -> OpenMedium:
        """Prepare a medium with these instances of studies."""


class Taking:
    """Hands out copies.

    Args:
        looking: What may be seen.
        media: Makes media.
        sessions: Writes down who took what.
    """

    def __init__(self, *, looking: Looking, media: Composes, sessions: Sessions) -> None:
        self._looking = looking
        self._media = media
        self._sessions = sessions

    def medium(
        self, session: BrowserSession, still: Callable[[], BrowserSession]
    ) -> tuple[int, Iterator[bytes]]:
        """Return the size of a ZIP file with everything that may be taken, and its bytes.

        That it was taken is written down first: how much of it arrives is not known here.

        Args:
            session: Who takes it.
            still: Looks the session up anew; asked while bytes leave.

        Raises:
            NotFound: There is nothing.
            Refused: They may only look.
            Conflict: There are too many files.
        """
        held = self._looking.held(session)
        if not held:
            raise nothing()
        found = [one for one in held if session.may_copy(one.study.id)]
        if not found:
            raise view_only()
        medium = self._media.of([(one.study, one.instances) for one in found])
        for one in found:
            self._sessions.note(session, Access.COPIED, one.study.id)
        return medium.zip_size, self._sent(medium, [one.study.uid for one in found], still)

    def _sent(
        self, medium: OpenMedium, studies: Sequence[str], still: Callable[[], BrowserSession]
    ) -> Iterator[bytes]:
        left = 0
        for piece in medium.zip():
            if left <= 0:
                now = still()
                for uid in studies:
                    self._looking.still(now, uid)
                left = SLICE
            left -= len(piece)
            yield piece
