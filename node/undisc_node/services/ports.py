"""What use cases need from the world, each port named for that need.

Adapters in `storage`, `dicom` and `peers` implement these; `tests/support` has an in-memory
implementation of each, and `tests/contract` runs one suite on both. Ports are synchronous: use
cases run in worker threads, and the web layer keeps the event loop free.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from undisc_node.services.model import (
    Fetch,
    Grant,
    InstanceFacts,
    LogRow,
    Pack,
    PackRole,
    Peer,
    Receipt,
    Share,
    Study,
    StudyState,
    Ticket,
)
from undisc_protocol.did import Did
from undisc_protocol.log import Frontier
from undisc_protocol.pack import ObjectHeader, StudyHeader


class Clock(Protocol):
    """Tells the time."""

    def now_ms(self) -> int:
        """Return UTC in milliseconds since 1970; never smaller than an earlier answer."""


class Entropy(Protocol):
    """Draws random numbers."""

    def random(self, count: int) -> bytes:
        """Return `count` unpredictable bytes."""


class StudyRecords(Protocol):
    """Studies and their packs."""

    def get(self, study: bytes) -> Study | None:
        """Return it by id, or None."""

    def find_uid(self, uid: str) -> Study | None:
        """Return the study of a Study Instance UID, or None."""

    def list(
        self, *, text: str = "", state: StudyState | None = None, limit: int = 100, offset: int = 0
    ) -> Sequence[Study]:
        """List newest first; `text` matches patient name, patient id, accession or UID."""

    def starting(self, prefix: str) -> Sequence[Study]:
        """List up to two studies whose id begins with these hex digits, at most 32 of them."""

    def counts(self) -> Mapping[str, int]:
        """Count studies by state, and as `unsettled` and `waiting`."""

    def unsettled(self, quiet_since_ms: int) -> Sequence[Study]:
        """List studies that have not settled and had no arrival since then."""

    def put(self, study: Study) -> None:
        """Insert or replace by id."""

    def remove(self, study: bytes) -> None:
        """Remove the study and its pack rows."""

    def packs(self, study: bytes, role: PackRole = PackRole.MAIN) -> Sequence[Pack]:
        """List a study's packs of one role, oldest first."""

    def all_packs(self) -> Sequence[Pack]:
        """List every pack of every study."""

    def put_pack(self, pack: Pack) -> None:
        """Insert or replace by id."""

    def remove_pack(self, pack: bytes) -> None:
        """Remove the row."""


class GrantRecords(Protocol):
    """Grants of this node, newest first. Added once; a revoked grant stays revoked."""

    def get(self, grant: bytes) -> Grant | None:
        """Return it by id, or None."""

    def list(self, *, study: bytes | None = None) -> Sequence[Grant]:
        """List, newest first."""

    def add(self, grant: Grant) -> None:
        """Add it; its id must be new."""

    def revoke(self, grant: bytes, at_ms: int) -> None:
        """Mark it as revoked from then on."""


class ShareRecords(Protocol):
    """Shares that stand on grants of this node, newest first; a revoked share stays revoked."""

    def get(self, share: bytes) -> Share | None:
        """Return it by id, or None."""

    def list(self, *, study: bytes | None = None) -> Sequence[Share]:
        """List, newest first."""

    def add(self, share: Share) -> None:
        """Add it; its id must be new."""

    def revoke(self, share: bytes, at_ms: int) -> None:
        """Mark it as revoked from then on."""


class PeerRecords(Protocol):
    """Other nodes."""

    def get(self, peer: bytes) -> Peer | None:
        """Return it by id, or None."""

    def find_did(self, did: Did) -> Peer | None:
        """Return the peer whose current key that is, or None."""

    def list(self) -> Sequence[Peer]:
        """List, newest first."""

    def put(self, peer: Peer) -> None:
        """Insert or replace by id."""


class TicketRecords(Protocol):
    """Tickets, and the invocations that were used up."""

    def get(self, ticket_hash: bytes) -> Ticket | None:
        """Return it by id, or None."""

    def ends_ms(self, ticket_hash: bytes) -> int:
        """Return when a ticket ends, ms; 0 for an unknown one. Cheap: asked for every slice."""

    def add(self, ticket: Ticket) -> None:
        """Add it; its id must be new."""

    def by_invocation(self, invocation: bytes) -> Ticket | None:
        """Find what a receipt refers to; also after the ticket has expired."""

    def drop(
        self,
        *,
        grant: bytes | None = None,
        share: bytes | None = None,
        study: bytes | None = None,
        peer: bytes | None = None,
        at_ms: int,
    ) -> int:
        """End every ticket of a grant, share, study or peer; return how many were alive."""

    def use_invocation(self, invocation: bytes, expires_ms: int) -> bool:
        """Mark an invocation as used. False if it was used before, in this or an earlier run."""

    def forget_expired(self, now_ms: int) -> None:
        """Remove invocations that are refused by their time anyway, and month-old tickets."""


