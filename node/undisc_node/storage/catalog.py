"""The node's records in `catalog.sqlite3`: implements `ports.Catalog`.

- One writing connection behind one lock: a change is `BEGIN IMMEDIATE` … `COMMIT`.
- Looks use their own connections, kept for reuse, each with a snapshot of its own: they never wait
  for a change, and see what was committed before they began.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Generic, TypeVar

from undisc_node.services.ports import Entropy
from undisc_node.storage.archives import DeliveryTable, PacsTable
from undisc_node.storage.ballast import Ballast
from undisc_node.storage.browsing import BrowsingTable
from undisc_node.storage.codes import CodeTable
from undisc_node.storage.consents import ConsentTable
from undisc_node.storage.database import BUSY_MS, WAL_KEPT, open_reader, open_writer, sizes
from undisc_node.storage.desk import DeskTable
from undisc_node.storage.endings import EndingTable
from undisc_node.storage.faults import database_faults
from undisc_node.storage.fetches import FetchTable
from undisc_node.storage.figures import FigureTable
from undisc_node.storage.gate import Gate
from undisc_node.storage.grants import GrantTable
from undisc_node.storage.links import LinkTable
from undisc_node.storage.log import LogTable
from undisc_node.storage.media import MediaTable
from undisc_node.storage.messages import MessageTable
from undisc_node.storage.migrations import CATALOG
from undisc_node.storage.notices import NoticeTable
from undisc_node.storage.offers import OfferTable
from undisc_node.storage.orders import OrderTable
from undisc_node.storage.pairings import PairingTable
from undisc_node.storage.patients import PatientTable
from undisc_node.storage.peer_hours import HourTable
from undisc_node.storage.peers import PeerTable
from undisc_node.storage.queue import QueueTable
from undisc_node.storage.reports import ReportTable
from undisc_node.storage.restored import RestoredTable
from undisc_node.storage.rounds import RoundTable
from undisc_node.storage.senders import SenderTable
from undisc_node.storage.session import Session
from undisc_node.storage.shares import ShareTable
from undisc_node.storage.staff import StaffTable
from undisc_node.storage.studies import StudyTable
from undisc_node.storage.tickets import TicketTable
from undisc_node.storage.use_notices import UseNoticeTable
from undisc_node.storage.visits import VisitTable
from undisc_node.storage.wishes import WishTable
from undisc_node.storage.witnessed import WitnessedTable

_PAUSE_SECONDS: Final = 0.3  # for which new looks wait, so that the write-ahead log can be emptied
_CROWDED: Final = 2 * WAL_KEPT
"""Bytes of the write-ahead log from which on readers are asked to wait: each commit tries to empty
it, which only works at a moment without a reader, and a busy node may have none for minutes."""
_IDLE_READERS: Final = 8  # connections kept open between looks; each has a page cache of 2 MB


_Table = TypeVar("_Table")


class _Bound(Generic[_Table]):
    """A table that is bound to the session when it is first asked for: a change uses two or three.

    Args:
        table: Makes it from a session.
    """

    def __init__(self, table: Callable[[Session], _Table]) -> None:
        self._table = table

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, records: CatalogRecords, owner: type) -> _Table:
        # Kept under its own name, so that Python does not come here again.
        table = self._table(records.session)
        records.__dict__[self._name] = table
        return table


class CatalogRecords:
    """Everything the catalog keeps, within one session.

    Args:
        session: One change or one look.
    """

    def __init__(self, session: Session) -> None:
        self.session = session

    studies = _Bound(StudyTable)
    grants = _Bound(GrantTable)
    shares = _Bound(ShareTable)
    peers = _Bound(PeerTable)
    tickets = _Bound(TicketTable)
    fetches = _Bound(FetchTable)
    log = _Bound(LogTable)
    restored = _Bound(RestoredTable)
    witnessed = _Bound(WitnessedTable)
    hours = _Bound(HourTable)
    figures = _Bound(FigureTable)
    queue = _Bound(QueueTable)
    links = _Bound(LinkTable)
    staff = _Bound(StaffTable)
    pacs = _Bound(PacsTable)
    deliveries = _Bound(DeliveryTable)
    media = _Bound(MediaTable)
    orders = _Bound(OrderTable)
    reports = _Bound(ReportTable)
    notices = _Bound(NoticeTable)
    consents = _Bound(ConsentTable)
    visits = _Bound(VisitTable)
    codes = _Bound(CodeTable)
    desk = _Bound(DeskTable)
    wishes = _Bound(WishTable)
    browsing = _Bound(BrowsingTable)
    patients = _Bound(PatientTable)
    senders = _Bound(SenderTable)
    messages = _Bound(MessageTable)
    use_notices = _Bound(UseNoticeTable)
    offers = _Bound(OfferTable)
    rounds = _Bound(RoundTable)
    pairings = _Bound(PairingTable)
    endings = _Bound(EndingTable)


class SqliteCatalog:
    """The catalog of one node; safe to use from many threads.

    Args:
        path: `catalog.sqlite3`.
        entropy: Names the log's origin when the catalog is new.
        ballast: Gives way when the disk is full; None for none.
        create: Make the file when it is missing. Only for a new node: an empty catalog beside old
            packs would be a node that has forgotten them.

    Raises:
        ServiceError: It cannot be opened, or a newer undisc has written to it.
    """

    def __init__(
        self, path: Path, *, entropy: Entropy, create: bool, ballast: Ballast | None = None
    ) -> None:
        self._path = path
        self._ballast = ballast
        self._writing = threading.Lock()
        self._reading = Gate()
        self._writer_thread: int | None = None
        self._idle: list[sqlite3.Connection] = []
        self._idle_guard = threading.Lock()
        self._closed = False
        self._changes = 0
        self._writer = open_writer(path, migrations=CATALOG, create=create).conn
        with self.change() as records:
            records.log.found(entropy.random(16))

    @contextmanager
    def change(self, *, vital: bool = False) -> Iterator[CatalogRecords]:
        """Open a change: durable when the block ends, undone when it raises. One at a time.

        Args:
            vital: It must succeed on a full disk too: the ballast gives way for it.

        Raises:
            Conflict: A rule of the tables forbids the change.
            DiskFull: No room; nothing was changed.
            RuntimeError: This thread is inside a change already (a mistake in this program).
        """
        if self._writer_thread == threading.get_ident():
            raise RuntimeError("a change cannot be opened inside a change")
        with self._writing:
            self._writer_thread = threading.get_ident()
            if vital and self._ballast is not None:
                self._ballast.give_way()
            try:
                with self._transaction(self._writer, "BEGIN IMMEDIATE", writable=True) as records:
                    yield records
            finally:
                self._changes += 1
                self._writer_thread = None

    @property
    def changes(self) -> int:
        """How many changes have ended, also in vain; every one of this file goes through here."""
        return self._changes

    @contextmanager
    def look(self) -> Iterator[CatalogRecords]:
        """Open a consistent view for reading."""
        with self._reading.inside(patience=2 * _PAUSE_SECONDS):
            reader = self._take_reader()
            try:
                with self._transaction(reader, "BEGIN", writable=False) as records:
                    yield records
            finally:
                self._give_back(reader)

    def relieve(self) -> bool:
        """Empty the write-ahead log where readers keep it from being emptied; call now and then.

        Changes and new looks wait meanwhile, for a fraction of a second.

        Returns:
            Whether there was something to do, and it was done.
        """
        if sizes(self._path)[1] <= _CROWDED:
            return False
        with self._writing, database_faults(self._path):
            with self._reading.closed(patience=_PAUSE_SECONDS) as empty:
                if not empty:
                    return False  # a long reader; the next time may be better
                self._writer.execute(f"PRAGMA busy_timeout = {int(_PAUSE_SECONDS * 1000)}")
                try:
                    busy = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                finally:
                    self._writer.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
            return not busy

    def probe(self) -> None:
        """Commit a write that changes nothing, to know that a change would be durable now.

        The header of the file is written again as it is: one page in the write-ahead log, synced.

        Raises:
            ServiceError: A change would fail just now.
        """
        with self._writing, database_faults(self._path):
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                version = self._writer.execute("PRAGMA user_version").fetchone()[0]
                self._writer.execute(f"PRAGMA user_version = {int(version)}")
                self._writer.execute("COMMIT")
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    def close(self) -> None:
        """Close every connection; call when nothing uses the catalog any more."""
        with self._writing, self._idle_guard:
            self._closed = True
            for connection in (self._writer, *self._idle):
                connection.close()
            self._idle.clear()

    @contextmanager
    def _transaction(
        self, connection: sqlite3.Connection, begin: str, *, writable: bool
    ) -> Iterator[CatalogRecords]:
        with database_faults(self._path):
            connection.execute(begin)
        session = Session(connection, self._path, writable=writable)
        try:
            yield CatalogRecords(session)
            with database_faults(self._path):
                connection.execute("COMMIT")
        finally:
            session.end()
            if connection.in_transaction:  # the block raised, or COMMIT was refused
                connection.execute("ROLLBACK")

    def _take_reader(self) -> sqlite3.Connection:
        with self._idle_guard:
            if self._idle:
                return self._idle.pop()
        return open_reader(self._path)

    def _give_back(self, reader: sqlite3.Connection) -> None:
        with self._idle_guard:
            if not self._closed and len(self._idle) < _IDLE_READERS:
                self._idle.append(reader)
                return
        reader.close()
