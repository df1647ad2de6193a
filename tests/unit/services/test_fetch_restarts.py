"""The asker's node dies between any two steps: nothing half is visible, and the fetch goes on."""

import pytest

from support.fate import Crash, Fate
from support.memory_network import FETCH, RECEIPT
from support.memory_reader import instance
from undisc_node.services.model import FetchState
from undisc_protocol import limits


@pytest.fixture
def offered(pair):
    """A holder with a small and a large object, the asker, and an offer of them."""
    holder, asker = pair
    holder.store(instance(1))
    holder.store(instance(2, size=limits.CHUNK + 1))
    return holder, asker, holder.grant(holder.study().id, asker).offer


def die_while_fetching(asker, offer, dies_at):
    """Start a fetch on ports that die at a step; return what had happened until then."""
    fate = Fate(dies_at=dies_at)
    asker.meet(fate)
    try:
        asker.bring(offer)
    except Crash:
        assert fate.is_dead
    asker.catalog, asker.packs, asker.network = asker._lasting  # what a look finds afterwards
    return fate


def all_steps(found):
    """Return the steps of a fetch that nothing disturbs."""
    holder, asker = found("holder-of-steps"), found("asker-of-steps")
    holder.add(asker)
    asker.add(holder)
    holder.store(instance(1))
    holder.store(instance(2, size=limits.CHUNK + 1))
    fate = Fate()
    asker.meet(fate)
    asker.bring(holder.grant(holder.study().id, asker).offer)
    return fate.steps


def test_a_crash_at_any_step_loses_nothing_and_shows_nothing_half(found, network):
    """Every place where something becomes durable or leaves the node, one after the other."""
    steps = all_steps(found)
    for name in (
        "before stage",
        "before chunk",
        "after publish",
        "after commit",
        f"after {RECEIPT}",
    ):
        assert name in steps
    for dies_at in range(1, len(steps) + 1):
        holder, asker = found(f"holder-{dies_at}"), found(f"asker-{dies_at}")
        holder.add(asker)
        asker.add(holder)
        holder.store(instance(1))
        holder.store(instance(2, size=limits.CHUNK + 1))
        offer = holder.grant(holder.study().id, asker).offer
        fate = die_while_fetching(asker, offer, dies_at)
        assert fate.is_dead
        before = asker.bytes_of() if asker.has_study() else None
        assert before in (None, holder.bytes_of()), fate.steps[-1]
        asker.restart()
        asker.fetching.resume_all()
        fetches = asker.fetching.list() or [asker.bring(offer)]
        (fetch,) = fetches
        ended = asker.ended(fetch.id)
        assert (ended.state, ended.receipt_due) == (FetchState.DONE, False), fate.steps[-1]
        assert asker.bytes_of() == holder.bytes_of()
        assert len(holder.studies.detail(holder.study().id).receipts) == 1
        assert asker.kinds().count("fetch.done") == 1
        with asker.catalog.look() as records:
            assert set(asker.packs._files) == {pack.id for pack in records.studies.all_packs()}


def test_a_crash_at_any_step_of_a_failing_fetch_leaves_nothing(found, network):
    """Tampered bytes, and the node dies while it gives up: failed all the same, nothing kept."""
    for dies_at in range(1, 40):
        holder, asker = found(f"holder-{dies_at}"), found(f"asker-{dies_at}")
        holder.add(asker)
        asker.add(holder)
        holder.store(instance(1))
        offer = holder.grant(holder.study().id, asker).offer
        network.faults.flip = 10
        fate = die_while_fetching(asker, offer, dies_at)
        assert not asker.has_study()
        asker.restart()
        asker.fetching.resume_all()
        for fetch in asker.fetching.list():
            assert asker.ended(fetch.id).state is FetchState.FAILED
        assert asker.packs._files == {}
        if not fate.is_dead:
            break
    assert not fate.is_dead


