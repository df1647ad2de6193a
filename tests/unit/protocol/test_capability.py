"""Making capabilities, and what verified ones say, beyond the vectors of SPEC.md §4."""

import pytest

from support.parties import ASKER, HOLDER, NOW, STRANGER, STUDY, label
from undisc_protocol import limits
from undisc_protocol.capability import policy
from undisc_protocol.capability.chain import (
    Standing,
    check_standing,
    verify_chain,
    verify_permission,
    verify_share,
)
from undisc_protocol.capability.delegation import (
    Basis,
    Meta,
    read_delegation,
    sign_grant,
    sign_share,
)
from undisc_protocol.capability.invocation import Arguments, sign_invocation
from undisc_protocol.capability.policy import Policy
from undisc_protocol.dagcbor import Cid
from undisc_protocol.errors import (
    CommandNotGranted,
    Expired,
    LifetimeTooLong,
    LocalProtocolError,
    Revoked,
    ShareTooEarly,
    UnknownRecipient,
    WrongSubject,
)
from undisc_protocol.keys import SignKey

PATIENT = SignKey.from_seed(label("patient"))
OWN = {HOLDER.key.did}
SERIES = tuple(sorted(label(f"series {number}", 16) for number in range(limits.MAX_SERIES)))
GOOD = Standing(
    recipient_trusted=True,
    recipient_revoked=False,
    grant_known=True,
    grant_revoked=False,
    grant_created=NOW - 10,
    share_revoked=False,
    study_active=True,
    unlocked=True,
    suspended=False,
)


def grant(**changes):
    arguments = {
        "audience": PATIENT.did,
        "study": STUDY,
        "command": "/img",
        "meta": Meta(Basis.PATIENT),
        "nonce": label("grant", 12),
        "expires": NOW + 86_400,
    }
    return sign_grant(HOLDER.key, **arguments | changes)


def share(**changes):
    arguments = {
        "audience": ASKER.key.did,
        "subject": HOLDER.key.did,
        "study": STUDY,
        "command": "/img/read",
        "nonce": label("share", 12),
        "not_before": NOW,
        "expires": NOW + 3600,
    }
    return sign_share(PATIENT, **arguments | changes)


def invocation(standing_on, **changes):
    arguments = {
        "audience": HOLDER.key.did,
        "subject": HOLDER.key.did,
        "command": "/img/read",
        "arguments": Arguments(STUDY, ASKER.key.did, label("key"), "follow-up"),
        "proofs": tuple(map(Cid.of, standing_on)),
        "nonce": label("invocation", 12),
        "issued": NOW,
        "expires": NOW + 300,
    }
    return sign_invocation(ASKER.key, **arguments | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"command": "/imgadmin"},
        {"nonce": bytes(8)},
        {"study": bytes(8)},
        {"not_before": NOW + 86_400},
        {"command": "/img/read"},  # on the patient's word, without the consent's hash
        {"meta": Meta(Basis.PATIENT, b"short")},
        {"audience": "did:key:nobody"},
    ],
)
def test_a_grant_that_others_would_refuse_is_not_signed(changes):
    with pytest.raises(LocalProtocolError):
        grant(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"command": "/img"},
        {"expires": NOW},
        {"series": (SERIES[1], SERIES[0])},
        {"series": (SERIES[0], SERIES[0])},
        {"series": (b"short",)},
    ],
)
def test_a_share_that_others_would_refuse_is_not_signed(changes):
    with pytest.raises(LocalProtocolError):
        share(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"command": "/img"},
        {"proofs": (Cid.of(b""),) * 3},
        {"expires": NOW},
        {"arguments": Arguments(STUDY, ASKER.key.did, b"short")},
        {"arguments": Arguments(STUDY, ASKER.key.did, bytes(32), "x" * 65)},
    ],
)
def test_an_invocation_that_others_would_refuse_is_not_signed(changes):
    with pytest.raises(LocalProtocolError):
        invocation([grant()], **changes)


def test_the_largest_messages_fit_their_bound():
    proofs = [grant(), share(series=SERIES)]
    asked = invocation(
        proofs,
        nonce=bytes(limits.MAX_NONCE),
        arguments=Arguments(STUDY, ASKER.key.did, label("key"), "é" * 64, SERIES),
    )
    claim = verify_chain(asked, proofs, own=OWN, now=NOW)
    assert claim.series == set(SERIES)
    assert max(len(asked), len(proofs[1])) < limits.MAX_TOKEN // 2


