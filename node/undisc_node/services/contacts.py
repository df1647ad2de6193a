"""Ways to reach a person: an e-mail address, a telephone number, a sheet of paper."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from undisc_node.services import reachable
from undisc_node.services.desk_rows import Channel, ChannelKind

_SHOWN: Final = 2  # digits at the end of a number that are shown


@dataclass(frozen=True, slots=True)
class Contact:
    """One way to reach one person.

    Attributes:
        channel: How.
        to: Address or number in its one spelling; empty for a sheet of paper.
    """

    channel: ChannelKind
    to: str = field(repr=False)  # who it is, so it stays out of logs

    @property
    def masked(self) -> str:
        """As it may be shown to somebody who need not know it: `j•••@example.org`."""
        if self.channel is ChannelKind.EMAIL:
            local, _, domain = self.to.rpartition("@")
            return f"{local[:1]}•••@{domain}"
        return f"{self.to[:3]}•••{self.to[-_SHOWN:]}" if self.to else ""


def read_contact(channel: ChannelKind, typed: str) -> Contact:
    """Return a way to reach somebody as it was typed.

    Raises:
        Invalid: It cannot be one.
    """
    match channel:
        case ChannelKind.EMAIL:
            return Contact(channel, reachable.email(typed))
        case ChannelKind.TEXT:
            return Contact(channel, reachable.telephone(typed))
        case ChannelKind.PRINT:
            return Contact(channel, "")


def contact_of(channel: Channel) -> Contact:
    """Return the way in which a patient wants the link of a visit."""
    return Contact(channel.kind, channel.address)
