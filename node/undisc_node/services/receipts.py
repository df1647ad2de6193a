"""Taking the receipts of those who fetched (SPEC.md §6.6)."""

from __future__ import annotations

from undisc_node.services import auditing
from undisc_node.services.accesses import note_node
from undisc_node.services.auditing import Journal, Refusals
from undisc_node.services.browsing_rows import Access
from undisc_node.services.following import recognise
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.model import Receipt, Ticket
from undisc_node.services.ports import Catalog, Clock, Records, Reply
from undisc_node.services.replying import reply_to
from undisc_protocol.answer import request_hash
from undisc_protocol.errors import NotGranted
from undisc_protocol.receipt import acknowledge, open_receipt


class Receipts:
    """Files receipts and acknowledges them.

    Args:
        catalog: Rows.
        journal: The log.
        refusals: Counts what is refused to strangers.
        clock: Time.
        own: Who we are.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        journal: Journal,
        refusals: Refusals,
        clock: Clock,
        own: OwnIdentity,
    ) -> None:
        self._catalog = catalog
        self._journal = journal
        self._refusals = refusals
        self._clock = clock
        self._own = own

    def take(self, body: bytes) -> Reply:
        """File a recipient's receipt, and acknowledge it (SPEC.md §6.6).

        Args:
            body: The HTTP body as received.
        """
        return reply_to(
            body,
            self._filed,
            key=self._own.key,
            clock=self._clock,
            refusals=self._refusals,
            busy="the node cannot file receipts at the moment",
        )

    def _now(self) -> int:
        return self._clock.now_ms() // 1000

    def _filed(self, body: bytes) -> bytes:
        receipt = open_receipt(body, box=self._own.box, own=self._own.id, now=self._now())
        stored = receipt.stored
        recognise(self._catalog, self._journal, self._clock, receipt.sender)
        with self._catalog.change() as records:
            ticket = records.tickets.by_invocation(stored.invocation.digest)
            if ticket is None or ticket.peer != receipt.sender.node_id:
                raise NotGranted("the receipt belongs to no answer of this node")
            if (ticket.study, ticket.manifest) != (stored.study, stored.manifest):
                raise NotGranted("the receipt is about something else than what was answered")
            row = Receipt(
                id=receipt.id,
                token=receipt.raw,
                peer=receipt.sender.node_id,
                study=stored.study,
                invocation=stored.invocation.digest,
                objects=stored.objects,
                size=stored.size,
                at_ms=self._clock.now_ms(),
            )
            known = [
                one
                for one in records.fetches.receipts(stored.study)
                if one.invocation == row.invocation
            ]
            # After a change of its key, the recipient signs the same statement anew.
            if known and (row.objects, row.size) not in {(one.objects, one.size) for one in known}:
                # Otherwise a peer with one ticket could fill rows and log without end.
                raise NotGranted("another receipt for this answer is on file already")
            if not known:
                records.fetches.add_receipt(row)
                study = records.studies.get(stored.study)
                peer = records.peers.get(row.peer)
                self._journal.note(
                    records,
                    "receipt.taken",
                    who=auditing.other_node(peer or row.peer),
                    what=auditing.about_study(study) if study else (),
                    detail={"objects": stored.objects, "bytes": stored.size},
                )
                self._tell(records, ticket)
        return acknowledge(self._own.key, receipt, request=request_hash(body), at=self._now())

    def _tell(self, records: Records, ticket: Ticket) -> None:
        """Note what the patient reads about it."""
        share = records.shares.get(ticket.share) if ticket.share else None
        given = share or records.grants.get(ticket.grant)
        if given is not None:
            note_node(
                records,
                Access.STORED,
                self._clock.now_ms(),
                link=given.audience,
                node=ticket.peer,
                study=ticket.study,
            )
