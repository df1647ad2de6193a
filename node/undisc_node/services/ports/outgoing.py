"""Ports to what leaves for people: one-time codes, messages, print-outs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from undisc_node.services.code_rows import CodeRow
from undisc_node.services.contacts import Contact
from undisc_node.services.desk_rows import Channel, ChannelKind
from undisc_node.services.message_rows import (
    Facts,
    Lapsing,
    MessageKind,
    MessageRow,
    VisitLink,
    Words,
)
from undisc_node.services.ports.offers import OfferRecords
from undisc_node.services.ports.pairing import PairingRecords
from undisc_node.services.ports.rounds import RoundRecords
from undisc_node.services.use_notice_rows import UseNotice


class CodeRecords(Protocol):
    """One-time codes, the newest of each context."""

    def get(self, context: bytes) -> CodeRow | None:
        """Return the newest code of a context, or None."""

    def put(self, code: CodeRow) -> None:
        """Insert, or replace the earlier code of the context."""

    def take_try(self, context: bytes, most: int) -> bool:
        """Count a try; False, and nothing is counted, when all are used up."""

    def use(self, context: bytes, salt: bytes) -> bool:
        """Use a code up; False when it was used already, or is not the newest any more."""

    def forget(self, before_ms: int) -> None:
        """Remove codes that are counted since before then."""


class MessageRecords(Protocol):
    """Messages to people."""

    def get(self, message: bytes) -> MessageRow | None:
        """Return a message by its id, or None."""

    def add(self, message: MessageRow) -> bool:
        """Add a message; False when there is one of its kind, subject and contact already."""

    def put(self, message: MessageRow) -> None:
        """Replace a message by id."""

    def due(self, now_ms: int, *, limit: int = 100) -> Sequence[MessageRow]:
        """List what waits and is to be sent now, the longest due first."""

    def interrupted(self) -> Sequence[MessageRow]:
        """List what was on its way: sending or handing."""

    def starting(self, prefix: str) -> Sequence[MessageRow]:
        """Return up to two messages whose id begins with some hex digits."""

    def list(self, *, visit: bytes | None = None, limit: int = 200) -> Sequence[MessageRow]:
        """List newest first."""

    def unannounced(self, *, limit: int = 100) -> Sequence[Channel]:
        """List ways to patients of open, released visits to which no link was sent yet."""

    def lapsing(self, since: int, until: int, *, limit: int = 100) -> Sequence[Lapsing]:
        """List shares of visits that end between two moments and of which nobody was reminded.

        Args:
            since: Seconds since 1970, exclusive.
            until: Seconds since 1970, inclusive.
            limit: At most so many.
        """

    def forget(self, before_ms: int, now: int) -> int:
        """Remove messages that ended before then and cannot become due again; return how many.

        Args:
            before_ms: The end of those that are old enough.
            now: The time, seconds: what lapses later is reminded of once, so that is remembered.
        """


class UseNoticeRecords(Protocol):
    """Who wants to hear of uses of what they shared."""

    def get(self, visit: bytes) -> UseNotice | None:
        """Return the wish of a visit, or None."""

    def put(self, notice: UseNotice) -> None:
        """Insert or replace by visit."""

    def due(self, told_ms: int, *, limit: int) -> Sequence[tuple[bytes, int]]:
        """List visits with uses that were not told yet, each with the time of the newest one.

        Only looking and downloading by others than the patient, and what the patient tries is
        none.

        Args:
            told_ms: Only visits of which was last told then or before.
            limit: At most so many.
        """


class OutgoingRecords(Protocol):
    """The part of the catalog's records that is about what leaves; see `ports.Records`."""

    @property
    def codes(self) -> CodeRecords:
        """One-time codes."""

    @property
    def messages(self) -> MessageRecords:
        """Messages to people."""

    @property
    def use_notices(self) -> UseNoticeRecords:
        """Who wants to hear of uses."""

    @property
    def offers(self) -> OfferRecords:
        """Offers on their way between nodes."""

    @property
    def rounds(self) -> RoundRecords:
        """Rounds to peers, and what was seen there that must not be."""

    @property
    def pairings(self) -> PairingRecords:
        """Pairings with other nodes."""


class SendsMessages(Protocol):
    """Hands messages to a mail server or a gateway for text messages."""

    def carries(self, channel: ChannelKind) -> bool:
        """Tell whether this node can send anything on a channel."""

    def repeats_safely(self, channel: ChannelKind) -> bool:
        """Tell whether the other side recognises a message that it was given before."""

    def send(
        self, contact: Contact, words: Words, *, name: str, handing: Callable[[], None]
    ) -> str:
        """Hand a message over.

        Args:
            contact: To whom.
            words: What it says.
            name: Its name; the same for every attempt at the same message.
            handing: Called right before the step after which the other side has it; what it raises
                ends the attempt.

        Returns:
            What the other side calls the message, or nothing.

        Raises:
            MayBeSent: The other side fell silent after it was given the message.
            Unavailable: It cannot be sent now; the other side does not have it.
            Refused: The other side refuses it for good.
        """


class WordsMessages(Protocol):
    """Puts messages into words."""

    def words(self, kind: MessageKind, language: str, facts: Facts) -> Words:
        """Return a message in a language, or in English where that language is not there."""


class DrawsPrintouts(Protocol):
    """Draws the sheet of paper that opens a visit."""

    def draw(self, language: str, facts: Facts) -> bytes:
        """Return it as PDF, with the link as QR code."""


class KnowsVisitLinks(Protocol):
    """Knows the links of visits while they can still be handed out."""

    def link_of(self, visit: bytes) -> VisitLink | None:
        """Return the link of a visit; None when there is none yet, or it is nobody's to hand out.

        A link can be handed out until the patient claims it, or the consent ends.
        """
