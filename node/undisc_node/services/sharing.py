"""Shares: what a patient's key gives to one recipient, on a grant of ours (SPEC.md §4.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import NotFound, Refused
from undisc_node.services.finding import by_prefix
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.model import Grant, Share
from undisc_node.services.offering import Offering
from undisc_node.services.ports import Catalog, Clock, Records
from undisc_protocol.capability.chain import verify_share
from undisc_protocol.capability.delegation import Delegation, read_delegation
from undisc_protocol.errors import ShareTooEarly
from undisc_protocol.log import Actor


@dataclass(frozen=True, slots=True)
class Shared:
    """A registered share and the offer for its recipient."""

    share: Share
    offer: bytes


def share_row(share: Delegation, grant: Grant, now_ms: int) -> Share:
    """Return the row of a verified share."""
    return Share(
        id=share.signed_hash,
        token=share.raw,
        grant=grant.id,
        study=grant.study,
        audience=share.audience,
        command=share.command,
        series=share.policy.series,
        expires=share.expires,
        created_ms=now_ms,
        revoked_ms=None,
    )


class Sharing:
    """Registers and lists shares.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
        own: Who we are.
        offering: Makes the offer for the recipient.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        journal: Journal,
        clock: Clock,
        own: OwnIdentity,
        offering: Offering,
    ) -> None:
        self._catalog = catalog
        self._journal = journal
        self._clock = clock
        self._own = own
        self._offering = offering

    def register(
        self, token: bytes, actor: str, also: Callable[[Records, Share], None] | None = None
    ) -> Shared:
        """Take in a share that a patient's key has signed; doing it again changes nothing.

        Args:
            token: The signed share.
            actor: Who brought it.
            also: What else becomes true with it, in the same change.

        Raises:
            RemoteProtocolError: The share is not valid on its grant, or older than it.
            NotFound: No grant of ours stands under it.
            Refused: Its grant was revoked, or the share itself.
        """
        with self._catalog.change() as records:
            known, grant = self.register_within(records, token, auditing.user(actor))
            if also is not None:
                also(records, known)
        return Shared(known, self._offering.make([grant.token, token]))

    def register_within(self, records: Records, token: bytes, who: Actor) -> tuple[Share, Grant]:
        """Take in a share within an open change; return it with the grant that it stands on.

        Raises:
            ServiceError: As `register`.
            RemoteProtocolError: Likewise.
        """
        share = read_delegation(token)
        grant = self._grant_for(records, share)
        verify_share(
            token,
            grant.token,
            own=self._own.names,
            now=self._clock.now_ms() // 1000,
        )
        if share.not_before is not None and share.not_before < grant.created_ms // 1000:
            raise ShareTooEarly("the share is older than the grant it stands on")
        known = records.shares.get(share.signed_hash)
        if known is None:
            known = share_row(share, grant, self._clock.now_ms())
            records.shares.add(known)
            note_share(self._journal, records, known, who)
        elif known.revoked_ms is not None:
            raise Refused(
                "this share was revoked; a revocation is final",
                code="revoked",
                hint="the patient must share again",
            )
        return known, grant

    @staticmethod
    def _grant_for(records: Records, share: Delegation) -> Grant:
        """Return the newest active grant to the key that signed the share."""
        key = records.patients.key(share.issuer)
        if key is not None and key.retired_ms is not None:
            raise Refused(
                "another key has taken the place of the one that signed the share",
                code="key_replaced",
                hint="share from the browser that opened the link last",
            )
        found = [
            grant
            for grant in records.grants.list(study=share.policy.study)
            if grant.audience == share.issuer
        ]
        for grant in found:
            if grant.revoked_ms is None:
                return grant
        if found:
            raise Refused(
                "the grant under this share was revoked",
                code="revoked",
                hint="the practice must grant again, and the patient share again",
            )
        raise NotFound(
            "no grant of this node stands under the share",
            code="not_granted",
            hint="the link may belong to another study, or to another practice",
        )

    def find(self, prefix: str) -> Share:
        """Return a share by a unique beginning of its id."""
        with self._catalog.look() as records:
            return by_prefix(prefix, records.shares.list(), "share")

    def list(self, study: bytes | None) -> Sequence[Share]:
        """List shares, newest first."""
        with self._catalog.look() as records:
            return records.shares.list(study=study)


def note_share(journal: Journal, records: Records, share: Share, who: Actor) -> None:
    """Log that a share became known."""
    study = records.studies.get(share.study)
    what = [*(auditing.about_study(study) if study else ())]
    journal.note(
        records,
        "share.registered",
        who=who,
        what=[*what, auditing.about_security("share", share.id)],
        detail={"audience": share.audience, "command": share.command},
    )
