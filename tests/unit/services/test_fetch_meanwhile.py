"""Something changes at either side while a study is being fetched."""

import pytest

from support.fate import Fate
from support.memory_network import FETCH, RECEIPT
from support.memory_reader import instance
from undisc_node.services.errors import DiskFull, Unavailable
from undisc_node.services.fetch_run import FetchRun
from undisc_node.services.model import FetchState, PeerState
from undisc_protocol import limits
from undisc_protocol.errors import Revoked
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


# --- Changes at the holder ------------------------------------------------------------------------


def break_then(network, asker, offer, act):
    """Break the first connection in the second object; act before the next request."""
    network.faults.breaks = [EDGES[1]]
    asked = []

    def before_asking():
        asked.append(1)
        if len(asked) == 2:
            act()

    network.faults.on_ask[FETCH] = before_asking
    return asker.bring(offer)


def test_a_study_that_grew_in_between_is_brought_whole(offered, network):
    holder, asker, offer = offered
    fetch = break_then(network, asker, offer, lambda: holder.store(instance(9)))
    assert (fetch.state, fetch.objects) == (FetchState.DONE, 4)
    assert asker.bytes_of() == holder.bytes_of()
    grown = instance(9).size + 16
    assert network.streamed == EDGES[-1] + grown


def test_an_object_that_came_half_and_was_corrected_is_started_over(offered, network):
    """Half of the old version is here: it is thrown away, and nothing of it is ever visible."""
    holder, asker, offer = offered
    fetch = break_then(
        network,
        asker,
        offer,
        lambda: holder.store(instance(1, size=SIZES[1], version="corrected")),
    )
    assert fetch.state is FetchState.DONE
    assert asker.bytes_of() == holder.bytes_of()
    assert asker.studies.detail(asker.study().id).superseded == []
    assert len(asker.packs._files) == 1


def test_an_object_that_came_whole_and_was_corrected_is_superseded(offered, network):
    holder, asker, offer = offered
    fetch = break_then(
        network, asker, offer, lambda: holder.store(instance(0, version="corrected"))
    )
    assert fetch.state is FetchState.DONE
    assert asker.bytes_of() == holder.bytes_of()
    assert asker.study().instances == 3
    assert len(asker.studies.detail(asker.study().id).superseded) == 1


def test_an_empty_answer_after_everything_came_is_enough(offered, network):
    """The connection breaks after the last byte but before the end was noticed."""
    holder, asker, offer = offered
    asker.meet(fate := Fate())
    fate.errors["before publish"] = [Unavailable("the disk is away")]
    fetch = asker.bring(offer)
    assert (fetch.state, fetch.problem) == (FetchState.PAUSED, "unavailable: the disk is away")
    moved = network.streamed
    assert asker.resume(fetch).state is FetchState.DONE
    assert network.streamed == moved
    assert asker.bytes_of() == holder.bytes_of()


def test_a_correction_while_bytes_arrive_is_asked_for_again(offered, network):
    """The holder ends its ticket at once; the asker ends up with the corrected image."""
    holder, asker, offer = offered
    holder.store(instance(9, size=2 * limits.SLICE))  # so that not all is on its way already
    corrected = iter([instance(9, version="corrected")])

    def correct(count):
        if count:
            for source in corrected:
                holder.store(source)

    network.faults.on_bytes = correct
    assert asker.bring(offer).state is FetchState.DONE
    assert asker.bytes_of() == holder.bytes_of()


# --- Changes at the asker -------------------------------------------------------------------------


def test_a_full_disk_pauses_and_what_came_is_kept(offered, network):
    """Free some space, go on: the difference is brought."""
    holder, asker, offer = offered
    asker.packs.room = 1_000
    fetch = asker.bring(offer)
    assert (fetch.state, fetch.problem.partition(":")[0]) in [
        (FetchState.PAUSED, "disk_full"),
        (FetchState.PAUSED, "disk_reserve"),
    ]
    assert not asker.has_study()
    asker.packs.room = 2**40
    assert asker.resume(fetch).state is FetchState.DONE
    assert asker.bytes_of() == holder.bytes_of()


