"""Requests that get no ticket: our own rows, and chains that are not accepted at all."""

from dataclasses import replace

import pytest

from support.asking import Asked, direct, shared
from support.memory_reader import JOHN, instance
from support.practice import DAY, befriend
from undisc_node.services.model import PeerState
from undisc_protocol import limits
from undisc_protocol.capability.delegation import Basis, Meta, sign_grant
from undisc_protocol.errors import (
    BadProofs,
    BadSignature,
    BrokenChain,
    CannotOpen,
    CommandNotGranted,
    Expired,
    LifetimeTooLong,
    Malformed,
    NotGranted,
    NotYetValid,
    OutsidePolicy,
    PolicyWidened,
    Revoked,
    ShareTooEarly,
    StudyUnavailable,
    UnknownRecipient,
    Unreachable,
    WrongAudience,
    WrongSubject,
)

# --- The refusal matrix of our own rows -----------------------------------------------------------


def refuse_hold(holder, asker, grant):
    holder.studies.hold(grant.study, "wrong side marked", "alice")


def refuse_withdraw(holder, asker, grant):
    holder.studies.withdraw(grant.study, "wrong patient", "alice")


def refuse_delete(holder, asker, grant):
    holder.studies.delete(grant.study, "alice")


def refuse_identity(holder, asker, grant):
    holder.store(instance(9, patient=JOHN))


def refuse_grant(holder, asker, grant):
    holder.revoking.grant(grant.id, "alice")


def refuse_suspended(holder, asker, grant):
    holder.peering.set_state(asker.own.id, PeerState.SUSPENDED, "alice")


def refuse_peer(holder, asker, grant):
    holder.peering.set_state(asker.own.id, PeerState.REVOKED, "alice")


def refuse_scope(holder, asker, grant):
    holder.add(asker, scopes=("offer",))


ROWS = [
    (refuse_hold, StudyUnavailable),
    (refuse_withdraw, StudyUnavailable),
    (refuse_delete, StudyUnavailable),
    (refuse_identity, StudyUnavailable),
    (refuse_grant, Revoked),
    (refuse_suspended, UnknownRecipient),
    (refuse_peer, Revoked),
    (refuse_scope, UnknownRecipient),
]


@pytest.mark.parametrize(("change", "error"), ROWS, ids=lambda row: getattr(row, "__name__", ""))
@pytest.mark.parametrize("kind", [direct, shared])
def test_a_row_that_changed_refuses(served, kind, change, error):
    """By a direct grant and by a share alike; logged once, though it is sent twice."""
    asked, grant, *_ = kind(served)
    change(*served, getattr(grant, "grant", grant))
    holder = served[0]
    before = holder.kinds().count("fetch.refused")
    with pytest.raises(error):
        asked.send()
    with pytest.raises(error):
        asked.send()
    assert holder.kinds().count("fetch.refused") == before + 1
    event = next(event for event in reversed(holder.events()) if event.type == "fetch.refused")
    assert (event.outcome, event.detail) == (4, {"code": error.code})
    assert holder.refusals.counts() == {error.code: 2}
    assert holder.kinds().count("fetch.answered") == 0


def test_a_revoked_share_is_refused_and_its_sisters_are_not(served):
    asked, link, token = shared(served)
    holder, asker = served
    other = holder.share_token(link, asker)
    holder.revoking.share(holder.sharing.register(token, "admin").share.id, "alice")
    with pytest.raises(Revoked):
        asked.send()
    Asked(holder, asker, [link.grant.token, other], asked.study).send()


def test_a_grant_that_is_not_on_record_is_refused(served):
    """Attack: the node key was stolen and signs a grant; or the catalog was restored without it."""
    holder, asker = served
    forged = sign_grant(
        holder.own.key,
        audience=asker.own.key.did,
        study=holder.study().id,
        command="/img/read",
        meta=Meta(Basis.TREATMENT),
        nonce=bytes(12),
        expires=holder.clock.now_ms() // 1000 + DAY,
    )
    with pytest.raises(NotGranted):
        Asked(holder, asker, [forged], holder.study().id).send()


