"""Messages to people, in memory and in SQLite."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support import samples
from support.consents import TEXT, consent, visit
from undisc_node.services.consent_rows import VisitStudy
from undisc_node.services.contacts import Contact
from undisc_node.services.desk_rows import Channel, ChannelKind
from undisc_node.services.message_rows import Lapsing, MessageKind, MessageRow, MessageState
from undisc_node.services.model import Basis

DAY = 86_400
JANE = Contact(ChannelKind.EMAIL, "jane@example.org")
MESSAGE = MessageRow(
    id=samples.name("message", 16),
    kind=MessageKind.LINK,
    subject=samples.name("about", 16),
    visit=None,
    contact=JANE,
    language="es",
    state=MessageState.WAITING,
    made_ms=1_000,
    attempts=0,
    next_ms=1_000,
)


def add_visit(records, name="1", **changes):
    one = consent(name)
    records.consents.add_text(TEXT)
    records.consents.add(one)
    made = visit(one, name, **changes)
    records.visits.put(made)
    return made


def reach(records, of, kind, address):
    accepted = None if kind is ChannelKind.PRINT else 5
    records.wishes.put_channel(Channel(of.id, kind, address, "es", accepted, "anna", 5))


def release(records, of, study, **changes):
    row = VisitStudy(of.id, study, belongs=True, by="", at_ms=1, released_ms=2)
    records.visits.put_study(replace(row, **changes))


def test_a_message_comes_back_as_it_was_made_and_is_due_once(catalog):
    with catalog.change() as records:
        assert records.messages.add(MESSAGE)
        assert not records.messages.add(replace(MESSAGE, id=samples.name("other", 16)))
        assert records.messages.add(
            replace(
                MESSAGE,
                id=samples.name("text", 16),
                contact=Contact(ChannelKind.TEXT, "+14155550132"),
                made_ms=2_000,
            )
        )
        assert records.messages.get(MESSAGE.id) == MESSAGE
        assert records.messages.get(bytes(16)) is None
        assert records.messages.starting(MESSAGE.id.hex()[:6]) == [MESSAGE]
        assert [one.made_ms for one in records.messages.list()] == [2_000, 1_000]
        assert records.messages.list(visit=bytes(16)) == []


def test_only_what_waits_is_due(catalog):
    with catalog.change() as records:
        records.messages.add(MESSAGE)
        assert records.messages.due(999) == []
        assert records.messages.due(1_000) == [MESSAGE]
        handing = replace(MESSAGE, state=MessageState.HANDING, attempts=1)
        records.messages.put(handing)
        assert records.messages.due(1_000) == []
        assert records.messages.interrupted() == [handing]
        sent = replace(handing, state=MessageState.SENT, ended_ms=3_000, reference="250")
        records.messages.put(sent)
        assert records.messages.interrupted() == []
        assert records.messages.get(MESSAGE.id) == sent


def test_links_are_announced_to_every_open_way_of_a_released_visit(catalog):
    with catalog.change() as records:
        released, waiting, closed = (add_visit(records, name) for name in "123")
        for one in (released, waiting, closed):
            reach(records, one, ChannelKind.EMAIL, "jane@example.org")
            reach(records, one, ChannelKind.PRINT, "")
        release(records, released, samples.name("study", 16))
        release(records, waiting, samples.name("study", 16), released_ms=None)
        release(records, closed, samples.name("study", 16))
        records.visits.put(replace(closed, closed_ms=9))
        found = records.messages.unannounced()
        assert [(one.visit, one.kind, one.address) for one in found] == [
            (released.id, ChannelKind.EMAIL, "jane@example.org")
        ]
        records.messages.add(replace(MESSAGE, subject=released.id, visit=released.id))
        assert records.messages.unannounced() == []
        reach(records, released, ChannelKind.EMAIL, "new@example.org")
        assert [one.address for one in records.messages.unannounced()] == ["new@example.org"]
        assert [one.visit for one in records.messages.list(visit=released.id)] == [released.id]


@pytest.fixture
def shared(catalog):
    """A visit with two shares to one link on two studies, which end in ten days."""
    with catalog.change() as records:
        one = add_visit(records)
        reach(records, one, ChannelKind.EMAIL, "jane@example.org")
        shares = []
        for number in "ab":
            study = samples.study(f"study {number}")
            records.studies.put(study)
            release(records, one, study.id)
            grant = samples.grant(f"grant {number}", study=study.id, basis=Basis.PATIENT)
            records.grants.add(grant)
            share = samples.share(
                f"share {number}", grant=grant.id, study=study.id, expires=40 * DAY, created_ms=0
            )
            records.shares.add(share)
            shares.append(share)
    return catalog, one, shares


def test_who_shared_something_is_reminded_once_for_each_recipient(shared):
    catalog, one, shares = shared
    first = min(share.id for share in shares)
    with catalog.change() as records:
        assert records.messages.lapsing(30 * DAY, 39 * DAY) == []
        assert records.messages.lapsing(40 * DAY, 50 * DAY) == []
        assert records.messages.lapsing(30 * DAY, 40 * DAY) == [Lapsing(first, one.id, 40 * DAY)]
        records.messages.add(
            replace(MESSAGE, kind=MessageKind.REMINDER, subject=shares[0].id, visit=one.id)
        )
        assert records.messages.lapsing(30 * DAY, 40 * DAY) == []


def test_nobody_is_reminded_of_what_was_revoked_or_was_short(shared):
    catalog, _, shares = shared
    with catalog.change() as records:
        for share in shares:
            records.shares.revoke(share.id, 5)
        assert records.messages.lapsing(30 * DAY, 40 * DAY) == []
