"""When a signed thing is valid (SPEC.md §2.2): one rule for all of them.

A thing is valid at `now` if `begins - skew ≤ now < ends + skew`. The skew of a minute forgives
two clocks that differ; it never adds to a lifetime, which is counted between the signed times.
"""

from __future__ import annotations

from undisc_protocol import limits
from undisc_protocol.errors import Expired, LifetimeTooLong, NotYetValid


def check_begun(begins: int, *, of: str, now: int) -> None:
    """Require that something has begun.

    Args:
        begins: Its first second since 1970.
        of: What it is, for the error message, such as "a grant".
        now: The time now, in seconds since 1970.

    Raises:
        NotYetValid: It begins later than the skew forgives.
    """
    if now < begins - limits.CLOCK_SKEW:
        raise NotYetValid(f"{of} is not valid yet")


def check_not_ended(ends: int, *, of: str, now: int) -> None:
    """Require that something has not ended.

    Args:
        ends: The first second at which it is over.
        of: What it is, for the error message.
        now: The time now, in seconds since 1970.

    Raises:
        Expired: It ended longer ago than the skew forgives.
    """
    if now >= ends + limits.CLOCK_SKEW:
        raise Expired(f"{of} has expired")


def check_lifetime(begins: int, ends: int, *, of: str, longest: int) -> None:
    """Require that something is not valid for longer than allowed.

    Args:
        begins: Its first second.
        ends: The first second at which it is over.
        of: What it is, for the error message.
        longest: Most seconds between the two.

    Raises:
        LifetimeTooLong: It is.
    """
    if ends - begins > longest:
        raise LifetimeTooLong(f"{of} is valid for more than {longest} seconds")
