"""One-time codes, messages and offers in memory; part of `support.memory_catalog`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from support.memory_tables import Part
from undisc_node.services.browsing_rows import Access, AccessRow
from undisc_node.services.code_rows import CodeRow
from undisc_node.services.contacts import contact_of
from undisc_node.services.desk_rows import Channel, ChannelKind
from undisc_node.services.message_rows import (
    Lapsing,
    MessageKind,
    MessageRow,
    MessageState,
)
from undisc_node.services.model import Basis
from undisc_node.services.offer_rows import IncomingOffer, OfferState, OutgoingOffer
from undisc_node.services.use_notice_rows import UseNotice
from undisc_node.storage.messages import LONG


class Codes(Part):
    def get(self, context: bytes) -> CodeRow | None:
        return self._now.codes.get(context)

    def put(self, code: CodeRow) -> None:
        self._new.codes[code.context] = code

    def take_try(self, context: bytes, most: int) -> bool:
        row = self._new.codes.get(context)
        if row is None or row.used or row.tries >= most:
            return False
        self._new.codes[context] = replace(row, tries=row.tries + 1)
        return True

    def use(self, context: bytes, salt: bytes) -> bool:
        row = self._new.codes.get(context)
        if row is None or row.used or row.salt != salt:
            return False
        self._new.codes[context] = replace(row, used=True)
        return True

    def forget(self, before_ms: int) -> None:
        for context, row in list(self._new.codes.items()):
            if row.since_ms <= before_ms:
                del self._new.codes[context]


class Messages(Part):
    def get(self, message: bytes) -> MessageRow | None:
        return self._now.sent_messages.get(message)

    def add(self, message: MessageRow) -> bool:
        wanted = (message.kind, message.subject, message.contact)
        for one in self._new.sent_messages.values():
            if (one.kind, one.subject, one.contact) == wanted:
                return False
        self._new.sent_messages[message.id] = message
        return True

    def put(self, message: MessageRow) -> None:
        self._new.sent_messages[message.id] = message

    def due(self, now_ms: int, *, limit: int = 100) -> Sequence[MessageRow]:
        found = [
            one
            for one in self._now.sent_messages.values()
            if one.state is MessageState.WAITING and one.next_ms <= now_ms
        ]
        return sorted(found, key=lambda one: one.next_ms)[:limit]

    def interrupted(self) -> Sequence[MessageRow]:
        states = (MessageState.SENDING, MessageState.HANDING)
        found = [one for one in self._now.sent_messages.values() if one.state in states]
        return sorted(found, key=lambda one: one.next_ms)

    def starting(self, prefix: str) -> Sequence[MessageRow]:
        rows = self._now.sent_messages.values()
        return sorted(
            (one for one in rows if one.id.hex().startswith(prefix)), key=lambda one: one.id
        )[:2]

    def list(self, *, visit: bytes | None = None, limit: int = 200) -> Sequence[MessageRow]:
        found = [
            one for one in self._now.sent_messages.values() if visit is None or one.visit == visit
        ]
        found.reverse()
        return sorted(found, key=lambda one: -one.made_ms)[:limit]

    def unannounced(self, *, limit: int = 100) -> Sequence[Channel]:
        known = {
            (one.subject, one.contact)
            for one in self._now.sent_messages.values()
            if one.kind is MessageKind.LINK
        }
        found = [
            one
            for one in self._now.visit_channels.values()
            if one.kind is not ChannelKind.PRINT
            and self._now.visits[one.visit].closed_ms is None
            and self._is_released(one.visit)
            and (one.visit, contact_of(one)) not in known
        ]
        return sorted(found, key=lambda one: (one.at_ms, one.visit, one.kind))[:limit]

    def _is_released(self, visit: bytes) -> bool:
        return any(
            one.visit == visit and one.belongs and one.released_ms is not None
            for one in self._now.visit_studies.values()
        )

    def _is_reachable(self, visit: bytes) -> bool:
        return any(
            one.visit == visit and one.kind is not ChannelKind.PRINT
            for one in self._now.visit_channels.values()
        )

    def lapsing(self, since: int, until: int, *, limit: int = 100) -> Sequence[Lapsing]:
        shares = self._now.shares
        reminded = {
            shares[one.subject].audience
            for one in self._now.sent_messages.values()
            if one.kind is MessageKind.REMINDER
        }
        found: dict[tuple[str, bytes], Lapsing] = {}
        for share in shares.values():
            grant = self._now.grants[share.grant]
            if (
                share.revoked_ms is not None
                or grant.revoked_ms is not None
                or grant.basis not in (Basis.PATIENT, Basis.PROXY)
                or not since < share.expires <= until
                or share.expires - share.created_ms // 1000 < LONG
                or share.audience in reminded
            ):
                continue
            for row in self._now.visit_studies.values():
                visit = self._now.visits[row.visit]
                if (
                    row.study == share.study
                    and row.belongs
                    and visit.closed_ms is None
                    and self._is_reachable(visit.id)
                ):
                    one = Lapsing(share.id, visit.id, share.expires)
                    key = (share.audience, visit.id)
                    known = found.get(key, one)
                    found[key] = Lapsing(
                        min(known.share, one.share), visit.id, min(known.expires, one.expires)
                    )
        return sorted(found.values(), key=lambda one: (one.expires, one.share))[:limit]

    def forget(self, before_ms: int, now: int) -> int:
        old = [
            one
            for one in self._new.sent_messages.values()
            if one.ended_ms is not None and one.ended_ms <= before_ms and not self._recurs(one, now)
        ]
        for one in old:
            del self._new.sent_messages[one.id]
        return len(old)

    def _recurs(self, row: MessageRow, now: int) -> bool:
        if row.kind is MessageKind.LINK:
            visit = self._now.visits.get(row.subject)
            return visit is not None and visit.closed_ms is None
        if row.kind is not MessageKind.REMINDER or row.subject not in self._now.shares:
            return False
        audience = self._now.shares[row.subject].audience
        return any(
            one.audience == audience and one.revoked_ms is None and one.expires > now
            for one in self._now.shares.values()
        )


class UseNotices(Part):
    def get(self, visit: bytes) -> UseNotice | None:
        return self._now.use_notices.get(visit)

    def put(self, notice: UseNotice) -> None:
        self._new.use_notices[notice.visit] = notice

    def due(self, told_ms: int, *, limit: int) -> Sequence[tuple[bytes, int]]:
        found = []
        for row in self._now.use_notices.values():
            if not row.wanted or row.told_ms > told_ms:
                continue
            if self._now.visits[row.visit].closed_ms is not None:
                continue
            uses = [one.at_ms for one in self._now.accesses if self._is_use(row, one)]
            if uses:
                found.append((max(uses), row.visit))
        return [(visit, at_ms) for at_ms, visit in sorted(found)][:limit]

    def _is_use(self, row: UseNotice, one: AccessRow) -> bool:
        studies = {
            made.study
            for made in self._now.visit_studies.values()
            if made.visit == row.visit and made.belongs
        }
        own = {key.did for key in self._now.patient_keys.values() if key.visit == row.visit}
        session = self._now.browser_sessions.get(one.session or b"")
        return (
            one.at_ms > row.until_ms
            and one.kind in (Access.VIEWED, Access.COPIED)
            and one.study in studies
            and one.link not in own
            and not (session is not None and session.test)
        )


class Offers(Part):
    def get(self, offer: bytes) -> IncomingOffer | None:
        return self._now.incoming_offers.get(offer)

    def put(self, offer: IncomingOffer) -> None:
        self._new.incoming_offers[offer.id] = offer

    def starting(self, prefix: str) -> Sequence[IncomingOffer]:
        rows = self._now.incoming_offers.values()
        found = (one for one in rows if one.id.hex().startswith(prefix))
        return sorted(found, key=lambda one: one.id)[:2]

    def list(self, *, limit: int = 200) -> Sequence[IncomingOffer]:
        found = [*self._now.incoming_offers.values()][::-1]
        return sorted(found, key=lambda one: -one.at_ms)[:limit]

    def shown(self, peer: bytes) -> int:
        rows = self._now.incoming_offers.values()
        return sum(one.peer == peer and one.state is OfferState.SHOWN for one in rows)

    def put_outgoing(self, offer: OutgoingOffer) -> None:
        self._new.outgoing_offers[offer.id] = offer

    def waiting(self, peer: bytes | None = None) -> Sequence[OutgoingOffer]:
        rows = self._now.outgoing_offers.values()
        found = [one for one in rows if one.done_ms is None and peer in (None, one.peer)]
        return sorted(found, key=lambda one: one.made_ms)

    def outgoing(self, *, limit: int = 200) -> Sequence[OutgoingOffer]:
        found = [*self._now.outgoing_offers.values()][::-1]
        return sorted(found, key=lambda one: -one.made_ms)[:limit]

    def due(self, now_ms: int, *, limit: int = 100) -> Sequence[OutgoingOffer]:
        rows = self._now.outgoing_offers.values()
        found = (one for one in rows if one.done_ms is None and one.next_ms <= now_ms)
        return sorted(found, key=lambda one: one.next_ms)[:limit]

    def unoffered(self, now: int, *, limit: int = 100) -> Sequence[tuple[bytes, bytes, bytes]]:
        found = []
        for made in self._now.visit_grants.values():
            grant = self._now.grants[made.grant]
            good = grant.revoked_ms is None and grant.expires > now
            if good and grant.command == "/img/read" and grant.id not in self._now.outgoing_offers:
                found.append((grant.created_ms, grant.id, made.node, made.study))
        return [(grant, node, study) for _, grant, node, study in sorted(found)][:limit]
