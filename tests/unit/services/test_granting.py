"""Grants of a practice: on what authority, to whom, for how long, and what is handed over."""

import pytest

from support.memory_reader import JANE, STUDY_UID, instance
from undisc_node.services.errors import Conflict, Invalid, NotFound, Refused
from undisc_node.services.model import Basis, PeerState
from undisc_protocol import limits
from undisc_protocol.capability.delegation import read_delegation
from undisc_protocol.errors import LocalProtocolError
from undisc_protocol.keys import link_key
from undisc_protocol.offer import read_offer


@pytest.fixture
def made(pair):
    """A holder with a study, the asker, and the study's id."""
    holder, asker = pair
    return holder, asker, holder.store(instance(1)).study


def real(found):
    """Found a practice that was not made for demonstrations, with a study and a peer."""
    holder, asker = found("real", demo=False), found("asker")
    holder.add(asker)
    return holder, asker, holder.store(instance(1)).study


# --- What comes of it -----------------------------------------------------------------------------


def test_a_grant_for_treatment_goes_straight_to_a_node(made, clock):
    """The token says what the row says; the log says who, why and on what authority."""
    holder, asker, study = made
    granted = holder.grant(study, asker, staff=" Dr A. Smith ", purpose=" second opinion ")
    token, grant = read_delegation(granted.grant.token), granted.grant
    assert (token.issuer, token.subject, token.audience) == (
        holder.own.key.did,
        holder.own.key.did,
        asker.own.key.did,
    )
    assert (token.policy.study, token.command, token.expires) == (study, "/img/read", grant.expires)
    assert token.meta.basis is Basis.TREATMENT
    assert (grant.id, grant.staff, grant.purpose) == (
        token.signed_hash,
        "Dr A. Smith",
        "second opinion",
    )
    assert (grant.created_ms, grant.revoked_ms) == (clock.now_ms(), None)
    assert granted.link_secret is None
    event = holder.events()[-1]
    assert (event.type, event.who[0].user, event.why) == (
        "grant.created",
        "admin",
        "second opinion",
    )
    assert event.detail == {
        "basis": "treatment",
        "staff": "Dr A. Smith",
        "audience": asker.own.key.did,
        "command": "/img/read",
    }


