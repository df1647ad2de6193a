"""Links of this node: made with a share, protected, reopened, revoked.

The link's secret never comes here: whoever shares makes it, and signs the share to its key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import Conflict, Invalid
from undisc_node.services.finding import by_prefix
from undisc_node.services.link_rows import DEFAULT_ATTEMPTS, MAX_ATTEMPTS, LinkRow
from undisc_node.services.model import Share
from undisc_node.services.passcodes import Passcodes
from undisc_node.services.ports import Catalog, Clock, Records
from undisc_node.services.sharing import Shared, Sharing
from undisc_node.services.telling import tell_ended
from undisc_protocol.capability.delegation import read_delegation


@dataclass(frozen=True, slots=True)
class Protection:
    """How a link is protected.

    Attributes:
        passcode: As typed, or empty for none.
        uses: How often it may be unlocked, or None for any number.
        attempts: How many wrong passcodes it bears in its life.
    """

    passcode: str = field(default="", repr=False)
    uses: int | None = None
    attempts: int = DEFAULT_ATTEMPTS


class Linking:
    """Makes and looks after links.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
        sharing: Takes shares in.
        passcodes: Hashes passcodes.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        journal: Journal,
        clock: Clock,
        sharing: Sharing,
        passcodes: Passcodes,
    ) -> None:
        self._catalog = catalog
        self._journal = journal
        self._clock = clock
        self._sharing = sharing
        self._passcodes = passcodes

    def share(self, token: bytes, protection: Protection, actor: str) -> tuple[Shared, LinkRow]:
        """Take in a share to a new link, and protect the link.

        Args:
            token: The signed share.
            protection: What stands before it.
            actor: Who brought it.

        Raises:
            Invalid: The protection cannot be used.
            Conflict: The link is known already, or the share names a node.
            ServiceError: As `Sharing.register`.
            RemoteProtocolError: Likewise.
        """
        if protection.uses is not None and protection.uses < 1:
            raise Invalid("a link is used at least once", hint="leave the number out for any")
        if not 1 <= protection.attempts <= MAX_ATTEMPTS:
            raise Invalid(f"a link bears 1 to {MAX_ATTEMPTS} wrong passcodes")
        kept = self._passcodes.keep(protection.passcode) if protection.passcode else None
        link = LinkRow(
            did=read_delegation(token).audience,
            passcode=kept,
            max_uses=protection.uses,
            uses=0,
            max_attempts=protection.attempts,
            attempts=0,
            created_ms=self._clock.now_ms(),
        )

        def protect(records: Records, share: Share) -> None:
            nodes = {peer.did for peer in records.peers.list()}
            if records.links.get(link.did) is not None or link.did in nodes:
                raise Conflict(
                    "the share is not to a new link",
                    code="link_known",
                    hint="every link is made anew: undisc shares create --to link",
                )
            records.links.add(link)
            self._journal.note(
                records,
                "link.made",
                who=auditing.user(actor),
                what=[
                    auditing.about_security("link", link.id),
                    auditing.about_security("share", share.id),
                ],
                detail={
                    "passcode": int(kept is not None),
                    "uses": protection.uses or 0,
                    "attempts": protection.attempts,
                },
            )

        return self._sharing.register(token, actor, protect), link

    def find(self, prefix: str) -> LinkRow:
        """Return a link by a unique beginning of its id."""
        return by_prefix(prefix, self.list(), "link")

    def list(self) -> Sequence[LinkRow]:
        """List links, newest first."""
        with self._catalog.look() as records:
            return records.links.list()

    def reopen(self, link: LinkRow, actor: str) -> LinkRow:
        """Let attempts at the passcode begin anew: the way back for whoever mistyped too often.

        Raises:
            Conflict: It was revoked.
        """
        if link.revoked_ms is not None:
            raise Conflict("the link was revoked; a revocation is final", code="link_revoked")
        with self._catalog.change() as records:
            records.links.reopen(link.did)
            self._note(records, "link.reopened", link, actor, attempts=link.attempts)
            return records.links.get(link.did) or link

    def revoke(self, link: LinkRow, actor: str) -> LinkRow:
        """End a link and everything that was shared with it, at once and for good."""
        now_ms = self._clock.now_ms()
        with self._catalog.change(vital=True) as records:
            if link.revoked_ms is None:
                records.links.revoke(link.did, now_ms)
                stopped = 0
                for share in records.shares.list(audience=link.did):
                    records.shares.revoke(share.id, now_ms)
                    if share.revoked_ms is None:
                        tell_ended(records, share, now_ms)
                    stopped += records.tickets.drop(share=share.id, at_ms=now_ms)
                self._note(records, "link.revoked", link, actor, transfers_stopped=stopped)
            return records.links.get(link.did) or link

    def _note(self, records: Records, kind: str, link: LinkRow, actor: str, **detail: int) -> None:
        self._journal.note(
            records,
            kind,
            who=auditing.user(actor),
            what=[auditing.about_security("link", link.id)],
            detail=dict(detail),
        )
