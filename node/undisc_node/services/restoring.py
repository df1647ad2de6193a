"""Restored mode: what a node does after it came back from a copy of its catalog (DESIGN §3).

A copy does not know the decisions made after it: a permission that it holds as valid may have been
revoked. So a node that came back suspends every one of them, goes on with its log under another
origin, and waits until the administrator has kept or revoked each. What is granted from then on
works at once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import Conflict, NotFound
from undisc_node.services.finding import by_prefix
from undisc_node.services.model import (
    FetchState,
    Grant,
    Restored,
    RestoredBy,
    Share,
    Tombstone,
)
from undisc_node.services.ports import Catalog, Clock, Entropy, Records
from undisc_node.services.revoking import revoke_share_within, revoke_within

_ORIGIN = 16  # bytes


def enter_restored_mode(
    catalog: Catalog,
    *,
    journal: Journal,
    clock: Clock,
    entropy: Entropy,
    how: RestoredBy,
    taken_ms: int,
    tombstones: Collection[Tombstone] = (),
) -> Restored:
    """Mark a catalog that came back from a copy, in one change; before any door opens.

    Args:
        catalog: The catalog that came back.
        journal: Its log.
        clock: Time.
        entropy: Names the log's new origin.
        how: From what it came back.
        taken_ms: When the copy was made; 0 when there was none.
        tombstones: What was erased after the copy, as far as is known elsewhere.
    """
    now_ms = clock.now_ms()
    restored = Restored(since_ms=now_ms, taken_ms=taken_ms, how=how, confirmed_ms=None)
    with catalog.change() as records:
        records.studies.bury(tombstones)
        count = records.restored.begin(restored)
        records.tickets.drop_all(now_ms)
        for fetch in records.fetches.list():
            if fetch.state in (FetchState.RUNNING, FetchState.PAUSED):
                # What was staged is not part of a copy; the fetch asks for it again.
                records.fetches.put(replace(fetch, state=FetchState.PAUSED, pack=None))
        before = records.log.frontier()
        records.log.restart(entropy.random(_ORIGIN))
        journal.note(
            records,
            "node.restored",
            who=auditing.user("undisc-node"),
            why=how.value,
            detail={
                "taken_ms": taken_ms,
                "suspended": count,
                "old_origin": before.origin.hex(),
                "old_size": before.size,
            },
        )
    return restored


class Suspense(StrEnum):
    """What a suspended capability is."""

    GRANT = "grant"
    SHARE = "share"


@dataclass(frozen=True, slots=True)
class Suspended:
    """A permission that waits for the administrator.

    Attributes:
        kind: Grant or share.
        row: Its row.
    """

    kind: Suspense
    row: Grant | Share


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What became of the suspended permissions.

    Attributes:
        kept: How many are valid again.
        revoked: How many were revoked.
    """

    kept: int
    revoked: int


class Restoring:
    """Ends restored mode, one decision for each permission.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
    """

    def __init__(self, *, catalog: Catalog, journal: Journal, clock: Clock) -> None:
        self._catalog = catalog
        self._journal = journal
        self._clock = clock

    def latest(self) -> Restored | None:
        """Return the newest return from a copy; None if there was none."""
        with self._catalog.look() as records:
            return records.restored.latest()

    def ids(self) -> frozenset[bytes]:
        """Return the ids of suspended grants and shares."""
        with self._catalog.look() as records:
            return records.restored.suspended()

    def find(self, prefixes: Sequence[str]) -> frozenset[bytes]:
        """Return the suspended grants and shares whose ids begin so, each one unique.

        Raises:
            NotFound: Nothing suspended begins so.
            Conflict: Several do.
        """
        rows = [one.row for one in self.suspended()]
        return frozenset(
            by_prefix(prefix, rows, "suspended grant or share").id for prefix in prefixes
        )

    def suspended(self) -> Sequence[Suspended]:
        """List what waits for a decision: each grant, followed by the shares on it.

        A permission that has ended meanwhile does not wait: nobody can use it.
        """
        with self._catalog.look() as records:
            return _suspended(records, self._clock.now_ms() // 1000)

    def confirm(self, keep: Collection[bytes] | None, actor: str) -> Confirmed:
        """Make what is kept valid again, revoke the rest, and end restored mode; one change.

        Args:
            keep: Ids of the grants and shares to keep; None keeps all of them.
            actor: Who decided.

        Raises:
            Conflict: The node is not in restored mode, or a share is to be kept without its grant.
            NotFound: Something to keep is not suspended.
        """
        now_ms = self._clock.now_ms()
        with self._catalog.change() as records:
            latest = records.restored.latest()
            if latest is None or latest.confirmed_ms is not None:
                raise Conflict(
                    "the node is not in restored mode",
                    code="not_restored",
                    hint="there is nothing to confirm; 'undisc grants list' shows what is granted",
                )
            waiting = _suspended(records, now_ms // 1000)
            kept = {one.row.id for one in waiting} if keep is None else set(keep)
            _check_kept(waiting, kept)
            for one in waiting:
                if one.row.id in kept:
                    continue
                why = "not confirmed after a restore"
                if isinstance(one.row, Grant):
                    revoke_within(records, self._journal, one.row, actor, now_ms, why)
                else:
                    revoke_share_within(records, self._journal, one.row, actor, now_ms, why)
            records.restored.confirm(now_ms)
            done = Confirmed(kept=len(kept), revoked=len(waiting) - len(kept))
            self._journal.note(
                records,
                "node.confirmed",
                who=auditing.user(actor),
                detail={"kept": done.kept, "revoked": done.revoked},
            )
            return done


def _check_kept(waiting: Sequence[Suspended], kept: Collection[bytes]) -> None:
    rows = {one.row.id: one.row for one in waiting}
    for identifier in kept:
        row = rows.get(identifier)
        if row is None:
            raise NotFound(f"nothing suspended has the id {identifier.hex()[:8]}")
        if isinstance(row, Share) and row.grant in rows and row.grant not in kept:
            raise Conflict(
                f"share {identifier.hex()[:8]} stands on a grant that is not kept",
                code="grant_not_kept",
                hint=f"keep grant {row.grant.hex()[:8]} too, or leave the share out",
            )


def _suspended(records: Records, now: int) -> Sequence[Suspended]:
    ids = records.restored.suspended()
    if not ids:
        return ()
    shares = [row for row in records.shares.list() if row.id in ids and _waits(row, now)]
    found: list[Suspended] = []
    for grant in records.grants.list():
        if grant.id in ids and _waits(grant, now):
            found.append(Suspended(Suspense.GRANT, grant))
        found += [Suspended(Suspense.SHARE, row) for row in shares if row.grant == grant.id]
    return tuple(found)


def _waits(row: Grant | Share, now: int) -> bool:
    """Tell whether there is something to decide: not about what ended, or a peer knew as ended."""
    return row.expires > now and row.revoked_ms is None
