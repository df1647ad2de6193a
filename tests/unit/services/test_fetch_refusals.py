"""Fetches that fail for good: refused, revoked, tampered with. Nothing of them stays."""

import pytest

from support.memory_network import FETCH, RECEIPT
from support.memory_reader import instance
from undisc_node.services.model import FetchState, PeerState
from undisc_node.services.ports import Reply
from undisc_protocol import limits


@pytest.fixture
def offered(pair):
    """A holder with two instances, the second of several slices, the asker, grant and offer."""
    holder, asker = pair
    holder.store(instance(1))
    holder.store(instance(2, size=limits.SLICE + limits.CHUNK))
    granted = holder.grant(holder.study().id, asker)
    return holder, asker, granted.grant, granted.offer


def assert_nothing_stays(asker, fetch, code):
    assert (fetch.state, fetch.problem.partition(":")[0]) == (FetchState.FAILED, code)
    assert (fetch.pack, fetch.study, fetch.receipt_due) == (None, None, False)
    assert fetch.ended_ms is not None
    assert not asker.has_study()
    assert asker.packs._files == {}
    event = asker.events()[-1]
    assert (event.type, event.outcome, event.detail) == ("fetch.failed", 4, {"code": code})


REFUSALS = {
    "revoked": lambda holder, asker, grant: holder.revoking.grant(grant.id, "alice"),
    "study_unavailable": lambda holder, asker, grant: holder.studies.hold(
        grant.study, "why", "alice"
    ),
    "unknown_recipient": lambda holder, asker, grant: holder.peering.set_state(
        asker.own.id, PeerState.SUSPENDED, "alice"
    ),
    "expired": lambda holder, asker, grant: holder.clock.advance(86_400 + limits.CLOCK_SKEW),
}


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_ends_the_fetch(offered, network, code):
    """Refused at the first request: no byte, no pack, the holder's own code in the row."""
    holder, asker, grant, offer = offered
    network.faults.on_ask[FETCH] = lambda: REFUSALS[code](holder, asker, grant)
    assert_nothing_stays(asker, asker.bring(offer), code)
    assert network.streamed == 0


@pytest.mark.parametrize("code", ["revoked", "study_unavailable", "unknown_recipient"])
def test_an_end_in_the_middle_stops_within_a_slice(offered, network, code):
    """The capability ends while bytes move: what was staged is destroyed with its key."""
    holder, asker, grant, offer = offered
    acted = []

    def act(count):
        if count > limits.CHUNK and not acted:
            acted.append(count)
            REFUSALS[code](holder, asker, grant)

    network.faults.on_bytes = act
    assert_nothing_stays(asker, asker.bring(offer), code)
    assert network.streamed <= acted[0] + limits.SLICE


def test_a_revoked_permission_can_be_given_anew(offered, network):
    holder, asker, grant, offer = offered
    holder.revoking.grant(grant.id, "alice")
    assert asker.bring(offer).state is FetchState.FAILED
    again = holder.grant(holder.study().id, asker).offer
    assert asker.bring(again).state is FetchState.DONE
    assert asker.bytes_of() == holder.bytes_of()


def test_a_holder_that_is_revoked_here_ends_the_fetch(offered, network):
    """The asker's own administrator decides while bytes arrive: nothing more is taken."""
    holder, asker, _, offer = offered
    network.faults.breaks = [instance(1).size + 16 + limits.CHUNK + 16]
    acted = []

    def revoke(_count):
        if not acted:
            acted.append(1)
            asker.peering.set_state(holder.own.id, PeerState.REVOKED, "alice")

    network.faults.on_bytes = revoke
    fetch = asker.bring(offer)
    assert_nothing_stays(asker, fetch, "revoked")
    assert len([path for path, _ in network.asked if path == FETCH]) == 1


def test_a_holder_that_is_revoked_after_the_study_came_leaves_it_here(offered, network):
    """What is committed stays; only the receipt cannot be sent any more."""
    holder, asker, _, offer = offered
    network.faults.silent.add(RECEIPT)
    network.faults.on_ask[RECEIPT] = lambda: (
        asker.peer(holder).state is PeerState.TRUSTED
        and asker.peering.set_state(holder.own.id, PeerState.REVOKED, "alice")
    )
    fetch = asker.bring(offer)
    assert (fetch.state, fetch.receipt_due) == (FetchState.DONE, True)
    assert asker.bytes_of() == holder.bytes_of()
    assert asker.kinds().count("fetch.failed") == 0


