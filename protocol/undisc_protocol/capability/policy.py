"""The three exact policy shapes of the profile (SPEC.md §4.1, §4.2).

A grant confines to one study; a share confines to one study and one user, and may confine to
named series. UCAN's policy language is richer, and its evaluation holds traps (an empty `or` is
true, a missing field makes `not` true). Here nothing is evaluated: shapes are matched.

    >>> match(build(Policy(study=bytes(16)))) == Policy(study=bytes(16))
    True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from undisc_protocol import limits
from undisc_protocol.dagcbor import Value
from undisc_protocol.did import Did, check_did
from undisc_protocol.errors import LocalProtocolError, Oversize, PolicyWidened

NAME_SIZE: Final = 16  # bytes of a study's id and of a series' name


@dataclass(frozen=True, slots=True)
class Policy:
    """What a capability is confined to.

    Attributes:
        study: The study's id, 16 bytes.
        by: The only user, or None in a grant.
        series: Names of the only series, 16 bytes each, sorted; empty for the whole study.
    """

    study: bytes
    by: Did | None = None
    series: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if any(len(name) != NAME_SIZE for name in (self.study, *self.series)):
            raise LocalProtocolError("a study or series is named by 16 bytes")
        if self.series and self.by is None:
            raise LocalProtocolError("only a share is confined to series")
        if len(self.series) > limits.MAX_SERIES or list(self.series) != sorted(set(self.series)):
            raise LocalProtocolError("series are a sorted set of bounded size")


def build(policy: Policy) -> list[Value]:
    """Return a policy as UCAN 1.0 statements."""
    statements: list[Value] = [["==", ".study", policy.study]]
    if policy.series:
        choices: list[Value] = [["==", ".", name] for name in policy.series]
        statements.append(["all", ".series", ["or", choices]])
    if policy.by is not None:
        statements.append(["==", ".by", policy.by])
    return statements


def match(value: Value) -> Policy:
    """Take apart a policy that must have one of the three shapes.

    Args:
        value: What a delegation has as `pol`.

    Raises:
        PolicyWidened: Any other shape, order, operator, selector or type.
        BadKey: The user is not a sound did:key.
        Oversize: More than `limits.MAX_SERIES` series.
    """
    by: str | None = None
    choices: Sequence[Value] = ()
    match value:
        case [["==", ".study", bytes(study)]]:
            pass
        case [["==", ".study", bytes(study)], ["==", ".by", str(by)]]:
            pass
        case [
            ["==", ".study", bytes(study)],
            ["all", ".series", ["or", [_, *_] as choices]],
            ["==", ".by", str(by)],
        ]:
            pass
        case _:
            raise PolicyWidened("a policy does not have one of the exact shapes")
    if len(choices) > limits.MAX_SERIES:
        raise Oversize(f"a policy names more than {limits.MAX_SERIES} series")
    series = [_series(choice) for choice in choices]
    if len(study) != NAME_SIZE or series != sorted(set(series)):
        raise PolicyWidened("a policy does not name one study and a sorted set of series")
    return Policy(study, None if by is None else check_did(by), tuple(series))


def _series(choice: Value) -> bytes:
    match choice:
        case ["==", ".", bytes(name)] if len(name) == NAME_SIZE:
            return name
        case _:
            raise PolicyWidened("a policy confines series by something else than their names")
