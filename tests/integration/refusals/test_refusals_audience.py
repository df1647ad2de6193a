"""What was meant for one node is of no use to another."""

from __future__ import annotations

import secrets

import pytest

from support.hostile_peer import (
    HostileNode,
    now,
)
from undisc_protocol.capability.delegation import (
    Basis,
    Meta,
    read_delegation,
    sign_grant,
)

pytestmark = pytest.mark.integration


def test_a_share_for_one_peer_is_of_no_use_to_another(practice, link):
    """A trusted peer got hold of a share that names somebody else, and signs with its own key."""
    thief = practice.peer("Thief A")
    practice.refuses("broken_chain", thief, link.share_to(practice.friend))


def test_an_invocation_that_another_node_signed_cannot_be_wrapped(practice, link):
    """A trusted peer puts a stolen, unused invocation into a request of its own."""
    thief, chain = practice.peer("Thief B"), link.share_to(practice.friend)
    stolen = practice.friend.invocation(practice.document, chain)
    practice.refuses("wrong_audience", thief, chain, invocation=stolen)


def test_an_invocation_for_another_holder_is_refused(practice):
    """An invocation is addressed to another node that may hold the same study."""
    other = HostileNode("Other holder")
    practice.refuses("wrong_audience", practice.friend, practice.friends_chain, aud=other.key.did)


def test_a_request_for_another_holder_is_refused(practice):
    """A node that was asked passes the request on to us as it is, sealed to us."""
    other = HostileNode("Other holder")
    practice.refuses(
        "wrong_audience",
        practice.friend,
        practice.friends_chain,
        request={"to": other.identity.node_id},
    )


def test_a_request_sealed_to_another_node_is_not_ours_to_open(practice):
    """A request to another node is posted here."""
    other = HostileNode("Other holder")
    practice.refuses(
        "cannot_open",
        practice.friend,
        practice.friends_chain,
        request={"box": bytes(other.box.public_key)},
    )


def test_a_capability_about_another_node_is_refused(practice):
    """Confused deputy: a peer presents a chain that is rooted in its own key."""
    grant = sign_grant(
        practice.friend.key,
        audience=practice.friend.key.did,
        study=bytes.fromhex(practice.study),
        command="/img/read",
        meta=Meta(Basis.TREATMENT),
        nonce=secrets.token_bytes(12),
        expires=now() + 1000,
    )
    practice.refuses("wrong_subject", practice.friend, [read_delegation(grant)])
    practice.refuses(
        "wrong_subject", practice.friend, practice.friends_chain, sub=practice.friend.key.did
    )


def test_a_request_in_another_nodes_name_is_refused(practice):
    """A peer claims to be another node, with that node's records or only its id."""
    thief = practice.peer("Impostor")
    practice.refuses(
        "bad_fields",
        thief,
        practice.friends_chain,
        request={"from": practice.friend.identity.node_id},
    )
    practice.refuses(
        "bad_signature",
        thief,
        practice.friends_chain,
        request={
            "from": practice.friend.identity.node_id,
            "records": practice.friend.identity.records,
        },
    )


def test_a_user_other_than_the_signer_is_refused(practice):
    """`by` names somebody else than the audience of the capability."""
    other = HostileNode("Somebody")
    practice.refuses(
        "outside_policy", practice.friend, practice.friends_chain, args={"by": other.key.did}
    )
