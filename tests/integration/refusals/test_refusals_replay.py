"""Every invocation works once, also at the same moment and after a restart."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.refusing import assert_bad_ticket, post_again, prepared, read, stopped
from support.two_nodes import proofs_of
from undisc_protocol.answer import request_hash
from undisc_protocol.errors import RemoteProtocolError, Replayed

pytestmark = pytest.mark.integration


def test_the_same_request_works_once(practice):
    """Somebody on the way keeps a request and sends it again, and again."""
    sent = prepared(practice)
    assert post_again(practice, sent.body, sent.invocation, sent.key)
    before = practice.answered()
    for _ in range(3):
        with pytest.raises(Replayed):
            post_again(practice, sent.body, sent.invocation, sent.key)
    assert practice.answered() == before


def test_the_same_invocation_in_a_fresh_request_works_once(practice):
    """The recipient itself saves signatures."""
    invocation = practice.friend.invocation(practice.document, practice.friends_chain)
    with pytest.raises(RemoteProtocolError) as first:
        practice.ask(practice.friend, practice.friends_chain, invocation=invocation)
    assert first.value.code == "cannot_open"  # granted, but sealed to the key of the invocation
    practice.refuses("replayed", practice.friend, practice.friends_chain, invocation=invocation)


def test_of_twenty_copies_at_once_exactly_one_works(practice):
    """All copies of a request arrive at the same moment."""
    sent, before = prepared(practice), practice.answered()

    def post(_: int) -> str:
        try:
            post_again(practice, sent.body, sent.invocation, sent.key)
        except RemoteProtocolError as problem:
            return problem.code
        return "granted"

    with ThreadPoolExecutor(20) as pool:
        outcomes = sorted(pool.map(post, range(20)))
    assert outcomes == ["granted", *["replayed"] * 19]
    assert practice.answered() == before + 1


def test_after_a_restart_used_invocations_stay_used_and_expired_tickets_expired(practice):
    """A request from before a restart is sent again; a ticket has ended while the node was down."""
    sent = prepared(practice)
    living = post_again(practice, sent.body, sent.invocation, sent.key).ticket
    ended = practice.ask(practice.friend, practice.friends_chain).ticket
    revoked_grant, offer = practice.node.grant(practice.study, practice.friend.id)
    practice.node.admin.post(f"grants/{revoked_grant}/revoke")
    before = practice.answered()
    with stopped(practice) as catalog:
        # The wall clock cannot be turned from here; what ten minutes do is done to the row.
        changed = catalog.execute(
            "UPDATE tickets SET expires_ms = ? WHERE hash = ?",
            (int(time.time() * 1000), request_hash(ended)),
        )
        assert changed.rowcount == 1
    with pytest.raises(Replayed):
        post_again(practice, sent.body, sent.invocation, sent.key)
    practice.refuses(
        "replayed", practice.friend, practice.friends_chain, invocation=sent.invocation
    )
    assert practice.answered() == before
    assert_bad_ticket(read(practice, ended, "bytes=0-9"))
    assert read(practice, living, "bytes=0-9").status == 206
    practice.refuses("revoked", practice.friend, proofs_of(offer))
