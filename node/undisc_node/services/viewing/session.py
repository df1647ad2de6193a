"""What a browser session may see, as DICOMweb and the viewer's pages take it."""

from __future__ import annotations

from typing import Protocol

from undisc_node.services.browsing_rows import Access, BrowserSession
from undisc_node.services.dicomweb.scope import Allowed


class Sessions(Protocol):
    """Knows who holds a cookie, and writes down what they saw."""

    def session_of(self, cookie: str) -> BrowserSession:
        """Return the session of a cookie as it stands now.

        Raises:
            Refused: There is none, or it has ended.
            RemoteProtocolError: What it opened is not open any more.
        """

    def note(self, session: BrowserSession, what: Access, study: bytes) -> None:
        """Note that a study was looked at or downloaded, once for each session."""


def allowed_of(session: BrowserSession) -> Allowed:
    """Return what DICOMweb answers a session within."""
    return Allowed(
        studies=session.studies,
        series=session.series,
        view_only=frozenset(one for one in session.studies if not session.may_copy(one)),
    )