def test_a_claim_says_what_rows_need():
    proofs = [grant(), share()]
    asked = invocation(proofs)
    claim = verify_chain(asked, proofs, own=OWN, now=NOW)
    assert claim.grant_id == read_delegation(proofs[0]).signed_hash
    assert claim.share_id == read_delegation(proofs[1]).signed_hash
    assert claim.invocation_id == Cid.of(asked).digest
    assert (claim.study, claim.series, claim.command) == (STUDY, None, "/img/read")
    assert claim.audience == ASKER.key.did
    assert claim.permission.expires == NOW + 3600
    assert claim.invocation.arguments.purpose == "follow-up"


def test_a_direct_grant_has_no_share():
    direct = grant(command="/img/read", audience=ASKER.key.did, meta=Meta(Basis.TREATMENT))
    claim = verify_chain(invocation([direct]), [direct], own=OWN, now=NOW)
    assert claim.share_id is None
    assert claim.permission.last is claim.permission.grant


def test_a_node_answers_to_its_earlier_names():
    """After a key change, grants under the old DID still name this node."""
    proofs = [grant(), share()]
    own = {STRANGER.key.did, HOLDER.key.did}
    asked = invocation(proofs, audience=STRANGER.key.did)
    assert verify_chain(asked, proofs, own=own, now=NOW).study == STUDY
    with pytest.raises(WrongSubject):
        verify_chain(asked, proofs, own={STRANGER.key.did}, now=NOW)


def test_a_permission_is_verified_by_itself():
    """Nobody has to ask for anything to learn whether a grant and a share fit."""
    permission = verify_permission([grant(), share()], own=OWN, now=NOW)
    assert permission.audience == ASKER.key.did
    assert permission.subject == HOLDER.key.did
    with pytest.raises(WrongSubject):
        verify_permission([grant(), share()], own={STRANGER.key.did}, now=NOW)


def test_a_share_is_registered():
    assert verify_share(share(), grant(), own=OWN, now=NOW).issuer == PATIENT.did


def test_a_direct_grant_is_not_shared_on_even_before_anybody_asks():
    """Whoever may read would make himself the patient: his share must not even be registered."""
    direct = grant(command="/img/read", meta=Meta(Basis.TREATMENT))
    with pytest.raises(CommandNotGranted):
        verify_share(share(), direct, own=OWN, now=NOW)


def test_a_grant_is_valid_for_the_longest_time_and_not_a_second_more():
    """The other node's clock may be behind by the skew."""
    last = NOW + limits.GRANT_LIFETIME + limits.CLOCK_SKEW
    verify_permission([grant(expires=last)], own=OWN, now=NOW)
    with pytest.raises(LifetimeTooLong):
        verify_permission([grant(expires=last + 1)], own=OWN, now=NOW)


def test_a_share_may_be_made_in_the_second_of_its_grant():
    permission = verify_permission([grant(), share()], own=OWN, now=NOW)
    check_standing(permission, standing(grant_created=NOW), now=NOW)
    with pytest.raises(ShareTooEarly):
        check_standing(permission, standing(grant_created=NOW + 1), now=NOW)


def test_standing_is_asked_again_while_bytes_flow():
    """A share that ends, or is revoked, during a transfer stops it."""
    permission = verify_permission([grant(), share()], own=OWN, now=NOW)
    check_standing(permission, GOOD, now=NOW)
    check_standing(permission, GOOD, now=NOW + 3600 + 59)
    with pytest.raises(Expired):
        check_standing(permission, GOOD, now=NOW + 3600 + 60)
    with pytest.raises(Revoked):
        check_standing(permission, standing(share_revoked=True), now=NOW)


def test_a_revoked_peer_is_told_so():
    permission = verify_permission([grant(), share()], own=OWN, now=NOW)
    with pytest.raises(Revoked):
        check_standing(
            permission, standing(recipient_revoked=True, recipient_trusted=False), now=NOW
        )
    with pytest.raises(UnknownRecipient):
        check_standing(permission, standing(recipient_trusted=False), now=NOW)


def standing(**changes):
    return Standing(**{name: getattr(GOOD, name) for name in GOOD.__slots__} | changes)


def test_policies_are_built_and_matched():
    for confined in (
        Policy(STUDY),
        Policy(STUDY, ASKER.key.did),
        Policy(STUDY, ASKER.key.did, SERIES[:2]),
    ):
        assert policy.match(policy.build(confined)) == confined


@pytest.mark.parametrize(
    "arguments",
    [
        (b"short",),
        (STUDY, None, SERIES[:1]),
        (STUDY, ASKER.key.did, (SERIES[1], SERIES[0])),
        (STUDY, ASKER.key.did, (*SERIES, b"\xff" * 16)),
    ],
)
def test_impossible_policies_are_not_made(arguments):
    with pytest.raises(LocalProtocolError):
        Policy(*arguments)
