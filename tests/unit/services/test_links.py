"""A link of one practice in the hands of another: protection, fetching, and what ends it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from support.memory_network import FETCH, UNLOCK
from support.practice import DAY
from undisc_node.services.errors import Conflict, Invalid, Refused
from undisc_node.services.linking import Protection
from undisc_node.services.model import FetchState
from undisc_protocol import limits
from undisc_protocol.errors import (
    AttemptsUsedUp,
    Expired,
    LinkDamaged,
    Locked,
    NotGranted,
    RemoteProtocolError,
    Replayed,
    Revoked,
    StudyUnavailable,
    UnknownRecipient,
    UsesUsedUp,
    WrongPasscode,
    class_of_code,
)
from undisc_protocol.keys import link_key
from undisc_protocol.link import write_link

CODE = "blue horse 7"
SECRET = b"secret of the shared link, 32 b."


@pytest.fixture
def linked(served):
    """A holder with a study, the asker, and a way to make a link to it."""
    holder, asker = served
    end = holder.clock.now_ms() // 1000 + 3 * DAY
    patient = holder.grant(holder.study().id, None, expires=end)

    def make(passcode=CODE, *, secret=SECRET, uses=None, attempts=5, **changes):
        token = holder.share_token(patient, asker, audience=link_key(secret).did, **changes)
        holder.linking.share(token, Protection(passcode, uses, attempts), "admin")
        return write_link(holder.url, secret)

    return holder, asker, make


def opened(asker, link, passcode=CODE):
    """Fetch with a link, to whatever end."""
    (fetch,) = asker.link_fetching.start(link, passcode, "admin")
    return asker.ended(fetch.id)


def row(holder, secret=SECRET):
    with holder.catalog.look() as records:
        return records.links.get(link_key(secret).did)


@pytest.mark.parametrize("passcode", [CODE, ""])
def test_another_practice_fetches_with_a_link(linked, passcode):
    """Protected or not: unlock, study, receipt, and lines in both logs that say by whom."""
    holder, asker, make = linked
    fetch = opened(asker, make(passcode), passcode)
    assert fetch.state is FetchState.DONE
    assert not fetch.receipt_due
    assert asker.bytes_of() == holder.bytes_of()
    assert holder.kinds()[-3:] == ["link.unlocked", "fetch.answered", "receipt.taken"]
    assert {event.who[0].name for event in holder.events()[-3:]} == {asker.own.name}
    assert (row(holder).uses, row(holder).attempts) == (1, 0)


def test_a_protected_link_asks_for_its_passcode(linked):
    """To ask counts nothing."""
    holder, asker, make = linked
    link = make()
    for _ in range(9):
        with pytest.raises(Locked):
            opened(asker, link, "")
    assert (row(holder).uses, row(holder).attempts) == (0, 0)


def test_a_passcode_is_the_same_however_it_is_typed(linked):
    """Composed or decomposed, with a space behind: no attempt is lost to a keyboard."""
    _, asker, make = linked
    assert opened(asker, make("grün"), "gru\u0308n ").state is FetchState.DONE


def test_wrong_passcodes_lock_a_link_for_good(linked):
    """After the last one the right passcode is refused too, until the administrator reopens it."""
    holder, asker, make = linked
    link = make(attempts=3)
    for left in ("attempts left: 2", "attempts left: 1", "no attempt is left"):
        with pytest.raises(WrongPasscode) as caught:
            opened(asker, link, "red horse 7")
        assert left in caught.value.hint
    for _ in range(2):
        with pytest.raises(AttemptsUsedUp):
            opened(asker, link)
    assert holder.kinds().count("link.wrong_passcode") == 3
    assert not asker.has_study()
    holder.linking.reopen(row(holder), "admin")
    assert holder.kinds()[-1] == "link.reopened"
    assert opened(asker, link).state is FetchState.DONE


def test_500_parallel_guesses_count_as_many_as_the_link_bears(linked, network):
    """Attack: all guesses at once, so that each is compared before another is counted."""
    holder, asker, make = linked
    link = make(attempts=5)

    def guess(number):
        try:
            opened(asker, link, f"guess {number}")
        except RemoteProtocolError as problem:
            return problem.code
        return "opened"

    with ThreadPoolExecutor(32) as pool:
        codes = list(pool.map(guess, range(500)))
    assert codes.count("wrong_passcode") == row(holder).attempts == 5
    assert codes.count("attempts_used_up") == 495
    with pytest.raises(AttemptsUsedUp):
        opened(asker, link)


def test_the_right_passcode_costs_no_attempt(linked, found):
    holder, asker, make = linked
    link = make(attempts=2)
    with pytest.raises(WrongPasscode):
        opened(asker, link, "wrong")
    opened(asker, link)
    assert row(holder).attempts == 1


def test_uses_are_counted_when_a_node_unlocks(linked, found):
    """A second practice needs a second use; what one has unlocked it may go on with for a day."""
    holder, asker, make = linked
    third = found("third")
    holder.add(third)
    third.add(holder)
    link = make(uses=1)
    opened(asker, link)
    opened(asker, link, "")
    assert row(holder).uses == 1
    with pytest.raises(UsesUsedUp):
        opened(third, link)
    assert row(holder).attempts == 0


def test_parallel_unlocks_share_the_last_use(linked, found):
    """Attack: many nodes at once with one use; exactly one gets in."""
    holder, _, make = linked
    others = [found(f"other-{number}") for number in range(6)]
    for other in others:
        holder.add(other)
        other.add(holder)
    link = make("", uses=1)

    def enter(node):
        try:
            return opened(node, link, "").state
        except UsesUsedUp:
            return "refused"

    with ThreadPoolExecutor(6) as pool:
        results = sorted(pool.map(enter, others))
    assert results == [FetchState.DONE, *["refused"] * 5]


def test_an_unlock_ends_after_a_day(linked, clock):
    _, asker, make = linked
    link = make()
    opened(asker, link)
    clock.advance(limits.UNLOCK_LIFETIME - 1)
    opened(asker, link, "")
    clock.advance(1)
    with pytest.raises(Locked):
        opened(asker, link, "")


def test_a_fetch_without_an_unlock_is_refused(linked, network):
    """Whoever has the link's key and its offer, and skips the protection, gets nothing."""
    holder, asker, make = linked
    link = make()
    opened(asker, link)
    with holder.catalog.change() as records:
        records.links.forget_unlocks(2**53)
    offer = asker.fetching.list()[0].offer
    fetch = asker.fetching.start(offer, "admin", link=SECRET)
    assert asker.ended(fetch.id).problem.startswith("locked:")