def test_a_disk_that_fills_up_on_the_way_pauses(offered, network):
    holder, asker, offer = offered
    asker.meet(fate := Fate())
    fate.errors["after receive"] = [DiskFull("no room left")]
    fetch = asker.bring(offer)
    assert (fetch.state, fetch.problem) == (FetchState.PAUSED, "disk_full: no room left")
    assert asker.resume(fetch).state is FetchState.DONE
    assert network.streamed == EDGES[-1]
    assert asker.bytes_of() == holder.bytes_of()


def test_a_study_deleted_while_its_difference_is_fetched_is_brought_whole(offered, network):
    """The holder leaves out what we have; we lose it meanwhile; half a study must not appear."""
    holder, asker, offer = offered
    asker.bring(offer)
    holder.store(instance(9))
    gone = []

    def delete(_count):
        if not gone:
            gone.append(asker.studies.delete(asker.study().id, "alice"))

    network.faults.on_bytes = delete
    fetch = asker.bring(offer)
    assert (fetch.state, fetch.objects) == (FetchState.DONE, 4)
    assert asker.bytes_of() == holder.bytes_of()


def test_a_study_deleted_when_nothing_was_left_to_bring_is_brought_again(offered, network):
    """No empty study appears in place of the deleted one."""
    holder, asker, offer = offered
    asker.bring(offer)
    answers = iter([True])

    def delete(reply):
        if next(answers, False):
            asker.studies.delete(asker.study().id, "alice")
        return reply

    network.faults.replies[FETCH] = delete
    assert asker.bring(offer).objects == 3
    assert asker.bytes_of() == holder.bytes_of()


def test_an_arrival_that_is_rejected_while_it_is_counted_on_is_brought(pair, network):
    """One instance is here, one waits, one is on the way; then the waiting one is rejected."""
    holder, asker = pair
    for number in (1, 2, 3):
        holder.store(instance(number))
    asker.store(instance(1), "import")
    asker.store(instance(2, version="from a disc"), "import")
    asker.store(instance(2), "dicom:CT9")
    undecided = [asker.study().id]

    def reject(_count):
        while undecided:
            asker.settling.resolve(undecided.pop(), accept=False, actor="alice")

    network.faults.on_bytes = reject
    fetch = asker.bring(holder.grant(holder.study().id, asker).offer)
    assert (fetch.state, fetch.objects) == (FetchState.DONE, 2)
    waiting = asker.studies.detail(asker.study().id).waiting
    assert sorted(one.header.number for one in waiting) == [2, 3]


def test_a_modality_that_brings_the_same_images_meanwhile_changes_nothing(offered, network):
    """Same bytes from two sides at once: one set of instances, none superseded."""
    holder, asker, offer = offered
    sources = [instance(number, size=size) for number, size in enumerate(SIZES)]

    def arrive(_count):
        while sources:
            asker.store(sources.pop())

    network.faults.on_bytes = arrive
    assert asker.bring(offer).state is FetchState.DONE
    assert asker.bytes_of() == holder.bytes_of()
    detail = asker.studies.detail(asker.study().id)
    assert (asker.study().instances, asker.study().waiting, detail.superseded) == (3, 0, [])


def test_a_modality_that_brings_another_version_meanwhile_is_a_conflict(offered, network):
    """It was decided at the commit, not when the fetch began."""
    _, asker, offer = offered
    sources = [instance(0, version="from the modality")]

    def arrive(_count):
        while sources:
            asker.store(sources.pop())

    network.faults.on_bytes = arrive
    assert asker.bring(offer).state is FetchState.DONE
    assert (asker.study().instances, asker.study().waiting) == (1, 3)


def test_two_fetches_of_one_study_at_once(pair, network):
    """By a grant and by a share: one study, each instance once, two receipts."""
    holder, asker = pair
    for number in (1, 2):
        holder.store(instance(number))
    study = holder.study().id
    offers = [
        holder.grant(study, asker).offer,
        holder.share(holder.grant(study, None), asker).offer,
    ]
    second = []

    def begin_second(_count):
        if not second:
            second.append(None)
            second[0] = asker.fetching.start(offers[1], "admin").id
            asker.ended(second[0])

    network.faults.on_bytes = begin_second
    first = asker.bring(offers[0])
    other = asker.fetch(second[0])
    assert first.state is other.state is FetchState.DONE
    assert first.study == other.study
    assert not first.receipt_due
    assert not other.receipt_due
    detail = asker.studies.detail(asker.study().id)
    assert (len(detail.current), detail.superseded, detail.waiting) == (2, [], [])
    assert asker.study().size == holder.study().size
    assert len(holder.studies.detail(study).receipts) == 2


