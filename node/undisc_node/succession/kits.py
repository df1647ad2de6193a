"""What a recovery kit is good for: whether it fits a node, and the next identity record from it.

Nothing here is written to a disk. One kit makes one record that others may see: two records made
from it are a fork, over which every peer stops trusting the node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from undisc_node.services.errors import Conflict, Invalid, Refused
from undisc_node.services.ports import Clock, Entropy
from undisc_protocol import keys, limits
from undisc_protocol.errors import CannotOpen, ProtocolError
from undisc_protocol.identity import (
    Identity,
    commitment,
    read_identity,
    read_identity_record,
    sign_identity_record,
)
from undisc_protocol.kit import Kit, make_kit, open_kit

SHORTEST_PASSPHRASE: Final = 10
"""Characters; Argon2id makes each guess cost a quarter of a gigabyte."""


@dataclass(frozen=True, slots=True)
class Succession:
    """The next key of a node: what goes into its home.

    Attributes:
        node_seed: Seed of the new node key, 32 bytes: `keys/node-key`.
        key_encryption_key: As before, 32 bytes.
        records: All identity records, the new one last: `identity-0`, `identity-1`…
        identity: The same, verified.
    """

    node_seed: bytes
    key_encryption_key: bytes
    records: tuple[bytes, ...]
    identity: Identity

    def __repr__(self) -> str:
        return f"Succession(number={self.identity.number})"


def check_passphrase(passphrase: str) -> None:
    """Refuse a passphrase that can be guessed.

    Raises:
        Invalid: It is too short.
    """
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise Invalid(
            f"the passphrase is shorter than {SHORTEST_PASSPHRASE} characters",
            hint="five or more random words are easy to keep and hard to guess",
        )


def opened_kit(raw: bytes, passphrase: str, *, called: str = "this") -> Kit:
    """Open the bytes of a recovery kit.

    Args:
        raw: The page, as a file has it.
        passphrase: What the administrator chose.
        called: What the page is called in messages.

    Raises:
        Invalid: It is no kit.
        Refused: The passphrase is wrong.
    """
    try:
        return open_kit(raw[: limits.MAX_KIT + 1].decode(), passphrase)
    except CannotOpen:
        raise Refused(
            "the passphrase does not open this recovery kit",
            code="wrong_passphrase",
            hint="try again; if the passphrase is lost, the kit is lost too",
        ) from None
    except (ProtocolError, UnicodeDecodeError):
        raise Invalid(
            f"{called} is not a readable recovery kit",
            code="not_a_kit",
            hint="the file was cut or changed; use another copy",
        ) from None


def sealed_kit(kit: Kit, *, name: str, passphrase: str, entropy: Entropy) -> str:
    """Return the page of a kit, sealed under a passphrase."""
    return make_kit(
        kit,
        name=name,
        passphrase=passphrase,
        salt=entropy.random(keys.KIT_SALT),
        nonce=entropy.random(keys.SEAL_NONCE),
    )


def check_kit_fits(kit: Kit, identity: Identity) -> None:
    """Refuse a kit whose key is not the one that comes next.

    Raises:
        Refused: It belongs to another node, was used before, or does not fit the newest record.
    """
    if kit.node_id != identity.node_id:
        raise Refused(
            "this recovery kit belongs to another node",
            code="wrong_kit",
            hint="look for the kit whose page shows the words of this node",
        )
    recovery = keys.SignKey.from_seed(kit.recovery_seed)
    if recovery.did in identity.dids:
        raise Refused(
            "this recovery kit was used before, and each is good for once",
            code="kit_used",
            hint="use the kit that was written when this one was used",
        )
    if commitment(recovery) != read_identity_record(identity.records[-1]).next_hash:
        raise Refused(
            "the recovery key in this kit is not the one the node committed to",
            code="wrong_kit",
            hint="use the identity records that are as new as the kit: those of a newer backup",
        )


def next_identity(
    kit: Kit,
    records: Sequence[bytes],
    *,
    name: str,
    passphrase: str,
    clock: Clock,
    entropy: Entropy,
) -> tuple[Succession, str]:
    """Make the next identity record of a node from its recovery kit, and the page of the next kit.

    Args:
        kit: What the newest kit holds.
        records: The node's identity records, first to current.
        name: The practice's name, for the new kit's page.
        passphrase: Protects the new kit.
        clock: Time of the new record.
        entropy: The new recovery key.

    Raises:
        Invalid: The records cannot be read, or the passphrase cannot be used.
        Refused: The kit belongs to another node, was used before, or is newer than the records.
        Conflict: The node has had as many keys as allowed.
    """
    check_passphrase(passphrase)
    try:
        before = read_identity(records)
    except ProtocolError as problem:
        raise Invalid(
            f"the identity records cannot be used: {problem}",
            code="bad_identity",
            hint="use the files identity-* of the newest backup",
        ) from None
    check_kit_fits(kit, before)
    if before.number + 1 >= limits.MAX_IDENTITY_RECORDS:
        raise Conflict(
            f"the node has had {limits.MAX_IDENTITY_RECORDS} keys, and cannot have another",
            code="keys_used_up",
            hint="found a new node and pair it with the peers again",
        )
    recovery_seed = entropy.random(keys.KEY_SIZE)
    record = sign_identity_record(
        keys.SignKey.from_seed(kit.recovery_seed),
        next_hash=commitment(keys.SignKey.from_seed(recovery_seed)),
        issued=clock.now_ms() // 1000,
        previous=before.records[-1],
    )
    identity = read_identity([*before.records, record])
    page = sealed_kit(
        Kit(identity.node_id, recovery_seed, kit.key_encryption_key),
        name=name,
        passphrase=passphrase,
        entropy=entropy,
    )
    made = Succession(kit.recovery_seed, kit.key_encryption_key, identity.records, identity)
    return made, page
