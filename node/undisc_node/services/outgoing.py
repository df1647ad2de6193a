"""The outgoing queue: what this node still has to tell or ask its peers, and what it does about it.

Offers and notices are rows of their own, and so are fetches that wait for their holder; this only
brings them together, peer by peer, hurries them when the peer is there, and lets a person say
"now" or "not any more".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Protocol, TypeVar

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import Conflict, NotFound
from undisc_node.services.finding import by_prefix
from undisc_node.services.hours import PeerHours, hour_of
from undisc_node.services.model import Fetch, FetchState, Peer
from undisc_node.services.ports import Catalog, Clock, Records

_HOUR_MS: Final = 3_600_000
_RARELY_MS: Final = 6 * _HOUR_MS  # at hours at which a peer is usually off


class OutgoingKind(StrEnum):
    """What waits for a peer."""

    OFFER = "offer"
    NOTICE = "notice"
    FETCH = "fetch"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One thing that waits for a peer.

    Attributes:
        id: The row's id: of a grant or share, a notice, or a fetch.
        kind: What it is.
        peer: For whom.
        about: What kind of notice, or how far a fetch is; empty of an offer.
        study: Local study, or None.
        made_ms: Since when.
        attempts: How often it was tried.
        next_ms: When it is tried next by itself; None when the peer has to come.
        problem: What went wrong last; empty when it was not tried yet.
    """

    id: bytes
    kind: OutgoingKind
    peer: bytes
    about: str
    study: bytes | None
    made_ms: int
    attempts: int
    next_ms: int | None
    problem: str


class GoesOn(Protocol):
    """Goes on with fetches."""

    def come(self, peer: bytes) -> int:
        """Go on with what waits for a holder that has come."""

    def resume(self, fetch_id: bytes, actor: str) -> Fetch:
        """Go on with a fetch."""