def test_a_share_older_than_its_grant_is_refused(served, clock):
    """A new grant to the same key does not revive what was shared before."""
    asked, _, _ = shared(served, register=False, not_before=clock.now_ms() // 1000 - 5)
    with pytest.raises(ShareTooEarly):
        asked.send()


def test_a_node_that_is_no_peer_is_refused(served, found):
    """A patient shared with a node that the practice does not know."""
    holder = served[0]
    stranger = found("stranger")
    link = holder.grant(holder.study().id, None)
    token = holder.share_token(link, stranger)
    with pytest.raises(UnknownRecipient):
        Asked(holder, stranger, [link.grant.token, token], holder.study().id).send()


@pytest.mark.parametrize("kind", [direct, shared])
def test_a_permission_that_may_only_view_gets_no_bytes(served, kind):
    """The viewer's capability never leads to objects or keys; the attempt is logged."""
    holder, asker = served
    study = holder.study().id
    if kind is direct:
        proofs = [holder.grant(study, asker, command="/img/view").grant.token]
    else:
        link = holder.grant(study, None)
        proofs = [link.grant.token, holder.share_token(link, asker, command="/img/view")]
    with pytest.raises(CommandNotGranted):
        Asked(holder, asker, proofs, study, command="/img/view").send()
    assert holder.kinds()[-1] == "fetch.refused"
    with pytest.raises(CommandNotGranted):
        Asked(holder, asker, proofs, study, command="/img/read").send()


def test_a_series_that_is_not_there_is_refused_and_logged(served):
    asked, _, _ = shared(served, series=(b"no such series!!",))
    with pytest.raises(OutsidePolicy):
        asked.send()
    assert served[0].kinds()[-1] == "fetch.refused"


def test_a_study_of_another_capability_is_refused(served):
    """Attack: a grant for one study, an invocation for another."""
    holder, asker = served
    other = holder.store(instance(study_uid="1.2.9")).study
    _, grant = direct(served)
    with pytest.raises(OutsidePolicy):
        Asked(holder, asker, [grant.token], other).send()


# --- Chains and requests that are not accepted at all ---------------------------------------------


def test_strangers_are_counted_and_not_logged(served):
    """Noise from the internet must not fill the log."""
    holder = served[0]
    kinds = holder.kinds()
    for body in (b"", b"noise", bytes(limits.MAX_REQUEST + 1)):
        assert holder.answer(body).status in (400, 413)
    assert holder.kinds() == kinds
    assert holder.refusals.counts() == {"cannot_open": 2, "oversize": 1}


def test_every_refusal_is_signed(served, found):
    """An error that the holder has not signed is a hint and nothing more."""
    asked, _ = direct(served)
    reply = found("liar").answer(asked.body)
    with pytest.raises(Unreachable):
        asked.read(reply)
    with pytest.raises(CannotOpen):
        asked.read(served[0].answer(b"other"), body=b"other")


CHAINS = [
    ("request of another time", {"issued": -DAY}, Expired),
    ("request of the future", {"issued": DAY}, NotYetValid),
]


@pytest.mark.parametrize(("story", "shift", "error"), CHAINS, ids=lambda row: str(row)[:24])
def test_a_request_outside_its_time_is_refused(served, clock, story, shift, error):
    asked, _ = direct(served, issued=clock.now_ms() // 1000 + shift["issued"])
    kinds = served[0].kinds()
    with pytest.raises(error):
        asked.send()
    assert served[0].kinds() == kinds


def test_a_grant_that_is_over_is_refused(served, clock):
    holder, asker = served
    made = holder.grant(holder.study().id, asker)
    clock.advance(DAY + limits.CLOCK_SKEW)
    with pytest.raises(Expired):
        Asked(holder, asker, [made.grant.token], made.grant.study).send()


def test_an_invocation_of_another_node_cannot_be_spent(served, found):
    """Attack: a second trusted peer gets hold of an invocation and carries it as its own."""
    holder = served[0]
    thief = found("thief")
    befriend(holder, thief)
    asked, _ = direct(served)
    body = asked.sealed(by=thief)
    with pytest.raises(WrongAudience):
        asked.read(holder.answer(body), body=body)
    asked.send()  # and the right owner can still use it


def test_a_grant_to_another_node_cannot_be_used(served, found):
    """Attack: a trusted peer presents what another one was given."""
    holder = served[0]
    thief = found("thief")
    befriend(holder, thief)
    _, grant = direct(served)
    with pytest.raises((BrokenChain, OutsidePolicy)):
        Asked(holder, thief, [grant.token], grant.study).send()


def test_a_capability_of_another_practice_is_refused(served, found):
    """Attack: a grant of practice C is presented to practice A."""
    holder, asker = served
    other = found("other")
    befriend(other, asker)
    study = other.store(instance(1)).study
    grant = other.grant(study, asker).grant
    with pytest.raises(WrongSubject):
        Asked(holder, asker, [grant.token], study).send()


def test_proofs_in_another_order_or_number_are_refused(served):
    holder, asker = served
    asked, link, token = shared(served)
    with pytest.raises((BadProofs, BrokenChain, WrongSubject)):
        Asked(holder, asker, [token, link.grant.token], asked.study).send()
    with pytest.raises((BrokenChain, OutsidePolicy)):
        Asked(holder, asker, [link.grant.token], asked.study).send()


def test_a_share_of_a_share_is_refused(served, found):
    """Attack: the recipient passes on what it got: its own share stands on no grant."""
    holder = served[0]
    friend = found("friend")
    befriend(holder, friend)
    link = holder.grant(holder.study().id, None)
    onward = holder.share_token(
        replace(link, link_secret=b"secret of the recipient itself!!"), friend
    )
    with pytest.raises(BrokenChain):
        Asked(holder, friend, [link.grant.token, onward], link.grant.study).send()


def test_a_share_that_outlives_its_grant_is_refused(served, clock):
    holder, asker = served
    link = holder.grant(holder.study().id, None)
    longer = holder.share_token(link, asker, expires=link.grant.expires + 1)
    with pytest.raises(LifetimeTooLong):
        Asked(holder, asker, [link.grant.token, longer], link.grant.study).send()


def test_a_share_of_another_study_is_refused(served):
    holder, asker = served
    other = holder.store(instance(study_uid="1.2.9")).study
    link = holder.grant(holder.study().id, None)
    wider = holder.share_token(link, asker, study=other)
    with pytest.raises((PolicyWidened, OutsidePolicy)):
        Asked(holder, asker, [link.grant.token, wider], other).send()


def test_a_changed_token_is_refused(served):
    """Every bit of the grant counts."""
    _, grant = direct(served)
    for position, error in (
        (5, BadSignature),
        (len(grant.token) - 1, BadSignature),
        (0, Malformed),
    ):
        bent = bytearray(grant.token)
        bent[position] ^= 1
        with pytest.raises(error):
            Asked(*served, [bytes(bent)], grant.study).send()
