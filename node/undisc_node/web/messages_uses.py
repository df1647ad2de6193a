"""What the listeners need of messages to people; see `uses`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from undisc_node.services.consent_rows import Visit
from undisc_node.services.contacts import Contact
from undisc_node.services.desk_rows import Channel
from undisc_node.services.message_rows import Facts, MessageKind, MessageRow
from undisc_node.services.ports import Records


class KeepsMessages(Protocol):
    """Knows messages to people, and what became of them."""

    def find(self, prefix: str) -> MessageRow:
        """Find by a prefix of the id."""

    def list(self, visit: bytes | None = None, limit: int = 200) -> Sequence[MessageRow]:
        """List messages, newest first."""

    def retry(self, message: bytes, *, again: bool, actor: str) -> MessageRow:
        """Send one once more, now."""

    def cancel(self, message: bytes, actor: str) -> MessageRow:
        """End one that was not sent yet."""


class SendsNow(Protocol):
    """Sends what somebody waits for."""

    def send(
        self, kind: MessageKind, contact: Contact, *, language: str, fill: Callable[[Facts], Facts]
    ) -> None:
        """Send a message at once, without a row."""


class ReachesPatients(Protocol):
    """Knows where patients want the links of their visits, and prints them."""

    def check(self, contacts: Sequence[Contact], *, warned: bool) -> None:
        """Check where a link is to go before anything is recorded."""

    def choose(
        self, visit_id: bytes, contacts: Sequence[Contact], *, warned: bool, actor: str
    ) -> Sequence[Channel]:
        """Take down where the link of a visit is to go."""

    def choose_within(
        self, records: Records, visit: Visit, contacts: Sequence[Contact], *, actor: str
    ) -> Sequence[Channel]:
        """Take it down within the change that records the consent."""

    def contacts(self, visit_id: bytes) -> Sequence[Channel]:
        """List where the link of a visit goes."""

    def printed(self, visit_id: bytes, language: str, actor: str) -> bytes:
        """Draw the sheet that opens a visit."""
