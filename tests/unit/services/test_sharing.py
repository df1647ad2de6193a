"""Shares: a patient's key passes a grant on, and the practice that holds the study takes note."""

import pytest

from support.asking import Asked
from support.memory_reader import instance
from support.practice import DAY
from undisc_node.services.errors import NotFound, Refused
from undisc_protocol import limits
from undisc_protocol.capability.delegation import sign_share
from undisc_protocol.errors import (
    BadSignature,
    BrokenChain,
    CommandNotGranted,
    Expired,
    LifetimeTooLong,
    NotYetValid,
    Revoked,
    ShareTooEarly,
    WrongSubject,
)
from undisc_protocol.keys import link_key
from undisc_protocol.offer import read_offer


@pytest.fixture
def linked(pair):
    """A holder with a study and a link to it, the asker, and the link."""
    holder, asker = pair
    study = holder.store(instance(1)).study
    return holder, asker, holder.grant(study, None)


def test_a_share_is_registered_with_its_grant(linked, clock):
    """Row, log line and an offer for the recipient."""
    holder, asker, link = linked
    shared = holder.share(link, asker, series=(b"a" * 16, b"b" * 16))
    share = shared.share
    assert (share.grant, share.study) == (link.grant.id, link.grant.study)
    assert (share.audience, share.command) == (asker.own.key.did, "/img/read")
    assert (share.series, share.expires) == ((b"a" * 16, b"b" * 16), link.grant.expires)
    assert (share.created_ms, share.revoked_ms) == (clock.now_ms(), None)
    offer = read_offer(shared.offer, now=clock.now_ms() // 1000)
    assert [proof.raw for proof in offer.proofs] == [link.grant.token, share.token]
    assert offer.to == asker.own.key.did
    event = holder.events()[-1]
    assert (event.type, event.who[0].user) == ("share.registered", "admin")


def test_registering_again_changes_nothing(linked, clock):
    """The patient presses the button twice."""
    holder, asker, link = linked
    token = holder.share_token(link, asker)
    first = holder.sharing.register(token, "admin").share
    clock.advance(5)
    assert holder.sharing.register(token, "admin").share == first
    assert holder.kinds().count("share.registered") == 1
    assert holder.sharing.list(link.grant.study) == [first]


def test_shares_are_found_and_listed(linked):
    holder, asker, link = linked
    first, second = (holder.share(link, asker).share for _ in range(2))
    assert holder.sharing.find(first.id.hex()[:12]) == first
    assert holder.sharing.list(None) == [second, first]
    assert holder.sharing.list(bytes(16)) == []
    with pytest.raises(NotFound):
        holder.sharing.find("0000000000")


def test_a_share_on_a_revoked_grant_is_refused(linked):
    holder, asker, link = linked
    token = holder.share_token(link, asker)
    holder.revoking.grant(link.grant.id, "alice")
    with pytest.raises(Refused) as refused:
        holder.sharing.register(token, "admin")
    assert refused.value.reason == "revoked"
    assert holder.sharing.list(None) == []


def test_a_revoked_share_is_not_offered_again(linked):
    """Registering it once more must not hand out a useless offer as if all were well."""
    holder, asker, link = linked
    token = holder.share_token(link, asker)
    holder.revoking.share(holder.sharing.register(token, "admin").share.id, "alice")
    with pytest.raises(Refused) as refused:
        holder.sharing.register(token, "admin")
    assert refused.value.reason == "revoked"


def regrant(holder, link, clock):
    """Revoke a grant, and grant again to the same key a minute later."""
    holder.revoking.grant(link.grant.id, "alice")
    clock.advance(60)
    draw = holder.entropy.random
    draws = iter([link.link_secret])  # the key of the link is drawn first, then the nonce
    holder.entropy.random = lambda count: next(draws, None) or draw(count)
    try:
        return holder.grant(link.grant.study, None)
    finally:
        holder.entropy.random = draw


def test_a_new_grant_does_not_revive_older_shares(linked, clock):
    """Consent is given again to the same key: what was shared before stays dead, on both ways."""
    holder, asker, link = linked
    unregistered = holder.share_token(link, asker)
    registered = holder.share(link, asker).share.token
    again = regrant(holder, link, clock)
    assert again.grant.audience == link.grant.audience
    assert again.grant.id != link.grant.id
    for token in (unregistered, registered):
        with pytest.raises(ShareTooEarly):
            holder.sharing.register(token, "admin")
        with pytest.raises(ShareTooEarly):
            Asked(holder, asker, [again.grant.token, token], link.grant.study).send()
        with pytest.raises(Revoked):
            Asked(holder, asker, [link.grant.token, token], link.grant.study).send()
    holder.share(again, asker)


def test_a_share_of_somebody_elses_key_stands_on_nothing(linked):
    """Attack: whoever knows the study's id signs a share with a key of their own."""
    holder, asker, link = linked
    forged = sign_share(
        link_key(b"a key that no grant has ever had"),
        audience=asker.own.key.did,
        subject=holder.own.key.did,
        study=link.grant.study,
        command="/img/read",
        nonce=bytes(12),
        not_before=holder.clock.now_ms() // 1000,
        expires=link.grant.expires,
    )
    with pytest.raises(NotFound) as refused:
        holder.sharing.register(forged, "admin")
    assert refused.value.reason == "not_granted"


def test_a_recipients_direct_grant_cannot_be_passed_on(linked):
    """Attack: the trusted node signs a share with its node key, on the grant it was given."""
    holder, asker, link = linked
    holder.grant(link.grant.study, asker)
    onward = sign_share(
        asker.own.key,
        audience=link_key(bytes(32)).did,
        subject=holder.own.key.did,
        study=link.grant.study,
        command="/img/read",
        nonce=bytes(12),
        not_before=holder.clock.now_ms() // 1000,
        expires=link.grant.expires,
    )
    with pytest.raises(CommandNotGranted):
        holder.sharing.register(onward, "admin")


def test_a_grant_is_not_a_share(linked):
    holder, _, link = linked
    with pytest.raises((NotFound, BrokenChain)):
        holder.sharing.register(link.grant.token, "admin")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"expires": DAY + 1}, LifetimeTooLong),
        ({"not_before": -2 * DAY, "expires": -DAY}, Expired),
        ({"not_before": limits.CLOCK_SKEW + 1}, NotYetValid),
    ],
    ids=str,
)
def test_a_share_outside_its_time_is_refused(linked, clock, changes, error):
    holder, asker, link = linked
    now = clock.now_ms() // 1000
    with pytest.raises(error):
        holder.share(link, asker, **{name: now + value for name, value in changes.items()})


def test_a_share_about_another_node_is_refused(linked):
    holder, asker, link = linked
    with pytest.raises(WrongSubject):
        holder.share(link, asker, subject=asker.own.key.did)


def test_a_changed_share_is_refused(linked):
    holder, asker, link = linked
    token = bytearray(holder.share_token(link, asker))
    token[10] ^= 1  # within the signature
    with pytest.raises(BadSignature):
        holder.sharing.register(bytes(token), "admin")
    assert holder.sharing.list(None) == []
