"""Offers (SPEC.md §6.7)."""

import pytest

from support.damage import damaged, refused
from support.parties import ASKER, GRANT, HOLDER, NOW, STRANGER, STUDY, label
from undisc_protocol import limits
from undisc_protocol.capability import envelope
from undisc_protocol.capability.delegation import Basis, Meta, sign_grant, sign_share
from undisc_protocol.capability.envelope import TAG_OFFER
from undisc_protocol.errors import (
    BadFields,
    BadKey,
    BadSignature,
    BrokenChain,
    Expired,
    LocalProtocolError,
    NotYetValid,
    Oversize,
    WrongAudience,
    WrongSubject,
)
from undisc_protocol.keys import SignKey
from undisc_protocol.offer import read_offer, sign_offer

PATIENT = SignKey.from_seed(label("patient"))


def patient_grant(**changes):
    arguments = {
        "audience": PATIENT.did,
        "study": STUDY,
        "command": "/img",
        "meta": Meta(Basis.PATIENT, label("consent")),
        "nonce": label("patient grant", 12),
        "expires": NOW + 86_400,
    }
    return sign_grant(HOLDER.key, **arguments | changes)


def share(key=PATIENT, **changes):
    arguments = {
        "audience": ASKER.key.did,
        "subject": HOLDER.key.did,
        "study": STUDY,
        "command": "/img/read",
        "nonce": label("share", 12),
        "not_before": NOW,
        "expires": NOW + 3600,
    }
    return sign_share(key, **arguments | changes)


def offer(proofs=(GRANT,), to=ASKER.key.did, **changes):
    arguments = {"holder": HOLDER.identity, "card": HOLDER.card, "at": NOW}
    return sign_offer(HOLDER.key, proofs=list(proofs), to=to, **arguments | changes)


def unchecked(key=HOLDER.key, **changes):
    """Sign an offer with changed fields that `sign_offer` would refuse."""
    payload = dict(envelope.read(offer(), tag=TAG_OFFER, limit=limits.MAX_OFFER).payload)
    return envelope.sign(payload | changes, tag=TAG_OFFER, key=key)


def read(raw, now=NOW):
    return read_offer(raw, now=now)


def test_the_recipient_reads_who_offers_what():
    got = read(offer())
    assert got.holder == HOLDER.identity
    assert got.card.urls == ("https://node.example",)
    assert got.card_bytes == HOLDER.card
    assert got.to == ASKER.key.did
    assert got.capability.raw == GRANT
    assert (got.raw, got.at) == (offer(), NOW)


def test_an_offer_of_a_patients_share_carries_both_delegations():
    got = read(offer([patient_grant(), share()]))
    assert [proof.audience for proof in got.proofs] == [PATIENT.did, ASKER.key.did]
    assert got.capability.raw == share()


def test_no_patient_data_is_in_an_offer():
    """It travels by mail. It names a study by its random id only."""
    payload = envelope.read(offer(), tag=TAG_OFFER, limit=limits.MAX_OFFER).payload
    assert payload.keys() == {"records", "card", "prf", "to", "at"}


def test_an_offer_signed_by_somebody_else_is_refused():
    """A mail gateway puts another address into the card and signs again."""
    assert isinstance(refused(read, unchecked(STRANGER.key)), BadSignature)


def test_a_card_of_another_node_is_refused():
    """The fetch would go to the address of another node."""
    assert isinstance(refused(read, unchecked(card=STRANGER.card)), BadSignature)


def test_a_capability_of_another_node_is_refused():
    """A node offers what only somebody else can give: we would be made to ask there."""
    stolen = unchecked(STRANGER.key, records=STRANGER.identity.records, card=STRANGER.card)
    assert isinstance(refused(read, stolen), WrongSubject)


def test_a_capability_for_somebody_else_is_refused():
    assert isinstance(refused(read, unchecked(to=STRANGER.key.did)), WrongAudience)


def test_a_share_that_the_patient_did_not_sign_is_refused():
    forged = share(STRANGER.key)
    assert isinstance(refused(read, unchecked(prf=[patient_grant(), forged])), BrokenChain)


def test_proofs_that_are_no_grant_and_share_are_refused():
    for proofs in ([share()], [GRANT, GRANT], [share(), patient_grant()]):
        assert isinstance(refused(read, unchecked(prf=proofs)), BrokenChain)


def test_a_changed_delegation_is_refused():
    broken = GRANT[:10] + bytes((GRANT[10] ^ 1,)) + GRANT[11:]
    assert isinstance(refused(read, unchecked(prf=[broken])), BadSignature)


@pytest.mark.parametrize(
    ("raw", "now", "error"),
    [
        (offer(), NOW - limits.CLOCK_SKEW - 1, NotYetValid),
        (offer(), NOW + 86_400 + limits.CLOCK_SKEW, Expired),
        (offer([patient_grant(), share()]), NOW + 3600 + limits.CLOCK_SKEW, Expired),
        (
            offer([patient_grant(expires=NOW + 390 * 86_400)], to=PATIENT.did),
            NOW + limits.STATUS_CARD_LIFETIME + limits.CLOCK_SKEW,
            Expired,
        ),
    ],
    ids=["too early", "grant over", "share over", "card over"],
)
def test_an_offer_is_good_while_its_parts_are(raw, now, error):
    assert isinstance(refused(lambda offered: read(offered, now), raw), error)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"records": []}, BadFields),
        ({"card": b"x" * (limits.MAX_STATUS_CARD + 1)}, BadFields),
        ({"prf": []}, BadFields),
        ({"prf": [GRANT] * 3}, Oversize),
        ({"to": "did:key:z6Mk"}, BadKey),
        ({"to": 1}, BadFields),
        ({"at": None}, BadFields),
        ({"more": 1}, BadFields),
    ],
)
def test_an_offer_with_a_wrong_field_is_refused_though_it_is_well_signed(changes, error):
    assert isinstance(refused(read, unchecked(**changes)), error)


def test_an_offer_that_the_recipient_must_refuse_is_never_signed():
    with pytest.raises(LocalProtocolError):
        offer(to=STRANGER.key.did)


def test_an_offer_over_its_bound_is_refused():
    assert isinstance(refused(read, bytes(limits.MAX_OFFER + 1)), Oversize)


def test_damaged_offers_raise_only_our_errors():
    for broken in damaged(offer([patient_grant(), share()]), step=9):
        refused(read, broken)
