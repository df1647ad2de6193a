"""What a chain may never do: give more than was given. Plain conditions over decoded payloads.

Nothing here knows how the verification works; it looks at the maps that were signed.
"""

from __future__ import annotations

SKEW = 60  # seconds, SPEC.md §2.2
LONGEST_GRANT = 400 * 86_400  # seconds, SPEC.md §2.3
LONGEST_INVOCATION = 300  # seconds


def confined(policy):
    """Return study, series (None for all) and user (None for anybody) of a policy as signed."""
    assert policy[0][:2] == ["==", ".study"]
    study, series, user = policy[0][2], None, None
    for operator, selector, operand in policy[1:]:
        match operator, selector:
            case "all", ".series":
                assert operand[0] == "or"
                assert operand[1], "an empty `or` would be true for everything"
                assert all(choice[:2] == ["==", "."] for choice in operand[1])
                series = {choice[2] for choice in operand[1]}
            case "==", ".by":
                user = operand
            case _:
                raise AssertionError(f"a policy with {operator} {selector} was accepted")
    return study, series, user


def within(given, wanted):
    """Whether a command lies within another, segment by segment (UCAN 1.0)."""
    path = given.split("/")
    return wanted.split("/")[: len(path)] == path


def lives(now, begins, ends):
    return (begins is None or begins - SKEW <= now) and now < ends + SKEW


def check_never_more(invocation, proofs, *, own, now):
    """Fail if an accepted chain allows more than each of its parents, or to somebody else.

    Args:
        invocation: The invocation's payload.
        proofs: The payloads of the grant, or of grant and share.
        own: DIDs of the holder.
        now: The time now.
    """
    grant, *shares = proofs
    assert len(shares) <= 1
    assert grant["iss"] == grant["sub"]
    assert grant["iss"] in own
    assert grant["exp"] <= now + LONGEST_GRANT + SKEW
    parent = grant
    for child in shares:
        study, series, _ = confined(parent["pol"])
        child_study, child_series, user = confined(child["pol"])
        assert child["iss"] == parent["aud"]
        assert child["sub"] == parent["sub"]
        assert within(parent["cmd"], child["cmd"])
        assert child["cmd"] != parent["cmd"], "a right to share was passed on"
        assert child["exp"] <= parent["exp"]
        assert child_study == study
        assert series is None or (child_series is not None and child_series <= series)
        assert user == child["aud"], "a share could be passed on"
        parent = child
    for proof in proofs:
        assert lives(now, proof.get("nbf"), proof["exp"])
    study, series, _ = confined(parent["pol"])
    arguments = invocation["args"]
    assert invocation["iss"] == parent["aud"] == arguments["by"]
    assert invocation["sub"] == parent["sub"]
    assert invocation["aud"] in own
    assert within(parent["cmd"], invocation["cmd"])
    assert arguments["study"] == study
    assert series is None or set(arguments["series"] or ()) <= series
    assert series is None or arguments["series"]
    assert lives(now, invocation["iat"], invocation["exp"])
    assert invocation["exp"] - invocation["iat"] <= LONGEST_INVOCATION