def test_the_same_offer_while_it_is_being_fetched_is_the_same_fetch(offered, network):
    """Two administrators click at once."""
    _, asker, offer = offered
    again = []
    network.faults.on_bytes = lambda _count: again.append(asker.fetching.start(offer, "bob").id)
    fetch = asker.bring(offer)
    assert set(again) == {fetch.id}
    assert len(asker.fetching.list()) == 1


# --- Receipts -------------------------------------------------------------------------------------


def test_a_lost_acknowledgement_is_fetched_again_with_the_identical_receipt(offered, network):
    """The study is here whatever becomes of the receipt; the holder files it once."""
    holder, asker, offer = offered
    network.faults.silent.add(RECEIPT)
    fetch = asker.bring(offer)
    assert (fetch.state, fetch.receipt_due) == (FetchState.DONE, True)
    assert asker.bytes_of() == holder.bytes_of()
    network.faults.silent.clear()
    assert asker.fetching.resume_all() == 1
    assert asker.ended(fetch.id).receipt_due is False
    filed = holder.studies.detail(holder.study().id).receipts
    assert len(filed) == 1
    assert holder.kinds().count("receipt.taken") == 1
    with asker.catalog.look() as records:
        (given,) = records.fetches.receipts(holder.study().id)
    assert filed[0].token == given.token


def test_two_receipts_that_are_due_are_both_sent(offered, network, clock):
    """Two fetches of a growing study, the holder away each time: each receipt goes out."""
    holder, asker, offer = offered
    network.faults.silent.add(RECEIPT)
    first = asker.bring(offer)
    holder.store(instance(9))
    clock.advance(1)
    second = asker.bring(offer)
    assert first.receipt_due
    assert second.receipt_due
    holder.catalog._tables.receipts.clear()  # as if neither had reached it
    network.faults.silent.clear()
    assert asker.fetching.resume_all() == 2
    assert not asker.ended(first.id).receipt_due
    assert not asker.ended(second.id).receipt_due
    filed = holder.studies.detail(holder.study().id).receipts
    assert sorted(receipt.objects for receipt in filed) == [1, 3]


def test_a_receipt_is_sent_for_this_fetch_only(offered, clock):
    """A month later the holder knows the first receipt's ticket no more; nobody sends it again."""
    holder, asker, offer = offered
    asker.bring(offer)
    clock.advance(1)
    holder.catalog._tables.tickets.clear()
    assert not asker.bring(offer).receipt_due


def test_nothing_undoes_a_study_that_is_here(offered, network):
    """Whatever goes wrong with the receipt, the fetch does not become a failed one."""
    _, asker, offer = offered
    network.faults.silent.add(RECEIPT)
    fetch = asker.bring(offer)
    FetchRun(asker.world, fetch, asker.stopping)._fail(Revoked("too late"))
    assert asker.fetch(fetch.id) == fetch
    assert len(asker.bytes_of()) == 3


def test_a_refused_receipt_stays_due_and_harms_nothing(offered, network):
    """The holder has lost its tickets: the study stays, the receipt is due, nobody waits."""
    holder, asker, offer = offered

    def lose_tickets():
        holder.catalog._tables.tickets.clear()

    network.faults.on_ask[RECEIPT] = lose_tickets
    fetch = asker.bring(offer)
    assert (fetch.state, fetch.receipt_due) == (FetchState.DONE, True)
    assert asker.stopping.waits == []
    assert asker.bytes_of() == holder.bytes_of()


# --- Suspension -----------------------------------------------------------------------------------


def test_a_holder_that_is_suspended_here_pauses_the_fetch(offered, network):
    """A suspension is not for good: what came is kept until a person decides."""
    holder, asker, offer = offered

    def suspend():
        asker.peering.set_state(holder.own.id, PeerState.SUSPENDED, "alice")

    fetch = break_then(network, asker, offer, suspend)
    network.faults.on_ask.clear()
    assert (fetch.state, fetch.problem.partition(":")[0]) == (
        FetchState.PAUSED,
        "peer_not_trusted",
    )
    asker.peering.set_state(holder.own.id, PeerState.TRUSTED, "alice")
    moved = network.streamed
    assert asker.resume(fetch).state is FetchState.DONE
    assert network.streamed - moved == EDGES[-1] - EDGES[1]
