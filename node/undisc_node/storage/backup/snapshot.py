"""What one snapshot says: its manifest, the lists of packs, the tombstones; bytes in, values out.

Lists that are alike from one snapshot to the next are stored as blocks, so that a snapshot of a
large node costs what has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

from undisc_node.services.model import Tombstone
from undisc_protocol import dagcbor, limits
from undisc_protocol.errors import BadFields
from undisc_protocol.fields import Fields
from undisc_protocol.pack import ID

NAME: Final = 32  # bytes of a block's name
HASH: Final = 32  # bytes of a segment's BLAKE3
TAIL: Final = 16  # last bytes of a segment: enough to see that a pack went another way since
MAX_MANIFEST: Final = 64 * 2**20  # bytes; 2 million blocks, a catalog of 500 GB
MAX_LIST: Final = 16 * 2**20  # bytes of one list of packs; 1,024 packs have about 100 kB
PACKS_TOGETHER: Final = 1_024  # packs in one list: a day's arrivals touch one or two lists
TOMBSTONES_TOGETHER: Final = 4_096  # tombstones in one block
_MAX_SETTINGS: Final = 1 << 20  # characters of undisc.toml, as config.py reads it
_MAX_VERSION: Final = 64
_MAX_COUNT: Final = limits.MAX_INTEGER
_TOMBSTONE: Final = 2 * ID + 8  # pack, study, time


class Segment(NamedTuple):
    """Bytes of a pack that one file of the repository holds.

    Attributes:
        length: Bytes.
        hash: BLAKE3 of them.
        tail: The last of them, up to `TAIL`.
    """

    length: int
    hash: bytes
    tail: bytes


@dataclass(frozen=True, slots=True)
class PackEntry:
    """A pack as a snapshot holds it.

    Attributes:
        pack: Its id, 16 bytes.
        length: Committed bytes.
        segments: Files that hold them, in order, without gap.
    """

    pack: bytes
    length: int
    segments: tuple[Segment, ...]

    def files(self) -> Iterator[tuple[str, int, Segment]]:
        """Yield name, offset and segment of each file."""
        start = 0
        for segment in self.segments:
            yield segment_name(self.pack, start, segment.hash), start, segment
            start += segment.length


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The manifest of one snapshot.

    Attributes:
        name: Its name, from the time and 8 random hex digits.
        node: The node id, 32 bytes.
        at_ms: When the catalog was copied, milliseconds since 1970.
        version: undisc's version.
        migrations: Applied to each database.
        catalog_size: Bytes of the catalog.
        catalog: Names of its blocks, in order.
        settings: Text of undisc.toml.
        records: Identity records, first to current.
        demo: Whether the node is for demonstrations.
        packs: Names of the blocks that list packs.
        pack_count: How many packs they list.
        pack_bytes: Sum of their lengths.
        skipped: Packs that were erased while the backup ran.
        tombstones: Names of the blocks that list tombstones.
        log_origin: Which log, 16 bytes.
        log_size: Its lines.
        log_root: Root of its tree.
        counts: Rows by table, for people.
    """

    name: str
    node: bytes
    at_ms: int
    version: str
    migrations: Mapping[str, tuple[str, ...]]
    catalog_size: int
    catalog: tuple[bytes, ...]
    settings: str
    records: tuple[bytes, ...]
    demo: bool
    packs: tuple[bytes, ...]
    pack_count: int
    pack_bytes: int
    skipped: tuple[bytes, ...]
    tombstones: tuple[bytes, ...]
    log_origin: bytes
    log_size: int
    log_root: bytes
    counts: Mapping[str, int]

    def blocks(self) -> Iterator[bytes]:
        """Yield the names of all blocks it needs."""
        yield from self.catalog
        yield from self.packs
        yield from self.tombstones


_BLOCK_LISTS: Final = ("catalog", "packs", "tombstones")
_FIELDS: Final = frozenset(Snapshot.__slots__) - {"name"}


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """Encode a manifest; its name is the file's."""
    value: dict[str, dagcbor.Value] = {name: getattr(snapshot, name) for name in _FIELDS}
    value |= {name: b"".join(getattr(snapshot, name)) for name in _BLOCK_LISTS}
    value["skipped"] = b"".join(snapshot.skipped)
    value["migrations"] = {name: list(steps) for name, steps in snapshot.migrations.items()}
    value["counts"] = dict(snapshot.counts)
    value["settings"] = snapshot.settings.encode()
    return dagcbor.encode(value)


def decode_snapshot(name: str, encoded: bytes) -> Snapshot:
    """Decode a manifest.

    Raises:
        RemoteProtocolError: Not exactly a manifest.
    """
    fields = Fields(dagcbor.decode(encoded, limit=MAX_MANIFEST), "a snapshot", _FIELDS)
    try:
        settings = fields.sized("settings", most=_MAX_SETTINGS).decode()
    except UnicodeDecodeError:
        raise BadFields("a snapshot's settings are not text") from None
    lists = {key: _split(fields.sized(key, most=MAX_MANIFEST), NAME) for key in _BLOCK_LISTS}
    return Snapshot(
        name=name,
        node=fields.fixed("node", 32),
        at_ms=fields.integer("at_ms"),
        version=fields.text("version", most=_MAX_VERSION),
        migrations=_migrations(fields.raw("migrations")),
        catalog_size=fields.integer("catalog_size"),
        settings=settings,
        records=_records(fields.raw("records")),
        demo=fields.boolean("demo"),
        pack_count=fields.integer("pack_count"),
        pack_bytes=fields.integer("pack_bytes"),
        skipped=_split(fields.sized("skipped", most=MAX_MANIFEST), ID),
        log_origin=fields.fixed("log_origin", 16),
        log_size=fields.integer("log_size"),
        log_root=fields.fixed("log_root", 32),
        counts=_counts(fields.raw("counts")),
        **lists,
    )


