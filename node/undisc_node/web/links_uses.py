"""What the listeners need of links, each method as it is called here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from undisc_node.services.link_rows import LinkRow
from undisc_node.services.linking import Protection
from undisc_node.services.model import Fetch
from undisc_node.services.ports import Reply
from undisc_node.services.sharing import Shared


class Unlocks(Protocol):
    """Says what links open."""

    def answer(self, body: bytes) -> Reply:
        """Answer a sealed request to unlock with signed bytes."""


class KeepsLinks(Protocol):
    """Makes and looks after links of this node."""

    def share(self, token: bytes, protection: Protection, actor: str) -> tuple[Shared, LinkRow]:
        """Take in a share to a new link, and protect the link."""

    def find(self, prefix: str) -> LinkRow:
        """Find by a prefix of the id."""

    def list(self) -> Sequence[LinkRow]:
        """List links, newest first."""

    def reopen(self, link: LinkRow, actor: str) -> LinkRow:
        """Let attempts at the passcode begin anew."""

    def revoke(self, link: LinkRow, actor: str) -> LinkRow:
        """End a link and everything that was shared with it."""


class FetchesLinks(Protocol):
    """Fetches with links that this node was given."""

    def start(self, text: str, passcode: str, actor: str, code: str = "") -> Sequence[Fetch]:
        """Begin to fetch everything that a link opens."""