class FetchRecords(Protocol):
    """Studies being brought from peers, and the receipts given and taken."""

    def get(self, fetch: bytes) -> Fetch | None:
        """Return it by id, or None."""

    def list(self, *, study: bytes | None = None) -> Sequence[Fetch]:
        """List, newest first."""

    def put(self, fetch: Fetch) -> None:
        """Insert or replace by id."""

    def add_receipt(self, receipt: Receipt) -> None:
        """File a receipt; filing the same one again changes nothing."""

    def receipts(self, study: bytes) -> Sequence[Receipt]:
        """List receipts about a study, oldest first."""


class LogRecords(Protocol):
    """The append-only log."""

    def append(self, event: bytes, salt: bytes) -> int:
        """Add an encoded event in the current change; return its number."""

    def frontier(self) -> Frontier:
        """Return origin, size and the tree's frontier."""

    def list(self, *, after: int = -1, limit: int = 1000) -> Sequence[LogRow]:
        """List, newest first."""

    def newest(self, limit: int) -> Sequence[LogRow]:
        """Return the newest rows, oldest of them first."""


class Records(Protocol):
    """Everything the catalog keeps, within one change or one look."""

    @property
    def studies(self) -> StudyRecords:
        """Studies and packs."""

    @property
    def grants(self) -> GrantRecords:
        """Grants of this node."""

    @property
    def shares(self) -> ShareRecords:
        """Shares on them."""

    @property
    def peers(self) -> PeerRecords:
        """Other nodes."""

    @property
    def tickets(self) -> TicketRecords:
        """Tickets and used invocations."""

    @property
    def fetches(self) -> FetchRecords:
        """Fetches and receipts."""

    @property
    def log(self) -> LogRecords:
        """The log."""


class Catalog(Protocol):
    """The node's records, changed all or nothing."""

    def change(self) -> AbstractContextManager[Records]:
        """Open a change: durable when the block ends, undone when it raises. One at a time."""

    def look(self) -> AbstractContextManager[Records]:
        """Open a consistent view for reading; calling anything that writes is an error."""


class Source(Protocol):
    """Bytes of one instance that can be read from the start, more than once."""

    @property
    def size(self) -> int:
        """Size in bytes."""

    def open(self) -> AbstractContextManager[BinaryIO]:
        """Open for reading from the first byte."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An instance about to be written into a pack.

    Attributes:
        source: Its bytes, complete.
        facts: What was read from it.
        hash: BLAKE3 of its bytes, 32 bytes.
        sender: Who brought it.
        replaces: Id of the object it supersedes, 16 bytes, or None.
        at_ms: When it arrived.
    """

    source: Source
    facts: InstanceFacts
    hash: bytes
    sender: str
    replaces: bytes | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class Stored:
    """An object in a pack.

    Attributes:
        header: Its header, with key, hash and sizes.
        extent_at: Offset of its first ciphertext byte in the pack file.
    """

    header: ObjectHeader
    extent_at: int


class Incoming(Protocol):
    """A pack being filled from a peer; survives a crash and continues where it was."""

    @property
    def pack(self) -> bytes:
        """The pack's id."""

    @property
    def header(self) -> StudyHeader:
        """What the pack says about its study."""

    def objects(self) -> Sequence[Stored]:
        """List every object that was announced, in order."""

    def complete(self) -> frozenset[bytes]:
        """Ids of objects whose every chunk is there and whose hash is right.

        Looks at the bytes themselves, so it is also right after a power cut. Call before writing.
        """

    def whole_chunks(self, object_id: bytes) -> int:
        """Number of good chunks at the start of an incomplete object."""

    def announce(self, headers: Sequence[ObjectHeader]) -> None:
        """Make room for objects that are not announced yet; durable on return.

        Raises:
            Tampered: An announced object has another key, size or hash now.
            DiskFull: No room.
        """

    def receive(self, object_id: bytes, first_chunk: int, read_into: ReadInto) -> None:
        """Take an object's chunks from `first_chunk` on, verify each, then the hash of the whole.

        Safe to call from several threads for different objects.

        Raises:
            Tampered: A chunk or the hash is wrong; the object counts as not there.
            Damaged: A chunk before `first_chunk` is not here after all.
            DiskFull: No room.
        """

    def publish(self) -> int:
        """Make everything durable and move the pack in place; return its length in bytes.

        Doing it again, after a crash came before the row, changes nothing.

        Raises:
            Conflict: An announced object is not known to be complete.
        """

    def discard(self) -> None:
        """Remove the file and the study key."""