class OutgoingQueue:
    """Shows and hurries what waits for peers.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
        fetching: Goes on with fetches.
        hurry: Has a peer polled at once.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        journal: Journal,
        clock: Clock,
        fetching: GoesOn,
        hurry: Callable[[bytes], None],
    ) -> None:
        self._catalog = catalog
        self._journal = journal
        self._clock = clock
        self._fetching = fetching
        self._hurry = hurry
        self._hastened: dict[bytes, int] = {}  # when it was done last

    def list(self, peer: bytes | None = None) -> Sequence[Outgoing]:
        """List what waits, for one peer or all, the oldest first."""
        with self._catalog.look() as records:
            return _waiting(records, peer)

    def hours(self, peer: bytes) -> tuple[PeerHours | None, int | None]:
        """Return what was seen of a peer, and when it is expected if it is off."""
        with self._catalog.look() as records:
            seen = records.hours.get(peer)
        if seen is None or seen.off_ms is None:
            return seen, None
        return seen, seen.expected_ms(self._clock.now_ms())

    def woken(self, peer: Peer, was_away: bool) -> int:  # noqa: FBT001 - as `Waking` calls it
        """Let what waits for a peer that has come be tried now; return how much is about to be."""
        if was_away:
            with self._catalog.look() as records:
                waits = bool(_waiting(records, peer.id))
            if waits:
                self._hasten(peer.id)
                self._fetching.come(peer.id)
        now_ms = self._clock.now_ms()
        with self._catalog.look() as records:
            due = [
                *(one for one in records.offers.waiting(peer.id) if one.next_ms <= now_ms),
                *(one for one in records.notices.waiting(peer.id) if one.next_ms <= now_ms),
            ]
            going = [
                one
                for one in records.fetches.unfinished()
                if one.peer == peer.id and (one.state is FetchState.RUNNING or one.receipt_due)
            ]
        return len(due) + len(going)

    def returned(self, peer: bytes) -> None:
        """Try what waits for a peer that answers again."""
        self._hasten(peer)
        self._fetching.come(peer)

    def round(self) -> int:
        """Try again what waits for peers that are off, in the hours in which they usually are on.

        A pause that has grown long ends too late: a practice that opens at seven would hear at
        noon. At all other hours something is tried every `_RARELY_MS`.

        Returns:
            For how many peers something is tried again.
        """
        now_ms = self._clock.now_ms()
        with self._catalog.look() as records:
            off = [one for one in records.hours.list() if one.off_ms is not None]
            waiting = {one.peer for one in _waiting(records, None)}
        tried = 0
        for hours in off:
            if hours.peer not in waiting:
                continue
            pause = _HOUR_MS if hours.usual(hour_of(now_ms)) else _RARELY_MS
            if now_ms < self._hastened.get(hours.peer, hours.off_ms or 0) + pause:
                continue
            self._hastened[hours.peer] = now_ms - now_ms % _HOUR_MS
            self.returned(hours.peer)
            tried += 1
        return tried

    def _hasten(self, peer: bytes) -> None:
        now_ms = self._clock.now_ms()
        with self._catalog.change() as records:
            for offer in records.offers.waiting(peer):
                if offer.next_ms > now_ms:
                    records.offers.put_outgoing(replace(offer, next_ms=now_ms))
            for notice in records.notices.waiting(peer):
                if notice.next_ms > now_ms:
                    records.notices.put(replace(notice, next_ms=now_ms))

    # --- A person decides -------------------------------------------------------------------------

    def find(self, prefix: str) -> Outgoing:
        """Return what waits by a unique beginning of its id.

        Raises:
            NotFound: Nothing.
            Conflict: Several.
        """
        return by_prefix(prefix, self.list(), "row of the outgoing queue")

    def retry(self, row: Outgoing, actor: str) -> Outgoing:
        """Try it now; a peer that has to come is asked what it has for us meanwhile."""
        now_ms = self._clock.now_ms()
        with self._catalog.change() as records:
            if row.kind is OutgoingKind.OFFER:
                offer = _known([one for one in records.offers.waiting() if one.id == row.id])
                records.offers.put_outgoing(replace(offer, next_ms=now_ms, attempts=0))
            elif row.kind is OutgoingKind.NOTICE:
                notice = _known([one for one in records.notices.waiting() if one.id == row.id])
                records.notices.put(replace(notice, next_ms=now_ms, attempts=0))
        if row.kind is OutgoingKind.FETCH:
            self._fetching.resume(row.id, actor)
        self._hurry(row.peer)
        return replace(row, next_ms=now_ms, attempts=0)

    def drop(self, row: Outgoing, actor: str) -> Outgoing:
        """Give an offer or notice up; the permission behind an offer stays as it is.

        Raises:
            Conflict: A fetch is no message.
        """
        now_ms, outcome = self._clock.now_ms(), f"dropped by {actor}"
        if row.kind is OutgoingKind.FETCH:
            raise Conflict(
                "a fetch that waits costs nothing and cannot be dropped",
                code="fetch_waits",
                hint="it ends by itself once its permission has ended",
            )
        with self._catalog.change() as records:
            if row.kind is OutgoingKind.OFFER:
                offer = _known([one for one in records.offers.waiting() if one.id == row.id])
                records.offers.put_outgoing(replace(offer, done_ms=now_ms, outcome=outcome))
            else:
                notice = _known([one for one in records.notices.waiting() if one.id == row.id])
                records.notices.put(replace(notice, done_ms=now_ms, outcome=outcome))
            self._journal.note(
                records,
                "outgoing.dropped",
                who=auditing.user(actor),
                what=[
                    auditing.about_security(row.kind.value, row.id),
                    auditing.about_security("peer", row.peer),
                ],
                detail={"kind": row.about or row.kind.value},
            )
        return replace(row, problem=outcome, next_ms=None)


def _waiting(records: Records, peer: bytes | None) -> Sequence[Outgoing]:
    found = [
        *(
            Outgoing(
                id=one.id,
                kind=OutgoingKind.OFFER,
                peer=one.peer,
                about="",
                study=one.study,
                made_ms=one.made_ms,
                attempts=one.attempts,
                next_ms=one.next_ms,
                problem=one.outcome,
            )
            for one in records.offers.waiting(peer)
        ),
        *(
            Outgoing(
                id=one.id,
                kind=OutgoingKind.NOTICE,
                peer=one.peer,
                about=str(one.kind),
                study=one.study,
                made_ms=one.made_ms,
                attempts=one.attempts,
                next_ms=one.next_ms,
                problem=one.outcome,
            )
            for one in records.notices.waiting(peer)
        ),
        *(
            Outgoing(
                id=one.id,
                kind=OutgoingKind.FETCH,
                peer=one.peer,
                about="receipt" if one.receipt_due else "waits",
                study=one.study,
                made_ms=one.created_ms,
                attempts=0,
                next_ms=None,
                problem=one.problem,
            )
            for one in records.fetches.unfinished()
            if (one.waits or one.receipt_due) and peer in (None, one.peer)
        ),
    ]
    return sorted(found, key=lambda one: one.made_ms)


_Row = TypeVar("_Row")


def _known(rows: Sequence[_Row]) -> _Row:
    if not rows:
        raise NotFound("it does not wait any more")
    return rows[0]
