"""What was revoked, held, withdrawn or deleted is refused from the next byte on."""

from __future__ import annotations

import secrets

import pytest

from support.hostile_peer import (
    resigned,
)
from support.refusing import Link, Part, assert_bad_ticket, read
from support.two_nodes import proofs_of, refused
from undisc_protocol.capability.delegation import (
    read_delegation,
)

pytestmark = pytest.mark.integration


def test_a_revoked_grant_ends_requests_shares_and_tickets(practice):
    """What was granted is taken back while a transfer is open, and is not asked for again."""
    grant_id, key, token = practice.node.link_grant(practice.study)
    own = Link(practice, grant_id, key, read_delegation(token))
    chain = own.share_to(practice.friend)
    ticket = practice.ask(practice.friend, chain).ticket
    practice.node.admin.post(f"grants/{grant_id}/revoke")
    practice.refuses("revoked", practice.friend, chain)
    practice.refuses("revoked", practice.friend, own.share_to(practice.friend))
    assert_bad_ticket(read(practice, ticket, "bytes=0-9"))
    share = chain[1].raw
    assert refused(practice.node.register_share, share).code in ("not_granted", "revoked")


def test_a_revoked_share_ends_and_the_grant_stays(practice, link):
    """A share that the holder learnt of by its first use is revoked, and used again."""
    chain, other = link.share_to(practice.friend), link.share_to(practice.friend)
    ticket = practice.ask(practice.friend, chain).ticket
    share_id = read_delegation(chain[1].raw).signed_hash.hex()
    practice.node.admin.post(f"shares/{share_id}/revoke")
    practice.refuses("revoked", practice.friend, chain)
    assert_bad_ticket(read(practice, ticket, "bytes=0-9"))
    assert practice.ask(practice.friend, other).manifest.objects
    # Registering it again is no way back.
    assert refused(practice.node.register_share, chain[1].raw).code == "revoked"
    practice.refuses("revoked", practice.friend, chain)


def test_a_revoked_share_is_revoked_in_every_chain(practice, link):
    """The revoked share comes again on another grant for the same patient key, truly signed."""
    chain = link.share_to(practice.friend)
    share_id = practice.node.register_share(chain[1].raw)[0]
    practice.node.admin.post(f"shares/{share_id}/revoke")
    key = practice.node.node_key()
    fresh = resigned(link.grant.raw, key, nonce=secrets.token_bytes(12))
    practice.refuses("not_granted", practice.friend, [Part(fresh), chain[1]])


def test_a_direct_grant_that_was_revoked_is_over(practice):
    """The recipient of a direct grant goes on after its revocation."""
    grant_id, offer = practice.node.grant(practice.study, practice.friend.id)
    assert practice.ask(practice.friend, proofs_of(offer))
    practice.node.admin.post(f"grants/{grant_id}/revoke")
    refusal = practice.refuses("revoked", practice.friend, proofs_of(offer))
    assert "taken the permission back" in refusal.hint


def test_a_held_study_is_refused_until_it_is_released(practice):
    """A study is put on hold while somebody reads it; the old ticket never comes back."""
    study = practice.new_study("1.2.5")
    _, offer = practice.node.grant(study, practice.friend.id)
    ticket = practice.ask(practice.friend, proofs_of(offer)).ticket
    practice.node.admin.post(f"studies/{study}/hold", {"reason": "wrong worklist entry"})
    refusal = practice.refuses("study_unavailable", practice.friend, proofs_of(offer))
    assert "worklist" not in f"{refusal} {refusal.hint}"  # why is nobody else's business
    assert_bad_ticket(read(practice, ticket, "bytes=0-9"))
    assert refused(practice.node.grant, study, practice.friend.id).code == "study_stopped"
    practice.node.admin.post(f"studies/{study}/release")
    assert_bad_ticket(read(practice, ticket, "bytes=0-9"))
    assert practice.ask(practice.friend, proofs_of(offer)).manifest.objects


@pytest.mark.parametrize("ending", ["withdraw", "delete"])
def test_a_study_that_is_gone_looks_like_any_other_unavailable_one(practice, ending):
    """Withdrawn, deleted: the answer does not say which."""
    study = practice.new_study(f"1.2.6.{len(ending)}")
    _, offer = practice.node.grant(study, practice.friend.id)
    ticket = practice.ask(practice.friend, proofs_of(offer)).ticket
    if ending == "withdraw":
        practice.node.admin.post(f"studies/{study}/withdraw", {"reason": "another patient"})
    else:
        practice.node.admin.delete(f"studies/{study}")
    refusal = practice.refuses("study_unavailable", practice.friend, proofs_of(offer))
    assert str(refusal) == "the study is not available"
    assert_bad_ticket(read(practice, ticket, "bytes=0-9"))
