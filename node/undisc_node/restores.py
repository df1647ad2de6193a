"""Restores a node onto an empty home, from its backups and its recovery kit.

    .restoring/               in the home, while it is not one yet
        state                 which snapshot of which repository
        recovery-kit          the new kit, sealed, until it is where it was asked for
        home/                 what the home will hold

The first file of a home, `identity-0`, is moved in place last: half a restore is never a home. An
interrupted restore is run again as it was; it goes on with the packs that are missing, and the node
never gets two different successors of one recovery kit.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from undisc_node import backups, founding
from undisc_node.config import CONFIG_FILE
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import Conflict, Refused
from undisc_node.services.model import RestoredBy
from undisc_node.services.ports import Clock, Entropy
from undisc_node.services.restoring import enter_restored_mode
from undisc_node.storage import home as homes
from undisc_node.storage import upgrade
from undisc_node.storage.backup import rebuilding
from undisc_node.storage.backup.reading import Snapshots
from undisc_node.storage.backup.rebuilding import Progress, Source
from undisc_node.storage.backup.repository import opened, owner
from undisc_node.storage.backup.sealing import Sealer
from undisc_node.storage.backup.snapshot import Snapshot
from undisc_node.storage.catalog import SqliteCatalog
from undisc_node.storage.faults import disk_faults
from undisc_protocol.identity import read_identity
from undisc_protocol.keys import SignKey
from undisc_protocol.kit import Kit

DRAFT: Final = ".restoring"
_COMPLETE: Final = "complete"
_NOT_OURS: Final = frozenset({DRAFT, "lost+found"})


@dataclass(frozen=True, slots=True)
class RestoredHome:
    """A home that was restored.

    Attributes:
        snapshot: From which snapshot; None if an earlier run had restored it and this one only
            moved it in place.
        size: Bytes of packs.
        seconds: How long it took.
        erased: Packs that were in the snapshot and were erased since.
        warnings: What is wrong with the repository.
    """

    snapshot: Snapshot | None
    size: int
    seconds: float
    erased: int
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            **(backups.summary(self.snapshot) if self.snapshot else {}),
            "restored_bytes": self.size,
            "seconds": round(self.seconds, 3),
            "erased_packs": self.erased,
            "warnings": list(self.warnings),
        }


class Identity(Protocol):
    """Where the restored node gets its keys from."""

    @property
    def node(self) -> bytes | None:
        """The node id, if it is known already."""

    @property
    def key_encryption_key(self) -> bytes:
        """Opens backups and keyring, 32 bytes."""

    def settle(self, draft: Path, records: tuple[bytes, ...], name: str) -> None:
        """Write keys and identity records into the draft; again changes nothing."""


@dataclass(frozen=True, slots=True)
class KeptKeys:
    """The keys directory survived: the node stays who it was.

    Attributes:
        directory: The old keys directory.
    """

    directory: Path

    @property
    def node(self) -> bytes | None:
        """Unknown: keys do not say whose they are."""
        return None

    @property
    def key_encryption_key(self) -> bytes:
        """Opens backups and keyring."""
        return homes.read_keys(self.directory)[1]

    def settle(self, draft: Path, records: tuple[bytes, ...], name: str) -> None:  # noqa: ARG002 - no kit is made
        """Copy the keys.

        Raises:
            Refused: They are not those of the newest identity record in the backup.
        """
        seed, wrapping_key = homes.read_keys(self.directory)
        if SignKey.from_seed(seed).did != read_identity(records).key:
            raise Refused(
                "the node key is not the one in the newest backup",
                code="wrong_key",
                hint="these keys belong to another node, or the key was replaced after the backup;"
                " then restore with the recovery kit",
            )
        home = draft / "home"
        _forget_identity(home)
        homes.write_keys(home / "keys", node_seed=seed, key_encryption_key=wrapping_key)
        homes.write_identity(home, records)


@dataclass(frozen=True, slots=True)
class RecoveredKeys:
    """Only the recovery kit is left: its key becomes the node key, and a new kit is written.

    Attributes:
        kit: What the old kit holds.
        new_kit: Where the new one goes.
        passphrase: Protects the new one.
        clock: Time of the new identity record.
        entropy: The new recovery key.
    """

    kit: Kit
    new_kit: Path
    passphrase: str
    clock: Clock
    entropy: Entropy

    @property
    def node(self) -> bytes | None:
        """Whose kit it is."""
        return self.kit.node_id

    @property
    def key_encryption_key(self) -> bytes:
        """Opens backups and keyring."""
        return self.kit.key_encryption_key

    def settle(self, draft: Path, records: tuple[bytes, ...], name: str) -> None:
        """Make the next identity record and the new kit, or take over those of an earlier try.

        Raises:
            Refused: The kit does not come next after the records.
            Conflict: Another file is where the new kit shall go.
        """
        home, sealed, done = draft / "home", draft / "recovery-kit", draft / "identity-made"
        if not (done.exists() and self._fits(home, records)):
            if self.new_kit.exists():
                raise _kit_exists(self.new_kit)
            for path in (done, sealed):
                path.unlink(missing_ok=True)
            _forget_identity(home)
            made = founding.succeed(
                self.kit,
                records,
                name=name,
                kit_path=sealed,
                passphrase=self.passphrase,
                clock=self.clock,
                entropy=self.entropy,
            )
            homes.write_keys(
                home / "keys", node_seed=made.node_seed, key_encryption_key=made.key_encryption_key
            )
            homes.write_identity(home, made.records)
            homes.write_durably(done, b"")
        content = sealed.read_bytes()
        if not self.new_kit.exists():
            homes.write_durably(self.new_kit, content)
        elif self.new_kit.read_bytes() != content:
            raise _kit_exists(self.new_kit)

    def _fits(self, home: Path, records: tuple[bytes, ...]) -> bool:
        """Tell whether an earlier try has made the next record from this very kit."""
        try:
            made = homes.read_home(home)
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it is made anew
            return False
        return made.records[:-1] == records and made.node_seed == self.kit.recovery_seed


def recovered_keys(
    kit: Path,
    passphrase: str,
    *,
    new_kit: Path,
    new_passphrase: str,
    clock: Clock,
    entropy: Entropy,
) -> RecoveredKeys:
    """Open a recovery kit.

    Raises:
        Invalid: The file is no kit.
        Refused: The passphrase is wrong.
    """
    opened_kit = founding.read_kit(kit, passphrase)
    return RecoveredKeys(opened_kit, new_kit, new_passphrase, clock, entropy)


def restore(
    home: Path,
    repository: Path,
    identity: Identity,
    *,
    wanted: str | None,
    progress: Progress,
    clock: Clock,
    entropy: Entropy,
) -> RestoredHome:
    """Restore a node.

    Args:
        home: Where; must be empty, or hold an interrupted restore.
        repository: The backups.
        identity: The recovery kit, or the old keys.
        wanted: Name of a snapshot; the newest if None.
        progress: Is told what is done, and how many bytes of how many.
        clock: Time.
        entropy: Random numbers.

    Raises:
        Conflict: Something lives there already, or another restore is at work.
        NotFound: There is no such backup or snapshot.
        Refused: Kit or keys do not belong to these backups.
        Damaged: What is to be restored is damaged; the message names the file.
        DiskFull: No room; a later try goes on from here.
    """
    began = time.monotonic()
    _check_empty(home)
    # Whatever the disk says below, it is said as a sentence; a later try goes on from here.
    with _drafting(home) as draft, disk_faults(draft):
        if _state(draft).get("phase") == _COMPLETE:
            _move_in_place(home, draft)
            return RestoredHome(None, 0, time.monotonic() - began, 0, ())
        node = identity.node or owner(repository)
        with opened(repository, node=node, entropy=entropy, change=False) as place:
            snapshots = Snapshots(place, Sealer(identity.key_encryption_key, entropy))
            source = rebuilding.find_source(snapshots, wanted)
            inner = _begin(draft, repository, source)
            rebuilding.check_room(source, inner)
            identity.settle(draft, source.records, _name_in(source.snapshot.settings))
            rebuilding.restore_packs(source, inner, progress)
            rebuilding.restore_databases(source, inner)
        _finish(inner, source, clock=clock, entropy=entropy)
        _note(draft, {"phase": _COMPLETE})
        _move_in_place(home, draft)
    return RestoredHome(
        snapshot=source.snapshot,
        size=source.size,
        seconds=time.monotonic() - began,
        erased=source.snapshot.pack_count - len(source.entries),
        warnings=source.warnings,
    )


def _begin(draft: Path, repository: Path, source: Source) -> Path:
    """Prepare the draft; packs of another snapshot are thrown away."""
    state = {"repository": str(repository), "snapshot": source.snapshot.name}
    inner = draft / "home"
    with disk_faults(draft):
        if _state(draft) != state:
            shutil.rmtree(inner / "packs", ignore_errors=True)
        for name in ("keys", "packs", "staging"):
            (inner / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    _note(draft, state)
    return inner


def _finish(inner: Path, source: Source, *, clock: Clock, entropy: Entropy) -> None:
    """Upgrade the databases, enter restored mode, write what else a home has."""
    snapshot = source.snapshot
    shutil.rmtree(inner / upgrade.COPIES, ignore_errors=True)
    upgrade.bring_up_to_date(inner, now=clock.now_ms() / 1000)
    # The backup itself is the copy from before the upgrade; this one would hold erased keys.
    shutil.rmtree(inner / upgrade.COPIES, ignore_errors=True)
    known = {stone.pack for stone in source.erased}
    missing = [
        stone for stone in rebuilding.missing_packs(inner, source) if stone.pack not in known
    ]
    catalog = SqliteCatalog(inner / "catalog.sqlite3", entropy=entropy, create=False)
    try:
        enter_restored_mode(
            catalog,
            journal=Journal(clock=clock, entropy=entropy),
            clock=clock,
            entropy=entropy,
            how=RestoredBy.RESTORE,
            taken_ms=snapshot.at_ms,
            tombstones=[*source.erased, *missing],
        )
    finally:
        catalog.close()
    with disk_faults(inner):
        for name in (CONFIG_FILE, homes.DEMO):
            (inner / name).unlink(missing_ok=True)
    homes.write_durably(inner / CONFIG_FILE, snapshot.settings.encode())
    if snapshot.demo:
        homes.mark_demo(inner)
    rebuilding.sync_databases(inner)


def _check_empty(home: Path) -> None:
    homes.check_place(home)
    with disk_faults(home):
        home.mkdir(mode=0o700, exist_ok=True)
        strange = {path.name for path in home.iterdir()} - _NOT_OURS
        moving = _state(home / DRAFT).get("phase") == _COMPLETE
    if strange and not moving:
        raise Conflict(
            f"{home} is not empty",
            code="home_exists",
            hint="a restore never overwrites anything: choose another --home, or move that away",
        )


@contextmanager
def _drafting(home: Path) -> Iterator[Path]:
    """Make the draft's folder, and keep a second restore away from it."""
    draft = home / DRAFT
    with disk_faults(draft):
        draft.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                f"another restore works on {home}",
                code="home_in_use",
                hint="wait until it has ended",
            ) from None
        yield draft
    finally:
        os.close(descriptor)


