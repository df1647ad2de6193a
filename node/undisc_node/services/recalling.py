"""Asking peers what they remember of us, and telling them what we remember (SPEC.md §6.10).

A node that came back from a backup does not know what happened after it. Its peers have seen the
head of its log, both sides keep the receipts they gave each other, and a recipient keeps the
notices that a permission was taken back. What they tell is filed and shown to the administrator; no
permission ever comes from it, and what this node itself has said ended, ends again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

from nacl.public import PrivateKey

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal, Refusals
from undisc_node.services.errors import ServiceError
from undisc_node.services.following import look_again, recognise
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.model import Peer, PeerState, Recalled, Receipt
from undisc_node.services.ports import Catalog, Clock, Entropy, PeerNetwork, Records, Reply
from undisc_node.services.replying import reply_to
from undisc_node.services.revoking import revoke_share_within, revoke_within
from undisc_protocol import limits
from undisc_protocol.addressed import REQUEST_NONCE
from undisc_protocol.answer import request_hash
from undisc_protocol.errors import (
    ForkedIdentity,
    OutdatedIdentity,
    RemoteProtocolError,
    UnknownRecipient,
)
from undisc_protocol.identity import Identity, NodeId, check_continues, read_identity
from undisc_protocol.keys import KEY_SIZE
from undisc_protocol.log import Event
from undisc_protocol.recall import Memory, answer_recall, make_recall, read_memory, read_recall
from undisc_protocol.receipt import Receipt as SignedReceipt

PARALLEL = 8
"""Peers that are asked at once: a few that do not answer must not hold up a restore."""

MAX_PAGES = 256
"""Answers taken from one peer: 65,536 receipts; a peer that never ends must not fill the disk."""

_SAID_AGAIN_MS = 3_600_000  # within an hour, telling one peer the same again is not logged again
_LOG_PAGE = 1_000  # lines read at once
_KNOWN = (PeerState.TRUSTED, PeerState.SUSPENDED)


@dataclass(frozen=True, slots=True)
class _OwnLog:
    """What our own log says about its past.

    Attributes:
        lines: How many lines it had when it last came back from a backup; all of them if never.
        told: Origins whose loss was told after an earlier restore, and our present origin, if the
            log ever came back: what was seen under these says nothing about the last restore.
    """

    lines: int
    told: frozenset[bytes]


class Recalling:
    """Recalls what peers know, and answers them.

    Args:
        catalog: Rows.
        network: Reaches other nodes.
        journal: The log.
        refusals: Counts what is refused to strangers.
        clock: Time.
        entropy: Keys and nonces.
        own: Who we are.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        network: PeerNetwork,
        journal: Journal,
        refusals: Refusals,
        clock: Clock,
        entropy: Entropy,
        own: OwnIdentity,
    ) -> None:
        self.catalog = catalog
        self.network = network
        self.journal = journal
        self.clock = clock
        self._refusals = refusals
        self._entropy = entropy
        self._own = own
        self._logged_ms: dict[bytes, int] = {}
        self._lock = Lock()

    def _now(self) -> int:
        return self.clock.now_ms() // 1000

    # --- Telling --------------------------------------------------------------------------------

    def answer(self, body: bytes) -> Reply:
        """Tell a peer what we remember of it.

        Args:
            body: The HTTP body as received.

        Returns:
            A sealed answer, or a signed refusal; never raises for what a stranger sent.
        """
        return reply_to(
            body,
            self._told,
            key=self._own.key,
            clock=self.clock,
            refusals=self._refusals,
            busy="the node cannot look it up at the moment",
        )

    def _told(self, body: bytes) -> bytes:
        request = read_recall(body, box=self._own.box, own=self._own.id, now=self._now())
        peer = recognise(self.catalog, self.journal, self.clock, request.sender)
        if peer is None or peer.state not in _KNOWN:
            raise UnknownRecipient("the asking node is not a trusted peer")
        with self.catalog.look() as records:
            seen = [peer.checkpoint] if peer.checkpoint else []
            logs = [
                *seen,
                *(log for log in records.witnessed.logs(peer.id) if log.origin != _origin(peer)),
            ]
            most = limits.MAX_RECALLED + 1
            receipts = records.fetches.receipts_with(peer.id, skip=request.skip, limit=most)
            endings = records.endings.kept(peer.id, skip=request.skip, limit=most)
        self._note_told(peer)
        return answer_recall(
            self._own.key,
            request,
            logs=logs[: limits.MAX_RECALLED_LOGS],
            receipts=[receipt.token for receipt in receipts[: limits.MAX_RECALLED]],
            ended=[ending.token for ending in endings[: limits.MAX_RECALLED]],
            more=max(len(receipts), len(endings)) > limits.MAX_RECALLED,
            at=self._now(),
            ephemeral=self._entropy.random(KEY_SIZE),
        )

    def _note_told(self, peer: Peer) -> None:
        now_ms = self.clock.now_ms()
        with self._lock:
            if now_ms < self._logged_ms.get(peer.id, -_SAID_AGAIN_MS) + _SAID_AGAIN_MS:
                return
            self._logged_ms[peer.id] = now_ms
        with self.catalog.change() as records:
            self.journal.note(
                records,
                "recall.answered",
                who=auditing.other_node(peer),
                what=[auditing.about_security("peer", peer.id)],
            )

    # --- Asking ---------------------------------------------------------------------------------

    def recall_all(self, actor: str = "undisc-node") -> Sequence[Recalled]:
        """Ask every trusted or suspended peer; file the receipts it tells that are not here.

        May take as long as the slowest peers' time-outs; asking again changes nothing but what is
        new. What came of it is kept, also of those who did not answer.

        Args:
            actor: Who asked for it.

        Returns:
            What each peer remembers, in the order of `undisc peers list`.
        """
        with self.catalog.look() as records:
            peers = [peer for peer in records.peers.list() if peer.state in _KNOWN]
            log = _own_log(records)
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="recall") as pool:
            return list(pool.map(lambda peer: self._recall(peer, log, actor), peers))

    def recalled(self) -> Sequence[Recalled]:
        """List what each peer said when it was last asked."""
        with self.catalog.look() as records:
            return records.witnessed.recalled()

    def _recall(self, peer: Peer, log: _OwnLog, actor: str) -> Recalled:
        seen = skip = ended = 0
        stored: set[bytes] = set()
        fetched: set[bytes] = set()
        problem = ""
        try:
            # Its address, box or key may be newer than what a backup knows.
            peer = look_again(self, peer)
            for page in range(MAX_PAGES):
                memory = self._ask(peer, skip)
                if page == 0:
                    seen = _seen_lines(memory, log)
                new = self._file(peer, memory)
                stored |= {one.stored.study for one in new if one.to == self._own.id}
                fetched |= {one.stored.study for one in new if one.to != self._own.id}
                ended += self._take_back(memory, actor)
                skip += limits.MAX_RECALLED
                if not memory.more or not (memory.receipts or memory.ended):
                    break
            else:
                problem = f"oversize: it remembers more than {skip} receipts; the newest were filed"
        except RemoteProtocolError as refused:
            problem = f"{refused.code}: {refused}"
        except ServiceError as failed:
            problem = f"{failed.reason}: {failed}"
        recalled = Recalled(
            peer=peer.id,
            at_ms=self.clock.now_ms(),
            seen_lines=seen,
            own_lines=log.lines,
            stored=len(stored),
            fetched=len(fetched),
            problem=problem,
            ended=ended,
        )
        self._keep(peer, recalled, actor)
        return recalled

    def _ask(self, peer: Peer, skip: int) -> Memory:
        now = self._now()
        key = PrivateKey(self._entropy.random(KEY_SIZE))
        body = make_recall(
            self._own.key,
            sender=self._own.identity,
            to=NodeId(peer.id),
            box=peer.box,
            reply_to=bytes(key.public_key),
            skip=skip,
            nonce=self._entropy.random(REQUEST_NONCE),
            ephemeral=self._entropy.random(KEY_SIZE),
            issued=now,
            expires=now + limits.REQUEST_LIFETIME,
        )
        reply = self.network.ask(
            peer.urls, "/undisc/v1/recall", body, limit=limits.MAX_RECALL_ANSWER
        )
        return read_memory(
            reply.body,
            status=reply.status,
            request=request_hash(body),
            peer=NodeId(peer.id),
            peer_key=peer.did,
            own=self._own.id,
            recall_key=key,
            now=now,
        )

    def _file(self, peer: Peer, memory: Memory) -> Sequence[SignedReceipt]:
        """File the receipts that are not here yet; return these."""
        identities = {self._own.id: self._own.identity, peer.id: read_identity(peer.records)}
        with self.catalog.change() as records:
            new = [
                receipt
                for receipt in memory.receipts
                if _in_its_name(receipt, identities[receipt.sender.node_id])
                and not records.fetches.has_receipt(receipt.id)
            ]
            for receipt in new:
                stored = receipt.stored
                records.fetches.add_receipt(
                    Receipt(
                        id=receipt.id,
                        token=receipt.raw,
                        peer=peer.id,
                        study=stored.study,
                        invocation=stored.invocation.digest,
                        objects=stored.objects,
                        size=stored.size,
                        at_ms=min(stored.at * 1000, self.clock.now_ms()),
                    )
                )
        return new

    def _take_back(self, memory: Memory, actor: str) -> int:
        """Revoke what we have told the peer that it ended, and held as valid; return how much.

        It is our own word, signed by a key of ours. Whoever is not sure may grant it again.
        """
        names = dict.fromkeys(
            capability
            for notice in memory.ended
            if _signed_as(self._own.identity, notice.sender)
            for capability in notice.ended
        )
        if not names:
            return 0
        now_ms, why, count = self.clock.now_ms(), "a peer remembers that it was taken back", 0
        with self.catalog.change(vital=True) as records:
            for name in names:
                grant, share = records.grants.get(name), records.shares.get(name)
                if grant is not None and grant.revoked_ms is None:
                    revoke_within(records, self.journal, grant, actor, now_ms, why)
                    count += 1
                if share is not None and share.revoked_ms is None:
                    revoke_share_within(records, self.journal, share, actor, now_ms, why)
                    count += 1
        return count

    def _keep(self, peer: Peer, recalled: Recalled, actor: str) -> None:
        with self.catalog.change() as records:
            records.witnessed.put_recalled(recalled)
            self.journal.note(
                records,
                "peer.recalled",
                who=auditing.user(actor),
                what=[auditing.about_security("peer", peer.id)],
                outcome=auditing.MINOR_FAILURE if recalled.problem else auditing.SUCCESS,
                detail={
                    "name": peer.name,
                    "missing_lines": recalled.missing_lines,
                    "stored": recalled.stored,
                    "fetched": recalled.fetched,
                    "ended": recalled.ended,
                    **({"problem": recalled.problem} if recalled.problem else {}),
                },
            )