def test_after_a_restart_no_whole_chunk_is_brought_again(offered, network):
    """The node dies in the middle of the second object: its first chunk is not asked for."""
    _, asker, offer = offered
    steps = ["before chunk"] * 3
    fate = Fate()
    seen = []

    def count(name):
        if name == "before chunk":
            seen.append(name)
            if len(seen) == len(steps):
                fate.dies_at = len(fate.steps)
        return Fate.step(fate, name)

    fate.step = count
    asker.meet(fate)
    with pytest.raises(Crash):
        asker.bring(offer)
    moved = network.streamed
    assert moved == instance(1).size + 16 + limits.CHUNK + 16
    asker.restart()
    assert asker.fetching.resume_all() == 1
    (fetch,) = asker.fetching.list()
    done = asker.ended(fetch.id)
    assert done.state is FetchState.DONE
    assert network.streamed == done.size
    progress = asker.fetching.progress(done.id)
    assert (progress.objects_done, progress.bytes_done) == (2, done.size)
    assert progress.reused_bytes == moved


def test_a_stop_interrupts_and_the_next_start_goes_on(offered, network):
    """The node is told to stop while bytes arrive: running in the row, resumed by itself."""
    holder, asker, offer = offered
    network.faults.on_bytes = lambda _count: asker.stopping.set()
    fetch = asker.bring(offer)
    assert (fetch.state, asker.has_study()) == (FetchState.RUNNING, False)
    network.faults.on_bytes = None
    asker.restart()
    assert asker.fetching.resume_all() == 1
    assert asker.ended(fetch.id).state is FetchState.DONE
    assert asker.bytes_of() == holder.bytes_of()


def test_a_paused_fetch_stays_paused_over_a_restart(offered, network):
    """A person decides; and its bytes are not swept away."""
    _, asker, offer = offered
    network.faults.breaks = [instance(1).size + 16, *[0] * 9]
    fetch = asker.bring(offer)
    assert fetch.state is FetchState.PAUSED
    asker.restart()
    assert asker.fetching.resume_all() == 0
    moved = network.streamed
    assert asker.resume(fetch).state is FetchState.DONE
    assert network.streamed - moved == fetch.size - instance(1).size - 16


def test_a_staged_pack_that_is_gone_is_staged_anew(offered, network):
    """Somebody removed the staging folder: begin again, no error."""
    holder, asker, offer = offered
    network.faults.breaks = [instance(1).size + 16, *[0] * 9]
    fetch = asker.bring(offer)
    asker.packs._files.clear()
    assert asker.resume(fetch).state is FetchState.DONE
    assert asker.bytes_of() == holder.bytes_of()


def test_a_receipt_that_was_due_is_sent_after_a_restart(offered, network):
    holder, asker, offer = offered
    network.faults.silent.add(RECEIPT)
    fetch = asker.bring(offer)
    first = next(body for path, body in network.asked if path == RECEIPT)
    network.faults.silent.clear()
    asker.restart()
    assert asker.fetching.resume_all() == 1
    assert not asker.ended(fetch.id).receipt_due
    assert first  # another box each time, around the same receipt
    assert len(holder.studies.detail(holder.study().id).receipts) == 1
    assert asker.fetching.resume_all() == 0


def test_a_mistake_of_ours_pauses_the_fetch_and_is_logged(offered, caplog):
    """The traceback goes to the program's log, and the row says that it was us."""
    _, asker, offer = offered
    asker.meet(fate := Fate())
    fate.errors[f"after {FETCH}"] = [RuntimeError("a mistake")]
    with pytest.raises(RuntimeError, match="a mistake"):
        asker.bring(offer)
    (fetch,) = asker.fetching.list()
    assert (fetch.state, fetch.problem.partition(":")[0]) == (FetchState.PAUSED, "internal")
    assert "a fetch stopped on a mistake" in caplog.text
    assert asker.resume(fetch).state is FetchState.DONE


def test_time_spent_counts_over_all_attempts(offered, network, clock):
    """Otherwise a fetch that was interrupted at its last byte would show a fabulous speed."""
    _, asker, offer = offered
    network.faults.breaks = [instance(1).size + 16, *[0] * 9]
    network.faults.on_bytes = lambda _count: clock.advance(2)
    fetch = asker.bring(offer)
    assert fetch.elapsed_ms == 2_000
    done = asker.resume(fetch)
    assert done.elapsed_ms == 6_000
    asker.restart()
    assert asker.fetching.progress(done.id).mb_per_s == pytest.approx(done.size / 6 / 1e6)
