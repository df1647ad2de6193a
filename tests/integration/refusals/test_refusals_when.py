"""Too early, too late, too long, or older than what it stands on."""

from __future__ import annotations

from datetime import datetime

import pytest

from support.hostile_peer import now
from support.refusing import TOO_EARLY, own_grant
from undisc_protocol import limits

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("code", "begin", "end"),
    [("expired", -1000, -TOO_EARLY), ("not_yet_valid", TOO_EARLY, 1000)],
)
def test_an_expired_and_an_early_share_are_refused(practice, link, code, begin, end):
    """A recipient asks after the end of a share, or before its beginning."""
    chain = link.share_to(practice.friend, nbf=now() + begin, exp=now() + end)
    practice.refuses(code, practice.friend, chain)


@pytest.mark.parametrize(
    ("code", "begin", "end"),
    [("expired", -400, -TOO_EARLY), ("not_yet_valid", TOO_EARLY, 400)],
)
def test_an_expired_and_an_early_invocation_or_request_are_refused(practice, code, begin, end):
    """Messages that were kept for later, or made by a clock that runs ahead."""
    times = {"iat": now() + begin, "exp": now() + end}
    practice.refuses(code, practice.friend, practice.friends_chain, **times)
    practice.refuses(code, practice.friend, practice.friends_chain, request=times)


def test_an_invocation_or_request_that_lives_too_long_is_refused(practice):
    """An invocation for a day would make the replay store the only defence."""
    times = {"iat": now(), "exp": now() + 86_400}
    practice.refuses("lifetime_too_long", practice.friend, practice.friends_chain, **times)
    practice.refuses("lifetime_too_long", practice.friend, practice.friends_chain, request=times)


def test_an_expired_early_or_endless_grant_is_refused(practice):
    """Truly signed by the holder, but over, not begun, or longer than any grant may last."""
    for code, changes in (
        ("expired", {"exp": now() - TOO_EARLY}),
        ("not_yet_valid", {"nbf": now() + TOO_EARLY}),
        ("lifetime_too_long", {"exp": now() + limits.GRANT_LIFETIME + 1000}),
    ):
        practice.refuses(code, practice.friend, [own_grant(practice, **changes)])


def test_a_grant_without_a_row_is_nothing_whoever_signed_it(practice):
    """The node's key was stolen and signs a grant elsewhere: the empty table fails closed."""
    practice.refuses("not_granted", practice.friend, [own_grant(practice)])


def test_a_share_that_outlives_its_grant_is_refused(practice, link):
    """A patient's key gives more time than the practice has given."""
    chain = link.share_to(practice.friend, exp=link.grant.expires + 1)
    practice.refuses("lifetime_too_long", practice.friend, chain)


def test_a_share_older_than_its_grant_is_refused(practice, link):
    """A share from before a revocation is put on the grant that was made afterwards."""
    created = practice.node.admin.get(f"grants/{link.grant_id}").part("grant").text("created")
    before = int(datetime.fromisoformat(created).timestamp()) - 30
    chain = link.share_to(practice.friend, nbf=before)
    practice.refuses("share_too_early", practice.friend, chain)
