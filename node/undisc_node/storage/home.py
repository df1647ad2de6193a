"""The home of a node on disk: its directories and its key files.

    undisc.toml          settings
    identity-0, -1, …    identity records, first to current (public)
    demo                 present on nodes made for demonstrations
    keys/                0700, or a link to such a directory on another disk;
                         node-key, key-encryption-key (0600, hex), kit-verified
    keyring.sqlite3, catalog.sqlite3, packs/, staging/, admin.sock

Keys are written at `init` or restore, and by a running node only when its key is replaced
(`key_change`). A home is made in a temporary directory beside it and renamed, so there is never
half a home.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from undisc_node.services.errors import Conflict, Invalid, NotFound, Unavailable
from undisc_node.services.ports import Entropy
from undisc_node.storage.catalog import SqliteCatalog
from undisc_node.storage.keyring import Keyring
from undisc_protocol.errors import ProtocolError
from undisc_protocol.identity import read_identity_record
from undisc_protocol.keys import KEY_SIZE, SignKey

NODE_KEY: Final = "node-key"
NEXT_KEY: Final = "node-key.next"  # only while the key is being changed: see `key_change`
KEY_ENCRYPTION_KEY: Final = "key-encryption-key"
KIT_VERIFIED: Final = "kit-verified"
IDENTITY: Final = "identity-0"  # also what a running node locks, whatever its current record is
_IDENTITY_FILE: Final = re.compile(r"identity-(0|[1-9][0-9]?)")
DEMO: Final = "demo"
_DEMO_TEXT: Final = "This node was made for demonstrations and holds no real patient's images.\n"


@dataclass(frozen=True, slots=True)
class HomeKeys:
    """What a node reads from its home at start.

    Attributes:
        node_seed: Seed of the node key, 32 bytes.
        key_encryption_key: Wraps study keys, 32 bytes.
        records: Identity records, first to current.
        demo: Whether the home was made for demonstrations.
        kit_verified: Whether the recovery kit has been read back.
    """

    node_seed: bytes
    key_encryption_key: bytes
    records: tuple[bytes, ...]
    demo: bool
    kit_verified: bool

    def __repr__(self) -> str:
        return f"HomeKeys(demo={self.demo})"


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise NotFound(
            f"no node lives at {path}",
            code="no_home",
            hint=f"make one first: undisc-node init --home {path}",
        ) from None
    except PermissionError as problem:
        raise Unavailable(
            f"cannot use {problem.filename}: permission denied",
            code="permission_denied",
            hint="run as the user who owns the node's home",
        ) from None
    except OSError as problem:
        raise Unavailable(f"cannot use {problem.filename or path}: {problem.strerror}") from None


def write_durably(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a new file and wait until it is on the disk.

    Raises:
        FileExistsError: It is there already.
        OSError: It cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(descriptor)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_place(home: Path, keys_elsewhere: Path | None = None) -> None:
    """Find out whether a home can be made here, before anything else is written.

    Args:
        home: Where.
        keys_elsewhere: Where its keys shall lie, if not in the home.

    Raises:
        Conflict: The directory for the keys is not empty.
        Unavailable: The directory above cannot be made, or not be written to.
    """
    with _clear_errors(home):
        home.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(home.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "permission denied", str(home.parent))
        if keys_elsewhere is not None:
            _check_keys_directory(keys_elsewhere)


def create_home(
    home: Path,
    *,
    node_seed: bytes,
    key_encryption_key: bytes,
    records: Sequence[bytes],
    demo: bool,
    settings: str,
    entropy: Entropy,
    keys_elsewhere: Path | None = None,
) -> None:
    """Make the home of a new node.

    Args:
        home: Where; must not exist, or be an empty directory.
        node_seed: Seed of the node key, 32 bytes.
        key_encryption_key: 32 bytes.
        records: Identity records, first to current.
        demo: Whether the node is for demonstrations only.
        settings: Text of `undisc.toml`.
        entropy: Names the origin of the log.
        keys_elsewhere: Directory for the key files, such as another disk; `keys` becomes a link to
            it. It is made if it is missing, and must be empty.

    Raises:
        Conflict: A node, or something else, lives there already.
        Unavailable: The disk does not take it.
    """
    with _clear_errors(home):
        if home.exists() and any(home.iterdir()):
            raise Conflict(
                f"{home} is not empty",
                code="home_exists",
                hint="choose another --home, or start the node that lives there: undisc-node serve",
            )
        home.parent.mkdir(parents=True, exist_ok=True)
        draft = home.with_name(f".{home.name}.new-{os.getpid()}")
        draft.mkdir(mode=0o700)
        for name in ("packs", "staging"):
            (draft / name).mkdir(mode=0o700)
        _make_keys_directory(draft / "keys", keys_elsewhere)
        write_keys(draft / "keys", node_seed=node_seed, key_encryption_key=key_encryption_key)
        write_identity(draft, records)
        write_durably(draft / "undisc.toml", settings.encode(), 0o600)
        if demo:
            mark_demo(draft)
        SqliteCatalog(draft / "catalog.sqlite3", entropy=entropy, create=True).close()
        Keyring(
            draft / "keyring.sqlite3",
            key_encryption_key=key_encryption_key,
            entropy=entropy,
            create=True,
        ).close()
        if home.exists():
            home.rmdir()
        draft.rename(home)
        sync_directory(home.parent)


def _make_keys_directory(path: Path, elsewhere: Path | None) -> None:
    if elsewhere is None:
        path.mkdir(mode=0o700)
        return
    _check_keys_directory(elsewhere)
    path.symlink_to(elsewhere.absolute(), target_is_directory=True)


def _check_keys_directory(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(path.iterdir()):
        raise Conflict(
            f"the directory for the keys, {path}, is not empty",
            code="keys_exist",
            hint="choose an empty directory; the keys of another node are never overwritten",
        )
    if not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "permission denied", str(path))


def write_identity(home: Path, records: Sequence[bytes]) -> None:
    """Write those identity records that a home does not have yet, each durably.

    Args:
        home: The home; it has none, or the first ones of these.
        records: Identity records, first to current.

    Raises:
        Conflict: It has another record, or more of them.
        Unavailable: The disk does not take it.
    """
    with _clear_errors(home):
        known = _identity_files(home)
        if known != tuple(records[: len(known)]):
            raise Conflict(
                f"{home} holds other identity records",
                code="other_identity",
                hint="this home belongs to another node, or to a later key of this one",
            )
        for number in range(len(known), len(records)):
            write_durably(home / f"identity-{number}", records[number])


def _identity_files(home: Path) -> tuple[bytes, ...]:
    """Read the identity records that are there, first to current."""
    found = (_IDENTITY_FILE.fullmatch(path.name) for path in home.iterdir())
    numbers = sorted(int(match[1]) for match in found if match)
    if numbers != list(range(len(numbers))):
        missing = next(number for number in range(len(numbers)) if number not in numbers)
        raise Invalid(
            f"the identity record {home / f'identity-{missing}'} is missing",
            code="identity_gap",
            hint="restore all files identity-* from the same backup",
        )
    return tuple((home / f"identity-{number}").read_bytes() for number in numbers)


def read_home(home: Path) -> HomeKeys:
    """Read a node's keys and identity.

    Raises:
        NotFound: No node lives there.
        Invalid: A key file is damaged, or an identity record is missing.
        Unavailable: A file cannot be read.
    """
    with _clear_errors(home):
        keys = home / "keys"
        records = _identity_files(home)
        if not records:
            raise FileNotFoundError(errno.ENOENT, "no identity record", str(home / IDENTITY))
        node_seed, key_encryption_key = read_keys(keys)
        if next_key_counts(home):
            node_seed = _read_key(keys / NEXT_KEY)
        return HomeKeys(
            node_seed=node_seed,
            key_encryption_key=key_encryption_key,
            records=records,
            demo=(home / DEMO).exists(),
            kit_verified=(keys / KIT_VERIFIED).exists(),
        )


def next_key_counts(home: Path) -> bool:
    """Tell whether a change of the key was interrupted when its record was already in place."""
    path = home / "keys" / NEXT_KEY
    if not path.exists():
        return False
    try:
        newest = read_identity_record(_identity_files(home)[-1])
        return SignKey.from_seed(_read_key(path)).did == newest.key
    except (ProtocolError, Invalid, Unavailable):
        return False  # half of a key belongs to no record


def read_keys(keys: Path) -> tuple[bytes, bytes]:
    """Read a keys directory: the seed of the node key, and the key-encryption key.

    Raises:
        Invalid: A key file is damaged.
        Unavailable: A file is missing or cannot be read.
    """
    with _clear_errors(keys.parent):
        return _read_key(keys / NODE_KEY), _read_key(keys / KEY_ENCRYPTION_KEY)


def write_keys(keys: Path, *, node_seed: bytes, key_encryption_key: bytes) -> None:
    """Write the key files of a home that is being made; durable on return."""
    with _clear_errors(keys.parent):
        write_durably(keys / NODE_KEY, node_seed.hex().encode() + b"\n")
        write_durably(keys / KEY_ENCRYPTION_KEY, key_encryption_key.hex().encode() + b"\n")


def mark_demo(home: Path) -> None:
    """Mark a home that is being made as one for demonstrations."""
    with _clear_errors(home):
        write_durably(home / DEMO, _DEMO_TEXT.encode())


@contextmanager
def holding_home(home: Path) -> Iterator[None]:
    """Keep every other process away from a home while the block runs.

    The lock is the system's own and ends with the process, however that ends.

    Raises:
        NotFound: No node lives there.
        Conflict: Another process works on it.
    """
    with _clear_errors(home):
        descriptor = os.open(home / IDENTITY, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                f"another undisc-node is running on {home}",
                code="home_in_use",
                hint="stop it first, or give this one another --home",
            ) from None
        yield
    finally:
        os.close(descriptor)


def _read_key(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        raise Unavailable(
            f"the key file {path} is missing",
            code="key_missing",
            hint="mount the keys directory, or restore the keys from the recovery kit",
        ) from None
    except ValueError:
        key = b""
    if len(key) != KEY_SIZE:
        raise Invalid(
            f"the key file {path} is damaged",
            code="key_damaged",
            hint="restore the keys from the recovery kit",
        )
    return key


def loose_key_files(home: Path) -> list[str]:
    """List key files that others than their owner can read."""
    keys = home / "keys"
    with _clear_errors(home):
        return [path.name for path in sorted(keys.iterdir()) if path.stat().st_mode & 0o077]
