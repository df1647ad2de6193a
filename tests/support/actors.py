"""Those who use a node while it is about to die; each writes into a ledger what it was told.

An actor takes one step after the other until it is told to stop or the node does not answer any
more. What the node refuses while it lives is kept in `complaints`, with its time: only the end of
the node may be a reason.
"""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support.dicom_files import IMPLICIT, SC
from support.killable_node import KillableNode
from support.ledger import Ledger, Permission
from support.raw_sender import RawSender
from support.studies_on_disk import Instance, MadeStudy, blake3_of, make_study
from undisc_admin.errors import CommandError, ExitCode
from undisc_node.dicom.part10 import compose_part10
from undisc_protocol.capability.delegation import COMMAND_READ, read_delegation, sign_share

SIZES = (200, 5_000, 60_000, 130_000, 131_072, 400_000)
"""Bytes of pixels: below and above the write that is begun early, 128 KiB."""


@dataclass(slots=True)
class Sending:
    """A study that a modality or an import is sending, piece by piece.

    Attributes:
        study: What it is made of.
        title: AE title of the modality; empty for an import.
        position: Number of instances that were acknowledged.
    """

    study: MadeStudy
    title: str
    position: int = 0

    def file(self, one: Instance) -> bytes:
        """Return the file that the node makes of an instance, or gets."""
        if not self.title:
            return one.file
        head = compose_part10(
            sop_class=SC, sop_uid=one.sop_uid, transfer_syntax=IMPLICIT, calling_ae=self.title
        )
        return head + one.data_set


@dataclass(slots=True)
class Stage:
    """What all actors share.

    Attributes:
        node: The node that dies.
        other: A trusted peer that lives.
        ledger: What was acknowledged.
        seed: Makes studies of this run differ from those of another.
        numbers: How many studies were made.
        sendings: Begun and not ended; a later piece may come after the node's death.
        complaints: Time, and what the node refused.
        guard: Held to change any of these.
    """

    node: KillableNode
    other: KillableNode
    ledger: Ledger
    seed: int
    numbers: int = 0
    sendings: list[Sending] = field(default_factory=list)
    complaints: list[tuple[float, str]] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def make_study(self, chance: random.Random, most: int = 8) -> MadeStudy:
        """Make a study that nobody has sent yet."""
        with self.guard:
            self.numbers += 1
            number = self.numbers
        sizes = [chance.choice(SIZES) for _ in range(chance.randint(1, most))]
        if chance.random() < 0.1:
            sizes[0] = 2_500_000  # three chunks
        return make_study(number, sizes, seed=self.seed)

    @contextmanager
    def sending(self, chance: random.Random, *, title: str) -> Iterator[Sending]:
        """Take up a study that was begun in this way, or begin one; nobody deletes it meanwhile."""
        with self.guard:
            begun = [one for one in self.sendings if bool(one.title) == bool(title)]
            chosen = chance.choice(begun) if begun and chance.random() < 0.6 else None
            if chosen is not None:
                self.sendings.remove(chosen)
        if chosen is None or not self.ledger.take(chosen.study.uid):
            chosen = Sending(self.make_study(chance, 12), title)
            self.ledger.take(chosen.study.uid)
        try:
            yield chosen
        finally:
            self.ledger.let_go(chosen.study.uid)
            if chosen.position < len(chosen.study.instances):
                with self.guard:
                    self.sendings.append(chosen)

    def complain(self, what: str) -> None:
        """Note that the node refused something."""
        self.complaints.append((time.monotonic(), what))


Step = Callable[[Stage, random.Random], None]


def send(stage: Stage, chance: random.Random) -> None:
    """Send a piece of a study by C-STORE."""
    address = ("127.0.0.1", stage.node.dicom_port)
    with (
        stage.sending(chance, title=f"CT{chance.randrange(3)}") as one,
        RawSender(address, [(SC, IMPLICIT)], calling=one.title) as sender,
    ):
        for instance in one.study.instances[one.position :][: chance.randint(1, 6)]:
            stage.ledger.send(one.study.uid, instance.sop_uid, blake3_of(one.file(instance)))
            status, comment = sender.store(
                1, SC, instance.sop_uid, instance.data_set, fragment=100_000
            )
            if status != 0:
                stage.complain(f"C-STORE {status:04x} {comment}")
                return
            stage.ledger.acknowledge(instance.sop_uid)
            one.position += 1


def bring_in(stage: Stage, chance: random.Random) -> None:
    """Import a piece of a study, one file after the other."""
    with stage.sending(chance, title="") as one:
        for instance in one.study.instances[one.position :][: chance.randint(1, 6)]:
            stage.ledger.send(one.study.uid, instance.sop_uid, blake3_of(instance.file))
            status = stage.node.import_bytes(instance.file).text("status")
            assert status in {"stored", "duplicate"}, status
            stage.ledger.acknowledge(instance.sop_uid)
            one.position += 1


def fetch(stage: Stage, chance: random.Random) -> None:
    """Fetch a study from the other node, and watch it arrive."""
    study = stage.make_study(chance, most=4)
    for one in study.instances:
        stage.other.import_bytes(one.file)
    _, offer = stage.other.grant(study.uid, stage.node.name)
    for one in study.instances:
        stage.ledger.send(study.uid, one.sop_uid, blake3_of(one.file))
    name = stage.node.begin_fetch(offer)
    with stage.ledger.guard:
        stage.ledger.fetches[name] = study.uid
    row = stage.node.follow(name)
    assert row["state"] == "done", row
    with stage.ledger.guard:
        stage.ledger.fetched.add(name)
        stage.ledger.stored |= {one.sop_uid for one in study.instances}


