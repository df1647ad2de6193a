"""A study is fetched: asked for, brought, committed at once, and acknowledged."""

import pytest

from support.memory_network import FETCH, RECEIPT
from support.memory_reader import JOHN, STUDY_UID, instance
from undisc_node.services import fetching
from undisc_node.services.deciding import HOLD_IDENTITY
from undisc_node.services.errors import Conflict, NotFound, Refused
from undisc_node.services.model import FetchState, PackRole, PeerState, StudyState
from undisc_protocol.errors import Expired, Malformed, WrongAudience
from undisc_protocol.exchange import read_request


@pytest.fixture
def offered(pair):
    """A holder with a study of three instances, the asker, and an offer of it."""
    holder, asker = pair
    for number in (1, 2, 3):
        holder.store(instance(number))
    return holder, asker, holder.grant(holder.study().id, asker).offer


def receipts(practice, study):
    with practice.catalog.look() as records:
        return records.fetches.receipts(study)


# --- All goes well --------------------------------------------------------------------------------


def test_a_study_crosses_from_one_practice_to_another(offered, network, clock):
    """Byte for byte, with provenance at one end and a receipt at the other."""
    holder, asker, offer = offered
    fetch = asker.bring(offer)
    assert (fetch.state, fetch.problem, fetch.receipt_due) == (FetchState.DONE, "", False)
    assert asker.bytes_of() == holder.bytes_of()
    theirs, ours = holder.study(), asker.study()
    assert (ours.patient, ours.instances, ours.size) == (
        theirs.patient,
        theirs.instances,
        theirs.size,
    )
    assert (ours.sender, ours.modalities) == (f"peer:{holder.own.id.hex()}", ("CT",))
    assert fetch.study == ours.id != theirs.id
    assert (fetch.peer, fetch.ended_ms) == (holder.own.id, clock.now_ms())
    assert asker.studies.detail(ours.id).fetches == [fetch]
    (taken,), (given,) = receipts(holder, theirs.id), receipts(asker, theirs.id)
    assert taken.token == given.token
    assert (taken.objects, taken.size) == (3, theirs.size)
    assert asker.kinds()[-2:] == ["fetch.asked", "fetch.done"]
    assert holder.kinds()[-2:] == ["fetch.answered", "receipt.taken"]
    assert [path for path, _ in network.asked] == [FETCH, RECEIPT]


def test_nothing_is_visible_before_everything_is_there(offered, network):
    """Not a row of the study while its bytes are on the way."""
    _, asker, offer = offered
    seen = []
    network.faults.on_bytes = lambda _count: seen.append(asker.has_study())
    asker.bring(offer)
    assert seen
    assert not any(seen)


def test_the_asker_keeps_the_objects_under_its_own_key(offered):
    """Same ciphertext and object keys, another study key: erasing here needs nobody there."""
    holder, asker, offer = offered
    asker.bring(offer)
    (theirs,), (ours,) = holder.packs._files.values(), asker.packs._files.values()
    assert theirs.study_key != ours.study_key
    assert {one.header.key for one in theirs.objects} == {one.header.key for one in ours.objects}


def test_a_share_is_fetched_too(pair):
    holder, asker = pair
    study = holder.store(instance(1)).study
    fetch = asker.bring(holder.share(holder.grant(study, None), asker).offer)
    assert fetch.state is FetchState.DONE
    assert asker.bytes_of() == holder.bytes_of()


def test_a_share_of_one_series_brings_that_series(pair):
    holder, asker = pair
    holder.store(instance(1))
    study = holder.store(instance(1, series=2)).study
    series = holder.studies.detail(study).series_names[f"{STUDY_UID}.2"]
    asker.bring(holder.share(holder.grant(study, None), asker, series=(series,)).offer)
    assert list(asker.bytes_of()) == [f"{STUDY_UID}.2.1"]


