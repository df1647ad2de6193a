"""A node is founded: keys are made, the recovery kit leaves the machine, a home appears.

The recovery key exists only here and in the kit; only the hash of its public half stays, in the
first identity record. The kit is written, and durable, before the home: a node whose kit could not
be written is not made.
"""

from __future__ import annotations

import os
import time
import tomllib
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from undisc_node.clocks import SystemEntropy
from undisc_node.services.errors import Conflict, Invalid, Refused
from undisc_node.storage import home as homes
from undisc_protocol import keys, limits
from undisc_protocol.did import fingerprint_words
from undisc_protocol.errors import CannotOpen, ProtocolError
from undisc_protocol.identity import read_identity, read_identity_record, sign_identity_record
from undisc_protocol.kit import Kit, make_kit, open_kit

SHORTEST_PASSPHRASE = 10  # characters; Argon2id makes each guess cost a quarter of a gigabyte
_MAX_KIT = 65_536  # bytes


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
    home: Path, *, name: str, urls: tuple[str, ...], demo: bool, kit_path: Path, passphrase: str
) -> Founded:
    """Make a node.

    Args:
        home: Where it shall live; must not exist, or be empty.
        name: The practice's name.
        urls: Public addresses, if they are known already.
        demo: Whether it is for demonstrations only.
        kit_path: Where to write the recovery kit; must not exist.
        passphrase: Protects the kit.

    Raises:
        Invalid: The name or the passphrase cannot be used.
        Conflict: The home or the kit exists already.
    """
    if not 1 <= len(name.strip()) <= limits.MAX_NODE_NAME or not name.isprintable():
        raise Invalid(f"a name has 1 to {limits.MAX_NODE_NAME} printable characters")
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise Invalid(
            f"the passphrase is shorter than {SHORTEST_PASSPHRASE} characters",
            hint="five or more random words are easy to keep and hard to guess",
        )
    if home.exists() and any(home.iterdir()):
        raise Conflict(
            f"{home} is not empty",
            code="home_exists",
            hint="choose another --home, or start the node that lives there: undisc-node serve",
        )
    homes.check_place(home)
    node_seed, recovery_seed, wrapping_key = (os.urandom(keys.KEY_SIZE) for _ in range(3))
    record = sign_identity_record(
        keys.SignKey.from_seed(node_seed),
        next_hash=sha256(keys.SignKey.from_seed(recovery_seed).public).digest(),
        issued=int(time.time()),
    )
    identity = read_identity([record])
    words = fingerprint_words(identity.node_id)
    text = make_kit(
        Kit(node_id=identity.node_id, recovery_seed=recovery_seed, key_encryption_key=wrapping_key),
        name=name.strip(),
        passphrase=passphrase,
        salt=os.urandom(keys.KIT_SALT),
        nonce=os.urandom(keys.SEAL_NONCE),
    )
    try:
        homes.write_durably(kit_path, text.encode())
    except FileExistsError:
        raise Conflict(
            f"{kit_path} exists already, and a recovery kit is never overwritten",
            hint="choose another place for the kit",
        ) from None
    homes.create_home(
        home,
        node_seed=node_seed,
        key_encryption_key=wrapping_key,
        record=record,
        demo=demo,
        settings=_settings_text(name.strip(), urls),
        entropy=SystemEntropy(),
    )
    return Founded(identity.node_id, words)


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


def verify_kit(home: Path, path: Path, passphrase: str) -> None:
    """Read a recovery kit back and compare it with the home it was made for.

    Raises:
        Invalid: The file is no kit.
        Refused: The passphrase is wrong, or the kit belongs to another node.
    """
    here = homes.read_home(home)
    try:
        raw = path.read_bytes()[: _MAX_KIT + 1]
        opened = open_kit(raw.decode(), passphrase)
    except CannotOpen:
        raise Refused(
            "the passphrase does not open this recovery kit",
            code="wrong_passphrase",
            hint="try again; if the passphrase is lost, the kit is lost too",
        ) from None
    except (ProtocolError, UnicodeDecodeError):
        raise Invalid(
            f"{path} is not a readable recovery kit",
            code="not_a_kit",
            hint="the file was cut or changed; use another copy",
        ) from None
    identity = read_identity(here.records)
    recovery = sha256(keys.SignKey.from_seed(opened.recovery_seed).public).digest()
    belongs = opened.node_id == identity.node_id
    if not belongs or opened.key_encryption_key != here.key_encryption_key:
        raise Refused(
            "this recovery kit belongs to another node",
            code="wrong_kit",
            hint="look for the kit that shows this node's words: undisc status",
        )
    if recovery != read_identity_record(here.records[-1]).next_hash:
        raise Refused("the recovery key in this kit is not the one the node committed to")
    homes.mark_kit_verified(home, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
