"""Revocation: immediate at the holder, and final (DESIGN §5).

A revoked grant or share is refused from the moment the change is durable; running transfers end
at their next slice, because their tickets are dropped in the same change. What was copied before
cannot be called back.
"""

from __future__ import annotations

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import NotFound
from undisc_node.services.model import Grant, Share
from undisc_node.services.ports import Catalog, Clock, Records
from undisc_node.services.telling import tell_ended


class Revoking:
    """Revokes grants and shares.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
    """

    def __init__(self, *, catalog: Catalog, journal: Journal, clock: Clock) -> None:
        self._catalog = catalog
        self._journal = journal
        self._clock = clock

    def grant(self, grant_id: bytes, actor: str) -> Grant:
        """Revoke a grant, and with it every share on it; again changes nothing.

        Raises:
            NotFound: No such grant.
        """
        now_ms = self._clock.now_ms()
        with self._catalog.change(vital=True) as records:
            grant = records.grants.get(grant_id)
            if grant is None:
                raise NotFound("no such grant")
            return revoke_within(records, self._journal, grant, actor, now_ms)

    def share(self, share_id: bytes, actor: str) -> Share:
        """Revoke a share; again changes nothing.

        Raises:
            NotFound: No such share.
        """
        now_ms = self._clock.now_ms()
        with self._catalog.change(vital=True) as records:
            share = records.shares.get(share_id)
            if share is None:
                raise NotFound("no such share")
            return revoke_share_within(records, self._journal, share, actor, now_ms)


def revoke_within(
    records: Records, journal: Journal, grant: Grant, actor: str, now_ms: int, why: str = ""
) -> Grant:
    """Revoke a grant within an open change, and end its transfers; again changes nothing."""
    if grant.revoked_ms is None:
        records.grants.revoke(grant.id, now_ms)
        ended = records.tickets.drop(grant=grant.id, at_ms=now_ms)
        tell_ended(records, grant, now_ms)
        _note(records, journal, "grant", grant.id, grant.study, actor, ended, why)
    return records.grants.get(grant.id) or grant


def revoke_share_within(
    records: Records, journal: Journal, share: Share, actor: str, now_ms: int, why: str = ""
) -> Share:
    """Revoke a share within an open change, and end its transfers; again changes nothing."""
    if share.revoked_ms is None:
        records.shares.revoke(share.id, now_ms)
        ended = records.tickets.drop(share=share.id, at_ms=now_ms)
        tell_ended(records, share, now_ms)
        _note(records, journal, "share", share.id, share.study, actor, ended, why)
    return records.shares.get(share.id) or share


def _note(
    records: Records,
    journal: Journal,
    kind: str,
    identifier: bytes,
    study_id: bytes,
    actor: str,
    ended: int,
    why: str,
) -> None:
    study = records.studies.get(study_id)
    about = auditing.about_study(study) if study else ()
    journal.note(
        records,
        f"{kind}.revoked",
        who=auditing.user(actor),
        what=[*about, auditing.about_security(kind, identifier)],
        why=why,
        detail={"transfers_stopped": ended},
    )