def _records(value: dagcbor.Value) -> tuple[bytes, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= limits.MAX_IDENTITY_RECORDS:
        raise BadFields("a snapshot has no identity records")
    if not all(isinstance(record, bytes) for record in value):
        raise BadFields("an identity record is not a byte string")
    return tuple(record for record in value if isinstance(record, bytes))


def _migrations(value: dagcbor.Value) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise BadFields("a snapshot's migrations are not a map")
    found: dict[str, tuple[str, ...]] = {}
    for database, steps in value.items():
        if not isinstance(steps, list):
            raise BadFields("a snapshot's migrations are not lists")
        found[database] = tuple(step for step in steps if isinstance(step, str))
        if len(found[database]) != len(steps):
            raise BadFields("a snapshot's migration has no name")
    return found


def _counts(value: dagcbor.Value) -> dict[str, int]:
    if not isinstance(value, dict):
        raise BadFields("a snapshot's counts are not a map")
    found = {}
    for table, rows in value.items():
        if not isinstance(rows, int) or isinstance(rows, bool):
            raise BadFields("a snapshot's count is not a number")
        found[table] = rows
    return found


def snapshot_name(at_ms: int, random: bytes) -> str:
    """Name a snapshot after its time, so that names sort by age.

    Args:
        at_ms: Milliseconds since 1970.
        random: 4 random bytes.
    """
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{moment:%Y%m%dT%H%M%S}.{at_ms % 1000:03}Z-{random.hex()}"


def snapshot_time(name: str) -> int:
    """Return the time in a snapshot's name, in milliseconds since 1970."""
    moment = datetime.strptime(name[:15] + "+0000", "%Y%m%dT%H%M%S%z")
    return int(moment.timestamp()) * 1000 + int(name[16:19])


def _split(joined: bytes, size: int) -> tuple[bytes, ...]:
    if len(joined) % size:
        raise BadFields("a list of a snapshot ends inside an item")
    return tuple(joined[start : start + size] for start in range(0, len(joined), size))


def segment_name(pack: bytes, start: int, digest: bytes) -> str:
    """Name the file of a segment: whose, from where, what."""
    return f"{pack.hex()}.{start}.{digest.hex()}"


def read_segment_name(name: str) -> tuple[bytes, int, bytes] | None:
    """Return pack, offset and hash from a file's name; None for other files."""
    parts = name.split(".")
    try:
        pack, digest = bytes.fromhex(parts[0]), bytes.fromhex(parts[2])
        start = int(parts[1])
    except (ValueError, IndexError):
        return None
    if len(parts) != 3 or name != segment_name(pack, start, digest):  # noqa: PLR2004 - as above
        return None
    return pack, start, digest


def encode_packs(entries: Iterable[PackEntry]) -> bytes:
    """Encode a list of packs."""
    return dagcbor.encode(
        [
            [entry.pack, entry.length, [list(segment) for segment in entry.segments]]
            for entry in entries
        ]
    )


def decode_packs(encoded: bytes) -> list[PackEntry]:
    """Decode a list of packs.

    Raises:
        RemoteProtocolError: Not exactly such a list, or segments do not fill their pack.
    """
    value = dagcbor.decode(encoded, limit=MAX_LIST)
    if not isinstance(value, list):
        raise BadFields("a list of packs is not an array")
    return [_pack_entry(item) for item in value]


def _pack_entry(item: dagcbor.Value) -> PackEntry:
    fields = Fields.of_array(item, "a pack", ("pack", "length", "segments"))
    segments = fields.raw("segments")
    if not isinstance(segments, list):
        raise BadFields("a pack has no segments")
    entry = PackEntry(
        fields.fixed("pack", ID), fields.integer("length"), tuple(map(_segment, segments))
    )
    if sum(segment.length for segment in entry.segments) != entry.length:
        raise BadFields("the segments of a pack do not fill it")
    return entry


def _segment(item: dagcbor.Value) -> Segment:
    fields = Fields.of_array(item, "a segment", ("length", "hash", "tail"))
    return Segment(
        fields.integer("length", least=1),
        fields.fixed("hash", HASH),
        fields.sized("tail", least=1, most=TAIL),
    )


def encode_tombstones(stones: Iterable[Tombstone]) -> bytes:
    """Encode tombstones."""
    return b"".join(stone.pack + stone.study + stone.at_ms.to_bytes(8, "big") for stone in stones)


def decode_tombstones(encoded: bytes) -> list[Tombstone]:
    """Decode tombstones.

    Raises:
        BadFields: Not a whole number of them.
    """
    return [
        Tombstone(item[:ID], item[ID : 2 * ID], int.from_bytes(item[2 * ID :], "big"))
        for item in _split(encoded, _TOMBSTONE)
    ]