def test_an_offer_tells_where_to_fetch_and_nothing_about_the_patient(made, clock):
    """It may travel by e-mail: no name, no identifier, no UID, no date."""
    holder, asker, study = made
    raw = holder.grant(study, asker).offer
    offer = read_offer(raw, now=clock.now_ms() // 1000)
    assert offer.holder.node_id == holder.own.id
    assert offer.card.urls == holder.own.urls
    assert (offer.to, offer.capability.policy.study) == (asker.own.key.did, study)
    for text in (JANE.name, "Doe", JANE.id, JANE.birth_date, STUDY_UID, "Smith", "opinion"):
        assert text.encode() not in raw


def test_a_link_holds_a_key_that_the_node_does_not_keep(made):
    """The secret is handed over once; only its public key is in row, token and log."""
    holder, _, study = made
    granted = holder.grant(study, None)
    assert granted.offer is None
    assert granted.grant.audience == link_key(granted.link_secret).did
    assert granted.grant.command == "/img"
    assert granted.link_secret not in granted.grant.token
    with holder.catalog.look() as records:
        rows = [*records.grants.list(), *records.log.list()]
    assert granted.link_secret.hex() not in repr(rows)
    assert repr(granted.link_secret)[2:-1] not in repr(rows)


def test_every_link_has_its_own_key(made):
    holder, _, study = made
    links = [holder.grant(study, None) for _ in range(3)]
    assert len({link.link_secret for link in links}) == 3
    assert len({link.grant.id for link in links}) == 3


def test_grants_are_found_and_listed(made):
    holder, asker, study = made
    other = holder.store(instance(study_uid="1.2.9")).study
    grants = [holder.grant(one, asker).grant for one in (study, study, other)]
    assert holder.granting.find(grants[0].id.hex()[:10]) == grants[0]
    assert holder.granting.list(study) == [grants[1], grants[0]]
    assert len(holder.granting.list(None)) == 3
    for name in ("", "abc", "zz" * 8, grants[0].id.hex() + "00"):
        with pytest.raises(NotFound):
            holder.granting.find(name)


# --- On what authority ----------------------------------------------------------------------------


@pytest.mark.parametrize("basis", [Basis.PATIENT, Basis.PROXY])
@pytest.mark.parametrize("to_peer", [True, False])
def test_no_basis_is_claimed_that_needs_more_than_this(made, basis, to_peer):
    """An administrator cannot make up a patient's consent, nor an emergency."""
    holder, asker, study = made
    with pytest.raises(Refused) as refused:
        holder.grant(study, asker if to_peer else None, basis=basis)
    assert refused.value.reason == "basis_not_here"
    assert holder.granting.list(None) == []


@pytest.mark.parametrize("to_peer", [True, False])
def test_a_real_node_makes_no_grant_on_its_operators_word(found, to_peer):
    holder, asker, study = real(found)
    with pytest.raises(Refused) as refused:
        holder.grant(study, asker if to_peer else None, basis=Basis.OPERATOR)
    assert refused.value.reason == "not_a_demo"


def test_a_real_node_grants_for_treatment(found):
    holder, asker, study = real(found)
    assert holder.grant(study, asker).grant.basis is Basis.TREATMENT


def test_treatment_makes_no_link(made):
    """A link works for whoever holds it; treatment goes to a known node."""
    holder, _, study = made
    with pytest.raises(Refused) as refused:
        holder.grant(study, None, basis=Basis.TREATMENT)
    assert refused.value.reason == "needs_peer"


@pytest.mark.parametrize(
    "changes",
    [
        {"staff": ""},
        {"staff": "  "},
        {"staff": "x" * 129},
        {"purpose": ""},
        {"purpose": "\t"},
        {"purpose": "x" * 501},
        {"command": "/img"},
        {"command": "/img/admin"},
        {"command": ""},
    ],
    ids=str,
)
def test_a_grant_needs_a_name_a_reason_and_a_command(made, changes):
    holder, asker, study = made
    with pytest.raises(Invalid):
        holder.grant(study, asker, **changes)
    assert holder.granting.list(None) == []


def test_the_longest_name_and_reason_fit(made):
    holder, asker, study = made
    holder.grant(study, asker, staff="x" * 128, purpose="x" * 500)


@pytest.mark.parametrize(
    ("seconds", "fits"),
    [
        (-1, False),
        (0, False),
        (1, True),
        (limits.GRANT_LIFETIME, True),
        (limits.GRANT_LIFETIME + 1, False),
    ],
)
def test_a_grant_ends_between_now_and_400_days(made, clock, seconds, fits):
    holder, asker, study = made
    expires = clock.now_ms() // 1000 + seconds
    if fits:
        assert holder.grant(study, asker, expires=expires).grant.expires == expires
    else:
        with pytest.raises(Invalid):
            holder.grant(study, asker, expires=expires)


# --- To whom and of what --------------------------------------------------------------------------


@pytest.mark.parametrize("state", [PeerState.SUSPENDED, PeerState.REVOKED])
@pytest.mark.parametrize("basis", [Basis.TREATMENT, Basis.OPERATOR])
def test_only_a_trusted_node_gets_a_grant(made, state, basis):
    """Also when the row that was looked up a moment ago still said trusted."""
    holder, asker, study = made
    looked_up = holder.peer(asker)
    holder.peering.set_state(asker.own.id, state, "alice")
    for peer in (looked_up, holder.peer(asker)):
        with pytest.raises(Refused) as refused:
            holder.grant(study, asker, peer=peer, basis=basis)
        assert refused.value.reason == "peer_not_trusted"
    assert holder.granting.list(None) == []


def test_a_pending_node_gets_no_grant(found):
    holder, asker = found("holder"), found("asker")
    holder.add(asker, trust=False)
    with pytest.raises(Refused):
        holder.grant(holder.store(instance(1)).study, asker)


def test_a_node_that_may_only_offer_gets_no_grant(found):
    """It would be refused when it comes to fetch."""
    holder, asker = found("holder"), found("asker")
    holder.add(asker, scopes=("offer",))
    with pytest.raises(Refused) as refused:
        holder.grant(holder.store(instance(1)).study, asker)
    assert refused.value.reason == "peer_scope"


@pytest.mark.parametrize("stop", ["hold", "withdraw"])
def test_a_stopped_study_is_not_granted(made, stop):
    holder, asker, study = made
    getattr(holder.studies, stop)(study, "wrong side marked", "alice")
    with pytest.raises(Conflict) as refused:
        holder.grant(study, asker)
    assert refused.value.reason == "study_stopped"


def test_an_unknown_study_is_not_granted(made):
    holder, asker, _ = made
    with pytest.raises(NotFound):
        holder.grant(bytes(16), asker)


def test_an_id_that_is_none_is_a_mistake_of_ours(made):
    holder, asker, _ = made
    with pytest.raises(LocalProtocolError):
        holder.grant(b"short", asker)
