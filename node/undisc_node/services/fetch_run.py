"""One fetch, driven by the state machine of the protocol (SPEC.md §6.8).

The machine says what to do; this module does it: asks, lets bytes move, commits the study, sends
the receipt. Whatever it knows is also on disk, so a run that is cut off at any point is continued
by a new one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from threading import Event

from nacl.public import PrivateKey

from undisc_node.services import auditing
from undisc_node.services.contents import StudyContents
from undisc_node.services.errors import NotFound, ServiceError, Unavailable
from undisc_node.services.fetch_commit import (
    Finished,
    commit_study,
    needed_objects,
    new_header,
    sender_name,
)
from undisc_node.services.fetch_moving import Mover
from undisc_node.services.fetch_world import FetchWorld, Progress
from undisc_node.services.model import Fetch, FetchState, Peer, PeerState
from undisc_node.services.ports import Incoming
from undisc_node.services.witnessing import remember_checkpoint
from undisc_protocol import limits
from undisc_protocol.answer import request_hash
from undisc_protocol.boxes import box_seal
from undisc_protocol.capability.invocation import Arguments, sign_invocation
from undisc_protocol.dagcbor import Cid
from undisc_protocol.errors import Busy, RemoteProtocolError, Revoked, Unreachable, WrongAnswer
from undisc_protocol.exchange import REQUEST_NONCE, Granted, make_request, read_answer
from undisc_protocol.keys import KEY_SIZE
from undisc_protocol.offer import Offer, read_offer
from undisc_protocol.receipt import read_acknowledgement
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

PURPOSE = "TREAT"  # HL7 PurposeOfUse; what we say about the reason, logged at the holder


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
        self._mover = Mover(world.network, world.clock, stop)
        self._incoming: Incoming | None = None
        self._granted: Granted | None = None
        self._invocation: Cid | None = None
        self._needed: Sequence[bytes] = ()
        self._known: list[bytes] = []  # granted, and here already byte for byte; not reported yet
        self._reported: set[bytes] = set()
        self._problem = ""
        self._objects_before = 0
        self._bytes_before = 0
        # The offer was valid when it was taken in; its card may have aged since.
        self._offer: Offer = read_offer(fetch.offer, now=fetch.created_ms // 1000)

    def progress(self) -> Progress:
        """Return how far it has come; safe from any thread."""
        moved, objects, elapsed_ms = self._mover.counts()
        speed = moved / elapsed_ms / 1000 if elapsed_ms else 0.0
        return Progress(
            objects_done=self._objects_before + objects,
            bytes_done=self._bytes_before + moved,
            reused_bytes=self._bytes_before,
            mb_per_s=speed,
        )

    def drive(self) -> None:
        """Run to the end; every outcome is in the row."""
        try:
            while True:
                try:
                    self._drive()
                except _StartOver:
                    self._discard()
                    continue
                return
        except ServiceError as problem:
            self._pause(f"{problem.reason}: {problem}")
        except RemoteProtocolError as problem:
            self._fail(problem)
        except Exception:
            self._pause("internal: this node made a mistake; its log says where")
            raise

    def _drive(self) -> None:
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
        complete = set(self._here())
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

    def _here(self) -> Sequence[bytes]:
        """List ids of objects that earlier fetches of this very study have brought."""
        wanted, sender = self._offer.capability.policy.study, sender_name(self._fetch.peer)
        with self._world.catalog.look() as records:
            for fetch in records.fetches.list():
                if fetch.peer != self._fetch.peer or fetch.study is None:
                    continue
                offer = read_offer(fetch.offer, now=fetch.created_ms // 1000)
                study = records.studies.get(fetch.study)
                if offer.capability.policy.study == wanted and study is not None:
                    current = self._world.contents.of(records, study.id).current.values()
                    headers = [located.stored.header for located in current]
                    return [header.id for header in headers if header.sender == sender]
        return []

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
                self._stop.wait(seconds)
            case Fail(error):
                self._fail(error)
            case Finish():
                self._save(replace(self._fetch, receipt_due=False))
            case Rest():
                pass
        return []

    def _peer(self) -> Peer:
        with self._world.catalog.look() as records:
            peer = records.peers.get(self._fetch.peer)
        if peer is None or peer.state is not PeerState.TRUSTED:
            raise Revoked("the holder is not a trusted peer of this node any more")
        return peer

    def _ask(self) -> Sequence[Happening]:
        staged = self._incoming.complete() if self._incoming else frozenset()
        have = frozenset({*self._here(), *staged})
        fetch_key = PrivateKey(self._world.entropy.random(KEY_SIZE))
        try:
            peer = self._peer()
            invocation, body = self._request(peer, fetch_key, have)
            reply = self._world.network.ask(
                peer.urls, "/undisc/v1/fetch", body, limit=limits.MAX_ANSWER
            )
            granted = read_answer(
                reply.body,
                status=reply.status,
                request=request_hash(body),
                invocation=Cid.of(invocation),
                holder=peer.did,
                fetch_key=fetch_key,
                have=have,
            )
        except (Unreachable, Busy) as problem:
            self._problem = f"{problem.code}: {problem}"
            return [Broken()]
        except RemoteProtocolError as problem:
            self._problem = f"{problem.code}: {problem}"
            return [Refused(problem)]
        self._granted, self._invocation = granted, Cid.of(invocation)
        with self._world.catalog.change() as records:
            current = records.peers.get(peer.id) or peer
            remember_checkpoint(self._world.journal, records, current, granted.checkpoint)
        return [Answered(self._announce(granted))]

    def _request(
        self, peer: Peer, fetch_key: PrivateKey, have: frozenset[bytes]
    ) -> tuple[bytes, bytes]:
        """Return a fresh invocation and the request that carries it."""
        world, capability = self._world, self._offer.capability
        now = world.clock.now_ms() // 1000
        invocation = sign_invocation(
            world.own.key,
            audience=peer.did,
            subject=capability.subject,
            command=capability.command,
            arguments=Arguments(
                study=capability.policy.study,
                by=world.own.key.did,
                key=bytes(fetch_key.public_key),
                purpose=PURPOSE,
                series=capability.policy.series,
            ),
            proofs=tuple(proof.cid for proof in self._offer.proofs),
            nonce=world.entropy.random(limits.MIN_NONCE),
            issued=now,
            expires=now + limits.INVOCATION_LIFETIME,
        )
        body = make_request(
            world.own.key,
            sender=world.own.identity,
            to=self._offer.holder.node_id,
            box=peer.box,
            invocation=invocation,
            proofs=[proof.raw for proof in self._offer.proofs],
            have=have,
            nonce=world.entropy.random(REQUEST_NONCE),
            ephemeral=world.entropy.random(KEY_SIZE),
            issued=now,
            expires=now + limits.REQUEST_LIFETIME,
        )
        return invocation, body

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
            self._check_room(sum(header.stored for header in headers))
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

    def _check_room(self, size: int) -> None:
        if self._world.packs.free_bytes() - size < self._world.reserve:
            raise Unavailable(
                "the disk has no room for the study above its reserve",
                code="disk_reserve",
                hint="free some space, then go on with the fetch",
            )

    def _move(self) -> Sequence[Happening]:
        if self._granted is None:
            raise RuntimeError("the machine moves only after an answer with objects")
        # What another sender brought before counts as stored without a byte being moved.
        known = [ObjectStored(object_id) for object_id in self._known]
        self._reported.update(self._known)
        if self._incoming is None or not self._needed:
            return known
        try:
            peer = self._peer()
        except Revoked as problem:
            return [Refused(problem)]
        moved = self._mover.move(
            peer=peer, granted=self._granted, incoming=self._incoming, needed=self._needed
        )
        self._problem = moved.problem
        _, _, elapsed_ms = self._mover.counts()
        self._save(replace(self._fetch, elapsed_ms=elapsed_ms))
        return [*known, *moved.happenings]

    def _publish(self) -> Sequence[Happening]:
        if self._granted is None or self._invocation is None:
            raise RuntimeError("the machine publishes only after an answer")
        self._fetch = commit_study(
            self._world,
            Finished(self._fetch, self._offer, self._granted, self._invocation, self._incoming),
        )
        return [Published()]

    def _send_receipt(self) -> Sequence[Happening]:
        world, holder = self._world, self._offer.holder.node_id
        with world.catalog.look() as records:
            filed = records.fetches.receipts(self._offer.capability.policy.study)
        ours = [receipt for receipt in filed if receipt.peer == holder]
        try:
            peer = self._peer()
            token = ours[-1].token
            body = box_seal(peer.box, token, ephemeral=world.entropy.random(KEY_SIZE))
            reply = world.network.ask(
                peer.urls, "/undisc/v1/receipt", body, limit=limits.MAX_REFUSAL
            )
            read_acknowledgement(
                reply.body,
                status=reply.status,
                request=request_hash(body),
                receipt=token,
                holder=peer.did,
            )
        except (Unreachable, Busy):
            return [Broken()]
        except RemoteProtocolError as problem:
            return [Refused(problem)]
        return [ReceiptTaken()]

    # --- Endings --------------------------------------------------------------------------------

    def _discard(self) -> None:
        if self._incoming is not None and self._fetch.study is None:
            self._incoming.discard()
        self._incoming = None
        self._reported.clear()
        self._objects_before = self._bytes_before = 0
        self._save(replace(self._fetch, pack=None, objects=0, size=0))

    def _fail(self, error: RemoteProtocolError) -> None:
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