# --- Tampering ------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 300, 5_000, limits.CHUNK + 1_000])
def test_one_flipped_bit_on_the_way_fails_the_fetch(offered, network, place):
    """In the small object, in the first and in a later chunk of the large one."""
    _, asker, _, offer = offered
    network.faults.flip = place
    assert_nothing_stays(asker, asker.bring(offer), "tampered")


def test_bytes_that_rot_at_the_holder_fail_the_fetch(offered):
    holder, asker, _, offer = offered
    with holder.catalog.look() as records:
        (pack,) = records.studies.all_packs()
    place = holder.packs.objects(pack)[0].extent_at
    holder.packs.spoil(pack.id, place)
    assert_nothing_stays(asker, asker.bring(offer), "tampered")


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda body: body[:-1] + bytes((body[-1] ^ 1,)), "cannot_open"),
        (lambda body: body[:-1], "cannot_open"),
        (lambda body: b"", "cannot_open"),
    ],
    ids=["bit", "cut", "empty"],
)
def test_a_tampered_answer_fails_the_fetch(offered, network, spoil, code):
    _, asker, _, offer = offered
    network.faults.replies[FETCH] = lambda reply: Reply(200, spoil(reply.body))
    assert_nothing_stays(asker, asker.bring(offer), code)


def test_an_answer_to_an_earlier_request_fails_the_fetch(offered, network):
    """Attack: somebody on the way keeps an old answer and repeats it."""
    _, asker, _, offer = offered
    kept = []

    def repeat(reply):
        kept.append(reply)
        return kept[0]

    network.faults.replies[FETCH] = repeat
    network.faults.breaks = [0]
    assert_nothing_stays(asker, asker.bring(offer), "cannot_open")


def test_an_unsigned_refusal_is_only_a_reason_to_try_again(offered, network):
    """Attack: a proxy says 403; nothing that is not signed by the holder ends a fetch."""
    holder, asker, _, offer = offered
    lies = iter([Reply(403, b"forbidden"), Reply(404, b""), Reply(500, b"{}")])
    network.faults.replies[FETCH] = lambda reply: next(lies, reply)
    assert asker.bring(offer).state is FetchState.DONE
    assert asker.stopping.waits == [1, 2, 4]
    assert asker.bytes_of() == holder.bytes_of()


def test_a_refusal_signed_by_another_node_is_only_a_reason_to_try_again(offered, network, found):
    _, asker, _, offer = offered
    liar = found("liar")
    lies = iter([True])

    def lie(reply):
        if next(lies, False):
            (_, body) = network.asked[-1]
            return liar.answer(body)
        return reply

    network.faults.replies[FETCH] = lie
    assert asker.bring(offer).state is FetchState.DONE
    assert asker.stopping.waits == [1]


def test_a_tampered_acknowledgement_leaves_the_receipt_due(offered, network):
    """The study is here; only what the holder says about the receipt is not believed."""
    holder, asker, _, offer = offered
    network.faults.replies[RECEIPT] = lambda reply: Reply(200, reply.body[:-1] + b"!")
    fetch = asker.bring(offer)
    assert (fetch.state, fetch.receipt_due) == (FetchState.DONE, True)
    network.faults.replies.clear()
    assert not asker.resume(fetch).receipt_due
    assert len(holder.studies.detail(holder.study().id).receipts) == 1


def test_a_failed_difference_leaves_the_study_as_it_was(offered, network):
    """The second fetch is tampered with: the first one's study is untouched and readable."""
    holder, asker, _, offer = offered
    asker.bring(offer)
    before = (asker.study(), asker.bytes_of())
    holder.store(instance(3))
    network.faults.flip = 10
    fetch = asker.bring(offer)
    assert (fetch.state, fetch.problem.partition(":")[0]) == (FetchState.FAILED, "tampered")
    assert (asker.study(), asker.bytes_of()) == before
    assert len(asker.packs._files) == 1
    network.faults.flip = None
    assert asker.bring(offer).state is FetchState.DONE
    assert asker.bytes_of() == holder.bytes_of()
