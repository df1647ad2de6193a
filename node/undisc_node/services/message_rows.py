"""Messages to people: rows and values; see `services.messaging`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from undisc_node.services.contacts import Contact


class MessageKind(StrEnum):
    """What a message is about."""

    LINK = "link"  # the patient's link to a visit
    REMINDER = "reminder"  # something the patient shared lapses soon
    EMERGENCY = "emergency"  # staff gave images out in an emergency; to a second person
    EMERGENCY_PATIENT = "emergency-patient"  # the same, to the patient
    USED = "used"  # somebody used what the patient shared
    CODE = "code"  # a one-time code; sent at once and never a row
    SHARE = "share"  # a link that the patient shares; sent at once and never a row
    TEST = "test"  # that messages can be sent at all; never a row


class MessageState(StrEnum):
    """How far a message is.

    `handing` is written down before the last step after which the other side has the message. So
    after a crash it is known which messages cannot have been sent, and which may have been.
    """

    WAITING = "waiting"  # for its time
    SENDING = "sending"  # being prepared; the other side does not have it
    HANDING = "handing"  # being handed over; the other side may have it
    SENT = "sent"  # the other side has taken it over
    UNSURE = "unsure"  # it may have been sent, and sending it again could be the second time
    FAILED = "failed"  # refused for good, or given up
    CANCELLED = "cancelled"  # not needed any more

    @property
    def goes_on(self) -> bool:
        """Whether the node still does something about it."""
        return self in _GOES_ON


_GOES_ON = frozenset({MessageState.WAITING, MessageState.SENDING, MessageState.HANDING})


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message to a person. What it says is made when it is sent, and kept nowhere.

    Attributes:
        id: 16 random bytes.
        kind: What it is about.
        subject: Id of what it is about: a visit, share or grant; a visit and a time for uses.
        visit: The visit it belongs to, or None.
        contact: To whom.
        language: BCP 47 tag.
        state: How far it is.
        made_ms: When it became due.
        attempts: How often it was tried in this round.
        next_ms: When it is tried next.
        ended_ms: When it was sent, failed or cancelled; None before.
        problem: What stood in the way at last; never an address.
        reference: What the other side calls it, if it said so.
        round: How often a person had it sent again: a new round is a new message.
    """

    id: bytes
    kind: MessageKind
    subject: bytes
    visit: bytes | None
    contact: Contact
    language: str
    state: MessageState
    made_ms: int
    attempts: int
    next_ms: int
    ended_ms: int | None = None
    problem: str = ""
    reference: str = ""
    round: int = 0


@dataclass(frozen=True, slots=True)
class Lapsing:
    """Something a patient shared that lapses soon.

    Attributes:
        share: The share's id.
        visit: The visit whose patient is told.
        expires: Its end, seconds since 1970.
    """

    share: bytes
    visit: bytes
    expires: int


@dataclass(frozen=True, slots=True)
class VisitLink:
    """The link of a visit, as the patient gets it.

    Attributes:
        text: The whole link, with its secret.
        page: The address of the page without it, for whoever types the code.
        code: The typed handle.
        expires: End, seconds since 1970.
        pin: Whether a PIN is asked for that the patient chose.
    """

    text: str = field(repr=False)
    page: str
    code: str = field(repr=False)
    expires: int
    pin: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """What a message says; empty where it says nothing about it. No name, no finding.

    Attributes:
        practice: The practice as it wants to be called in messages.
        phone: Whom to call.
        link: The link.
        page: The address without the secret.
        code: A typed handle, or a one-time code.
        ends: The last day, seconds since 1970; 0 for none.
        staff: A member of staff.
        reference: What staff look it up by.
        pin: Whether a PIN is asked for.
    """

    practice: str
    phone: str = ""
    link: str = field(default="", repr=False)
    page: str = ""
    code: str = field(default="", repr=False)
    ends: int = 0
    staff: str = ""
    reference: str = ""
    pin: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """A message in a language.

    Attributes:
        subject: Of the e-mail.
        text: The e-mail as plain text.
        html: The same as HTML.
        short: The text message.
    """

    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    short: str = field(repr=False)
