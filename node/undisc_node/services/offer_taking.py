"""Taking offers that trusted practices hand to this node (SPEC.md §6.14).

What becomes of one the practice has set: fetched at once, shown to staff, or refused. An offer of
anybody who is not a trusted peer with the scope `offer` gets the same answer as one of a stranger.
The same capability is one offer; and a node cannot fill the list of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal, Refusals
from undisc_node.services.errors import Conflict, ServiceError
from undisc_node.services.finding import by_prefix
from undisc_node.services.following import recognise
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.model import Fetch, Peer, PeerState
from undisc_node.services.offer_rows import IncomingOffer, OfferState, OutgoingOffer
from undisc_node.services.ports import Catalog, Clock, Records, Reply
from undisc_node.services.replying import reply_to
from undisc_protocol.answer import request_hash
from undisc_protocol.capability.delegation import COMMAND_READ
from undisc_protocol.errors import Busy, UnknownRecipient, WrongAudience, WrongSubject
from undisc_protocol.handing import DoesWithOffer, Handing, answer_handing, read_handing
from undisc_protocol.log import Actor
from undisc_protocol.offer import Offer, read_offer

MOST_SHOWN: Final = 500  # offers of one practice on which nobody has decided
_ID_DIGITS: Final = 64  # hex digits of an offer's id


class BeginsFetches(Protocol):
    """Begins fetches."""

    def start(self, offer: bytes, actor: str) -> Fetch:
        """Begin to fetch what an offer names."""


class OfferTaking:
    """Takes offers, and lets staff decide about them.

    Args:
        catalog: Rows.
        fetching: Begins fetches.
        journal: The log.
        refusals: Counts what is refused to strangers.
        clock: Time.
        own: Who we are.
        policy: `fetch`, `show` or `refuse`.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        fetching: BeginsFetches,
        journal: Journal,
        refusals: Refusals,
        clock: Clock,
        own: OwnIdentity,
        policy: str,
    ) -> None:
        self._catalog = catalog
        self._fetching = fetching
        self._journal = journal
        self._refusals = refusals
        self._clock = clock
        self._own = own
        self._policy = policy

    def take(self, body: bytes) -> Reply:
        """Take a sealed offer in; answer with signed bytes.

        Args:
            body: The HTTP body as received.
        """
        return reply_to(
            body,
            self._taken,
            key=self._own.key,
            clock=self._clock,
            refusals=self._refusals,
            busy="the node cannot take offers at the moment",
        )

    def _now(self) -> int:
        return self._clock.now_ms() // 1000

    def _taken(self, body: bytes) -> bytes:
        handing = read_handing(body, box=self._own.box, own=self._own.id, now=self._now())
        peer = recognise(self._catalog, self._journal, self._clock, handing.sender)
        if peer is None or peer.state is not PeerState.TRUSTED or "offer" not in peer.scopes:
            raise UnknownRecipient("the offering node is not a trusted peer")
        does = self._decide(peer, handing)
        return answer_handing(
            self._own.key, handing, does, request=request_hash(body), at=self._now()
        )

    def _decide(self, peer: Peer, handing: Handing) -> DoesWithOffer:
        offer = read_offer(handing.offer, now=self._now())
        if offer.holder.node_id != peer.id:
            raise WrongSubject("an offer is of another node than the one that hands it over")
        if offer.to not in self._own.names:
            raise WrongAudience("the offer names another recipient than this node")
        if self._policy == "refuse" or offer.capability.command != COMMAND_READ:
            return DoesWithOffer.REFUSES
        if not self._keep(peer, offer):
            return DoesWithOffer.KNOWS
        if self._policy == "fetch" and self._fetched(peer, offer):
            return DoesWithOffer.FETCHES
        return DoesWithOffer.SHOWS

    def _keep(self, peer: Peer, offer: Offer) -> bool:
        """Keep an offer; False when it is known already."""
        capability = offer.capability
        with self._catalog.change() as records:
            if records.offers.get(capability.signed_hash) is not None:
                return False
            if records.offers.shown(peer.id) >= MOST_SHOWN:
                raise Busy("too many offers of this node wait for a person here")
            row = IncomingOffer(
                id=capability.signed_hash,
                peer=peer.id,
                offer=offer.raw,
                study=capability.policy.study,
                expires=capability.expires,
                state=OfferState.SHOWN,
                at_ms=self._clock.now_ms(),
            )
            records.offers.put(row)
            self._note(records, "offer.taken", row, auditing.other_node(peer))
        return True

    def _fetched(self, peer: Peer, offer: Offer) -> bool:
        """Begin to fetch at once; what cannot be begun is shown, so that a person sees why."""
        try:
            self._fetching.start(offer.raw, f"peer:{peer.name}")
        except ServiceError:
            return False
        self._end(offer.capability.signed_hash, OfferState.FETCHED, "")
        return True

    # --- A person decides -------------------------------------------------------------------------

    def find(self, prefix: str) -> IncomingOffer:
        """Return an offer by a unique beginning of its id.

        Raises:
            NotFound: None.
            Conflict: Several.
        """
        wanted = prefix.strip().lower()
        usable = 0 < len(wanted) <= _ID_DIGITS and set(wanted) <= set("0123456789abcdef")
        with self._catalog.look() as records:
            return by_prefix(wanted, records.offers.starting(wanted) if usable else [], "offer")

    def list(self) -> Sequence[IncomingOffer]:
        """List offers that were handed to us, newest first."""
        with self._catalog.look() as records:
            return records.offers.list()

    def outgoing(self) -> Sequence[OutgoingOffer]:
        """List offers that we hand over, newest first."""
        with self._catalog.look() as records:
            return records.offers.outgoing()

    def accept(self, offer: IncomingOffer, actor: str) -> tuple[IncomingOffer, Fetch]:
        """Fetch what was offered, also what was refused before.

        Raises:
            Conflict: It was fetched already.
            RemoteProtocolError: It has ended meanwhile.
            Refused: As `Fetching.start`.
        """
        if offer.state is OfferState.FETCHED:
            raise Conflict(
                "the offer was accepted already",
                code="offer_accepted",
                hint="see what became of it: undisc fetches list",
            )
        fetch = self._fetching.start(offer.offer, actor)
        return self._end(offer.id, OfferState.FETCHED, actor), fetch

    def refuse(self, offer: IncomingOffer, actor: str) -> IncomingOffer:
        """Do not fetch what was offered; again changes nothing.

        Raises:
            Conflict: It was fetched already.
        """
        if offer.state is OfferState.FETCHED:
            raise Conflict("the offer was accepted already", code="offer_accepted")
        return self._end(offer.id, OfferState.REFUSED, actor)

    def _end(self, offer: bytes, state: OfferState, actor: str) -> IncomingOffer:
        with self._catalog.change() as records:
            row = records.offers.get(offer)
            assert row is not None  # noqa: S101 - offers are never removed
            ended = replace(row, state=state, decided_ms=self._clock.now_ms(), by=actor)
            records.offers.put(ended)
            kind = "offer.accepted" if state is OfferState.FETCHED else "offer.refused"
            self._note(records, kind, ended, auditing.user(actor or "undisc-node"))
        return ended

    def _note(self, records: Records, kind: str, row: IncomingOffer, who: Actor) -> None:
        self._journal.note(
            records,
            kind,
            who=who,
            what=[
                auditing.about_security("offer", row.id),
                auditing.about_security("peer", row.peer),
            ],
        )