def test_a_transfer_that_broke_off_goes_on_without_the_link(linked, network):
    """After a restart, too: nobody types link or passcode again, and no use is counted."""
    holder, asker, make = linked
    link = make(uses=1)
    network.faults.on_ask[FETCH] = asker.stopping.set
    (fetch,) = asker.link_fetching.start(link, CODE, "admin")
    network.faults.on_ask.clear()
    asker.restart()
    asker.fetching.resume_all()
    assert asker.ended(fetch.id).state is FetchState.DONE
    assert row(holder).uses == 1


def test_a_repeated_unlock_counts_nothing(linked, network):
    """Attack: somebody who saw a wrong guess repeats its bytes, to lock the link."""
    holder, asker, make = linked
    link = make()
    with pytest.raises(WrongPasscode):
        opened(asker, link, "wrong")
    body = next(said for path, said in network.asked if path == UNLOCK)
    assert [holder.unlock(body).status for _ in range(9)] == [Replayed.status] * 9
    assert row(holder).attempts == 1


@pytest.mark.parametrize("end", ["share", "link", "grant", "expiry", "hold"])
def test_what_ends_a_link_ends_it_at_once(linked, clock, end):
    holder, asker, make = linked
    link = make("", expires=clock.now_ms() // 1000 + 60)
    (share,) = (one for one in holder.sharing.list(None))
    expected = Revoked
    match end:
        case "share":
            holder.revoking.share(share.id, "admin")
        case "link":
            holder.linking.revoke(row(holder), "admin")
            assert holder.sharing.list(None)[0].revoked_ms is not None
        case "grant":
            holder.revoking.grant(share.grant, "admin")
        case "expiry":
            clock.advance(60)
            expected = Expired
        case "hold":
            holder.studies.hold(share.study, "wrong patient?", "admin")
            expected = StudyUnavailable
    with pytest.raises(expected):
        opened(asker, link, "")


def test_revoking_a_link_stops_what_runs(linked):
    """An unlock that stands helps nobody: the fetch itself is refused."""
    holder, asker, make = linked
    opened(asker, make())
    holder.linking.revoke(row(holder), "admin")
    fetch = asker.fetching.again(asker.fetching.list()[0])
    assert asker.ended(fetch.id).problem.startswith("revoked:")


def test_strangers_learn_nothing_of_a_link(linked, found):
    """Whether a link exists, is locked or used up: a node that is no peer gets one answer."""
    holder, _, make = linked
    stranger = found("stranger")
    stranger.add(holder)
    links = [make(), make("", secret=b"x" * 32), write_link(holder.url, b"y" * 32)]
    for link in links:
        with pytest.raises(UnknownRecipient) as caught:
            opened(stranger, link)
        assert str(caught.value) == "the asking node is not a trusted peer"


def test_any_node_may_use_a_link_where_the_practice_allows_it(linked, found):
    holder, _, make = linked
    holder.any_node = True
    holder.start()
    stranger = found("stranger")
    stranger.add(holder)
    assert opened(stranger, make()).state is FetchState.DONE
    assert holder.kinds()[-1] == "receipt.taken"


def test_a_link_nobody_made_opens_nothing(linked):
    holder, asker, _ = linked
    with pytest.raises(NotGranted):
        opened(asker, write_link(holder.url, b"y" * 32))


def test_the_asker_only_follows_links_of_practices_it_trusts(linked, found, network):
    """First trust is never silent; until then, the holder does not even learn of the link."""
    _, _, make = linked
    careful = found("careful")
    with pytest.raises(Refused) as caught:
        opened(careful, make())
    assert caught.value.reason == "peer_not_trusted"
    assert not [path for path, _ in network.asked if path == UNLOCK]


def test_a_damaged_link_asks_nobody(linked, network):
    _, asker, make = linked
    with pytest.raises(LinkDamaged):
        opened(asker, make().split("#")[0])
    assert not network.asked


def test_a_link_to_this_node_is_its_own(linked):
    holder, _, make = linked
    with pytest.raises(Refused) as caught:
        opened(holder, make())
    assert caught.value.reason == "own_link"


def test_a_link_to_look_only_is_not_fetched(linked):
    _, asker, make = linked
    with pytest.raises(Refused) as caught:
        opened(asker, make("", command="/img/view"), "")
    assert caught.value.reason == "view_only"


@pytest.mark.parametrize(
    "changes", [{"passcode": "123"}, {"passcode": "x" * 129}, {"uses": 0}, {"attempts": 101}]
)
def test_a_protection_that_is_none_is_refused(linked, changes):
    holder, _, make = linked
    with pytest.raises(Invalid):
        make(**changes)
    assert row(holder) is None


def test_a_link_is_made_once(linked):
    """Nobody can give a known link another passcode by sharing to it again."""
    _, _, make = linked
    make()
    with pytest.raises(Conflict):
        make("another passcode")


def test_a_share_whose_link_cannot_be_made_is_not_taken_in(linked):
    """Otherwise a link that nobody was shown would leave a share that nobody can use."""
    holder, _, make = linked
    make()
    with holder.catalog.look() as records:
        before = len(records.shares.list())
    with pytest.raises(Conflict):
        make(expires=holder.clock.now_ms() // 1000 + DAY)
    with holder.catalog.look() as records:
        assert len(records.shares.list()) == before


def test_neither_link_nor_passcode_is_kept_in_the_clear(linked):
    """Not in a row, not in the log, not in what the code shows of itself."""
    holder, asker, make = linked
    opened(asker, make())
    for node in (holder, asker):
        with node.catalog.look() as records:
            shown = repr(records.links.list()) + repr(records.fetches.list())
            shown += repr(records.shares.list()) + repr(node.events())
            assert records.links.kept(holder.sharing.list(None)[0].id) != SECRET
        assert CODE not in shown
        assert SECRET.decode() not in shown
    assert class_of_code("wrong_passcode") is WrongPasscode
