"""A node is founded, or its key is replaced: keys are made, and a recovery kit leaves the machine.

    found(home, name, urls, demo, kit_path, passphrase)         a new node in a new home
    read_kit(path, passphrase)                                  what a kit holds
    succeed(kit, records, name, kit_path, passphrase, …)        the next key of an existing node

The recovery key exists only here and in the kit; only the hash of its public half stays, in the
newest identity record. The kit is written, and durable, before the home: a node whose kit could not
be written is not made. `succeed` is the one act behind restore, rotation and recovery from theft:
the key in the kit becomes the node key, and a new kit takes the old one's place. It writes nothing
but the new kit; the caller puts seed and records into a home, and only then may the node start.
One kit makes one record: two records made from it are a fork, over which every peer stops trusting
the node. So a restore that is only tried out must not call it.
"""

from __future__ import annotations

import os
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from undisc_node.clocks import SystemEntropy
from undisc_node.services.errors import Conflict, Invalid, Refused
from undisc_node.services.ports import Clock, Entropy
from undisc_node.storage import home as homes
from undisc_node.storage import key_change
from undisc_node.succession.kits import (
    Succession,
    check_kit_fits,
    check_passphrase,
    next_identity,
    opened_kit,
    sealed_kit,
)
from undisc_protocol import keys, limits
from undisc_protocol.did import fingerprint_words
from undisc_protocol.identity import commitment, read_identity, sign_identity_record
from undisc_protocol.kit import Kit


@dataclass(frozen=True, slots=True)
class Founded:
    """A new node.

    Attributes:
        id: Node id, 32 bytes.
        words: The node id as twelve words.
    """

    id: bytes
    words: tuple[str, ...]


def found(
    home: Path,
    *,
    name: str,
    urls: tuple[str, ...],
    demo: bool,
    kit_path: Path,
    passphrase: str,
    keys_elsewhere: Path | None = None,
) -> Founded:
    """Make a node.

    Args:
        home: Where it shall live; must not exist, or be empty.
        name: The practice's name.
        urls: Public addresses, if they are known already.
        demo: Whether it is for demonstrations only.
        kit_path: Where to write the recovery kit; must not exist.
        passphrase: Protects the kit.
        keys_elsewhere: Directory for the key files, if they shall not lie in the home.

    Raises:
        Invalid: The name or the passphrase cannot be used.
        Conflict: The home or the kit exists already.
    """
    if not 1 <= len(name.strip()) <= limits.MAX_NODE_NAME or not name.isprintable():
        raise Invalid(f"a name has 1 to {limits.MAX_NODE_NAME} printable characters")
    check_passphrase(passphrase)
    if home.exists() and any(home.iterdir()):
        raise Conflict(
            f"{home} is not empty",
            code="home_exists",
            hint="choose another --home, or start the node that lives there: undisc-node serve",
        )
    homes.check_place(home, keys_elsewhere)
    node_seed, recovery_seed, wrapping_key = (os.urandom(keys.KEY_SIZE) for _ in range(3))
    record = sign_identity_record(
        keys.SignKey.from_seed(node_seed),
        next_hash=commitment(keys.SignKey.from_seed(recovery_seed)),
        issued=int(time.time()),
    )
    identity = read_identity([record])
    _write_kit(
        kit_path,
        sealed_kit(
            Kit(identity.node_id, recovery_seed, wrapping_key),
            name=name.strip(),
            passphrase=passphrase,
            entropy=SystemEntropy(),
        ),
    )
    homes.create_home(
        home,
        node_seed=node_seed,
        key_encryption_key=wrapping_key,
        records=[record],
        demo=demo,
        settings=_settings_text(name.strip(), urls),
        entropy=SystemEntropy(),
        keys_elsewhere=keys_elsewhere,
    )
    return Founded(identity.node_id, fingerprint_words(identity.node_id))


def succeed(
    kit: Kit,
    records: Sequence[bytes],
    *,
    name: str,
    kit_path: Path,
    passphrase: str,
    clock: Clock,
    entropy: Entropy,
) -> Succession:
    """Make the next identity record of a node from its recovery kit, and write the next kit.

    Args:
        kit: What the newest kit holds; see `read_kit`.
        records: The node's identity records, first to current, as in a backup.
        name: The practice's name, for the new kit's page.
        kit_path: Where to write the new kit; must not exist.
        passphrase: Protects the new kit.
        clock: Time of the new record.
        entropy: The new recovery key.

    Returns:
        What goes into the home. The new kit is on the disk when this returns.

    Raises:
        Invalid: The records cannot be read, or the passphrase cannot be used.
        Refused: The kit belongs to another node, was used before, or is newer than the records.
        Conflict: The new kit's file exists already, or the node has had as many keys as allowed.
    """
    made, page = next_identity(
        kit, records, name=name, passphrase=passphrase, clock=clock, entropy=entropy
    )
    _write_kit(kit_path, page)
    return made


def _write_kit(path: Path, page: str) -> None:
    try:
        homes.write_durably(path, page.encode())
    except FileExistsError:
        raise Conflict(
            f"{path} exists already, and a recovery kit is never overwritten",
            hint="choose another place for the kit",
        ) from None


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _settings_text(name: str, urls: tuple[str, ...]) -> str:
    """Return the first `undisc.toml`; every other setting is in docs/reference/settings.md."""
    text = f"""# Settings of this node. Everything that can be set: docs/reference/settings.md
name = {_quoted(name)}

[public]
# Addresses under which other nodes reach this one.
urls = [{", ".join(_quoted(url) for url in urls)}]

[dicom]
ae_title = "UNDISC"

# Who may send images; an address that is not listed here is refused.
# [[dicom.senders]]
# name = "ct1"
# address = "192.168.1.20"
"""
    tomllib.loads(text)  # a name that broke the file would be found here, not at the next start
    return text


def read_kit(path: Path, passphrase: str) -> Kit:
    """Read a recovery kit from a file.

    Raises:
        Invalid: The file is no kit.
        Refused: The passphrase is wrong.
    """
    return opened_kit(path.read_bytes(), passphrase, called=str(path))


def verify_kit(home: Path, path: Path, passphrase: str) -> Kit:
    """Read a recovery kit back and compare it with the home it was made for.

    Returns:
        What it holds.

    Raises:
        Invalid: The file is no kit.
        Refused: The passphrase is wrong, or the kit belongs to another node or another key.
    """
    here = homes.read_home(home)
    opened = read_kit(path, passphrase)
    check_kit_fits(opened, read_identity(here.records))
    if opened.key_encryption_key != here.key_encryption_key:
        raise Refused(
            "this recovery kit belongs to another node",
            code="wrong_kit",
            hint="look for the kit that shows this node's words: undisc status",
        )
    key_change.mark_drilled(home, here.records[-1], at=int(time.time()))
    return opened
