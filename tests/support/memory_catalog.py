"""The catalog's ports in memory: what a use case test runs on.

Same promises as `undisc_node.storage.catalog`, kept by `tests/contract`: a change is all or
nothing, a look sees one moment, a revocation stays.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from support.memory_archives import Deliveries, PacsRows
from support.memory_consents import Consents, Visits
from support.memory_department import Notices, Orders, Queue, Reports
from support.memory_endings import Endings
from support.memory_figures import Figures
from support.memory_links import Links
from support.memory_media import Media
from support.memory_outgoing import Codes, Messages, Offers, UseNotices
from support.memory_pairings import Pairings
from support.memory_people import PeopleRecords
from support.memory_rounds import Rounds
from support.memory_senders import Senders
from support.memory_staff import StaffAccounts
from support.memory_studies import Studies
from support.memory_tables import Part, Tables
from support.memory_witnessed import Hours, Witnessed
from undisc_node.services.errors import Conflict, NotFound
from undisc_node.services.model import (
    Fetch,
    FetchState,
    Grant,
    LogRow,
    Peer,
    Receipt,
    Restored,
    Share,
    Ticket,
)
from undisc_protocol.did import Did
from undisc_protocol.log import Frontier, leaf_hash

_DAY_MS = 86_400_000
_Decided = TypeVar("_Decided", Grant, Share, Fetch)


def _newest_first(rows: list[_Decided]) -> list[_Decided]:
    """Sort by time of creation; of rows of one moment, the one written later comes first."""
    newest = rows[::-1]
    newest.sort(key=lambda one: one.created_ms, reverse=True)
    return newest


class _Grants(Part):
    def get(self, grant: bytes) -> Grant | None:
        return self._now.grants.get(grant)

    def list(self, *, study: bytes | None = None, audience: Did | None = None) -> Sequence[Grant]:
        found = [
            one
            for one in self._now.grants.values()
            if study in (None, one.study) and audience in (None, one.audience)
        ]
        return _newest_first(found)

    def add(self, grant: Grant) -> None:
        if grant.id in self._new.grants:
            raise Conflict("the grant is on record already")
        self._new.grants[grant.id] = grant

    def revoke(self, grant: bytes, at_ms: int) -> None:
        known = self._new.grants.get(grant)
        if known is None:
            raise NotFound("no such grant")
        if known.revoked_ms is None:
            self._new.grants[grant] = replace(known, revoked_ms=at_ms)


class _Shares(Part):
    def get(self, share: bytes) -> Share | None:
        return self._now.shares.get(share)

    def list(self, *, study: bytes | None = None, audience: Did | None = None) -> Sequence[Share]:
        found = [
            one
            for one in self._now.shares.values()
            if study in (None, one.study) and audience in (None, one.audience)
        ]
        return _newest_first(found)

    def add(self, share: Share) -> None:
        if share.id in self._new.shares or share.grant not in self._new.grants:
            raise Conflict("the share is on record already, or its grant is not")
        self._new.shares[share.id] = share

    def revoke(self, share: bytes, at_ms: int) -> None:
        known = self._new.shares.get(share)
        if known is None:
            raise NotFound("no such share")
        if known.revoked_ms is None:
            self._new.shares[share] = replace(known, revoked_ms=at_ms)


class _Peers(Part):
    def get(self, peer: bytes) -> Peer | None:
        return self._now.peers.get(peer)

    def find_did(self, did: Did) -> Peer | None:
        return next((one for one in self._now.peers.values() if one.did == did), None)

    def list(self) -> Sequence[Peer]:
        return sorted(self._now.peers.values(), key=lambda one: one.added_ms)

    def put(self, peer: Peer) -> None:
        twin = self.find_did(peer.did)
        if twin is not None and twin.id != peer.id:
            raise Conflict("another peer has this DID")
        self._new.peers[peer.id] = peer


class _Tickets(Part):
    def get(self, ticket_hash: bytes) -> Ticket | None:
        return self._now.tickets.get(ticket_hash)

    def ends_ms(self, ticket_hash: bytes) -> int:
        ticket = self.get(ticket_hash)
        return ticket.expires_ms if ticket else 0

    def by_invocation(self, invocation: bytes) -> Ticket | None:
        return next(
            (one for one in self._now.tickets.values() if one.invocation == invocation), None
        )

    def add(self, ticket: Ticket) -> None:
        if ticket.hash in self._new.tickets or self.by_invocation(ticket.invocation):
            raise Conflict("the ticket, or one of the same invocation, is on record already")
        self._new.tickets[ticket.hash] = ticket

    def drop(
        self,
        *,
        grant: bytes | None = None,
        share: bytes | None = None,
        study: bytes | None = None,
        peer: bytes | None = None,
        at_ms: int,
    ) -> int:
        if grant is share is study is peer is None:
            raise RuntimeError("name what the tickets to drop belong to")
        alive = [
            one
            for one in self._new.tickets.values()
            if one.expires_ms > at_ms
            and grant in (None, one.grant)
            and share in (None, one.share)
            and study in (None, one.study)
            and peer in (None, one.peer)
        ]
        for one in alive:
            self._new.tickets[one.hash] = replace(one, expires_ms=at_ms)
        return len(alive)

    def drop_all(self, at_ms: int) -> int:
        alive = [one for one in self._new.tickets.values() if one.expires_ms > at_ms]
        for one in alive:
            self._new.tickets[one.hash] = replace(one, expires_ms=at_ms)
        return len(alive)

    def use_invocation(self, invocation: bytes, expires_ms: int) -> bool:
        if invocation in self._new.invocations:
            return False
        self._new.invocations[invocation] = expires_ms
        return True

    def forget_expired(self, now_ms: int) -> None:
        tables = self._new
        tables.invocations = {
            key: end for key, end in tables.invocations.items() if end > now_ms - _DAY_MS
        }
        tables.tickets = {
            key: one
            for key, one in tables.tickets.items()
            if one.expires_ms > now_ms - 30 * _DAY_MS
        }


class _Fetches(Part):
    def get(self, fetch: bytes) -> Fetch | None:
        return self._now.fetches.get(fetch)

    def list(self, *, study: bytes | None = None) -> Sequence[Fetch]:
        found = [one for one in self._now.fetches.values() if study in (None, one.study)]
        return _newest_first(found)

    def unfinished(self) -> Sequence[Fetch]:
        going = (FetchState.RUNNING, FetchState.PAUSED)
        return [one for one in self.list() if one.state in going or one.receipt_due]

    def put(self, fetch: Fetch) -> None:
        self._new.fetches[fetch.id] = fetch

    def add_receipt(self, receipt: Receipt) -> None:
        self._new.receipts.setdefault(receipt.id, receipt)

    def receipts(self, study: bytes) -> Sequence[Receipt]:
        found = [one for one in self._now.receipts.values() if one.study == study]
        return sorted(found, key=lambda one: one.at_ms)

    def has_receipt(self, receipt: bytes) -> bool:
        return receipt in self._now.receipts

    def receipts_with(self, peer: bytes, *, skip: int, limit: int) -> Sequence[Receipt]:
        found = [one for one in self._now.receipts.values() if one.peer == peer]
        found.reverse()
        found.sort(key=lambda one: one.at_ms, reverse=True)
        return found[skip : skip + limit]


class _Log(Part):
    def append(self, event: bytes, salt: bytes) -> int:
        tables = self._new
        leaf = leaf_hash(salt, event)
        tables.log.append(LogRow(len(tables.log), leaf, event, salt))
        tables.frontier = tables.frontier.append(leaf)
        return len(tables.log) - 1

    def frontier(self) -> Frontier:
        return self._now.frontier

    def restart(self, origin: bytes) -> None:
        tables = self._new
        tables.frontier = replace(tables.frontier, origin=origin)

    def list(self, *, after: int = -1, limit: int = 1000) -> Sequence[LogRow]:
        return self._now.log[after + 1 : after + 1 + limit]

    def newest(self, limit: int) -> Sequence[LogRow]:
        return self._now.log[max(0, len(self._now.log) - limit) :]


class _Restored(Part):
    def begin(self, restored: Restored) -> int:
        tables = self._new
        tables.restored.append(restored)
        for row in (*tables.grants.values(), *tables.shares.values()):
            if row.revoked_ms is None:
                tables.suspended.add(row.id)
        return len(tables.suspended)

    def latest(self) -> Restored | None:
        return self._now.restored[-1] if self._now.restored else None

    def suspended(self) -> frozenset[bytes]:
        return frozenset(self._now.suspended)

    def is_suspended(self, capability: bytes) -> bool:
        return capability in self._now.suspended

    def confirm(self, at_ms: int) -> None:
        tables = self._new
        tables.suspended.clear()
        tables.restored = [
            replace(one, confirmed_ms=at_ms) if one.confirmed_ms is None else one
            for one in tables.restored
        ]


class MemoryRecords(PeopleRecords):
    """Everything the catalog keeps, within one change or look."""

    def __init__(self, tables: Tables, *, writable: bool) -> None:
        super().__init__(tables, writable=writable)
        self.studies = Studies(tables, writable=writable)
        self.grants = _Grants(tables, writable=writable)
        self.shares = _Shares(tables, writable=writable)
        self.peers = _Peers(tables, writable=writable)
        self.tickets = _Tickets(tables, writable=writable)
        self.fetches = _Fetches(tables, writable=writable)
        self.log = _Log(tables, writable=writable)
        self.restored = _Restored(tables, writable=writable)
        self.witnessed = Witnessed(tables, writable=writable)
        self.hours = Hours(tables, writable=writable)
        self.media = Media(tables, writable=writable)
        self.figures = Figures(tables, writable=writable)
        self.queue = Queue(tables, writable=writable)
        self.links = Links(tables, writable=writable)
        self.staff = StaffAccounts(tables, writable=writable)
        self.pacs = PacsRows(tables, writable=writable)
        self.deliveries = Deliveries(tables, writable=writable)
        self.orders = Orders(tables, writable=writable)
        self.reports = Reports(tables, writable=writable)
        self.notices = Notices(tables, writable=writable)
        self.endings = Endings(tables, writable=writable)
        self.consents = Consents(tables, writable=writable)
        self.visits = Visits(tables, writable=writable)
        self.codes = Codes(tables, writable=writable)
        self.senders = Senders(tables, writable=writable)
        self.messages = Messages(tables, writable=writable)
        self.use_notices = UseNotices(tables, writable=writable)
        self.offers = Offers(tables, writable=writable)
        self.rounds = Rounds(tables, writable=writable)
        self.pairings = Pairings(tables, writable=writable)

    def end(self) -> None:
        """Make every later call fail."""
        for part in vars(self).values():
            part.end()


class MemoryCatalog:
    """A catalog without a disk; implements `ports.Catalog`."""

    def __init__(self) -> None:
        self._tables = Tables()
        self._writing = threading.Lock()
        self._writer_thread: int | None = None
        self.changes = 0

    @contextmanager
    def change(self, *, vital: bool = False) -> Iterator[MemoryRecords]:
        """Open a change: kept when the block ends, undone when it raises. One at a time."""
        if self._writer_thread == threading.get_ident():
            raise RuntimeError("a change cannot be opened inside a change")
        with self._writing:
            self._writer_thread = threading.get_ident()
            tables = self._tables.copy()
            records = MemoryRecords(tables, writable=True)
            try:
                yield records
                if any(one.study not in tables.studies for one in tables.packs.values()):
                    raise Conflict("a pack has no study")
                self._tables = tables
            finally:
                records.end()
                self.changes += 1
                self._writer_thread = None

    @contextmanager
    def look(self) -> Iterator[MemoryRecords]:
        """Open a consistent view for reading."""
        records = MemoryRecords(self._tables, writable=False)
        try:
            yield records
        finally:
            records.end()

    def probe(self) -> None:
        """Commit a write that changes nothing."""
        with self.change():
            pass

    def close(self) -> None:
        """Nothing to close."""