def test_what_was_fetched_can_be_granted_on(offered, found):
    """B gives to C what it got from A; C has the very bytes of A."""
    holder, asker, offer = offered
    third = found("third")
    asker.add(third)
    third.add(asker)
    asker.bring(offer)
    third.bring(asker.grant(asker.study().id, third).offer)
    assert third.bytes_of() == holder.bytes_of()


def test_a_fetched_study_settles_at_the_next_tick(offered):
    _, asker, offer = offered
    asker.bring(offer)
    assert asker.settling.settle_quiet(60_000) == 1
    assert asker.study().settled_ms is not None


# --- Again ----------------------------------------------------------------------------------------


def test_a_second_fetch_brings_only_the_difference(offered, network):
    """Two more instances and a correction: nothing that is here is moved again."""
    holder, asker, offer = offered
    asker.bring(offer)
    holder.store(instance(4))
    holder.store(instance(1, version="corrected", size=77))
    before = network.streamed
    fetch = asker.bring(holder.grant(holder.study().id, asker).offer)
    assert (fetch.state, fetch.objects) == (FetchState.DONE, 2)
    moved = instance(4).size + instance(1, version="corrected", size=77).size + 2 * 16
    assert network.streamed - before == fetch.size == moved
    assert asker.bytes_of() == holder.bytes_of()
    detail = asker.studies.detail(asker.study().id)
    assert (asker.study().instances, len(detail.superseded)) == (4, 1)
    assert asker.study().size == holder.study().size