def _origin(peer: Peer) -> bytes:
    return peer.checkpoint.origin if peer.checkpoint else b""


def _in_its_name(receipt: SignedReceipt, identity: Identity) -> bool:
    """Tell whether a receipt was signed by the node as it is known, under any of its keys."""
    return _signed_as(identity, receipt.sender)


def _signed_as(identity: Identity, signer: Identity) -> bool:
    try:
        check_continues(identity, signer.records)
    except (OutdatedIdentity, ForkedIdentity):
        return False
    return True


def _seen_lines(memory: Memory, log: _OwnLog) -> int:
    return max((seen.size for seen in memory.logs if seen.origin not in log.told), default=0)


def _own_log(records: Records) -> _OwnLog:
    head = records.log.frontier()
    last: Event | None = None
    told = set()
    for event in _restores(records):
        if last is not None:
            told.add(_old_origin(last))
        last = event
    if last is None:
        return _OwnLog(head.size, frozenset())
    lines = last.detail.get("old_size", 0)
    told.add(head.origin)
    return _OwnLog(lines if isinstance(lines, int) else 0, frozenset(told) - {_old_origin(last)})


def _restores(records: Records) -> Iterator[Event]:
    """Yield the lines that say that the log came back from a backup, oldest first."""
    after = -1
    while rows := records.log.list(after=after, limit=_LOG_PAGE):
        for row in rows:
            # Most lines are told apart without the work of reading them.
            if b"node.restored" in row.event:
                event = Event.decode(row.event)
                if event.type == "node.restored":
                    yield event
        after = rows[-1].number


def _old_origin(event: Event) -> bytes:
    try:
        return bytes.fromhex(str(event.detail.get("old_origin", "")))
    except ValueError:
        return b""
