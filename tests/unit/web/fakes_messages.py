"""Fakes of what the admin socket calls for messages to people."""

from __future__ import annotations

from dataclasses import replace

from undisc_node.services.contacts import Contact
from undisc_node.services.desk_rows import Channel, ChannelKind
from undisc_node.services.hours import PeerHours
from undisc_node.services.message_rows import (
    MessageKind,
    MessageRow,
    MessageState,
)
from undisc_node.services.offer_rows import IncomingOffer, OfferState, OutgoingOffer
from undisc_node.services.outgoing import Outgoing, OutgoingKind

NOW_MS = 1_795_498_283_000  # 2026-11-24T05:31:23Z
JANE = Contact(ChannelKind.EMAIL, "jane@example.org")
MESSAGE = MessageRow(
    id=bytes(range(16)),
    kind=MessageKind.LINK,
    subject=b"v" * 16,
    visit=b"v" * 16,
    contact=JANE,
    language="es",
    state=MessageState.WAITING,
    made_ms=NOW_MS,
    attempts=1,
    next_ms=NOW_MS,
    problem="mail_deferred: later",
)


class FakeMessaging:
    def find(self, prefix):
        return MESSAGE

    def list(self, visit=None, limit=200):
        return [MESSAGE]

    def retry(self, message, *, again, actor):
        return replace(MESSAGE, attempts=0, problem="again" if again else "")

    def cancel(self, message, actor):
        return replace(MESSAGE, state=MessageState.CANCELLED, ended_ms=NOW_MS)


class FakeSendingNow:
    def __init__(self):
        self.tested = []

    def send(self, kind, contact, *, language, fill):
        self.tested.append((kind, contact, language))


class FakeReaching:
    def __init__(self):
        self.checked = []
        self.chosen = []

    def check(self, contacts, *, warned):
        self.checked.append((list(contacts), warned))

    def choose(self, visit_id, contacts, *, warned, actor):
        self.check(contacts, warned=warned)
        return self.choose_within(None, None, contacts, actor=actor)

    def choose_within(self, records, visit, contacts, *, actor):
        self.chosen.append(list(contacts))
        return [
            Channel(b"v" * 16, one.channel, one.to, "es", NOW_MS if one.to else None, actor, NOW_MS)
            for one in contacts
        ]

    def contacts(self, visit_id):
        return self.choose_within(None, None, [JANE, Contact(ChannelKind.PRINT, "")], actor="anna")

    def printed(self, visit_id, language, actor):
        return b"%PDF-" + language.encode()


OFFER = IncomingOffer(
    id=b"o" * 32,
    peer=b"p" * 32,
    offer=b"an offer",
    study=b"s" * 16,
    expires=NOW_MS // 1000,
    state=OfferState.SHOWN,
    at_ms=NOW_MS,
)


class FakeOffers:
    def find(self, prefix):
        return OFFER

    def list(self):
        return [OFFER]

    def outgoing(self):
        return [OutgoingOffer(b"g" * 32, b"p" * 32, b"s" * 16, NOW_MS, 1, NOW_MS, NOW_MS, "x")]

    def refuse(self, offer, actor):
        return replace(offer, state=OfferState.REFUSED, decided_ms=NOW_MS, by=actor)


WAITING = Outgoing(
    id=b"g" * 32,
    kind=OutgoingKind.OFFER,
    peer=b"p" * 32,
    about="",
    study=b"s" * 16,
    made_ms=NOW_MS,
    attempts=2,
    next_ms=NOW_MS + 60_000,
    problem="unreachable: no address answered",
)


class FakeOutgoing:
    def hours(self, peer):
        return PeerHours(peer, seen_ms=NOW_MS, off_ms=NOW_MS + 1_000), NOW_MS + 3_600_000

    def list(self, peer=None):
        return [WAITING]

    def find(self, prefix):
        return WAITING

    def retry(self, row, actor):
        return replace(row, next_ms=NOW_MS, attempts=0)

    def drop(self, row, actor):
        return replace(row, next_ms=None, problem=f"dropped by {actor}")


def message_parts():
    return {
        "messaging": FakeMessaging(),
        "reaching": FakeReaching(),
        "sending_now": FakeSendingNow(),
        "offers": FakeOffers(),
        "outgoing": FakeOutgoing(),
    }