def test_a_holder_hears_only_of_what_it_brought_itself(offered, network, clock):
    """Ids of objects from others would tell whom else we fetch from."""
    holder, asker, offer = offered
    asker.bring(offer)
    asker.store(instance(9), "import")
    asker.bring(offer)
    bodies = [body for path, body in network.asked if path == FETCH]
    have = [
        read_request(body, box=holder.own.box, own=holder.own.id, now=clock.now_ms() // 1000).have
        for body in bodies
    ]
    ids = {one.header.id for one in holder.studies.detail(holder.study().id).current}
    assert have == [frozenset(), ids]


def test_a_third_fetch_with_nothing_new_moves_nothing(offered, network):
    """The same capability again: done, with a receipt, without a byte."""
    _, asker, offer = offered
    asker.bring(offer)
    before = (network.streamed, asker.study(), asker.bytes_of())
    fetch = asker.bring(offer)
    assert (fetch.state, fetch.objects, fetch.receipt_due) == (FetchState.DONE, 0, False)
    assert (network.streamed, asker.study(), asker.bytes_of()) == before


def test_a_study_that_was_deleted_here_is_brought_again(offered, network):
    holder, asker, offer = offered
    asker.bring(offer)
    asker.studies.delete(asker.study().id, "alice")
    assert asker.bring(offer).objects == 3
    assert asker.bytes_of() == holder.bytes_of()


def test_a_study_that_came_on_a_disc_before_is_not_brought_again(offered, network):
    """Same bytes from another sender: nothing moves, and the holder still gets its receipt."""
    _, asker, offer = offered
    for number in (1, 2, 3):
        asker.store(instance(number), "import")
    fetch = asker.bring(offer)
    assert (fetch.state, fetch.receipt_due) == (FetchState.DONE, False)
    assert network.streamed == 0
    assert asker.study().instances == 3
    assert asker.studies.detail(asker.study().id).superseded == []


def test_what_is_here_in_part_is_completed(offered, network):
    holder, asker, offer = offered
    asker.store(instance(2), "import")
    fetch = asker.bring(offer)
    assert (fetch.state, fetch.objects) == (FetchState.DONE, 2)
    assert asker.bytes_of() == holder.bytes_of()


# --- Contradictions -------------------------------------------------------------------------------


def test_another_senders_version_waits(offered):
    """What a disc brought stays current; the peer's version waits for a person."""
    holder, asker, offer = offered
    asker.store(instance(1, version="from a disc"), "import")
    fetch = asker.bring(offer)
    study = asker.study()
    assert (fetch.state, study.waiting, study.state) == (FetchState.DONE, 3, StudyState.ACTIVE)
    assert asker.bytes_of() == {f"{STUDY_UID}.1.1": instance(1, version="from a disc").content}
    event = next(event for event in asker.events() if event.type == "fetch.done")
    assert event.detail["role"] == "waiting"
    asker.settling.resolve(study.id, accept=True, actor="alice")
    assert asker.bytes_of() == holder.bytes_of()


def test_what_waits_already_is_not_brought_again(offered, network):
    """The offer is fetched a second time before anybody has decided."""
    _, asker, offer = offered
    asker.store(instance(1, version="from a disc"), "import")
    asker.bring(offer)
    before = network.streamed
    assert asker.bring(offer).state is FetchState.DONE
    assert network.streamed == before
    assert asker.study().waiting == 3


def test_another_patient_holds_the_study(offered):
    """Under this UID the asker has images of somebody else: stop, and let a person look."""
    holder, asker, offer = offered
    asker.store(instance(7, patient=JOHN), "import")
    ticketed = asker.grant(asker.study().id, holder)
    fetch = asker.bring(offer)
    study = asker.study()
    assert (fetch.state, study.waiting) == (FetchState.DONE, 3)
    assert (study.state, study.reason, study.patient) == (StudyState.HELD, HOLD_IDENTITY, JOHN)
    assert "study.held" in asker.kinds()
    assert holder.bring(ticketed.offer).state is FetchState.FAILED


def test_a_held_study_stays_held_when_more_is_fetched(offered):
    holder, asker, offer = offered
    asker.bring(offer)
    asker.studies.hold(asker.study().id, "wrong side marked", "alice")
    holder.store(instance(4))
    asker.bring(offer)
    study = asker.study()
    assert (study.instances, study.state, study.reason) == (
        4,
        StudyState.HELD,
        "wrong side marked",
    )


# --- Offers that are not taken --------------------------------------------------------------------


def test_an_offer_for_somebody_else_is_refused(offered, found):
    with pytest.raises(WrongAudience):
        found("other").fetching.start(offered[2], "admin")


def test_noise_and_damaged_offers_are_refused(offered):
    _, asker, offer = offered
    for raw in (b"", b"noise", offer[:-1]):
        with pytest.raises(Malformed):
            asker.fetching.start(raw, "admin")
    assert asker.fetching.list() == []


def test_an_old_offer_is_refused(offered, clock):
    _, asker, offer = offered
    clock.advance(86_400 + 61)
    with pytest.raises(Expired):
        asker.fetching.start(offer, "admin")


@pytest.mark.parametrize("state", [PeerState.SUSPENDED, PeerState.REVOKED])
def test_an_offer_of_a_node_that_is_not_trusted_is_refused(offered, state):
    holder, asker, offer = offered
    asker.peering.set_state(holder.own.id, state, "alice")
    with pytest.raises(Refused) as refused:
        asker.fetching.start(offer, "admin")
    assert refused.value.reason == "peer_not_trusted"
    assert holder.url in refused.value.hint


def test_an_offer_of_an_unknown_node_is_refused(found):
    """Attack: a stranger sends an offer by e-mail, to make us connect to its address."""
    holder, asker = found("holder"), found("asker")
    holder.add(asker)
    offer = holder.grant(holder.store(instance(1)).study, asker).offer
    with pytest.raises(Refused):
        asker.fetching.start(offer, "admin")
    assert asker.kinds() == []


def test_an_offer_of_a_peer_that_may_not_offer_is_refused(offered):
    holder, asker, offer = offered
    asker.add(holder, scopes=("fetch",))
    with pytest.raises(Refused) as refused:
        asker.fetching.start(offer, "admin")
    assert refused.value.reason == "peer_scope"


def test_an_offer_to_view_is_refused_before_anybody_is_asked(pair, network):
    holder, asker = pair
    offer = holder.grant(holder.store(instance(1)).study, asker, command="/img/view").offer
    with pytest.raises(Refused) as refused:
        asker.fetching.start(offer, "admin")
    assert refused.value.reason == "view_only"
    assert network.asked == []


def test_the_card_in_an_offer_brings_a_new_address(offered, network, clock):
    """The holder has moved; its newest offer says where to."""
    holder, asker, _ = offered
    clock.advance(1)
    object.__setattr__(holder.own, "urls", ("https://new.example",))
    offer = holder.grant(holder.study().id, asker).offer
    network.nodes["https://new.example"] = network.nodes.pop(holder.url)
    assert asker.bring(offer).state is FetchState.DONE
    assert asker.peer(holder).urls == ("https://new.example",)


# --- Fetches as rows ------------------------------------------------------------------------------


def test_fetches_are_found_and_listed(offered):
    _, asker, offer = offered
    first, second = asker.bring(offer), asker.bring(offer)
    assert asker.fetching.list() == [second, first]
    assert asker.fetching.find(first.id.hex()[:8]) == first
    with pytest.raises(NotFound):
        asker.fetching.find("0000")
    with pytest.raises(NotFound):
        asker.fetching.resume(bytes(16), "alice")
    with pytest.raises(NotFound):
        asker.fetching.progress(bytes(16))


@pytest.mark.parametrize("end", ["done", "failed"])
def test_a_fetch_that_has_ended_does_not_go_on(offered, end):
    holder, asker, offer = offered
    if end == "failed":
        holder.revoking.grant(holder.granting.list(None)[0].id, "alice")
    fetch = asker.bring(offer)
    assert fetch.state == end
    with pytest.raises(Conflict) as refused:
        asker.fetching.resume(fetch.id, "alice")
    assert refused.value.reason == "fetch_ended"
    assert asker.fetching.resume_all() == 0


def test_progress_of_a_fetch_that_is_done(offered, network, clock):
    """All objects, all bytes; the speed over all attempts is what a restart still knows."""
    _, asker, offer = offered
    network.faults.on_bytes = lambda _count: clock.advance(0.5)
    fetch = asker.bring(offer)
    progress = asker.fetching.progress(fetch.id)
    assert (progress.objects_done, progress.bytes_done) == (3, fetch.size)
    assert progress.reused_bytes == 0
    assert fetch.elapsed_ms == 1_500
    assert progress.mb_per_s == pytest.approx(fetch.size / 1.5 / 1e6)
    asker.restart()
    assert asker.fetching.progress(fetch.id) == progress


def test_progress_while_bytes_arrive(offered, network):
    """It grows with every object, from none to all."""
    _, asker, offer = offered
    seen = []

    def look(_count):
        (fetch,) = asker.fetching.list()
        progress = asker.fetching.progress(fetch.id)
        seen.append((progress.objects_done, progress.bytes_done))

    network.faults.on_bytes = look
    asker.bring(offer)
    size = instance(1).size + 16
    assert seen == [(0, 0), (1, size), (2, 2 * size)]


def test_the_packs_of_a_study_that_came_in_parts_are_all_its_own(offered):
    holder, asker, offer = offered
    asker.bring(offer)
    holder.store(instance(4))
    asker.bring(offer)
    with asker.catalog.look() as records:
        packs = records.studies.packs(asker.study().id, PackRole.MAIN)
    assert len(packs) == 2
    assert {asker.packs.study_header(pack).study for pack in packs} == {asker.study().id}


def test_what_is_known_of_ended_fetches_has_an_end(offered, monkeypatch):
    """Progress of the newest stays in memory; an older one is told from its row."""
    monkeypatch.setattr(fetching, "KEPT", 3)
    _, asker, offer = offered
    fetches = [asker.bring(offer) for _ in range(6)]
    assert [one.state for one in fetches] == [FetchState.DONE] * 6
    assert list(asker.fetching._runs) == [one.id for one in fetches[-4:]]
    for one in fetches:
        assert asker.fetching.progress(one.id).objects_done == one.objects