def grant(stage: Stage, chance: random.Random) -> None:
    """Grant a study to the other node, or to a link whose holder shares it with the other node."""
    ledger = stage.ledger
    if not (studies := ledger.studies()):
        return
    study = chance.choice(studies)
    if chance.random() < 0.6:
        name, offer = stage.node.grant(study, stage.other.name)
        with ledger.guard:
            ledger.permissions[name] = Permission("grant", study, offer)
        return
    name, key, token = stage.node.link_grant(study)
    with ledger.guard:
        ledger.permissions[name] = Permission("grant", study, b"")
    granted = read_delegation(token)
    share = sign_share(
        key,
        audience=stage.other.did,
        subject=stage.node.did,
        study=granted.policy.study,
        command=COMMAND_READ,
        nonce=chance.randbytes(12),
        not_before=int(time.time()),
        expires=granted.expires,
    )
    name, offer = stage.node.register_share(share)
    with ledger.guard:
        ledger.permissions[name] = Permission("share", study, offer)


def revoke(stage: Stage, chance: random.Random) -> None:
    """Revoke a grant or share."""
    ledger = stage.ledger
    known = sorted(ledger.open_permissions())
    if len(known) <= 2:
        return
    name = chance.choice(known)
    one = ledger.permissions[name]
    one.revoking = True
    if one.kind == "grant":  # its shares end with it
        for other in ledger.permissions.values():
            if other.kind == "share" and other.study == one.study:
                other.revoking = True
    stage.node.admin.post(f"{one.kind}s/{name}/revoke")
    one.revoked = True


def settle(stage: Stage, chance: random.Random) -> None:
    """Settle a study."""
    if not (studies := stage.ledger.studies()):
        return
    uid = chance.choice(studies)
    study = stage.node.admin.post(f"studies/{uid}/settle").part("study")
    with stage.ledger.guard:
        stage.ledger.settled[uid] = study.integer("instances")


def delete(stage: Stage, chance: random.Random) -> None:
    """Delete a study."""
    studies = stage.ledger.studies()
    if len(studies) <= 6:
        return
    uid = chance.choice(studies)
    if not stage.ledger.condemn(uid):
        return
    stage.node.admin.delete(f"studies/{uid}")
    with stage.ledger.guard:
        stage.ledger.deleted.add(uid)


def back_up(stage: Stage, chance: random.Random) -> None:
    """Take a backup beside the running node; half of them are killed by the way."""
    with stage.ledger.guard:
        before = frozenset(
            one
            for one in stage.ledger.stored
            if stage.ledger.study_of[one] not in stage.ledger.deleting
        )
    log = stage.node.directory / "backup.log"
    log.write_bytes(b"")
    assert stage.other.forks is not None
    wish = ("backup", "--to", str(repository_of(stage.node)), "--keep", "100", "--json")
    process = stage.other.forks.serve(
        ("--home", str(stage.node.home), *wish), stage.node._environment(), log
    )
    if chance.random() < 0.5:
        time.sleep(chance.uniform(0.02, 0.5))  # the moment itself, no synchronisation
        process.kill()
    code = process.wait(60)
    if code == 0:
        said = log.read_text(encoding="utf-8")
        name = json.loads(said[said.index("{") :])["snapshot"]
        with stage.ledger.guard:
            stage.ledger.backups[name] = before
    elif code != -signal.SIGKILL:
        stage.complain(f"backup: {log.read_text(encoding='utf-8')}")
        raise ConnectionError("the disk is gone")


def repository_of(node: KillableNode) -> Path:
    """Return where a node's backups are: on the same disk, so that both lose power together."""
    return node.home.parent / "repository"


def verify(stage: Stage, chance: random.Random) -> None:
    """Verify the log; what it had must not become less."""
    del chance
    lines = stage.node.check_log()
    with stage.ledger.guard:
        stage.ledger.lines = max(stage.ledger.lines, lines)


SENDING: Sequence[Step] = (send, send, send, bring_in)
FETCHING: Sequence[Step] = (fetch,)
DECIDING: Sequence[Step] = (grant, grant, grant, revoke, revoke, verify)
KEEPING: Sequence[Step] = (settle, settle, settle, settle, delete)
BACKING_UP: Sequence[Step] = (back_up,)
ALL = (SENDING, SENDING, FETCHING, DECIDING, KEEPING, BACKING_UP)
"""The work of each thread."""


class Crowd:
    """Actors at work, each in a thread of its own."""

    def __init__(
        self, stage: Stage, chance: random.Random, work: Sequence[Sequence[Step]] = ALL
    ) -> None:
        self._stage = stage
        self._ended = threading.Event()
        self.problems: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._act, args=(steps, random.Random(chance.random())))
            for steps in work
        ]

    def begin(self) -> None:
        """Let them work until the node dies."""
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Tell them to stop, wait for them, and raise what surprised one of them."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        if self.problems:
            raise self.problems[0]

    def _act(self, steps: Sequence[Step], chance: random.Random) -> None:
        while not self._ended.is_set():
            try:
                chance.choice(steps)(self._stage, chance)
            except CommandError as problem:
                if problem.code != "not_found":
                    if problem.exit_code is not ExitCode.NODE_UNREACHABLE:
                        self._stage.complain(f"{problem.code}: {problem.message}")
                    return
            except OSError:
                return  # the DICOM port is gone
            except BaseException as problem:  # noqa: BLE001 - raised again by whoever waits
                self.problems.append(problem)
                return
            self._ended.wait(chance.uniform(0, 0.02))
