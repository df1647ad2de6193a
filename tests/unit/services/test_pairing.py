"""Two practices come to trust each other by comparing words, and nobody else comes between."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.memory_network import PAIRING
from support.pairing_sides import BOTH, Between, PairingSide
from undisc_node.services.errors import Conflict, Invalid, NotFound, Refused
from undisc_node.services.model import PeerState
from undisc_node.services.pairing import MAX_OPEN
from undisc_node.services.pairing_rows import PairingState
from undisc_protocol import limits
from undisc_protocol.answer import raise_refusal, request_hash
from undisc_protocol.errors import (
    Busy,
    CannotOpen,
    Expired,
    NoInvitation,
    RemoteProtocolError,
    Unreachable,
    WrongAnswer,
)
from undisc_protocol.invitation import read_invitation, secret_of
from undisc_protocol.pairing import Says, Step, make_request, read_reply

YES, NO = Says.YES, Says.NO
MINUTE = 60


@pytest.fixture
def sides(found):
    return PairingSide(found("lakeside")), PairingSide(found("riverside"))


@pytest.fixture
def begun(sides):
    """Both sides after the guest came; each with its own row of the pairing."""
    inviter, guest = sides
    invited = inviter.pairs.invite(BOTH, by_file=False, actor="anna")
    row = guest.pairs.accept(invited.text, BOTH, "bert")
    return inviter.now(invited.row), row


def test_both_see_the_same_words_and_trust_each_other_after_two_times_yes(sides, begun):
    inviter, guest = sides
    here, there = begun
    assert len(here.words.split()) == 4
    assert here.words == there.words
    assert (here.name, there.name) == ("Practice riverside", "Practice lakeside")
    inviter.pairs.decide(here.id, YES, "anna")
    assert inviter.trusts(guest) is guest.trusts(inviter) is None
    done = guest.pairs.decide(there.id, YES, "bert")
    assert done.state is PairingState.TRUSTED
    assert inviter.now(here).state is PairingState.TRUSTED
    assert inviter.trusts(guest) == guest.trusts(inviter) == BOTH


def test_the_guest_may_confirm_first_and_learns_of_the_inviters_yes_by_asking(sides, begun):
    inviter, guest = sides
    here, there = begun
    assert guest.pairs.decide(there.id, YES, "bert").state is PairingState.CONFIRMED
    assert guest.trusts(inviter) is None
    assert inviter.pairs.decide(here.id, YES, "anna").state is PairingState.TRUSTED
    assert inviter.trusts(guest) == BOTH
    guest.practice.clock.advance(5)
    guest.pairs.go_on()
    assert guest.now(there).state is PairingState.TRUSTED
    assert guest.trusts(inviter) == BOTH


def test_each_side_decides_what_the_other_may_do_and_both_see_it(sides):
    inviter, guest = sides
    invited = inviter.pairs.invite(("offer",), by_file=False, actor="anna")
    there = guest.pairs.accept(invited.text, ("fetch",), "bert")
    here = inviter.now(invited.row)
    assert (here.scopes, here.their_scopes) == (("offer",), ("fetch",))
    assert (there.scopes, there.their_scopes) == (("fetch",), ("offer",))
    inviter.pairs.decide(here.id, YES, "anna")
    guest.pairs.decide(there.id, YES, "bert")
    assert inviter.trusts(guest) == ("offer",)
    assert guest.trusts(inviter) == ("fetch",)


def test_a_node_without_address_pairs_as_a_guest(sides):
    inviter, guest = sides
    hidden = guest.practice
    hidden.own = replace(hidden.own, urls=())
    guest.start()
    with pytest.raises(Refused, match="no address") as refused:
        guest.pairs.invite(BOTH, by_file=False, actor="bert")
    assert "--file" in refused.value.hint
    invited = inviter.pairs.invite(BOTH, by_file=False, actor="anna")
    there = guest.pairs.accept(invited.text, BOTH, "bert")
    inviter.pairs.decide(invited.row.id, YES, "anna")
    guest.pairs.decide(there.id, YES, "bert")
    assert not [url for url in inviter.practice.peer(hidden).urls if url.startswith("http")]
    assert inviter.trusts(guest) == BOTH
    assert not [path for path, _ in hidden.network.asked if path != PAIRING]


def test_a_refusal_of_the_guest_ends_it_on_both_sides(sides, begun):
    inviter, guest = sides
    here, there = begun
    inviter.pairs.decide(here.id, YES, "anna")
    assert guest.pairs.decide(there.id, NO, "bert").state is PairingState.REFUSED
    assert inviter.now(here).state is PairingState.REFUSED
    assert inviter.now(here).problem == "refused on the other side"
    assert inviter.trusts(guest) is guest.trusts(inviter) is None
    with pytest.raises(Conflict, match="over"):
        inviter.pairs.decide(here.id, YES, "anna")


def test_a_refusal_of_the_inviter_ends_it_on_both_sides(sides, begun):
    inviter, guest = sides
    here, there = begun
    guest.pairs.decide(there.id, YES, "bert")
    inviter.pairs.decide(here.id, NO, "anna")
    guest.practice.clock.advance(5)
    guest.pairs.go_on()
    assert guest.now(there).state is PairingState.REFUSED
    assert inviter.trusts(guest) is guest.trusts(inviter) is None


def test_deciding_again_changes_nothing_and_deciding_otherwise_is_refused(sides, begun):
    inviter, _ = sides
    here, _ = begun
    first = inviter.pairs.decide(here.id, YES, "anna")
    assert inviter.pairs.decide(here.id, YES, "carl") == first
    with pytest.raises(Conflict, match="confirmed already"):
        inviter.pairs.decide(here.id, NO, "carl")


def test_there_is_nothing_to_confirm_before_the_other_side_came(sides):
    inviter, _ = sides
    row = inviter.pairs.invite(BOTH, by_file=False, actor="anna").row
    with pytest.raises(Conflict, match="no words"):
        inviter.pairs.decide(row.id, YES, "anna")
    assert inviter.pairs.decide(row.id, NO, "anna").state is PairingState.REFUSED


def test_an_invitation_is_good_for_one_try(sides, found):
    inviter, guest = sides
    late = PairingSide(found("late"))
    invited = inviter.pairs.invite(BOTH, by_file=False, actor="anna")
    guest.pairs.accept(invited.text, BOTH, "bert")
    with pytest.raises(NoInvitation):
        late.pairs.accept(invited.text, BOTH, "mallory")
    (row,) = late.pairs.list()
    assert row.state is PairingState.FAILED
    assert inviter.now(invited.row).name == "Practice riverside"


def test_an_invitation_is_over_after_five_minutes(sides):
    inviter, guest = sides
    invited = inviter.pairs.invite(BOTH, by_file=False, actor="anna")
    handle = read_invitation(invited.text).secret.handle
    inviter.practice.clock.advance(limits.INVITATION_LIFETIME)
    with pytest.raises(NoInvitation):  # the guest's clock may be late by a minute
        guest.pairs.accept(invited.text, BOTH, "bert")
    inviter.pairs.go_on()
    assert inviter.of(handle).state is PairingState.EXPIRED
    other = inviter.pairs.invite(BOTH, by_file=False, actor="anna")
    inviter.practice.clock.advance(limits.INVITATION_LIFETIME + MINUTE)
    with pytest.raises(Expired):
        guest.pairs.accept(other.text, BOTH, "bert")


def test_who_does_not_confirm_in_time_has_to_begin_anew(sides, begun):
    inviter, guest = sides
    here, there = begun
    inviter.pairs.decide(here.id, YES, "anna")
    inviter.practice.clock.advance(limits.PAIRING_LIFETIME)
    with pytest.raises(Conflict, match="in time"):
        guest.pairs.decide(there.id, YES, "bert")
    for side, row in ((inviter, here), (guest, there)):
        side.pairs.go_on()
        assert side.now(row).state is PairingState.EXPIRED
    assert inviter.trusts(guest) is guest.trusts(inviter) is None


@pytest.mark.parametrize("said_first", [True, False])
def test_answers_that_are_lost_are_given_again(sides, said_first):
    """The guest accepts again and gets the same words: the inviter has seen the same try."""
    inviter, guest = sides
    invited = inviter.pairs.invite(BOTH, by_file=False, actor="anna")
    lost = iter([True, said_first, True, False])
    faults = guest.practice.network.faults
    faults.on_ask[PAIRING] = lambda: (
        faults.silent.add(PAIRING) if next(lost, False) else faults.silent.discard(PAIRING)
    )
    row = None
    for _ in range(4):
        try:
            row = guest.pairs.accept(invited.text, BOTH, "bert")
            break
        except Unreachable:
            continue
    assert row is not None
    assert row.words == inviter.now(invited.row).words


def test_the_last_answer_is_lost_and_the_guest_trusts_later(sides, begun):
    inviter, guest = sides
    here, there = begun
    inviter.pairs.decide(here.id, YES, "anna")
    faults = guest.practice.network.faults
    faults.silent.add(PAIRING)
    assert guest.pairs.decide(there.id, YES, "bert").state is PairingState.CONFIRMED
    assert inviter.trusts(guest) == BOTH
    guest.practice.clock.advance(limits.PAIRING_LIFETIME + MINUTE)
    guest.pairs.go_on()
    assert guest.now(there).state is PairingState.CONFIRMED
    faults.silent.clear()
    guest.practice.clock.advance(2 * MINUTE)
    guest.pairs.go_on()
    assert guest.trusts(inviter) == BOTH


def test_a_node_that_is_killed_between_yes_and_trust_goes_on(sides, begun):
    inviter, guest = sides
    here, there = begun
    guest.pairs.decide(there.id, YES, "bert")
    conclude, inviter.book.conclude = inviter.book.conclude, lambda row: row
    inviter.pairs.decide(here.id, YES, "anna")
    assert inviter.trusts(guest) is None
    inviter.book.conclude = conclude
    inviter.start()  # the rows are what is left of it
    inviter.pairs.go_on()
    assert inviter.trusts(guest) == BOTH
    assert inviter.now(here).state is PairingState.TRUSTED


def test_a_guest_that_is_killed_after_its_commitment_goes_on_with_the_same_words(sides):
    inviter, guest = sides
    invited = inviter.pairs.invite(BOTH, by_file=False, actor="anna")
    asked = []

    def dies():
        asked.append(1)
        if len(asked) == 2:
            raise KeyboardInterrupt

    guest.practice.network.faults.on_ask[PAIRING] = dies
    with pytest.raises(KeyboardInterrupt):
        guest.pairs.accept(invited.text, BOTH, "bert")
    guest.start()
    row = guest.pairs.accept(invited.text, BOTH, "bert")
    assert row.words == inviter.now(invited.row).words


# --- Attacks --------------------------------------------------------------------------------------


def test_somebody_between_with_the_invitation_makes_the_words_differ(sides, found):
    """He shows each side a node of his own: both administrators read other words on the phone."""
    inviter, guest = sides
    invited = inviter.pairs.invite(BOTH, by_file=False, actor="anna")
    mallory = found("mallory")
    between = Between(inviter.practice, read_invitation(invited.text), mallory)
    mallory.guests = between.answer
    there = guest.pairs.accept(between.forged(), BOTH, "bert")
    here = inviter.now(invited.row)
    assert here.words.split() == list(between.words_of_inviter)
    assert here.words != there.words
    guest.pairs.decide(there.id, NO, "bert")
    inviter.pairs.decide(here.id, NO, "anna")
    assert inviter.practice.peer(mallory) is None
    assert guest.practice.peer(mallory) is None


def test_another_node_cannot_answer_at_the_inviters_address(sides, found):
    """The invitation names the node; who answers in its place is found out without any word."""
    inviter, guest = sides
    invited = inviter.pairs.invite(BOTH, by_file=False, actor="anna")
    mallory = found("mallory")
    between = Between(inviter.practice, read_invitation(invited.text), mallory)
    mallory.guests = between.answer
    network = guest.practice.network
    network.nodes[inviter.practice.url] = mallory
    between.take_up = lambda: None
    with pytest.raises(WrongAnswer, match="another node"):
        guest.pairs.accept(invited.text, BOTH, "bert")


def test_who_only_listens_can_do_nothing_with_what_he_hears(sides, begun):
    inviter, guest = sides
    here, there = begun
    heard = [body for path, body in guest.practice.network.asked if path == PAIRING]
    before = inviter.now(here)
    for body in heard:
        reply = inviter.door.answer(body)
        assert reply.status == 200
        other = secret_of(bytes(32))
        with pytest.raises(CannotOpen):
            read_reply(other, Step.COMMIT, reply.body, status=200)
    assert inviter.now(here) == before
    inviter.pairs.decide(here.id, YES, "anna")
    guest.pairs.decide(there.id, YES, "bert")
    verdicts = [body for path, body in guest.practice.network.asked if path == PAIRING]
    for body in verdicts:
        inviter.door.answer(body)
    assert inviter.now(here).state is PairingState.TRUSTED


def refusal_of(side, body):
    reply = side.door.answer(body)
    try:
        raise_refusal(reply.body, request=request_hash(body), holder=side.practice.own.key.did)
    except RemoteProtocolError as problem:
        return reply.status, problem.code, str(problem), problem.hint


def test_unknown_used_and_expired_invitations_get_one_answer(sides, begun):
    """Also what is sealed wrongly under a handle that was overheard."""
    inviter, _ = sides
    here, _ = begun
    unknown = secret_of(b"u" * 32)
    overheard = replace(here.secret, key=b"w" * 32)
    late = inviter.pairs.invite(BOTH, by_file=False, actor="anna").row
    inviter.practice.clock.advance(limits.INVITATION_LIFETIME)
    answers = {
        refusal_of(inviter, make_request(secret, Step.COMMIT, b"c" * 32, nonce=b"n" * 24))
        for secret in (unknown, overheard, here.secret, late.secret)
    }
    assert len(answers) == 1
    assert answers.pop()[1] == "no_invitation"


def test_a_flood_of_wrong_tokens_is_put_off_and_keeps_nobody_out(sides):
    inviter, guest = sides
    invited = inviter.pairs.invite(BOTH, by_file=False, actor="anna")
    codes = [
        refusal_of(
            inviter,
            make_request(
                secret_of(number.to_bytes(32, "big")), Step.COMMIT, b"c" * 32, nonce=b"n" * 24
            ),
        )[1]
        for number in range(200)
    ]
    assert codes == ["no_invitation"] * 120 + ["busy"] * 80
    assert len(inviter.pairs.list()) == 1
    assert guest.pairs.accept(invited.text, BOTH, "bert").words
    inviter.practice.clock.advance(MINUTE)
    wrong = make_request(secret_of(bytes(32)), Step.COMMIT, b"c" * 32, nonce=b"n" * 24)
    assert refusal_of(inviter, wrong)[1] == "no_invitation"
    assert Busy.code in codes


def test_a_guest_that_says_something_else_than_it_committed_to_ends_the_try(sides):
    inviter, _ = sides
    invited = inviter.pairs.invite(BOTH, by_file=False, actor="anna")
    secret = read_invitation(invited.text).secret
    inviter.door.answer(make_request(secret, Step.COMMIT, b"c" * 32, nonce=b"n" * 24))
    said = make_request(secret, Step.REVEAL, inviter.now(invited.row).own, nonce=b"n" * 24)
    assert refusal_of(inviter, said)[1] == "no_invitation"
    ended = inviter.now(invited.row)
    assert ended.state is PairingState.FAILED
    assert "committed" in ended.problem


def test_only_so_many_pairings_are_open_at_once(sides):
    inviter, _ = sides
    for _ in range(MAX_OPEN):
        inviter.pairs.invite(BOTH, by_file=False, actor="anna")
    with pytest.raises(Conflict, match="open already"):
        inviter.pairs.invite(BOTH, by_file=False, actor="anna")
    inviter.practice.clock.advance(limits.INVITATION_LIFETIME)
    inviter.pairs.go_on()
    inviter.pairs.invite(BOTH, by_file=False, actor="anna")


def test_a_revoked_peer_cannot_come_back_by_pairing(sides):
    inviter, guest = sides
    inviter.practice.add(guest.practice)
    inviter.practice.peering.set_state(guest.practice.own.id, PeerState.REVOKED, "anna")
    invited = inviter.pairs.invite(BOTH, by_file=False, actor="anna")
    with pytest.raises(NoInvitation):
        guest.pairs.accept(invited.text, BOTH, "bert")
    assert "revoked" in inviter.now(invited.row).problem


def test_a_node_does_not_pair_with_itself(sides):
    inviter, _ = sides
    invited = inviter.pairs.invite(BOTH, by_file=False, actor="anna")
    with pytest.raises(Conflict, match="itself"):
        inviter.pairs.accept(invited.text, BOTH, "anna")
    with pytest.raises(Invalid):
        inviter.pairs.invite(("everything",), by_file=False, actor="anna")


def test_pairing_is_written_down_without_what_opens_it(sides, begun):
    inviter, guest = sides
    here, there = begun
    inviter.pairs.decide(here.id, YES, "anna")
    guest.pairs.decide(there.id, YES, "bert")
    kinds = inviter.practice.kinds()
    for kind in ("pairing.invited", "pairing.begun", "pairing.confirmed", "peer.trusted"):
        assert kind in kinds
    written = str(inviter.practice.events())
    assert here.words in written
    assert here.key.hex() not in written
    assert "undisc-invitation" not in written


def test_keys_and_rows_are_forgotten(sides, begun):
    inviter, _ = sides
    here, _ = begun
    inviter.pairs.decide(here.id, NO, "anna")
    inviter.practice.clock.advance(2 * 86_400)
    inviter.pairs.invite(BOTH, by_file=False, actor="anna")
    assert inviter.now(here).key is None
    inviter.practice.clock.advance(31 * 86_400)
    inviter.pairs.invite(BOTH, by_file=False, actor="anna")
    with pytest.raises(NotFound):
        inviter.pairs.find(here.id.hex())


# --- By file --------------------------------------------------------------------------------------


def test_two_nodes_that_cannot_reach_each_other_pair_by_two_files(sides):
    inviter, guest = sides
    guest.practice.network.nodes.clear()
    invited = inviter.pairs.invite(("fetch",), by_file=True, actor="anna")
    there, back = guest.pairs.accept_file(invited.file, BOTH, "bert")
    assert guest.pairs.accept_file(invited.file, BOTH, "bert") == (there, back)
    here, nothing = inviter.pairs.accept_file(back, BOTH, "anna")
    assert nothing == b""
    assert here.words == there.words
    assert len(here.words.split()) == 8
    assert guest.pairs.decide(there.id, YES, "bert").state is PairingState.TRUSTED
    assert guest.trusts(inviter) == BOTH
    assert inviter.trusts(guest) is None
    inviter.pairs.decide(here.id, YES, "anna")
    assert inviter.trusts(guest) == ("fetch",)


def test_a_file_is_answered_once_and_only_by_the_file_that_answers_it(sides, found):
    inviter, guest = sides
    mallory = PairingSide(found("mallory"))
    invited = inviter.pairs.invite(BOTH, by_file=True, actor="anna")
    _, back = guest.pairs.accept_file(invited.file, BOTH, "bert")
    _, forged = mallory.pairs.accept_file(invited.file, BOTH, "mallory")
    here, _ = inviter.pairs.accept_file(forged, BOTH, "anna")
    there = guest.of(here.handle)
    assert here.words != there.words
    with pytest.raises(NoInvitation, match="answered already"):
        inviter.pairs.accept_file(back, BOTH, "anna")
    with pytest.raises(NoInvitation, match="no invitation of this node"):
        mallory.pairs.accept_file(back, BOTH, "mallory")
    with pytest.raises(Conflict, match="itself"):
        inviter.pairs.accept_file(invited.file, BOTH, "anna")


def test_a_file_lies_around_for_two_weeks_and_no_longer(sides):
    inviter, guest = sides
    invited = inviter.pairs.invite(BOTH, by_file=True, actor="anna")
    _, back = guest.pairs.accept_file(invited.file, BOTH, "bert")
    inviter.practice.clock.advance(14 * 86_400)
    inviter.pairs.go_on()
    with pytest.raises(NoInvitation):
        inviter.pairs.accept_file(back, BOTH, "anna")
