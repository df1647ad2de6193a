"""Messages that somebody waits for: sent at once or not at all, and kept nowhere.

A one-time code or a link that a patient shares must not lie in a queue; whoever waits tries again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from undisc_node.services.contacts import Contact
from undisc_node.services.desk_rows import ChannelKind
from undisc_node.services.errors import Unavailable
from undisc_node.services.message_rows import Facts, MessageKind
from undisc_node.services.ports import Entropy, SendsMessages, WordsMessages


@dataclass(frozen=True, slots=True)
class Appearance:
    """How the practice shows itself in messages.

    Attributes:
        practice: Its name there.
        phone: Whom to call.
    """

    practice: str
    phone: str

    @property
    def facts(self) -> Facts:
        """What every message says."""
        return Facts(practice=self.practice, phone=self.phone)


class SendingNow:
    """Sends messages without a row.

    Args:
        sender: Hands messages over.
        wording: Puts them into words.
        entropy: Names them.
        appearance: How the practice shows itself.
    """

    def __init__(
        self,
        *,
        sender: SendsMessages,
        wording: WordsMessages,
        entropy: Entropy,
        appearance: Appearance,
    ) -> None:
        self._sender = sender
        self._wording = wording
        self._entropy = entropy
        self._appearance = appearance

    def send(
        self, kind: MessageKind, contact: Contact, *, language: str, fill: Callable[[Facts], Facts]
    ) -> None:
        """Send a message at once.

        Args:
            kind: What it is about.
            contact: To whom.
            language: BCP 47 tag.
            fill: Adds to the practice's own facts what the message is about.

        Raises:
            Unavailable: It cannot be sent now, or nothing can be sent on this channel.
            Refused: The other side refuses the address for good.
        """
        if not self._sender.carries(contact.channel):
            raise Unavailable(
                f"this node cannot send anything by {contact.channel}",
                code="channel_not_set",
                hint="an administrator sets it up: docs/howto/deliver-links.md",
            )
        words = self._wording.words(kind, language, fill(self._appearance.facts))
        name = self._entropy.random(16).hex()
        self._sender.send(contact, words, name=name, handing=_nothing)

    def code(self, to: str, code: str, language: str) -> None:
        """Send a one-time code.

        Args:
            to: E-mail address or telephone number, in its one spelling.
            code: The code.
            language: BCP 47 tag.

        Raises:
            Unavailable: As `send`.
            Refused: As `send`.
        """
        channel = ChannelKind.EMAIL if "@" in to else ChannelKind.TEXT
        self.send(
            MessageKind.CODE,
            Contact(channel, to),
            language=language,
            fill=lambda facts: replace(facts, code=code),
        )

    def share(self, to: str, link: str, ends: int, language: str) -> None:
        """Send a link that a patient shares.

        Args:
            to: E-mail address or telephone number, in its one spelling.
            link: The link; it is kept nowhere here.
            ends: Its last day, seconds since 1970.
            language: BCP 47 tag.

        Raises:
            Unavailable: As `send`.
            Refused: As `send`.
        """
        channel = ChannelKind.EMAIL if "@" in to else ChannelKind.TEXT
        self.send(
            MessageKind.SHARE,
            Contact(channel, to),
            language=language,
            fill=lambda facts: replace(facts, link=link, ends=ends),
        )


def _nothing() -> None:
    """Nothing to write down: there is no row."""
