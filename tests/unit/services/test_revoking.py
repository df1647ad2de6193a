"""Revocation is immediate, final, and ends exactly what stood on it."""

import pytest

from support.asking import Asked
from support.memory_reader import instance
from support.practice import befriend
from undisc_node.services.errors import NotFound
from undisc_node.services.model import PeerState
from undisc_protocol.errors import BadTicket, Revoked


@pytest.fixture
def tickets(pair, found):
    """Six tickets: two grants and two shares of one study, another study, another peer."""
    holder, asker = pair
    other_asker = found("other")
    befriend(holder, other_asker)
    study, other_study = (holder.store(instance(study_uid=uid)).study for uid in ("1.2.1", "1.2.2"))
    direct = [holder.grant(study, asker).grant for _ in range(2)]
    link = holder.grant(study, None)
    shares = [holder.share(link, asker).share for _ in range(2)]
    elsewhere = holder.grant(other_study, asker).grant
    other = holder.grant(study, other_asker).grant
    proofs = {
        "direct": (asker, study, [direct[0].token]),
        "second direct": (asker, study, [direct[1].token]),
        "share": (asker, study, [link.grant.token, shares[0].token]),
        "second share": (asker, study, [link.grant.token, shares[1].token]),
        "other study": (asker, other_study, [elsewhere.token]),
        "other peer": (other_asker, study, [other.token]),
    }
    given = {
        name: Asked(holder, who, list(tokens), about).send().ticket
        for name, (who, about, tokens) in proofs.items()
    }
    ids = {
        "direct": direct[0].id,
        "link": link.grant.id,
        "share": shares[0].id,
        "study": study,
        "peer": asker.own.id,
    }
    return holder, given, ids, proofs


def dead(holder, given):
    """Return the names of the tickets that open nothing any more."""
    found = set()
    for name, ticket in given.items():
        try:
            holder.open(ticket, 0, 1).close()
        except BadTicket:
            found.add(name)
    return found


ACTS = {
    "direct": (lambda holder, ids: holder.revoking.grant(ids["direct"], "alice"), {"direct"}),
    "link": (
        lambda holder, ids: holder.revoking.grant(ids["link"], "alice"),
        {"share", "second share"},
    ),
    "share": (lambda holder, ids: holder.revoking.share(ids["share"], "alice"), {"share"}),
    "hold": (
        lambda holder, ids: holder.studies.hold(ids["study"], "why", "alice"),
        {"direct", "second direct", "share", "second share", "other peer"},
    ),
    "suspend": (
        lambda holder, ids: holder.peering.set_state(ids["peer"], PeerState.SUSPENDED, "alice"),
        {"direct", "second direct", "share", "second share", "other study"},
    ),
    "revoke peer": (
        lambda holder, ids: holder.peering.set_state(ids["peer"], PeerState.REVOKED, "alice"),
        {"direct", "second direct", "share", "second share", "other study"},
    ),
}


@pytest.mark.parametrize("act", ACTS)
def test_an_act_ends_exactly_its_own_tickets(tickets, act):
    """Nothing else that is under way is disturbed."""
    holder, given, ids, _ = tickets
    assert dead(holder, given) == set()
    perform, expected = ACTS[act]
    perform(holder, ids)
    assert dead(holder, given) == expected


@pytest.mark.parametrize(("act", "kind"), [("link", "grant"), ("share", "share")])
def test_a_revocation_is_logged_once_with_what_it_stopped(tickets, clock, act, kind):
    """The second time changes nothing: neither the time of the first nor the log."""
    holder, _, ids, _ = tickets
    revoke = getattr(holder.revoking, kind)
    first = revoke(ids[act], "alice")
    assert first.revoked_ms == clock.now_ms()
    event = holder.events()[-1]
    assert (event.type, event.who[0].user) == (f"{kind}.revoked", "alice")
    assert event.detail == {"transfers_stopped": 2 if kind == "grant" else 1}
    clock.advance(5)
    assert revoke(ids[act], "bob") == first
    assert holder.kinds().count(f"{kind}.revoked") == 1


@pytest.mark.parametrize("act", ["direct", "link", "share"])
def test_what_was_revoked_is_refused_from_then_on_also_after_a_restart(tickets, act):
    holder, _, ids, proofs = tickets
    ACTS[act][0](holder, ids)
    holder.restart()
    for name in ACTS[act][1]:
        asker, study, tokens = proofs[name]
        with pytest.raises(Revoked):
            Asked(holder, asker, list(tokens), study).send()


def test_nothing_by_that_name(alone):
    for revoke in (alone.revoking.grant, alone.revoking.share):
        with pytest.raises(NotFound):
            revoke(bytes(32), "alice")
    assert alone.kinds() == []


def test_a_grant_of_a_deleted_study_can_still_be_revoked(pair):
    """Its log line names the grant; the study is not there to be named."""
    holder, asker = pair
    grant = holder.grant(holder.store(instance(1)).study, asker).grant
    holder.studies.delete(grant.study, "alice")
    assert holder.revoking.grant(grant.id, "alice").revoked_ms is not None
    assert [subject.idtype for subject in holder.events()[-1].what] == ["grant"]
