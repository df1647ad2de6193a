"""Hands messages to the channels that are set up: implements `ports.SendsMessages`."""

from __future__ import annotations

from collections.abc import Callable

from undisc_node.notify.email import Mailer
from undisc_node.notify.text_gateway import TextGateway
from undisc_node.services.contacts import Contact
from undisc_node.services.desk_rows import ChannelKind
from undisc_node.services.errors import Unavailable
from undisc_node.services.message_rows import Words


class Channels:
    """The ways of one node.

    Args:
        mailer: Hands e-mail over; None where no mail server is set.
        gateway: Hands text messages over; None where none is set.
        recognises: Whether the gateway knows a message again that it was given before.
    """

    def __init__(
        self, *, mailer: Mailer | None, gateway: TextGateway | None, recognises: bool
    ) -> None:
        self._mailer = mailer
        self._gateway = gateway
        self._recognises = recognises

    def carries(self, channel: ChannelKind) -> bool:
        """Tell whether this node can send anything on a channel."""
        match channel:
            case ChannelKind.EMAIL:
                return self._mailer is not None
            case ChannelKind.TEXT:
                return self._gateway is not None
            case ChannelKind.PRINT:
                return False

    def repeats_safely(self, channel: ChannelKind) -> bool:
        """Tell whether the other side recognises a message that it was given before."""
        return channel is ChannelKind.EMAIL or self._recognises

    def send(
        self, contact: Contact, words: Words, *, name: str, handing: Callable[[], None]
    ) -> str:
        """Hand a message over; see `ports.SendsMessages.send`."""
        if contact.channel is ChannelKind.EMAIL and self._mailer is not None:
            return self._mailer.send(contact.to, words, name=name, handing=handing)
        if contact.channel is ChannelKind.TEXT and self._gateway is not None:
            return self._gateway.send(contact.to, words, name=name, handing=handing)
        raise Unavailable(
            f"this node cannot send anything by {contact.channel}", code="channel_not_set"
        )
