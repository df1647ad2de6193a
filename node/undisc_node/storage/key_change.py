"""A home changes its node key: in steps, each of which may be the last before the power goes.

    keys/next-kit, next-record    the new kit (sealed) and the record that waits to be confirmed
    keys/node-key.next            the new key, for the moment of the change
    identity-N                    the change: as soon as this name is there, the new key counts
    keys/kit-verified             when the present kit was last read back, and for which record

What waits holds no open secret: the record is signed and the kit is sealed, so a change that nobody
goes on with gives nothing away. `read_home` takes the key that belongs to the newest record, in
whatever step it finds the home; `finish` tidies up before a node starts.
"""

from __future__ import annotations

import calendar
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from undisc_node.storage import home as homes
from undisc_node.storage.faults import disk_faults
from undisc_protocol.identity import read_identity_record

NEXT_RECORD: Final = "next-record"
NEXT_KIT: Final = "next-kit"
_MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"
_MOMENT_LENGTH: Final = 20  # characters of a moment


@dataclass(frozen=True, slots=True)
class Waiting:
    """A change that waits until its kit is confirmed.

    Attributes:
        record: The next identity record; nobody has seen it.
        kit: The page of the new kit.
    """

    record: bytes
    kit: str


@dataclass(frozen=True, slots=True)
class Drill:
    """When a kit was last read back.

    Attributes:
        at: Seconds since 1970; None where the note does not say.
        fits: Whether it was the kit that the newest identity record commits to.
    """

    at: int | None
    fits: bool


def stage(home: Path, waiting: Waiting) -> None:
    """Keep record and kit of a change until it is confirmed; in the place of an earlier one."""
    keys = home / "keys"
    with disk_faults(keys):
        forget(home)
        _replace(keys / NEXT_KIT, waiting.kit.encode())
        # The record comes last: with it there is something to go on with.
        _replace(keys / NEXT_RECORD, waiting.record)


def staged(home: Path) -> Waiting | None:
    """Return the change that waits, if one does."""
    keys = home / "keys"
    with disk_faults(keys):
        try:
            record, kit = (keys / NEXT_RECORD).read_bytes(), (keys / NEXT_KIT).read_text("utf-8")
        except FileNotFoundError:
            return None
        return Waiting(record, kit)


def forget(home: Path) -> None:
    """Throw away what waits; the record first, so that half of it is nothing."""
    keys = home / "keys"
    with disk_faults(keys):
        for name in (NEXT_RECORD, NEXT_KIT):
            (keys / name).unlink(missing_ok=True)
        homes.sync_directory(keys)


def commit(home: Path, *, node_seed: bytes, record: bytes) -> None:
    """Make the change: the key belongs to the home, then the record, then the key has its name.

    Args:
        home: The home.
        node_seed: Seed of the key that the record names, 32 bytes.
        record: The next identity record.

    Raises:
        Unavailable: The disk does not take it.
    """
    number = read_identity_record(record).number
    keys = home / "keys"
    with disk_faults(home):
        _replace(keys / homes.NEXT_KEY, node_seed.hex().encode() + b"\n")
        _replace(home / f"identity-{number}", record)
        finish(home)


def finish(home: Path) -> bool:
    """Bring a change that was interrupted to its end, or undo what has no record yet.

    Returns:
        Whether the node has another key than its file says.
    """
    keys, changed = home / "keys", False
    with disk_faults(home):
        for left in (*home.glob(".*.new"), *keys.glob(".*.new")):
            left.unlink()
        waiting = keys / homes.NEXT_KEY
        if waiting.exists():
            changed = homes.next_key_counts(home)
            if changed:
                waiting.replace(keys / homes.NODE_KEY)
            else:
                waiting.unlink()
            homes.sync_directory(keys)
        staged_record = staged(home)
        if staged_record is not None:
            number = read_identity_record(staged_record.record).number
            if (home / f"identity-{number}").exists():
                forget(home)
    return changed


def mark_drilled(home: Path, record: bytes, *, at: int) -> None:
    """Note that the kit which an identity record commits to was read back.

    Args:
        home: The home.
        record: The newest identity record.
        at: When, seconds since 1970.
    """
    with disk_faults(home):
        moment = time.strftime(_MOMENT, time.gmtime(at))
        commits_to = read_identity_record(record).next_hash.hex()
        _replace(home / "keys" / homes.KIT_VERIFIED, f"{moment} {commits_to}\n".encode())


def drilled(home: Path, record: bytes) -> Drill | None:
    """Return when the kit was last read back, and whether that was the present one; None if never.

    A note from before kits could follow each other does not say which kit it was; then there was
    only one.
    """
    try:
        text = (home / "keys" / homes.KIT_VERIFIED).read_text("ascii", "replace").strip()
    except OSError:
        return None
    newest = read_identity_record(record)
    named = text[_MOMENT_LENGTH:].strip()
    fits = named == newest.next_hash.hex() if named else newest.number == 0
    try:
        at = calendar.timegm(time.strptime(text[:_MOMENT_LENGTH], _MOMENT))
    except ValueError:
        return Drill(None, fits)
    return Drill(at, fits)


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, and durable."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    homes.write_durably(draft, content)
    draft.replace(path)
    homes.sync_directory(path.parent)
