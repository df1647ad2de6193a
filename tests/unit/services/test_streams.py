"""Granted bytes in slices: exactly what the ticket covers, for exactly as long as it lives."""

import pytest

from support.asking import Asked
from support.memory_reader import instance
from support.samples import name
from undisc_node.services.model import Extent, PeerState
from undisc_node.services.streams import _within
from undisc_protocol import limits
from undisc_protocol.errors import BadTicket, OutsideExtent


@pytest.fixture
def granted(pair):
    """A holder, the asker, and an answer for three instances, the second over a batch long."""
    holder, asker = pair
    for number, size in ((1, 300), (2, limits.SLICE + 100), (3, 0)):
        outcome = holder.store(instance(number, size=size))
    grant = holder.grant(outcome.study, asker).grant
    answer = Asked(holder, asker, [grant.token], outcome.study).send()
    return holder, asker, answer, grant


def read(stream):
    """Read a stream as the web layer does."""
    parts = []
    for batch in stream.batches():
        assert all(piece.length > 0 for piece in batch)
        assert 0 < sum(piece.length for piece in batch) <= limits.SLICE
        for piece in batch:
            piece.file.seek(piece.offset)
            parts.append(piece.file.read(piece.length))
    stream.close()
    return b"".join(parts)


def test_the_whole_stream_is_the_ciphertext_of_each_object_in_order(granted):
    holder, _, answer, _ = granted
    stream = holder.open(answer.ticket, 0, None)
    assert (stream.start, stream.stop, stream.total) == (
        0,
        answer.manifest.stored,
        answer.manifest.stored,
    )
    content = read(stream)
    with holder.catalog.look() as records:
        ticket = next(iter(holder.catalog._tables.tickets.values()))
        assert len(records.studies.all_packs()) == 1
    file = bytes(next(iter(holder.packs._files.values())).content)
    assert content == b"".join(
        file[extent.offset : extent.offset + extent.length] for extent in ticket.extents
    )


def test_any_range_is_that_part_of_the_whole(granted):
    """Ends of objects and slices, one byte on either side, and single bytes."""
    holder, _, answer, _ = granted
    total = answer.manifest.stored
    whole = read(holder.open(answer.ticket, 0, None))
    ends = {0, total}
    for number in range(3):
        ends |= {*answer.manifest.span(number)}
    ends |= {answer.manifest.span(1).start + limits.SLICE}
    edges = sorted(
        {edge + near for edge in ends for near in (-1, 0, 1) if 0 <= edge + near <= total}
    )
    for start in edges:
        for stop in edges:
            if start < stop:
                assert read(holder.open(answer.ticket, start, stop)) == whole[start:stop]


@pytest.mark.parametrize("bounds", [(-1, 1), (0, 0), (5, 5), (6, 5), (0, None), (10**18, None)])
def test_a_range_outside_the_ticket_is_refused(granted, bounds):
    """Nothing of the pack before, between or behind the granted objects can be read."""
    holder, _, answer, _ = granted
    start, stop = bounds
    if bounds == (0, None):
        stop = answer.manifest.stored + 1
    with pytest.raises(OutsideExtent):
        holder.open(answer.ticket, start, stop)


@pytest.mark.parametrize("ticket", [b"", bytes(32), b"x" * 31, b"x" * 4096])
def test_an_unknown_ticket_is_refused(granted, ticket):
    with pytest.raises(BadTicket):
        granted[0].open(ticket, 0, 1)


def test_the_hash_of_a_ticket_opens_nothing(granted):
    """Attack: somebody reads the database; it holds no ticket."""
    holder = granted[0]
    (stored,) = holder.catalog._tables.tickets
    with pytest.raises(BadTicket):
        holder.open(stored, 0, 1)


def test_a_ticket_ends_on_time(granted, clock):
    """Good in its last moment, over in the next."""
    holder, _, answer, _ = granted
    clock.advance(answer.until - clock.now_ms() / 1000 - 0.001)
    holder.open(answer.ticket, 0, 1).close()
    clock.advance(0.001)
    with pytest.raises(BadTicket):
        holder.open(answer.ticket, 0, 1)


def test_small_objects_leave_together(granted):
    """A look at the ticket for each would cost more than they do."""
    holder, _, answer, _ = granted
    stream = holder.open(answer.ticket, 0, None)
    sizes = [[piece.length for piece in batch] for batch in stream.batches()]
    stream.close()
    assert [sum(batch) for batch in sizes[:-1]] == [limits.SLICE] * (len(sizes) - 1)
    assert len(sizes[0]) == 2


ENDS = {
    "grant revoked": lambda holder, asker, grant: holder.revoking.grant(grant.id, "alice"),
    "study held": lambda holder, asker, grant: holder.studies.hold(grant.study, "why", "alice"),
    "study withdrawn": lambda holder, asker, grant: holder.studies.withdraw(
        grant.study, "why", "alice"
    ),
    "study deleted": lambda holder, asker, grant: holder.studies.delete(grant.study, "alice"),
    "corrected": lambda holder, asker, grant: holder.store(instance(1, version="corrected")),
    "peer suspended": lambda holder, asker, grant: holder.peering.set_state(
        asker.own.id, PeerState.SUSPENDED, "alice"
    ),
    "scope taken": lambda holder, asker, grant: holder.add(asker, scopes=("offer",)),
    "over": lambda holder, asker, grant: holder.clock.advance(limits.TICKET_LIFETIME),
}


@pytest.mark.parametrize("end", ENDS)
def test_an_end_bites_at_the_next_batch(granted, end):
    """A transfer under way gets the 4 MiB it is at, and not one byte more."""
    holder, asker, answer, grant = granted
    stream = holder.open(answer.ticket, 0, None)
    batches = stream.batches()
    next(batches)
    ENDS[end](holder, asker, grant)
    with pytest.raises(BadTicket):
        next(batches)
    stream.close()
    with pytest.raises(BadTicket):
        holder.open(answer.ticket, 0, 1)


def test_a_released_study_does_not_revive_its_tickets(granted):
    holder, _, answer, grant = granted
    holder.studies.hold(grant.study, "why", "alice")
    holder.studies.release(grant.study, "alice")
    with pytest.raises(BadTicket):
        holder.open(answer.ticket, 0, 1)


def test_files_are_closed_and_closing_twice_is_fine(granted):
    holder, _, answer, _ = granted
    stream = holder.open(answer.ticket, 0, None)
    files = {piece.file for batch in stream.batches() for piece in batch}
    stream.close()
    stream.close()
    assert [file.closed for file in files] == [True]


def test_extents_are_cut_like_one_long_file():
    """Every range over three extents in two packs, compared with a plain list of places."""
    extents = [
        Extent(name("one", 16), 10, 3),
        Extent(name("two", 16), 0, 1),
        Extent(name("one", 16), 20, 4),
    ]
    places = [(one.pack, one.offset + at) for one in extents for at in range(one.length)]
    for start in range(len(places)):
        for stop in range(start + 1, len(places) + 1):
            parts = [
                (part.pack, part.offset + at)
                for part in _within(extents, start, stop)
                for at in range(part.length)
            ]
            assert parts == places[start:stop]
