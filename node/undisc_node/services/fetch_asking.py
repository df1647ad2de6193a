"""What a fetch says to the holder: request and receipt, and what it may say about itself.

Each call is one message and its verified answer. Whether to say it again is decided by the state
machine, which `fetch_run` drives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from nacl.public import PrivateKey

from undisc_node.services.errors import Refused
from undisc_node.services.fetch_commit import sender_name
from undisc_node.services.fetch_world import FetchWorld
from undisc_node.services.following import look_again
from undisc_node.services.link_keeping import key_for
from undisc_node.services.model import Fetch, Peer, PeerState
from undisc_protocol import limits
from undisc_protocol.addressed import REQUEST_NONCE
from undisc_protocol.answer import request_hash
from undisc_protocol.boxes import box_seal
from undisc_protocol.capability.invocation import Arguments, sign_invocation
from undisc_protocol.dagcbor import Cid
from undisc_protocol.errors import CannotOpen, Revoked, Unreachable
from undisc_protocol.exchange import Granted, make_request, read_answer
from undisc_protocol.identity import NodeId
from undisc_protocol.keys import KEY_SIZE
from undisc_protocol.offer import Offer, read_accepted_offer
from undisc_protocol.pack import ObjectHeader
from undisc_protocol.receipt import read_acknowledgement, read_receipt, sign_receipt

PURPOSE = "TREAT"  # HL7 PurposeOfUse; what we say about the reason, logged at the holder


def trusted_holder(world: FetchWorld, fetch: Fetch) -> Peer:
    """Return the holder as it is known now.

    Raises:
        Revoked: It is not a peer any more, for good.
        Refused: It is suspended, which a person can undo.
    """
    with world.catalog.look() as records:
        peer = records.peers.get(fetch.peer)
    if peer is None or peer.state is PeerState.REVOKED:
        raise Revoked("the holder is not a trusted peer of this node any more")
    if peer.state is not PeerState.TRUSTED:
        raise Refused(
            "the holder is not a trusted peer at the moment",
            code="peer_not_trusted",
            hint="trust it again, then go on with the fetch",
        )
    return peer


class NoSignedAnswer(Unreachable):
    """An answer came, and the holder as we know it did not sign it."""


Said = TypeVar("Said")


def with_holder(world: FetchWorld, fetch: Fetch, say: Callable[[Peer], Said]) -> tuple[Peer, Said]:
    """Say something to the holder, and once more if it turns out to have a new key or card.

    Returns:
        The holder as it was known when it answered, and what came of it.

    Raises:
        Revoked: It is not a peer any more.
        Refused: It is suspended.
        RemoteProtocolError: What `say` raises.
    """
    peer = trusted_holder(world, fetch)
    try:
        return peer, say(peer)
    except (NoSignedAnswer, CannotOpen):
        # It may have a new key, or we learnt of that from its request and not of the box yet.
        newer = look_again(world, peer)
        if (newer.did, newer.box) == (peer.did, peer.box):
            raise
    peer = trusted_holder(world, fetch)
    return peer, say(peer)


@contextmanager
def _answered() -> Iterator[None]:
    """Tell an answer that does not verify from no answer."""
    try:
        yield
    except Unreachable as problem:
        raise NoSignedAnswer(str(problem)) from None


def brought_before(world: FetchWorld, fetch: Fetch, offer: Offer) -> Sequence[ObjectHeader]:
    """List the current objects that earlier fetches of this very study have brought.

    Only those of this holder: the ids of others would tell it whom else we fetch from.
    """
    wanted, sender = offer.capability.policy.study, sender_name(fetch.peer)
    with world.catalog.look() as records:
        for earlier in records.fetches.list():
            if earlier.peer != fetch.peer or earlier.study is None:
                continue
            its_offer = read_accepted_offer(earlier.offer)
            study = records.studies.get(earlier.study)
            if its_offer.capability.policy.study == wanted and study is not None:
                current = world.contents.of(records, study.id).current.values()
                headers = [located.stored.header for located in current]
                return [header for header in headers if header.sender == sender]
    return []


def ask_holder(
    world: FetchWorld, offer: Offer, peer: Peer, have: frozenset[bytes]
) -> tuple[Granted, Cid]:
    """Ask for what an offer offers, with a fresh invocation; return the answer and its invocation.

    Args:
        world: Network, clock, entropy and who we are.
        offer: The offer.
        peer: The holder.
        have: Ids of objects that are here whole.

    Raises:
        RemoteProtocolError: No answer, a refusal, or an answer that does not verify.
    """
    fetch_key = PrivateKey(world.entropy.random(KEY_SIZE))
    invocation, body = _request(world, offer, peer, fetch_key, have)
    reply = world.network.ask(peer.urls, "/undisc/v1/fetch", body, limit=limits.MAX_ANSWER)
    with _answered():
        granted = read_answer(
            reply.body,
            status=reply.status,
            request=request_hash(body),
            invocation=Cid.of(invocation),
            holder=peer.did,
            fetch_key=fetch_key,
            have=have,
        )
    return granted, Cid.of(invocation)


def _request(
    world: FetchWorld, offer: Offer, peer: Peer, fetch_key: PrivateKey, have: frozenset[bytes]
) -> tuple[bytes, bytes]:
    """Return a fresh invocation and the request that carries it."""
    capability = offer.capability
    now = world.clock.now_ms() // 1000
    invocation = sign_invocation(
        key_for(world, offer),
        audience=peer.did,
        subject=capability.subject,
        command=capability.command,
        arguments=Arguments(
            study=capability.policy.study,
            by=capability.audience,
            key=bytes(fetch_key.public_key),
            purpose=PURPOSE,
            series=capability.policy.series,
        ),
        proofs=tuple(proof.cid for proof in offer.proofs),
        nonce=world.entropy.random(limits.MIN_NONCE),
        issued=now,
        expires=now + limits.INVOCATION_LIFETIME,
    )
    body = make_request(
        world.own.key,
        sender=world.own.identity,
        to=offer.holder.node_id,
        box=peer.box,
        invocation=invocation,
        proofs=[proof.raw for proof in offer.proofs],
        have=have,
        nonce=world.entropy.random(REQUEST_NONCE),
        ephemeral=world.entropy.random(KEY_SIZE),
        issued=now,
        expires=now + limits.REQUEST_LIFETIME,
    )
    return invocation, body


def send_receipt(world: FetchWorld, token: bytes, peer: Peer) -> None:
    """Send a signed receipt; return when the holder has acknowledged it.

    What was signed before this node's key was replaced is signed anew: nobody takes a former key.

    Raises:
        RemoteProtocolError: No answer, a refusal, or an answer that does not verify.
    """
    now = world.clock.now_ms() // 1000
    filed = read_receipt(token, to=NodeId(peer.id), now=now)
    if filed.sender.key != world.own.key.did:
        token = sign_receipt(
            world.own.key, filed.stored, sender=world.own.identity, to=NodeId(peer.id)
        )
    body = box_seal(peer.box, token, ephemeral=world.entropy.random(KEY_SIZE))
    reply = world.network.ask(peer.urls, "/undisc/v1/receipt", body, limit=limits.MAX_REFUSAL)
    with _answered():
        read_acknowledgement(
            reply.body,
            status=reply.status,
            request=request_hash(body),
            receipt=token,
            holder=peer.did,
        )
