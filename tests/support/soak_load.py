"""The load of a soak: what two practices do to each other all day, at a steady and modest rate.

Each step is what the campaigns do too (`actors`); here it comes at its own pace, nothing dies, and
whatever is refused although it should not be is a complaint.
"""

from __future__ import annotations

import random
import socket
import sqlite3
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from support.actors import Stage, Step, bring_in, delete, fetch, grant, revoke, send, settle, verify
from support.dicom_files import IMPLICIT, SC
from support.ledger import Permission
from support.raw_sender import RawSender
from undisc_admin.errors import CommandError

STUDIES: Final = 30  # that a node keeps; what comes in beyond leaves again, so that nothing grows
_OLD_MS: Final = 40 * 86_400_000  # longer than studies stay without a permission
_FIRST: Final = 10.0  # seconds within which everything has happened once
_PATIENCE: Final = 2.0  # seconds for which a bad connection is held open
_GONE: Final = ("not_found", "conflict", "revoked")  # somebody else of the crowd was faster


def make_room(stage: Stage, chance: random.Random) -> None:
    """Delete studies until so many are left."""
    for _ in range(len(stage.ledger.studies()) - STUDIES):
        delete(stage, chance)


def bring(stage: Stage, chance: random.Random) -> None:
    """Fetch a study from the other node, where it is deleted afterwards: it has moved."""
    before = set(stage.ledger.fetched)
    fetch(stage, chance)
    for name in set(stage.ledger.fetched) - before:
        with suppress(CommandError):  # somebody else of the crowd has done it
            stage.other.admin.delete(f"studies/{stage.ledger.fetches[name]}")


def use(stage: Stage, chance: random.Random) -> None:
    """Let the other node fetch what was granted to it, and delete it there."""
    if (chosen := _permission(stage, chance, revoked=False)) is None:
        return
    if not stage.ledger.take(chosen.study):
        return
    try:
        row = stage.other.fetch(chosen.offer)
        if row["state"] != "done" and not chosen.revoking:
            stage.complain(f"granted and refused: {row}")
    finally:
        stage.ledger.let_go(chosen.study)
    with suppress(CommandError):
        stage.other.admin.delete(f"studies/{chosen.study}")


def use_revoked(stage: Stage, chance: random.Random) -> None:
    """Let the other node try what was taken back."""
    chosen = _permission(stage, chance, revoked=True)
    if chosen is not None and (row := stage.other.fetch(chosen.offer))["state"] != "failed":
        stage.complain(f"revoked and served: {row}")


def _permission(stage: Stage, chance: random.Random, *, revoked: bool) -> Permission | None:
    with stage.ledger.guard:
        known = [
            one
            for one in stage.ledger.permissions.values()
            if one.offer and one.revoked == revoked and (revoked or not one.revoking)
        ]
    return chance.choice(known[-STUDIES:]) if known else None


def look_around(stage: Stage, chance: random.Random) -> None:
    """Ask what people and monitoring ask."""
    admin = stage.node.admin
    admin.get("studies", {"limit": 50})
    admin.get("studies", {"text": str(chance.randrange(100)), "limit": 20})
    admin.get("studies", {"patient": str(chance.randrange(100))})
    admin.get("log", {"after": max(-1, stage.ledger.lines - 50), "limit": 50})
    admin.get("status")
    if studies := stage.ledger.studies():
        admin.get(f"studies/{chance.choice(studies)}")
    for path in ("readyz", "livez", "metrics"):
        address = f"http://127.0.0.1:{stage.node.internal_port}/{path}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            answer.read()


def back_up(stage: Stage, chance: random.Random) -> None:
    """Take a backup beside the running node."""
    del chance
    stage.node._node("backup", "--to", str(stage.node.directory / "repository"), "--keep", "3")


def grow_old(stage: Stage, chance: random.Random) -> None:
    """Let settled studies without a permission look as if nobody had cared for weeks.

    The node erases them when it looks the next time, ten minutes after its start.
    """
    with stage.ledger.guard:
        granted = {one.study for one in stage.ledger.permissions.values() if not one.revoked}
        free = sorted(stage.ledger.settled.keys() - granted - stage.ledger.deleting)
        if not free or not stage.ledger.condemn(chosen := chance.choice(free)):
            return
    path = stage.node.home / "catalog.sqlite3"
    with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as catalog:
        catalog.execute(
            "UPDATE studies SET arrived_ms = arrived_ms - ?1, settled_ms = settled_ms - ?1"
            " WHERE uid = ?2",
            (_OLD_MS, chosen),
        )