def _move_in_place(home: Path, draft: Path) -> None:
    """Move everything into the home; `identity-0`, by which it becomes one, last."""
    inner = draft / "home"
    with disk_faults(home):
        names = sorted(path.name for path in inner.iterdir()) if inner.exists() else []
        names.sort(key=lambda name: (name.startswith("identity-"), name == homes.IDENTITY))
        for name in names:
            if name == homes.IDENTITY:
                homes.sync_directory(home)
            (inner / name).rename(home / name)
        homes.sync_directory(home)
        shutil.rmtree(draft)
        homes.sync_directory(home)


def _state(draft: Path) -> dict[str, Any]:
    try:
        found = json.loads((draft / "state").read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _note(draft: Path, state: dict[str, Any]) -> None:
    path, new = draft / "state", draft / "state.new"
    with disk_faults(path):
        new.unlink(missing_ok=True)
        homes.write_durably(new, json.dumps(state).encode())
        new.replace(path)
        homes.sync_directory(draft)


def _forget_identity(home: Path) -> None:
    with disk_faults(home):
        for path in (*home.glob("identity-*"), *(home / "keys").glob("*")):
            path.unlink()


def _name_in(settings: str) -> str:
    """Return the practice's name, for the kit's page; settings of another version do not matter."""
    try:
        name = tomllib.loads(settings).get("name")
    except tomllib.TOMLDecodeError:
        name = None
    return name if isinstance(name, str) and name.isprintable() and name else "undisc node"


def _kit_exists(path: Path) -> Conflict:
    return Conflict(
        f"{path} exists already, and a recovery kit is never overwritten",
        hint="choose another place for the new kit",
    )