class ReadInto(Protocol):
    """Fills a buffer completely from a stream, or raises `Unreachable`."""

    def __call__(self, buffer: memoryview, /) -> None:
        """Fill the buffer."""


class Packs(Protocol):
    """Pack files and their study keys. Keys never leave this port, except object keys."""

    def create(self, header: StudyHeader) -> Pack:
        """Make a study key and an empty pack with a sealed study header; durable on return."""

    def append(self, pack: Pack, drafts: Sequence[Draft]) -> tuple[Pack, Sequence[Stored]]:
        """Write objects after the committed length; durable on return.

        Bytes after `pack.length` (left by a crash) are cut off first.

        Returns:
            The pack with its new length, and what was stored. It counts only when the row is saved.

        Raises:
            DiskFull: No room; the pack is as before.
            Conflict: A draft's bytes changed while they were read.
            Invalid: An attribute does not fit a header.
            Damaged: The file is shorter than the committed length.
        """

    def objects(self, pack: Pack) -> Sequence[Stored]:
        """List the objects within the committed length, in order of arrival.

        Raises:
            Damaged: A header does not open.
        """

    def study_header(self, pack: Pack) -> StudyHeader:
        """Open a pack's sealed study header."""

    def series_name(self, pack: Pack, series_uid: str) -> bytes:
        """Return the 16-byte name of a series under the pack's study key."""

    def read(self, pack: Pack, stored: Stored) -> Iterator[bytes]:
        """Yield an object's original bytes, chunk by chunk.

        Raises:
            Damaged: A chunk does not authenticate, or the hash of the whole is wrong.
        """

    def seal_index(self, pack: Pack) -> Pack:
        """Write the index of all objects at the end; durable on return."""

    def open_file(self, pack: bytes) -> BinaryIO:
        """Open a pack file for serving its ciphertext."""

    def erase(self, pack: bytes) -> None:
        """Destroy the study key, then unlink the file. Doing it again changes nothing."""

    def stage(self, header: StudyHeader) -> Incoming:
        """Begin a pack to be filled from a peer; durable on return."""

    def resume(self, pack: bytes) -> Incoming:
        """Continue a staged pack after a break or a restart.

        Raises:
            NotFound: No such pack is staged.
        """

    def sweep(self, keep: frozenset[bytes]) -> int:
        """Erase every pack whose id is not in `keep`, file and key; return how many."""

    def free_bytes(self) -> int:
        """Room on the disk, in bytes."""


class InstanceReader(Protocol):
    """Reads what the node needs to know from a DICOM object."""

    def facts(self, source: Source) -> InstanceFacts:
        """Read the facts of a Part 10 file (PS3.10).

        Raises:
            Invalid: Not a DICOM object that can be stored; the message says why.
        """


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of a peer: HTTP status and body, not yet trusted."""

    status: int
    body: bytes


class PeerNetwork(Protocol):
    """Carries bytes to and from other nodes."""

    def introduce(self, url: str) -> bytes:
        """Ask for a node's document (identity records and status card).

        Raises:
            Unreachable: No answer, a forbidden address, or more bytes than `limits` allow.
        """

    def ask(self, urls: Sequence[str], path: str, body: bytes, *, limit: int) -> Reply:
        """Post bytes to the first address that answers.

        Args:
            urls: Addresses of the peer, tried in order.
            path: Such as `/undisc/v1/fetch`.
            body: What to send.
            limit: Largest accepted answer in bytes.

        Raises:
            Unreachable: No address answered.
        """

    def stream(
        self, urls: Sequence[str], ticket: bytes, start: int, stop: int
    ) -> AbstractContextManager[ReadInto]:
        """Open the bytes `[start, stop)` of a ticket's stream.

        Raises:
            Unreachable: No connection, an HTTP answer that is not exactly this range, or too slow.
            BadTicket: The holder no longer accepts the ticket (403).
        """