def disturb(stage: Stage, chance: random.Random) -> None:
    """Be one of those who connect and do not behave."""
    node = stage.node
    with suppress(OSError):
        chance.choice((_half_request, _silence, _half_image, _hang_up))(node, chance)


def _half_request(node: Any, chance: random.Random) -> None:
    """Dribble a request to the public listener, and leave in the middle of its body."""
    with socket.create_connection(("127.0.0.1", node.public_port), timeout=_PATIENCE) as line:
        head = b"POST /undisc/v1/fetch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4000\r\n\r\n"
        for start in range(0, len(head), 20):
            line.sendall(head[start : start + 20])
            time.sleep(0.02)
        line.sendall(chance.randbytes(500))
        time.sleep(chance.uniform(0, _PATIENCE))


def _silence(node: Any, chance: random.Random) -> None:
    """Connect to a port and say nothing."""
    port = chance.choice((node.public_port, node.dicom_port))
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE):
        time.sleep(chance.uniform(0, _PATIENCE))


def _half_image(node: Any, chance: random.Random) -> None:
    """Begin to send an image by C-STORE, and leave."""
    address = ("127.0.0.1", node.dicom_port)
    with RawSender(address, [(SC, IMPLICIT)], calling="LOST") as sender:
        sender.send(1, chance.randbytes(60), is_command=True)
        sender.connection.sendall(b"\x04\x00\x00\x00\xff\xff" + chance.randbytes(2_000))
        time.sleep(chance.uniform(0, _PATIENCE))


def _hang_up(node: Any, chance: random.Random) -> None:
    """Send bytes that are neither HTTP nor DICOM, and reset."""
    port = chance.choice((node.public_port, node.dicom_port))
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        line.sendall(chance.randbytes(300))


PACE: Final[Sequence[tuple[float, Step]]] = (
    (1.5, send),
    (3.0, bring_in),
    (1.0, settle),
    (2.0, grant),
    (3.0, use),
    (4.0, bring),
    (4.0, revoke),
    (5.0, use_revoked),
    (2.0, make_room),
    (1.0, look_around),
    (1.0, disturb),
    (10.0, verify),
    (20.0, grow_old),
    (90.0, back_up),
)
"""Each step, and after how many seconds it comes again."""


@dataclass(slots=True)
class Load:
    """Both practices at work; `end` waits until everybody has finished.

    Attributes:
        stages: One for each node.
        done: How often what was done.
        problems: What surprised a step.
    """

    stages: Sequence[Stage]
    chance: random.Random
    done: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def begin(self) -> None:
        """Let them work."""
        for stage in self.stages:
            for pause, step in PACE:
                chance = random.Random(self.chance.random())
                thread = threading.Thread(
                    target=self._act, args=(stage, pause, step, chance), daemon=True
                )
                self._threads.append(thread)
                thread.start()

    def end(self) -> None:
        """Tell them to stop, and wait for them."""
        self._ended.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a step does not end"

    def _act(self, stage: Stage, pause: float, step: Step, chance: random.Random) -> None:
        self._ended.wait(chance.uniform(0, min(pause, _FIRST)))
        while not self._ended.is_set():
            began = time.monotonic()
            try:
                step(stage, chance)
                self.done[step.__name__] += 1
            except CommandError as problem:
                if problem.code not in _GONE:
                    self.problems.append(f"{step.__name__}: {problem.code}: {problem.message}")
            except Exception as problem:  # noqa: BLE001 - a finding, whatever it is
                self.problems.append(f"{step.__name__}: {problem!r}")
            self._ended.wait(max(0.0, pause - (time.monotonic() - began)))


def fill_pools(stage: Stage, requests: int = 24) -> None:
    """Use every pool of a node at once, so that what grows to a bound is there from the start."""

    def together(work: Callable[[], object]) -> None:
        threads = [threading.Thread(target=work) for _ in range(requests)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    together(lambda: stage.node.admin.get("studies", {"limit": 100}))
    together(lambda: look_around(stage, random.Random(0)))
