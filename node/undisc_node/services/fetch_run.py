"""One fetch, driven by the state machine of the protocol (SPEC.md §6.8).

The machine says what to do; this module does it: asks, lets bytes move, commits the study, sends
the receipt. Whatever it knows is also on disk, so a run that is cut off at any point is continued
by a new one.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from threading import Event

from undisc_node.services import auditing
from undisc_node.services.contents import StudyContents
from undisc_node.services.errands import Away
from undisc_node.services.errors import NotFound, ServiceError
from undisc_node.services.fetch_asking import (
    ask_holder,
    brought_before,
    send_receipt,
    trusted_holder,
    with_holder,
)
from undisc_node.services.fetch_commit import (
    Finished,
    StudyChanged,
    commit_study,
    needed_objects,
    new_header,
    receipts_of,
    relied_on,
    sender_name,
)
from undisc_node.services.fetch_moving import Mover
from undisc_node.services.fetch_world import FetchWorld, Progress
from undisc_node.services.model import AWAY, Fetch, FetchState
from undisc_node.services.ports import Incoming
from undisc_node.services.witnessing import remember_checkpoint
from undisc_protocol.dagcbor import Cid
from undisc_protocol.errors import Busy, RemoteProtocolError, Revoked, Unreachable, WrongAnswer
from undisc_protocol.exchange import Granted
from undisc_protocol.offer import Offer, read_accepted_offer
from undisc_protocol.transfer import (
    Answered,
    Ask,
    Begin,
    Broken,
    Effect,
    Fail,
    FetchMachine,
    Finish,
    Halted,
    Move,
    ObjectStored,
    Publish,
    Published,
    ReceiptTaken,
    Refused,
    Rest,
    SendReceipt,
    State,
    Wait,
)
from undisc_protocol.transfer import Event as Happening

_log = logging.getLogger(__name__)


class _StartOver(Exception):
    """What is staged no longer fits what the holder has."""


class FetchRun:
    """Drives one fetch until it is done, pauses or fails.

    Args:
        world: What it needs.
        fetch: The row to work on.
        stop: Set when the node shuts down.
    """

    def __init__(self, world: FetchWorld, fetch: Fetch, stop: Event) -> None:
        self._world = world
        self._fetch = fetch
        self._stop = stop
        self._mover = Mover(world.network, world.clock, stop, world.fetched)
        self._incoming: Incoming | None = None
        self._granted: Granted | None = None
        self._invocation: Cid | None = None
        self._needed: Sequence[bytes] = ()
        self._relied: frozenset[tuple[str, bytes]] = frozenset()
        self._elapsed_before_ms = fetch.elapsed_ms
        self._known: list[bytes] = []  # granted, and here already byte for byte; not reported yet
        self._reported: set[bytes] = set()
        self._problem = ""
        self._next_try_ms: int | None = None
        self._objects_before = 0
        self._bytes_before = 0
        # The offer was valid when it was taken in; its card may have aged since.
        self._offer: Offer = read_accepted_offer(fetch.offer)

    def progress(self) -> Progress:
        """Return how far it has come; safe from any thread."""
        mover, fetch = self._mover, self._fetch
        moved, objects, elapsed_ms = mover.counts()
        reused = self._bytes_before + mover.found()
        done = fetch.state is FetchState.DONE
        next_try_ms = self._next_try_ms
        return Progress(
            objects_done=fetch.objects if done else self._objects_before + objects,
            # A chunk that is read but not kept is read again.
            bytes_done=fetch.size if done else min(fetch.size, reused + moved),
            reused_bytes=reused,
            mb_per_s=moved / elapsed_ms / 1000 if elapsed_ms else 0.0,
            problem="" if next_try_ms is None else self._problem,
            next_try_ms=next_try_ms,
        )

    def drive(self) -> None:
        """Run to the end; every outcome is in the row."""
        try:
            while True:
                try:
                    self._drive()
                except _StartOver:
                    self._discard()
                except StudyChanged:
                    pass  # what is staged is good; the holder is asked for the rest
                else:
                    return
        except ServiceError as problem:
            self._pause(f"{problem.reason}: {problem}")
        except RemoteProtocolError as problem:
            self._fail(problem)
        except Exception:
            _log.exception("a fetch stopped on a mistake of this node")
            self._pause("internal: this node made a mistake; its log says where")
            raise
        finally:
            # The run is kept for its progress; a manifest may have megabytes.
            self._granted = self._incoming = None

    def _drive(self) -> None:
        self._reported.clear()
        machine = FetchMachine(
            complete=frozenset(self._resume()), published=self._fetch.study is not None
        )
        effects: deque[Effect] = deque(machine.step(Begin()))
        while effects:
            for happening in self._perform(effects.popleft()):
                effects.extend(machine.step(happening))
        if machine.state is State.PAUSED and not self._stop.is_set():
            self._pause(self._problem)

    def _resume(self) -> set[bytes]:
        """Take up what is staged; return the ids of objects that are here whole."""
        here = brought_before(self._world, self._fetch, self._offer)
        complete = {header.id for header in here}
        if self._fetch.pack is None or self._fetch.study is not None:
            return complete
        try:
            self._incoming = self._world.packs.resume(self._fetch.pack)
        except NotFound:
            self._incoming = None
            return complete
        staged = self._incoming.complete()
        sizes = {one.header.id: one.header.stored for one in self._incoming.objects()}
        self._objects_before = len(staged)
        self._bytes_before = sum(sizes[object_id] for object_id in staged)
        return complete | staged

    # --- Effects --------------------------------------------------------------------------------

    def _perform(self, effect: Effect) -> Sequence[Happening]:
        if self._stop.is_set() and isinstance(effect, Ask | Move | Publish | SendReceipt):
            return [Halted()]
        match effect:
            case Ask():
                return self._ask()
            case Move():
                return self._move()
            case Publish():
                return self._publish()
            case SendReceipt():
                return self._send_receipt()
            case Wait(seconds):
                self._wait(seconds)
            case Fail(error):
                self._fail(error)
            case Finish():
                self._save(replace(self._fetch, receipt_due=False))
            case Rest():
                pass
        return []

    def _wait(self, seconds: float) -> None:
        self._next_try_ms = self._world.clock.now_ms() + int(seconds * 1000)
        try:
            self._stop.wait(seconds)
        finally:
            self._next_try_ms = None

    def _ask(self) -> Sequence[Happening]:
        world = self._world
        staged = self._incoming.complete() if self._incoming else frozenset()
        here = brought_before(self._world, self._fetch, self._offer)
        have = staged.union(header.id for header in here)
        try:
            peer, (granted, invocation) = with_holder(
                world, self._fetch, lambda peer: ask_holder(world, self._offer, peer, have)
            )
        except Away as problem:
            return self._wait_for_holder(problem)
        except (Unreachable, Busy) as problem:
            self._problem = f"{problem.code}: {problem}"
            return [Broken()]
        except RemoteProtocolError as problem:
            self._problem = f"{problem.code}: {problem}"
            return [Refused(problem)]
        self._granted, self._invocation = granted, invocation
        with self._world.catalog.change() as records:
            current = records.peers.get(peer.id) or peer
            remember_checkpoint(
                self._world.journal,
                records,
                current,
                granted.checkpoint,
                self._world.clock.now_ms(),
            )
        answered = Answered(self._announce(granted))
        needed = set(self._needed)
        listed = [one for one in granted.manifest.objects if one.id not in needed]
        self._relied = relied_on([*here, *listed])
        return [answered]

    def _announce(self, granted: Granted) -> frozenset[bytes]:
        """Make room for what is needed; return the ids of all that was granted.

        Raises:
            WrongAnswer: The holder names another study than before.
            Unavailable: The disk has no room for it above its reserve.
        """
        said = granted.manifest.study.uid
        if self._incoming is not None and self._incoming.header.uid != said:
            raise WrongAnswer("an answer is about another study than the one before it")
        world, now_ms = self._world, self._world.clock.now_ms()
        with world.catalog.look() as records:
            study = records.studies.find_uid(said)
            contents = world.contents.of(records, study.id) if study else StudyContents()
        headers = needed_objects(
            granted.manifest, contents, sender=sender_name(self._fetch.peer), at_ms=now_ms
        )
        if headers:
            size = sum(header.stored for header in headers)
            world.room.take(sender_name(self._fetch.peer), size)
        needed = [header.id for header in headers]
        staged: set[bytes] = set()
        if self._incoming is not None:
            staged = {one.header.id for one in self._incoming.objects()}
            if staged - self._incoming.complete() - set(needed):
                raise _StartOver
        elif headers:
            local = study.id if study else self._fetch.id
            self._incoming = world.packs.stage(new_header(granted.manifest, local, now_ms))
            self._save(replace(self._fetch, pack=self._incoming.pack))
        if self._incoming is not None:
            self._incoming.announce([one for one in headers if one.id not in staged])
            objects = [one.header for one in self._incoming.objects()]
            self._save(
                replace(self._fetch, objects=len(objects), size=sum(one.stored for one in objects))
            )
        self._needed = needed
        granted_ids = frozenset(one.id for one in granted.manifest.objects)
        self._known = sorted(granted_ids - set(needed) - self._reported)
        return granted_ids

    def _move(self) -> Sequence[Happening]:
        if self._granted is None:
            raise RuntimeError("the machine moves only after an answer with objects")
        # What another sender brought before counts as stored without a byte being moved.
        known = [ObjectStored(object_id) for object_id in self._known]
        self._reported.update(self._known)
        if self._incoming is None or not self._needed:
            return known
        try:
            peer = trusted_holder(self._world, self._fetch)
        except Revoked as problem:
            return [Refused(problem)]
        moved = self._mover.move(
            peer=peer, granted=self._granted, incoming=self._incoming, needed=self._needed
        )
        self._problem = moved.problem
        _, _, elapsed_ms = self._mover.counts()
        self._save(replace(self._fetch, elapsed_ms=self._elapsed_before_ms + elapsed_ms))
        return [*known, *moved.happenings]

    def _publish(self) -> Sequence[Happening]:
        if self._granted is None or self._invocation is None:
            raise RuntimeError("the machine publishes only after an answer")
        self._fetch = commit_study(
            self._world,
            Finished(
                self._fetch,
                self._offer,
                self._granted,
                self._invocation,
                self._incoming,
                self._relied,
            ),
        )
        return [Published()]

    def _send_receipt(self) -> Sequence[Happening]:
        world = self._world
        with self._world.catalog.look() as records:
            due = receipts_of(records, self._fetch, self._offer)
        try:
            for receipt in due:
                with_holder(world, self._fetch, partial(send_receipt, world, receipt.token))
        except Away as problem:
            return self._wait_for_holder(problem)
        except (Unreachable, Busy) as problem:
            self._problem = f"{problem.code}: {problem}"
            return [Broken()]
        except RemoteProtocolError as problem:
            self._problem = f"{problem.code}: {problem}"
            return [Refused(problem)]
        return [ReceiptTaken()]

    def _wait_for_holder(self, problem: Away) -> Sequence[Happening]:
        """Rest until the holder comes: asking again and again would not bring it."""
        self._problem = f"{AWAY}: {problem}"
        return [Halted()]

    # --- Endings --------------------------------------------------------------------------------

    def _discard(self) -> None:
        if self._incoming is not None and self._fetch.study is None:
            self._incoming.discard()
        self._incoming = None
        self._mover = Mover(self._world.network, self._world.clock, self._stop, self._world.fetched)
        self._elapsed_before_ms = self._fetch.elapsed_ms
        self._objects_before = self._bytes_before = 0
        self._save(replace(self._fetch, pack=None, objects=0, size=0))

    def _fail(self, error: RemoteProtocolError) -> None:
        if self._fetch.study is not None:
            return  # nothing undoes a study that is here; its receipt stays due
        self._discard()
        world = self._world
        failed = replace(
            self._fetch,
            state=FetchState.FAILED,
            problem=f"{error.code}: {error}",
            ended_ms=world.clock.now_ms(),
        )
        with world.catalog.change() as records:
            records.fetches.put(failed)
            peer = records.peers.get(failed.peer)
            world.journal.note(
                records,
                "fetch.failed",
                who=auditing.other_node(peer or failed.peer),
                what=[auditing.about_security("capability", failed.capability)],
                outcome=auditing.MINOR_FAILURE,
                detail={"code": error.code},
            )
        self._fetch = failed

    def _pause(self, problem: str) -> None:
        if self._fetch.study is None:
            self._save(replace(self._fetch, state=FetchState.PAUSED, problem=problem))

    def _save(self, fetch: Fetch) -> None:
        with self._world.catalog.change() as records:
            records.fetches.put(fetch)
        self._fetch = fetch
