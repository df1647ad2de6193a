"""Tickets, used invocations, fetches, receipts and the log."""

from dataclasses import replace

import pytest

from support import samples
from undisc_node.services.errors import Conflict
from undisc_node.services.model import FetchState, Recalled
from undisc_protocol import limits
from undisc_protocol.log import Frontier, leaf_hash
from undisc_protocol.tree import Checkpoint

DAY_MS = 86_400_000


def test_a_ticket_comes_back_whole(catalog):
    """By its hash and by its invocation; with extents beyond 4 GiB, or none."""
    tickets = [samples.ticket(), samples.ticket("direct", share=None, extents=())]
    with catalog.change() as records:
        for ticket in tickets:
            records.tickets.add(ticket)
    with catalog.look() as records:
        for ticket in tickets:
            assert records.tickets.get(ticket.hash) == ticket
            assert records.tickets.ends_ms(ticket.hash) == ticket.expires_ms
            assert records.tickets.by_invocation(ticket.invocation) == ticket
        assert records.tickets.get(bytes(32)) is None
        assert records.tickets.ends_ms(bytes(32)) == 0
        assert records.tickets.by_invocation(bytes(32)) is None


def test_one_invocation_makes_one_ticket(catalog):
    """A second ticket for it is refused even if the replay check were forgotten."""
    with catalog.change() as records:
        records.tickets.add(samples.ticket())
    second = samples.ticket("second", invocation=samples.ticket().invocation)
    with catalog.change() as records, pytest.raises(Conflict):
        records.tickets.add(second)


@pytest.mark.parametrize("by", ["grant", "share", "study", "peer"])
def test_dropping_ends_exactly_the_tickets_named(catalog, by):
    """A revocation ends every ticket behind it, and no other; ended ones are not counted."""
    size = 16 if by == "study" else 32
    other = {by: samples.name("other", size)}
    with catalog.change() as records:
        records.tickets.add(samples.ticket("a"))
        records.tickets.add(samples.ticket("b"))
        records.tickets.add(samples.ticket("ended", expires_ms=50))
        records.tickets.add(samples.ticket("other", **other))
        named = {by: getattr(samples.ticket(), by)}
        assert records.tickets.drop(**named, at_ms=100) == 2
        assert records.tickets.drop(**named, at_ms=100) == 0
    with catalog.look() as records:
        ends = {
            text: records.tickets.get(samples.ticket(text).hash).expires_ms
            for text in ("a", "b", "ended", "other")
        }
    assert ends == {"a": 100, "b": 100, "ended": 50, "other": samples.ticket().expires_ms}


def test_dropping_nothing_in_particular_is_a_mistake(catalog):
    """A forgotten argument must not end every transfer, nor silently none."""
    with catalog.change() as records, pytest.raises(RuntimeError):
        records.tickets.drop(at_ms=1)


def test_an_invocation_is_used_once(catalog):
    """The replay is refused, also in a later change."""
    with catalog.change() as records:
        assert records.tickets.use_invocation(bytes(32), 1_000)
        assert not records.tickets.use_invocation(bytes(32), 2_000)
    with catalog.change() as records:
        assert not records.tickets.use_invocation(bytes(32), 1_000)
        assert records.tickets.use_invocation(samples.name("another", 32), 1_000)


def test_an_invocation_that_was_not_committed_was_not_used(catalog):
    """A request that failed half-way may be tried again."""

    def fail_half_way():
        with catalog.change() as records:
            records.tickets.use_invocation(bytes(32), 1_000)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    with catalog.change() as records:
        assert records.tickets.use_invocation(bytes(32), 1_000)


def test_forgetting_waits_a_day_for_invocations_and_a_month_for_tickets(catalog):
    """A clock set back by hours revives no invocation; a late receipt finds its ticket."""
    with catalog.change() as records:
        records.tickets.use_invocation(bytes(32), 0)
        records.tickets.add(samples.ticket(expires_ms=0))
        records.tickets.forget_expired(DAY_MS - 1)
        assert not records.tickets.use_invocation(bytes(32), 0)
        records.tickets.forget_expired(DAY_MS)
        assert records.tickets.use_invocation(bytes(32), 0)
        records.tickets.forget_expired(30 * DAY_MS - 1)
        assert records.tickets.get(samples.ticket().hash) is not None
        records.tickets.forget_expired(30 * DAY_MS)
        assert records.tickets.get(samples.ticket().hash) is None


def test_a_fetch_comes_back_whole_in_each_state(catalog):
    """From its first row, without pack and capability, to done."""
    first = samples.fetch(capability=b"")
    done = replace(
        first,
        pack=samples.name("pack", 16),
        study=samples.study().id,
        state=FetchState.DONE,
        problem="unreachable: gone",
        capability=samples.name("share", 32),
        objects=2,
        size=2**40,
        elapsed_ms=12,
        ended_ms=13,
        receipt_due=True,
    )
    for fetch in (first, done):
        with catalog.change() as records:
            records.fetches.put(fetch)
        with catalog.look() as records:
            assert records.fetches.get(fetch.id) == fetch


def test_unfinished_fetches_are_those_that_somebody_must_go_on_with(catalog):
    rows = [
        samples.fetch(f"{state} {due}", state=state, receipt_due=due, created_ms=number)
        for number, (state, due) in enumerate(
            (state, due) for state in FetchState for due in (False, True)
        )
    ]
    with catalog.change() as records:
        for row in rows:
            records.fetches.put(row)
    with catalog.look() as records:
        found = records.fetches.unfinished()
    assert found == [
        row
        for row in reversed(rows)
        if row.receipt_due or row.state in {FetchState.RUNNING, FetchState.PAUSED}
    ]


