"""What the desk keeps: who is signed in, what patients are being asked, and what they wished."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from undisc_node.services.link_rows import KeptPasscode

PIN_ATTEMPTS: Final = 5  # wrong PINs of a visit before the desk has to reopen it


class Stage(StrEnum):
    """How far somebody has come with signing in."""

    CODE = "code"  # the password was right, a one-time code is missing
    ENROL = "enrol"  # the password was right, and no authenticator is known yet
    IN = "in"


@dataclass(frozen=True, slots=True)
class StaffSession:
    """Somebody's browser at the desk.

    Attributes:
        id: SHA-256 of the secret in its cookie, 32 bytes.
        name: Whose.
        stage: How far they have come.
        created_ms: When it began.
        seen_ms: When it was last used; kept to half a minute.
        until_ms: When it ends, used or not.
        wrong: Wrong one-time codes so far.
    """

    id: bytes
    name: str
    stage: Stage
    created_ms: int
    seen_ms: int
    until_ms: int
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """An authenticator that makes one-time codes (RFC 6238).

    Attributes:
        name: Whose.
        sealed: Its secret under the node key.
        last_step: Number of the newest time step whose code was used; none is used twice.
        confirmed_ms: When its first code was right; None while it is being set up.
    """

    name: str
    sealed: bytes
    last_step: int
    confirmed_ms: int | None

    def __repr__(self) -> str:
        return f"SecondFactor(name={self.name!r})"


@dataclass(frozen=True, slots=True)
class Passkey:
    """A key that somebody's device keeps, and that signs them in.

    Attributes:
        id: The credential's id, as its authenticator named it; up to 1,023 bytes.
        name: Whose.
        label: What they call it.
        key: Its public key (COSE).
        count: How often it says it was used; 0 for those that do not count.
        created_ms: When it was made.
        used_ms: When it last signed somebody in, or None.
    """

    id: bytes
    name: str
    label: str
    key: bytes
    count: int
    created_ms: int
    used_ms: int | None


@dataclass(frozen=True, slots=True)
class Ask:
    """A decision that the desk asks somebody for, on a tablet or on their own phone.

    Attributes:
        id: 16 random bytes.
        handle: SHA-256 of the one-time handle that opens it; empty once it was opened.
        session: SHA-256 of the secret in the cookie of the browser that opened it; empty before.
        by: The member of staff who asks.
        facts: What is asked about, as JSON: see `services.asking`.
        created_ms: When it was prepared.
        until_ms: Until when it can be opened, and answered once it was.
        done_ms: When it was answered or dropped, or None.
        visit: The visit that the answer opened; empty before.
    """

    id: bytes
    handle: bytes
    session: bytes
    by: str
    facts: str
    created_ms: int
    until_ms: int
    done_ms: int | None = None
    visit: bytes = b""

    def __repr__(self) -> str:
        return f"Ask(id={self.id.hex()}, by={self.by!r})"  # the facts name a patient


class ChannelKind(StrEnum):
    """How a patient wants to get their link."""

    EMAIL = "email"
    TEXT = "text"
    PRINT = "print"


@dataclass(frozen=True, slots=True)
class Channel:
    """A way in which a patient wants to get the link of a visit.

    Attributes:
        visit: The visit's id.
        kind: The way.
        address: E-mail address, or telephone number as `+` and digits; empty for print.
        language: In which language the message is written.
        accepted_ms: When they accepted that it is not encrypted on its way; None for print.
        by: Who took it down; empty for the patient on a device of their own.
        at_ms: When.
    """

    visit: bytes
    kind: ChannelKind
    address: str
    language: str
    accepted_ms: int | None
    by: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class VisitPin:
    """The PIN that a patient chose for a visit.

    Attributes:
        visit: The visit's id.
        kept: What is kept of it.
        attempts: Wrong ones since it was set or reopened; one that is being compared counts until
            it turns out to be right.
        max_attempts: How many it bears.
    """

    visit: bytes
    kept: KeptPasscode
    attempts: int = 0
    max_attempts: int = PIN_ATTEMPTS

    @property
    def used_up(self) -> bool:
        """Whether no PIN opens it any more."""
        return self.attempts >= self.max_attempts


@dataclass(frozen=True, slots=True)
class Signature:
    """A drawn signature; the signed record of the consent names its hash.

    Attributes:
        consent: The consent's id.
        image: PNG.
    """

    consent: bytes
    image: bytes
