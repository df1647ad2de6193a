"""Whether what was given still stands: asked at every request, from the rows (SPEC.md §4.4)."""

from __future__ import annotations

from undisc_node.services.model import Grant, Share, StudyState
from undisc_node.services.ports import Records
from undisc_protocol.errors import Expired, NotGranted, Revoked, StudyUnavailable, Suspended


def is_unconfirmed(records: Records) -> bool:
    """Tell whether a restore waits for confirmation: a withdrawal since the backup may be lost."""
    restored = records.restored.latest()
    return restored is not None and restored.confirmed_ms is None


def standing_grant(records: Records, grant_id: bytes, share: Share | None, now: int) -> Grant:
    """Return a grant that can be used now, alone or with the share on it.

    Args:
        records: The rows.
        grant_id: The grant.
        share: The share on it, or None for the grant by itself.
        now: The time, seconds.

    Raises:
        NotGranted: There is no such grant.
        Revoked: The grant or the share was revoked.
        Expired: One of them is over.
        Suspended: One of them waits for the holder's confirmation after a restore.
        StudyUnavailable: The study is held, withdrawn or gone.
    """
    grant = records.grants.get(grant_id)
    if grant is None:
        raise NotGranted("no grant of this node stands behind the link")
    if grant.revoked_ms is not None or (share is not None and share.revoked_ms is not None):
        raise Revoked("the link was revoked")
    if min(grant.expires, share.expires if share else grant.expires) <= now:
        raise Expired("the link is over")
    if any(records.restored.is_suspended(one.id) for one in (grant, share) if one is not None):
        raise Suspended("the link waits for the holder's confirmation")
    study = records.studies.get(grant.study)
    if study is None or study.state is not StudyState.ACTIVE:
        raise StudyUnavailable("the study is not available")
    return grant
