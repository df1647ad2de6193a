"""Browser sessions and what was looked at, as rows and values: see `services.browsing`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from undisc_protocol.capability.delegation import COMMAND_READ
from undisc_protocol.did import Did

SESSION_MS: Final = 3_600_000
"""How long a session lasts at most: a screen that was left open shows nothing after an hour."""


class Kind(StrEnum):
    """Whose session it is."""

    PATIENT = "patient"  # whoever holds the patient's link or code, and the PIN
    SHARE = "share"  # whoever holds a link with which something was shared


class Access(StrEnum):
    """What was done with what a link opens."""

    OPENED = "opened"  # the protection was passed
    VIEWED = "viewed"  # images or report of a study were shown
    COPIED = "copied"  # a study was downloaded, or the holder answered another node's fetch
    STORED = "stored"  # another node has stated what it stored
    TESTED = "tested"  # the patient tried the link
    WRONG = "wrong"  # a wrong passcode or PIN
    GIVEN = "given"  # staff gave it out in an emergency
    SENT = "sent"  # the node sent the link to somebody, because the patient said so


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A browser session as it was begun; what it may see is looked up anew at every request.

    Attributes:
        hash: SHA-256 of the cookie, 32 bytes; the cookie itself is only with the browser.
        kind: Whose it is.
        link: The key that opened it: the patient's, or that of a share's link.
        visit: The visit, for a patient's; else None.
        use: Which use of the link it is, from 1; the unlock that it rests on.
        name: Who the reader said to be; may be empty, and is shown as said and not as known.
        test: Whether the patient tries the link.
        created_ms: When it began.
        until_ms: When it ends at the latest.
        ended_ms: When somebody ended it before, or None.
    """

    hash: bytes
    kind: Kind
    link: Did
    visit: bytes | None
    use: int
    name: str
    test: bool
    created_ms: int
    until_ms: int
    ended_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """What a session may see of one study.

    Attributes:
        study: The study's id.
        series: Names of the only series, or empty for the whole study.
        command: `/img/read` (may be downloaded) or `/img/view`.
        grant: Id of the grant behind it.
        share: Id of the share behind it, or None for the patient's own.
        expires: End, seconds.
    """

    study: bytes
    series: tuple[bytes, ...]
    command: str
    grant: bytes
    share: bytes | None
    expires: int


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A session as it stands at this moment.

    Attributes:
        row: How it was begun.
        opens: What it may see now, one for each study; studies that were revoked, held or that
            have ended are not in it.
        net: From what kind of address its reader calls now, for the log; never the address.
    """

    row: SessionRow
    opens: tuple[Opened, ...]
    net: str = ""

    @property
    def id(self) -> bytes:
        """Its name for logs, 32 bytes; opens nothing."""
        return self.row.hash

    @property
    def kind(self) -> Kind:
        """Whose it is."""
        return self.row.kind

    @property
    def link(self) -> Did:
        """The key that opened it."""
        return self.row.link

    @property
    def until_ms(self) -> int:
        """When it ends at the latest."""
        return self.row.until_ms

    @property
    def studies(self) -> frozenset[bytes]:
        """Ids of the studies it may see."""
        return frozenset(one.study for one in self.opens)

    @property
    def series(self) -> Mapping[bytes, frozenset[bytes]]:
        """By study, the names of the only series that it may see; a study not named is whole."""
        return {one.study: frozenset(one.series) for one in self.opens if one.series}

    def of_study(self, study: bytes) -> Opened | None:
        """Return what it may see of a study, or None."""
        return next((one for one in self.opens if one.study == study), None)

    def may_copy(self, study: bytes) -> bool:
        """Tell whether a study may be downloaded, and not only looked at."""
        found = self.of_study(study)
        return found is not None and found.command == COMMAND_READ


@dataclass(frozen=True, slots=True)
class AccessRow:
    """A line of what the patient reads about who did what.

    Attributes:
        at_ms: When.
        kind: What was done.
        link: The key that was used: of a link, of the patient, or of a node.
        study: The study, or None where it was about no single one.
        session: Hash of the browser session, or None for another node.
        who: Who the reader said to be, or the practice's name.
        node: Node id of the practice that came, or None for a browser.
    """

    at_ms: int
    kind: Access
    link: Did
    study: bytes | None
    session: bytes | None
    who: str
    node: bytes | None
