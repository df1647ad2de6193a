"""Another study, another series, a wider policy or command, another chain."""

from __future__ import annotations

import secrets

import pytest

from support.refusing import Link, as_part, series_of
from support.two_nodes import proofs_of
from undisc_protocol.errors import RemoteProtocolError

pytestmark = pytest.mark.integration


def test_another_study_is_refused(practice, link):
    """The chain is about one study, the request or the share about another of the same node."""
    other = bytes.fromhex(practice.new_study("1.2.4"))
    practice.refuses(
        "outside_policy", practice.friend, practice.friends_chain, args={"study": other}
    )
    [grant, share] = link.share_to(practice.friend)
    policy = [["==", ".study", other], ["==", ".by", practice.friend.key.did]]
    chain = link.share_to(practice.friend, pol=policy)
    practice.refuses("policy_widened", practice.friend, chain)
    practice.refuses(
        "policy_widened", practice.friend, as_part(chain, chain[1], share), args={"study": other}
    )
    assert grant.policy.study != other


def test_another_series_is_refused(practice, link):
    """A share of one series is used for another, for both, and for the whole study."""
    names = series_of(practice)
    first, second = names["1.2.3.1"], names["1.2.3.2"]
    policy = [
        ["==", ".study", bytes.fromhex(practice.study)],
        ["all", ".series", ["or", [["==", ".", first]]]],
        ["==", ".by", practice.friend.key.did],
    ]
    chain = link.share_to(practice.friend, pol=policy)
    assert {one.series for one in practice.ask(practice.friend, chain).manifest.objects} == {first}
    for wanted in ((second,), tuple(sorted((first, second))), ()):
        practice.refuses("outside_policy", practice.friend, chain, series=wanted)


def test_a_series_that_does_not_exist_is_refused(practice):
    """A series is guessed; its name would need the study key."""
    guess = (secrets.token_bytes(16),)
    practice.refuses("outside_policy", practice.friend, practice.friends_chain, series=guess)


WIDER = {
    "no user": [["==", ".study", b"s" * 16]],
    "no study": [["==", ".by", "did"]],
    "nothing at all": [],
    "any of": [["or", [["==", ".study", b"s" * 16]]], ["==", ".by", "did"]],
    "not": [["not", ["==", ".study", b"x" * 16]], ["==", ".by", "did"]],
    "empty or": [
        ["==", ".study", b"s" * 16],
        ["all", ".series", ["or", []]],
        ["==", ".by", "did"],
    ],
    "one more": [["==", ".study", b"s" * 16], ["==", ".by", "did"], ["==", ".by", "did"]],
}


@pytest.mark.parametrize("shape", WIDER)
def test_a_widened_policy_is_refused(practice, link, shape):
    """A share whose policy has another shape than the one exact shape, each truly signed."""

    def real(value):
        if isinstance(value, list):
            return [real(item) for item in value]
        names = {b"s" * 16: bytes.fromhex(practice.study), "did": practice.friend.key.did}
        return names.get(value, value)

    right = link.share_to(practice.friend)
    wrong = link.share_to(practice.friend, pol=real(WIDER[shape]))
    practice.refuses("policy_widened", practice.friend, as_part(wrong, wrong[1], right[1]))


@pytest.mark.parametrize("command", ["/img", "/imgadmin", "/", "/img/read/more", "/img/write"])
def test_a_wider_command_is_refused(practice, link, command):
    """A share says more than a share may say; `/img` is not a prefix of `/imgadmin`."""
    right = link.share_to(practice.friend)
    wrong = link.share_to(practice.friend, cmd=command)
    practice.refuses("command_not_granted", practice.friend, as_part(wrong, wrong[1], right[1]))


def test_an_invocation_of_a_wider_command_is_refused(practice):
    """A grant to read is invoked for everything, or for something else."""
    for command in ("/img", "/img/view", "/img/delete"):
        practice.refuses(
            "command_not_granted", practice.friend, practice.friends_chain, cmd=command
        )


def test_who_may_only_view_gets_neither_objects_nor_keys(practice):
    """A capability for the viewer is invoked for reading, and for viewing through the fetch."""
    viewer = practice.peer("Viewer")
    _, offer = practice.node.grant(practice.study, viewer.id, command="/img/view")
    practice.refuses("command_not_granted", viewer, proofs_of(offer))
    practice.refuses("command_not_granted", viewer, proofs_of(offer), cmd="/img/view")


def test_who_was_granted_directly_cannot_pass_it_on(practice):
    """A recipient signs a share of its own grant to a friend."""
    third = practice.peer("Third")
    [grant] = practice.friends_chain
    onward = Link(practice, practice.friends_grant, practice.friend.key, grant)
    practice.refuses("command_not_granted", third, onward.share_to(third))


def test_a_share_cannot_be_shared_on(practice, link):
    """A recipient of a share signs another share; the profile has no third link."""
    third = practice.peer("Fourth")
    chain = link.share_to(practice.friend)
    onward = Link(practice, link.grant_id, practice.friend.key, link.grant).share_to(third)[1]
    practice.refuses("broken_chain", third, [link.grant, onward])
    before = practice.answered()
    with pytest.raises(RemoteProtocolError) as caught:
        practice.ask(third, [*chain, onward])
    assert caught.value.code == "oversize"
    assert practice.answered() == before


@pytest.mark.parametrize("order", [(1, 0), (1,), (0,), (0, 0), (1, 1)])
def test_a_chain_in_another_order_is_refused(practice, link, order):
    """Leaf first, the grant missing, the share missing, one of them twice."""
    chain = link.share_to(practice.friend)
    with pytest.raises(RemoteProtocolError) as caught:
        practice.ask(practice.friend, [chain[place] for place in order])
    assert caught.value.code in ("broken_chain", "bad_proofs")


def test_proofs_that_the_invocation_does_not_name_are_refused(practice, link):
    """The invocation was signed on another chain than the one beside it."""
    chain, other = link.share_to(practice.friend), link.share_to(practice.friend)
    invocation = practice.friend.invocation(practice.document, chain)
    practice.refuses("bad_proofs", practice.friend, other, invocation=invocation)
