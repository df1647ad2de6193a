"""What pages of links and the admin socket need of patients; all of it is synchronous."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from undisc_node.services.browsing_rows import AccessRow, BrowserSession, SessionRow
from undisc_node.services.link_looks import Looked
from undisc_node.services.patient_links import Handout, PatientAccess
from undisc_node.services.patient_rows import PatientShare
from undisc_node.services.patient_views import Overview, Shown, Wanted
from undisc_node.services.use_notices import UseWish
from undisc_protocol.did import Did


class OpensLinks(Protocol):
    """Looks at links, opens and claims them."""

    def greeting(self) -> tuple[bytes, int]:
        """Return to whom browsers address what they sign, and the time, seconds."""

    def look(self, raw: bytes) -> Looked:
        """Say what a link is; nothing is spent."""

    def look_code(self, typed: str, who: str = "") -> Looked:
        """Say what the link beside a code is."""

    def open(self, raw: bytes, tester: BrowserSession | None = None) -> tuple[str, SessionRow]:
        """Pass the protection of a link; return the cookie and the session's row."""

    def send_code(self, raw: bytes, language: str) -> None:
        """Send a one-time code to the contact that the patient has named."""

    def open_code(self, typed: str, pin: str, who: str = "") -> tuple[str, SessionRow]:
        """Open a patient's link by its code and the PIN."""

    def claim(self, raw: bytes) -> tuple[str, SessionRow]:
        """Let the browser's own key take the place of a link's."""

    def claim_code(
        self, typed: str, pin: str, new: Did, *, software: bool, who: str = ""
    ) -> tuple[str, SessionRow]:
        """Likewise, with the code in the place of the link."""


class ChecksSessions(Protocol):
    """Knows browser sessions."""

    def session_of(self, cookie: str) -> BrowserSession:
        """Return the session of a cookie as it stands now."""

    def end(self, cookie: str) -> None:
        """End a session."""


class SharesForPatients(Protocol):
    """Shares and revokes for patients."""

    def overview(self, session: BrowserSession) -> Overview:
        """Return what the patient's page shows."""

    def accesses(self, session: BrowserSession) -> Sequence[AccessRow]:
        """List who did what."""

    def share(
        self, session: BrowserSession, tokens: Sequence[bytes], wanted: Wanted
    ) -> tuple[PatientShare, Sequence[bytes]]:
        """Take in what a patient's browser has signed for one recipient."""

    def send(
        self, session: BrowserSession, share_id: bytes, link: str, to: str, language: str
    ) -> None:
        """Send the link of a share to somebody."""

    def extend(
        self, session: BrowserSession, share_id: bytes, tokens: Sequence[bytes]
    ) -> PatientShare:
        """Add studies to what a recipient has already."""

    def revoke(self, session: BrowserSession, share_id: bytes) -> PatientShare:
        """End what was given to one recipient."""

    def revoke_all(self, session: BrowserSession) -> int:
        """End everything that was given to anybody."""


class TellsOfUses(Protocol):
    """Tells patients of each use, if they want that."""

    def wish(self, visit: bytes) -> UseWish:
        """Return what the patient of a visit wants."""

    def want(self, visit: bytes, actor: str, *, wanted: bool) -> None:
        """Tell the patient of each use from now on, or not any more."""


class HandsOutLinks(Protocol):
    """Makes, hands out and replaces patients' links."""

    def access(self, visit_id: bytes) -> PatientAccess:
        """Return how the patient of a visit gets in."""

    def handout(self, visit_id: bytes) -> Handout:
        """Return what is handed to the patient of a visit."""

    def reissue(self, visit_id: bytes, actor: str) -> Handout:
        """Make a new link for a visit."""

    def set_pin(self, visit_id: bytes, pin: str, actor: str) -> None:
        """Set the PIN of a visit."""

    def draw_pin(self, visit_id: bytes, actor: str) -> str:
        """Set a random PIN, and return it."""

    def reopen(self, visit_id: bytes, actor: str) -> None:
        """Allow new attempts at the PIN."""


class KeepsPatientShares(Protocol):
    """Knows what patients shared, and ends it on their word."""

    def shares_of(self, visit_id: bytes) -> Sequence[Shown]:
        """List what was shared of a visit, newest first."""

    def accesses_of(self, visit_id: bytes) -> Sequence[AccessRow]:
        """List who did what with anything of a visit, newest first."""

    def revoke_of(self, visit_id: bytes, share_id: bytes, actor: str) -> PatientShare:
        """End what was given to one recipient."""

    def revoke_all_of(self, visit_id: bytes, actor: str) -> int:
        """End everything that was given to anybody."""
