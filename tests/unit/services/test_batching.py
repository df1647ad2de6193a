"""Callers that arrive together are committed together, and each gets its own outcome."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from support.practice import until
from undisc_node.services.batching import GroupCommit


class Gate:
    """A commit that waits at its first batch until the test opens it."""

    def __init__(self, commit):
        self.batches = []
        self.entered, self.opened = Event(), Event()
        self._commit = commit

    def __call__(self, batch):
        self.batches.append(list(batch))
        self.entered.set()
        assert self.opened.wait(10)
        return self._commit(batch)


def submit_while_busy(gate, group, items):
    """Submit the first item, then all others while the first is being committed."""
    with ThreadPoolExecutor(len(items)) as pool:
        first = pool.submit(group.submit, items[0])
        assert gate.entered.wait(10)
        rest = [pool.submit(group.submit, item) for item in items[1:]]
        until(lambda: len(group._queue) == len(rest))  # nobody takes them before the gate opens
        gate.opened.set()
        return [first, *rest]


def test_a_single_caller_gets_its_result():
    assert GroupCommit(lambda batch: [item * 2 for item in batch]).submit(21) == 42


def test_who_waits_together_is_committed_together():
    """Ten callers while one commit runs: one more round for all of them, in order of arrival."""
    gate = Gate(lambda batch: [item * 10 for item in batch])
    futures = submit_while_busy(gate, GroupCommit(gate), list(range(11)))
    assert [future.result() for future in futures] == [item * 10 for item in range(11)]
    assert gate.batches[0] == [0]
    assert sorted(gate.batches[1]) == list(range(1, 11))
    assert len(gate.batches) == 2


def test_no_batch_is_larger_than_the_bound():
    gate = Gate(list)
    futures = submit_while_busy(gate, GroupCommit(gate, most=4), list(range(10)))
    assert [future.result() for future in futures] == list(range(10))
    assert max(len(batch) for batch in gate.batches) == 4


def test_an_outcome_that_is_an_exception_is_raised_for_its_caller_alone():
    """One item of a batch fails; the others have their results."""
    gate = Gate(lambda batch: [ValueError("three") if item == 3 else item for item in batch])
    futures = submit_while_busy(gate, GroupCommit(gate), list(range(6)))
    with pytest.raises(ValueError, match="three"):
        futures[3].result()
    assert [futures[item].result() for item in (0, 1, 2, 4, 5)] == [0, 1, 2, 4, 5]


def test_a_commit_that_raises_reaches_every_caller_of_its_batch():
    """The disk fails in the middle of a batch: nobody may believe that its item is durable."""

    def commit(batch):
        if len(batch) > 1:
            raise OSError("the disk is gone")
        return list(batch)

    gate = Gate(commit)
    futures = submit_while_busy(gate, GroupCommit(gate), list(range(6)))
    assert futures[0].result() == 0
    for future in futures[1:]:
        with pytest.raises(OSError, match="the disk is gone"):
            future.result()


def test_a_failed_batch_does_not_stop_the_next():
    answers = iter([[RuntimeError("once")], ["fine"]])
    group = GroupCommit(lambda _batch: next(answers))
    with pytest.raises(RuntimeError, match="once"):
        group.submit("first")
    assert group.submit("second") == "fine"


@pytest.mark.parametrize("outcomes", [[], ["one", "two"]])
def test_a_commit_that_loses_count_leaves_nobody_waiting(outcomes):
    """A mistake of ours: an item without an outcome would wait for ever."""
    with pytest.raises(ValueError, match="zip"):
        GroupCommit(lambda _batch: outcomes).submit("item")


def test_many_threads_all_get_their_own_results():
    """Sixteen threads, fifty items each, all at once: no result is lost or mixed up."""
    group = GroupCommit(lambda batch: [("done", item) for item in batch], most=7)
    start = Barrier(16)

    def work(thread):
        start.wait()
        return [group.submit((thread, number)) for number in range(50)]

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(work, range(16)))
    for thread, got in enumerate(results):
        assert got == [("done", (thread, number)) for number in range(50)]
