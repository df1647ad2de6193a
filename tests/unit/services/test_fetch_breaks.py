"""Connections break, tickets end, nodes are away: a fetch goes on where it was."""

import pytest

from support.memory_network import FETCH
from support.memory_reader import instance
from undisc_node.services.model import FetchState
from undisc_node.services.ports import Reply
from undisc_protocol import limits
from undisc_protocol.pack import chunk_span, stored_size

SIZES = (300, 2 * limits.CHUNK, 0)  # bytes after the line of facts; the second has three chunks


@pytest.fixture
def offered(pair):
    """A holder with objects of one, three and one chunks, the asker, and an offer of them."""
    holder, asker = pair
    for number, size in enumerate(SIZES):
        holder.store(instance(number, size=size))
    return holder, asker, holder.grant(holder.study().id, asker).offer


def edges():
    """Ends of chunks in the stream."""
    found, position = [], 0
    for number, extra in enumerate(SIZES):
        size = instance(number, size=extra).size
        for chunk in range(-(-size // limits.CHUNK)):
            span = chunk_span(size, chunk)
            found.append(position + span.offset + span.length)
        position += stored_size(size)
    return found


EDGES = edges()
PLACES = sorted(
    {0, 1, 100_000, EDGES[1] + 5} | {edge + near for edge in EDGES for near in (-1, 0, 1)}
)


@pytest.mark.parametrize("place", [place for place in PLACES if place < EDGES[-1]])
def test_a_break_anywhere_costs_no_more_than_one_chunk(offered, network, place):
    """Whole chunks are never asked for again, whether the connection or the program ended."""
    holder, asker, offer = offered
    network.faults.breaks = [place]
    fetch = asker.bring(offer)
    assert fetch.state is FetchState.DONE
    assert asker.bytes_of() == holder.bytes_of()
    assert network.ranges[0] == (0, EDGES[-1])
    whole = max((edge for edge in EDGES if edge <= place), default=0)
    assert network.streamed == place + EDGES[-1] - whole


def test_many_breaks_in_a_row_are_survived_while_something_is_gained(offered, network):
    """A line that dies after every chunk still brings the study, with short waits."""
    holder, asker, offer = offered
    lengths = [after - before for before, after in zip([0, *EDGES], EDGES, strict=False)]
    network.faults.breaks = list(lengths[:-1])
    fetch = asker.bring(offer)
    assert fetch.state is FetchState.DONE
    assert network.streamed == EDGES[-1]
    assert set(asker.stopping.waits) == {1}
    assert asker.bytes_of() == holder.bytes_of()


def test_ten_breaks_without_anything_gained_pause_the_fetch(offered, network):
    """Waits of 1, 2, 4 … 60 seconds, then a person decides; nothing that came is lost."""
    holder, asker, offer = offered
    network.faults.breaks = [EDGES[1], *[7] * 9]
    fetch = asker.bring(offer)
    assert (fetch.state, fetch.problem) == (
        FetchState.PAUSED,
        "unreachable: the connection broke",
    )
    assert asker.stopping.waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    moved = network.streamed
    assert asker.resume(fetch).state is FetchState.DONE
    assert network.streamed - moved == EDGES[-1] - EDGES[1]
    assert asker.bytes_of() == holder.bytes_of()


def test_a_holder_that_is_away_is_waited_for(offered, network):
    """Unreachable before the first answer: paused after ten tries, and resumable."""
    holder, asker, offer = offered
    network.faults.unreachable = {holder.url}
    fetch = asker.bring(offer)
    assert (fetch.state, fetch.problem) == (
        FetchState.PAUSED,
        "unreachable: no address answered",
    )
    assert not asker.has_study()
    network.faults.unreachable = set()
    assert asker.resume(fetch).state is FetchState.DONE


def test_the_same_offer_again_goes_on_with_the_paused_fetch(offered, network):
    """Nobody must know about 'resume': fetching again does not begin anew."""
    _, asker, offer = offered
    network.faults.breaks = [EDGES[1], *[0] * 10]
    paused = asker.bring(offer)
    moved = network.streamed
    fetch = asker.bring(offer)
    assert (fetch.id, fetch.state) == (paused.id, FetchState.DONE)
    assert network.streamed - moved == EDGES[-1] - EDGES[1]
    assert len(asker.fetching.list()) == 1


def test_a_lost_answer_is_asked_for_again_with_a_fresh_invocation(offered, network):
    """The holder answered, the answer was lost: the used invocation is not sent again."""
    _, asker, offer = offered
    losses = iter([True, True])

    def lose(reply):
        if next(losses, False):
            return Reply(502, b"a proxy says something")
        return reply

    network.faults.replies[FETCH] = lose
    assert asker.bring(offer).state is FetchState.DONE
    asked = [body for path, body in network.asked if path == FETCH]
    assert len(set(asked)) == 3
    assert asker.stopping.waits == [1, 2]


def test_a_stale_ticket_is_replaced(offered, network):
    _, asker, offer = offered
    network.faults.stale = 2
    assert asker.bring(offer).state is FetchState.DONE
    assert len([path for path, _ in network.asked if path == FETCH]) == 3


def test_a_ticket_that_ends_on_the_way_is_replaced(offered, network, clock):
    """A slow line needs longer than a ticket lives: the rest is asked for again."""
    holder, asker, offer = offered
    network.faults.on_bytes = lambda _count: clock.advance(250)
    assert asker.bring(offer).state is FetchState.DONE
    assert asker.bytes_of() == holder.bytes_of()
