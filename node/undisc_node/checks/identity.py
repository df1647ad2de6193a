"""Checks of who the node is and how it could come back: home, identity, keys, recovery kit."""

from __future__ import annotations

from typing import Final

from undisc_node.checks.finding import Finding, fail, ok, warn
from undisc_node.checks.scene import Scene, ago
from undisc_node.services.errors import ServiceError
from undisc_node.services.model import RestoredBy
from undisc_node.storage import home as homes
from undisc_node.storage import key_change
from undisc_node.storage.checking.databases import wrapping_key_problem
from undisc_protocol.did import fingerprint_words
from undisc_protocol.errors import ProtocolError
from undisc_protocol.identity import read_identity
from undisc_protocol.keys import SignKey

_DAY_MS: Final = 86_400_000


def home(scene: Scene) -> Finding:
    """Look whether a node lives here."""
    try:
        homes.read_home(scene.home)
    except ServiceError as problem:
        return fail(str(problem), problem.hint)
    return ok(f"a node lives at {scene.home}")


def identity(scene: Scene) -> Finding:
    """Compare the node key with the identity record."""
    try:
        known = read_identity(scene.keys.records)
    except ProtocolError as problem:
        return fail(
            f"the identity record cannot be read: {problem}", "restore identity-0 from a backup"
        )
    if SignKey.from_seed(scene.keys.node_seed).did != known.key:
        return fail(
            "the node key is not the one in the identity record",
            "restore the keys directory that belongs to this home",
        )
    return ok(f"node id: {' '.join(fingerprint_words(known.node_id))}")


def key_files(scene: Scene) -> Finding:
    """Look at who can read the keys."""
    _ = scene.keys
    loose = homes.loose_key_files(scene.home)
    if loose:
        return fail(f"other users can read {', '.join(loose)}", f"chmod 600 {scene.home}/keys/*")
    return ok("only their owner can read the key files")


def study_keys(scene: Scene) -> Finding:
    """Open keys of the keyring with the key-encryption key."""
    with scene.keyring() as keyring:
        problem = wrapping_key_problem(keyring)
    if problem is not None:
        return fail(problem.sentence, problem.hint)
    return ok("the key-encryption key opens the study keys")


def kit(scene: Scene) -> Finding:
    """Look whether the recovery kit was ever read back, and when."""
    if not scene.keys.kit_verified:
        return warn(
            "the recovery kit has never been read back",
            "undisc-node kit verify FILE, then print it and keep it away from this machine",
        )
    drill = key_change.drilled(scene.home, scene.keys.records[-1])
    if drill is None or not drill.fits:
        return warn(
            "the present recovery kit has never been read back; the one before is used up",
            "undisc-node kit verify FILE, then keep it away from this machine",
        )
    if drill.at is None:
        return ok("the recovery kit has been read back")
    age = scene.now_ms - drill.at * 1000
    if age > scene.settings.keys_drill_days * _DAY_MS:
        return warn(
            f"the recovery kit was last read back {ago(age)} ago",
            "fetch it from where it is kept: undisc keys drill FILE",
        )
    return ok(f"the recovery kit was read back {ago(age)} ago")


def demo(scene: Scene) -> Finding:
    """Look whether the node was made for demonstrations."""
    if scene.keys.demo:
        return warn(
            "this node was made for demonstrations",
            "make a new node without --demo for real patients",
        )
    return ok("the node was made for real patients")


def restored(scene: Scene) -> Finding:
    """Look whether permissions wait for a decision after a restore."""
    with scene.records() as records:
        latest = records.restored.latest()
        waiting = len(records.restored.suspended())
    if latest is None:
        return ok("the catalog never came back from a copy")
    if latest.confirmed_ms is not None:
        return ok("what a restore suspended has been decided")
    if latest.how is RestoredBy.THEFT:
        return warn(
            f"keys were stolen; {waiting} permissions are suspended",
            "go through them: undisc restored show, then undisc restored confirm",
        )
    return warn(
        f"the catalog came back from a copy ({latest.how}); {waiting} permissions are suspended",
        "go through them: undisc restored, then undisc restored confirm",
    )
