"""Practices that replace their key, lose it to a thief, or come back with an old one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from support.memory_catalog import MemoryCatalog
from support.practice import Practice, recovery_key
from support.samples import name as random_name
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.model import RestoredBy
from undisc_node.services.restoring import enter_restored_mode
from undisc_protocol.identity import commitment, read_identity, sign_identity_record
from undisc_protocol.keys import box_key


def successor(own: OwnIdentity, *, now: int, branch: str = "") -> OwnIdentity:
    """Return a node under its next key; every branch is another record made from the same kit."""
    number = own.identity.number + 1
    key = recovery_key(own.name, number)
    after = recovery_key(own.name, number + 1)
    record = sign_identity_record(
        key,
        next_hash=random_name(branch, 32) if branch else commitment(after),
        issued=now,
        previous=own.identity.records[-1],
    )
    identity = read_identity([*own.identity.records, record])
    return replace(own, key=key, box=box_key(bytes(key.signing)), identity=identity)


def become(practice: Practice, own: OwnIdentity) -> None:
    """Let a practice go on as somebody else: with a later key, a former one, or a fork."""
    practice.fetching.stop()
    practice.own = own
    practice.start()


@dataclass(frozen=True)
class Backup:
    """A copy of a practice's catalog."""

    tables: Any
    taken_ms: int


def backup(practice: Practice) -> Backup:
    """Copy the catalog of a practice."""
    return Backup(practice.catalog._tables.copy(), practice.clock.now_ms())


def restore(practice: Practice, copied: Backup, *, same_keys: bool = False) -> None:
    """Lose everything that came after a backup, and come back as `undisc-node restore` does."""
    practice.fetching.stop()
    practice.catalog = MemoryCatalog()
    practice.catalog._tables = copied.tables.copy()
    practice._lasting = practice.catalog, *practice._lasting[1:]
    practice.clock.advance(1)
    if not same_keys:
        practice.own = successor(practice.own, now=practice.clock.now_ms() // 1000)
    practice.start()
    enter_restored_mode(
        practice.catalog,
        journal=practice.journal,
        clock=practice.clock,
        entropy=practice.entropy,
        how=RestoredBy.RESTORE,
        taken_ms=copied.taken_ms,
    )


def replace_key(practice: Practice) -> OwnIdentity:
    """Restore a practice from its kit; return who it was, as a thief of its disk would know."""
    former = practice.own
    practice.clock.advance(1)
    become(practice, successor(former, now=practice.clock.now_ms() // 1000))
    return former
