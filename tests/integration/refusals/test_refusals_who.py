"""Whoever is not a trusted peer gets nothing, whatever capability it shows."""

from __future__ import annotations

import pytest

from support.hostile_peer import (
    HostileNode,
)
from support.refusing import assert_bad_ticket, read
from support.two_nodes import proofs_of, refused

pytestmark = pytest.mark.integration


def test_a_node_that_nobody_trusts_gets_nothing_even_with_a_patients_share(practice, link):
    """A patient names a stranger; the holder has never compared words with that node."""
    stranger = HostileNode("Stranger")
    practice.refuses("unknown_recipient", stranger, link.share_to(stranger))


def test_a_pending_peer_gets_nothing(practice, link):
    """A peer that was added, but not trusted yet, comes with a patient's share."""
    pending = practice.peer("Pending", trust=False)
    practice.refuses("unknown_recipient", pending, link.share_to(pending))


def test_a_peer_that_may_only_offer_gets_nothing(practice, link):
    """A trusted peer without the scope `fetch` asks anyway."""
    offering = practice.peer("Offering", scopes=("offer",))
    practice.refuses("unknown_recipient", offering, link.share_to(offering))


def test_a_suspended_peer_gets_nothing_until_it_is_trusted_again(practice):
    """A suspension stops new requests and the ticket in hand; trust brings back new requests."""
    peer = practice.peer("Suspended")
    chain = proofs_of(practice.node.grant(practice.study, peer.id)[1])
    ticket = practice.ask(peer, chain).ticket
    practice.node.admin.post(f"peers/{peer.id}/suspend")
    practice.refuses("unknown_recipient", peer, chain)
    assert_bad_ticket(read(practice, ticket, "bytes=0-9"))
    practice.node.admin.post(f"peers/{peer.id}/trust")
    assert_bad_ticket(read(practice, ticket, "bytes=0-9"))
    assert practice.ask(peer, chain).manifest.objects


def test_a_revoked_peer_gets_nothing_for_good(practice):
    """A revoked peer uses its grant, its ticket, and the way back in."""
    peer = practice.peer("Revoked")
    chain = proofs_of(practice.node.grant(practice.study, peer.id)[1])
    ticket = practice.ask(peer, chain).ticket
    practice.node.admin.post(f"peers/{peer.id}/revoke")
    practice.refuses("revoked", peer, chain)
    assert_bad_ticket(read(practice, ticket, "bytes=0-9"))
    assert refused(practice.node.admin.post, f"peers/{peer.id}/trust").code == "peer_revoked"
    with peer.served():
        assert refused(practice.node.add_peer, peer.url).code == "peer_revoked"
    practice.refuses("revoked", peer, chain)
