"""What the viewer's routes call, in a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from undisc_node.services.browsing_rows import Access, BrowserSession
from undisc_node.services.dicomweb.rendering import Wish
from undisc_node.services.dicomweb.retrieving import Part
from undisc_node.services.model import Study
from undisc_node.services.viewing.looking import ShownStudy
from undisc_node.services.viewing.report_text import Line
from undisc_node.services.viewing.session import Sessions
from undisc_node.web.dicomweb.uses import DicomWebUses
from undisc_node.web.viewer.ohif import FullViewer


class Looks(Protocol):
    """Shows what a session may see."""

    def studies(self, session: BrowserSession) -> Sequence[ShownStudy]:
        """Return what the page shows."""

    def image(
        self, session: BrowserSession, study: str, series: str, position: int, wish: Wish
    ) -> bytes:
        """Make one image of a series."""

    def saw(self, session: BrowserSession, study_uid: str, what: Access = Access.VIEWED) -> None:
        """Write down that something of a study is about to leave."""

    def still(self, session: BrowserSession, study_uid: str) -> Study:
        """Return a study if something of it may be seen at this moment."""

    def text(self, session: BrowserSession, study: str, series: str, sop: str) -> Sequence[Line]:
        """Return what a structured report says."""

    def document(self, session: BrowserSession, study: str, series: str, sop: str) -> Part:
        """Return a report that is a PDF, as it is stored."""


class Takes(Protocol):
    """Hands out copies."""

    def medium(
        self, session: BrowserSession, still: Callable[[], BrowserSession]
    ) -> tuple[int, Iterator[bytes]]:
        """Return the size of a ZIP file with everything that may be taken, and its bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerUses:
    """What the viewer calls.

    Attributes:
        sessions: Knows who holds a cookie.
        looking: Shows what a session may see.
        taking: Hands out copies.
        dicomweb: What DICOMweb calls, within a session.
        full: The files of the full viewer.
    """

    sessions: Sessions
    looking: Looks
    taking: Takes
    dicomweb: DicomWebUses
    full: FullViewer
