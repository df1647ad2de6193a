"""Handing offers straight to the nodes of practices that a patient named (SPEC.md §6.14).

What a consent grants to a practice, or a patient shares with it, is offered to its node by itself,
until that node has answered.
An offer is made anew at each attempt: it names our addresses of that moment. A grant that ended
meanwhile is not offered any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.errands import Away
from undisc_node.services.errors import ServiceError
from undisc_node.services.following import say_as_known
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.model import AWAY, Peer, PeerState
from undisc_node.services.offer_rows import OutgoingOffer
from undisc_node.services.offering import Offering
from undisc_node.services.ports import Catalog, Clock, Entropy, PeerNetwork
from undisc_protocol import limits
from undisc_protocol.addressed import REQUEST_NONCE
from undisc_protocol.answer import request_hash
from undisc_protocol.errors import Busy, RemoteProtocolError, Unreachable
from undisc_protocol.handing import DoesWithOffer, make_handing, read_handed
from undisc_protocol.identity import NodeId
from undisc_protocol.keys import KEY_SIZE

PATH: Final = "/undisc/v1/offers"
_FIRST_MS: Final = 30_000  # pause after a first failure; each further one doubles it
_LONGEST_MS: Final = 6 * 3_600_000
_GIVE_UP_MS: Final = 14 * 86_400_000  # the practice can still fetch with an offer file
_WORDS: Final = {
    DoesWithOffer.FETCHES: "fetches it",
    DoesWithOffer.SHOWS: "a person there decides",
    DoesWithOffer.REFUSES: "wants no offers",
    DoesWithOffer.KNOWS: "had it already",
}


class OfferPushing:
    """Queues and hands over offers.

    Args:
        catalog: Rows.
        network: Reaches other nodes.
        journal: The log.
        clock: Time.
        entropy: Nonces and keys.
        own: Who we are.
        offering: Makes offers.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        network: PeerNetwork,
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
        own: OwnIdentity,
        offering: Offering,
    ) -> None:
        self.catalog = catalog
        self.network = network
        self.journal = journal
        self.clock = clock
        self._entropy = entropy
        self._own = own
        self._offering = offering

    def push_due(self) -> int:
        """Hand over what is due; return how many offers were answered or given up."""
        now_ms = self.clock.now_ms()
        with self.catalog.look() as records:
            fresh = records.offers.unoffered(now_ms // 1000)
        if fresh:
            with self.catalog.change() as records:
                for grant, node, study in fresh:
                    records.offers.put_outgoing(
                        OutgoingOffer(grant, node, study, now_ms, attempts=0, next_ms=now_ms)
                    )
        with self.catalog.look() as records:
            due = records.offers.due(now_ms)
        return sum(self._push(offer) for offer in due)

    def _push(self, row: OutgoingOffer) -> bool:
        now_ms = self.clock.now_ms()
        with self.catalog.look() as records:
            share = records.shares.get(row.id)
            grant = records.grants.get(share.grant if share else row.id)
            peer = records.peers.get(row.peer)
            given = [one for one in (grant, share) if one is not None]
            waits = any(records.restored.is_suspended(one.id) for one in given)
        if grant is None or any(
            one.revoked_ms is not None or one.expires * 1000 <= now_ms for one in given
        ):
            return self._end(row, "not offered: the permission has ended")
        if peer is None or peer.state is PeerState.REVOKED:
            return self._end(row, "not offered: the peer was revoked")
        if waits or peer.state is not PeerState.TRUSTED:
            self._later(row, "waits: the peer is not trusted, or a restore is not confirmed")
            return False
        try:
            does = say_as_known(self, peer, partial(self._ask, [one.token for one in given]))
        except Away as problem:  # however long it sleeps, it comes; the grant's own end ends it
            self._later(row, f"{AWAY}: {problem}")
            return False
        except (Unreachable, Busy) as problem:
            if now_ms > row.made_ms + _GIVE_UP_MS:
                return self._end(row, f"given up: {problem.code}")
            self._later(row, f"{problem.code}: {problem}")
            return False
        except RemoteProtocolError as refused:
            return self._end(row, f"refused: {refused.code}")
        except ServiceError as problem:
            self._later(row, problem.reason)
            return False
        return self._end(row, _WORDS[does])

    def _ask(self, proofs: Sequence[bytes], peer: Peer) -> DoesWithOffer:
        now, offer = self.clock.now_ms() // 1000, self._offering.make(proofs)
        body = make_handing(
            self._own.key,
            sender=self._own.identity,
            to=NodeId(peer.id),
            box=peer.box,
            offer=offer,
            nonce=self._entropy.random(REQUEST_NONCE),
            ephemeral=self._entropy.random(KEY_SIZE),
            issued=now,
            expires=now + limits.REQUEST_LIFETIME,
        )
        reply = self.network.ask(peer.urls, PATH, body, limit=limits.MAX_REFUSAL)
        return read_handed(
            reply.body,
            status=reply.status,
            request=request_hash(body),
            offer=offer,
            recipient=peer.did,
        )

    def _later(self, row: OutgoingOffer, problem: str) -> None:
        pause = min(_FIRST_MS << min(row.attempts, 20), _LONGEST_MS)
        with self.catalog.change() as records:
            records.offers.put_outgoing(
                replace(
                    row,
                    attempts=row.attempts + 1,
                    next_ms=self.clock.now_ms() + pause,
                    outcome=problem,
                )
            )

    def _end(self, row: OutgoingOffer, outcome: str) -> bool:
        told = outcome in _WORDS.values()
        with self.catalog.change() as records:
            records.offers.put_outgoing(
                replace(
                    row,
                    attempts=row.attempts + 1,
                    done_ms=self.clock.now_ms(),
                    outcome=outcome,
                )
            )
            study, peer = records.studies.get(row.study), records.peers.get(row.peer)
            kind = "share" if records.shares.get(row.id) else "grant"
            self.journal.note(
                records,
                "offer.handed",
                who=auditing.user("undisc-node"),
                what=[
                    *(auditing.about_study(study) if study else ()),
                    auditing.about_security(kind, row.id),
                    auditing.about_security("peer", row.peer),
                ],
                outcome=auditing.SUCCESS if told else auditing.MINOR_FAILURE,
                detail={"name": peer.name if peer else "", "outcome": outcome},
            )
        return True