def test_fetches_are_listed_newest_first_by_study(catalog):
    """A fetch without a study yet belongs to none."""
    study = samples.study().id
    with catalog.change() as records:
        records.fetches.put(samples.fetch("a", created_ms=1, study=study))
        records.fetches.put(samples.fetch("b", created_ms=3))
        records.fetches.put(samples.fetch("c", created_ms=2, study=study))
    with catalog.look() as records:
        assert [fetch.created_ms for fetch in records.fetches.list()] == [3, 2, 1]
        assert [fetch.created_ms for fetch in records.fetches.list(study=study)] == [2, 1]


def test_a_receipt_is_filed_once(catalog):
    """The recipient may send it again when our acknowledgement was lost."""
    with catalog.change() as records:
        records.fetches.add_receipt(samples.receipt("late", at_ms=9))
        records.fetches.add_receipt(samples.receipt(at_ms=5))
        records.fetches.add_receipt(samples.receipt(at_ms=99))
        records.fetches.add_receipt(samples.receipt("other", study=bytes(16)))
    with catalog.look() as records:
        filed = records.fetches.receipts(samples.study().id)
    assert filed == [samples.receipt(at_ms=5), samples.receipt("late", at_ms=9)]


def test_the_log_grows_with_its_tree(catalog):
    """After each of nine lines the frontier is that of the same leaves in memory."""
    with catalog.look() as records:
        tree = Frontier(records.log.frontier().origin, 0, ())
    for number in range(9):
        event, salt = b"event %d" % number, samples.name(str(number), 32)
        tree = tree.append(leaf_hash(salt, event))
        with catalog.change() as records:
            assert records.log.append(event, salt) == number
        with catalog.look() as records:
            assert records.log.frontier() == tree
            row = records.log.list(after=number - 1)[0]
            assert (row.number, row.event, row.salt) == (number, event, salt)
            assert row.leaf == leaf_hash(salt, event)


def test_the_log_is_read_in_pages_and_from_the_end(catalog):
    """Two lines after number 1; the newest three, oldest of them first; more than there are."""
    with catalog.change() as records:
        for number in range(6):
            records.log.append(b"event %d" % number, bytes(32))
    with catalog.look() as records:
        assert [row.number for row in records.log.list(after=1, limit=2)] == [2, 3]
        assert [row.number for row in records.log.newest(3)] == [3, 4, 5]
        assert [row.number for row in records.log.newest(9)] == list(range(6))
        assert records.log.list(after=5) == []


def test_other_records_of_a_peer_are_new_once_and_few(catalog):
    """Whoever shows more of them cannot fill the disk; another peer has its own."""
    peer, other = samples.name("peer", 32), samples.name("other", 32)
    with catalog.change() as records:
        heads = [samples.name(f"head {number}", 32) for number in range(9)]
        new = [records.witnessed.add_head(peer, head, 5) for head in [heads[0], *heads]]
        assert new == [True, False, *[True] * 7, False]
        assert records.witnessed.add_head(other, heads[0], 5)


def test_earlier_logs_are_kept_one_head_each(catalog):
    """The largest of each origin, the newest origins first, and not without end."""
    peer = samples.name("peer", 32)

    def seen(number, size):
        return Checkpoint(samples.name(f"origin {number}", 16), size, samples.name("root", 32))

    with catalog.change() as records:
        records.witnessed.add_log(peer, seen(1, 5), 10)
        records.witnessed.add_log(peer, seen(1, 9), 20)
        records.witnessed.add_log(peer, seen(1, 7), 30)
        records.witnessed.add_log(peer, seen(2, 3), 25)
    with catalog.look() as records:
        assert records.witnessed.logs(peer) == [seen(2, 3), seen(1, 9)]
        assert records.witnessed.logs(samples.name("other", 32)) == []
    with catalog.change() as records:
        for number in range(3, 30):
            records.witnessed.add_log(peer, seen(number, 1), 100 + number)
    with catalog.look() as records:
        kept = records.witnessed.logs(peer)
    assert len(kept) == limits.MAX_RECALLED_LOGS - 1
    assert kept[0] == seen(29, 1)


def test_what_a_peer_remembers_takes_the_place_of_what_it_said_before(catalog):
    first = Recalled(samples.name("peer", 32), 5, 120, 83, 2, 1, "")
    again = replace(first, at_ms=9, problem="unreachable: nobody answers")
    other = replace(first, peer=samples.name("other", 32), at_ms=7)
    with catalog.change() as records:
        for one in (first, other, again):
            records.witnessed.put_recalled(one)
    with catalog.look() as records:
        assert records.witnessed.recalled() == [other, again]
    assert (first.missing_lines, replace(first, own_lines=121).missing_lines) == (37, 0)


def test_receipts_are_listed_by_the_other_node_newest_first(catalog):
    peer = samples.name("peer", 32)
    receipts = [
        replace(samples.receipt(f"receipt {number}"), peer=peer, at_ms=100 + number // 2)
        for number in range(5)
    ]
    with catalog.change() as records:
        for receipt in receipts:
            records.fetches.add_receipt(receipt)
        records.fetches.add_receipt(replace(samples.receipt("other"), peer=samples.name("x", 32)))
    with catalog.look() as records:
        newest = receipts[::-1]
        assert records.fetches.receipts_with(peer, skip=0, limit=9) == newest
        assert records.fetches.receipts_with(peer, skip=2, limit=2) == newest[2:4]
        assert records.fetches.has_receipt(receipts[3].id)
        assert not records.fetches.has_receipt(samples.name("never filed", 32))
