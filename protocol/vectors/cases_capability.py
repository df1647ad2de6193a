"""Cases of SPEC.md §4.1 (grant), §4.2 (share) and §4.3 (invocation), each read by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vectorfile import (
    NOW,
    Vector,
    changed,
    fixed,
    fixed_key,
    reencoded,
    with_fields,
    without_field,
)

from undisc_protocol import limits
from undisc_protocol.capability.delegation import Basis, Meta, sign_grant, sign_share
from undisc_protocol.capability.invocation import Arguments, sign_invocation
from undisc_protocol.dagcbor import Cid, Value
from undisc_protocol.errors import (
    BadFields,
    BadKey,
    CommandNotGranted,
    Malformed,
    Oversize,
    PolicyWidened,
    RemoteProtocolError,
)
from undisc_protocol.keys import SignKey

HOLDER = fixed_key("holder")
PATIENT = fixed_key("patient")
RECIPIENT = fixed_key("recipient")
STRANGER = fixed_key("stranger")
STUDY = fixed("study", 16)
SERIES = tuple(sorted(fixed(f"series {number}", 16) for number in range(3)))
YEAR = 365 * 86_400

GRANT = sign_grant(
    HOLDER,
    audience=PATIENT.did,
    study=STUDY,
    command="/img",
    meta=Meta(Basis.PATIENT, fixed("consent")),
    nonce=fixed("grant nonce", 12),
    expires=NOW + YEAR,
)
DIRECT = sign_grant(
    HOLDER,
    audience=RECIPIENT.did,
    study=STUDY,
    command="/img/read",
    meta=Meta(Basis.TREATMENT),
    nonce=fixed("direct nonce", 12),
    not_before=NOW - 100,
    expires=NOW + 86_400,
)
SHARE = sign_share(
    PATIENT,
    audience=RECIPIENT.did,
    subject=HOLDER.did,
    study=STUDY,
    command="/img/read",
    nonce=fixed("share nonce", 12),
    not_before=NOW - 50,
    expires=NOW + 86_400,
)
SERIES_SHARE = sign_share(
    PATIENT,
    audience=RECIPIENT.did,
    subject=HOLDER.did,
    study=STUDY,
    command="/img/read",
    nonce=fixed("series share nonce", 32),
    not_before=NOW - 50,
    expires=NOW + 86_400,
    series=SERIES[:2],
)
INVOCATION = sign_invocation(
    RECIPIENT,
    audience=HOLDER.did,
    subject=HOLDER.did,
    command="/img/read",
    arguments=Arguments(STUDY, RECIPIENT.did, fixed("fetch key"), "follow-up"),
    proofs=(Cid.of(GRANT), Cid.of(SHARE)),
    nonce=fixed("invocation nonce", 12),
    issued=NOW - 10,
    expires=NOW + 200,
)


def cases() -> Iterator[Vector]:
    """Yield every case."""
    yield from _grants()
    yield from _shares()
    yield from _invocations()


def _case(
    row_id: str,
    name: str,
    error: type[RemoteProtocolError] | None,
    comment: str,
    raw: bytes,
) -> Vector:
    section, row = row_id.split("-")
    return Vector(
        section=section, row=row, name=name, expect=error, comment=comment,
        what="invocation" if section == "4.3" else "delegation", parts={"bytes": raw},
        results={} if error else {"cid": str(Cid.of(raw))},
    )  # fmt: skip


_BAD_KEYS = (
    ("small-order", "a key of small order",
     "did:key:z6MkeTG3bFFSLYVU7VqhgZxqr6YzpaGrQtFMh1uvqGy1vDnP"),
    ("web", "another DID method", "did:web:practice.example"),
)  # fmt: skip

_COMMON: tuple[tuple[str, str, dict[str, Value]], ...] = (
    ("extra", "an unknown field", {"extra": 1}),
    ("prf", "a field of UCAN that the profile does not have", {"prf": []}),
    ("null-sub", "no subject (a powerline of UCAN)", {"sub": None}),
    ("null-exp", "no end", {"exp": None}),
    ("negative-exp", "an end before 1970", {"exp": -1}),
    ("text-exp", "an end as text", {"exp": str(NOW + YEAR)}),
    ("true-exp", "true in the place of an end", {"exp": True}),
    ("short-nonce", "a nonce of 11 bytes", {"nonce": bytes(11)}),
    ("long-nonce", "a nonce of 33 bytes", {"nonce": bytes(33)}),
    ("text-nonce", "a nonce as text", {"nonce": "n" * 12}),
    ("bytes-aud", "the raw key in the place of a did:key", {"aud": RECIPIENT.public}),
    ("bytes-cmd", "a command as bytes", {"cmd": b"/img/read"}),
    ("long-cmd", "a command of 65 characters", {"cmd": "/img/read" + "/" * 56}),
)


def _both(section: str, raw: bytes, key: SignKey) -> Iterator[Vector]:
    """Yield what grants and shares have in common."""
    large = with_fields(raw, key, extra=bytes(4096))
    yield _case(f"{section}-R01", "large", Oversize, "more than 4,096 bytes", large)
    for name, comment, fields in _COMMON:
        yield _case(f"{section}-R02", name, BadFields, comment, with_fields(raw, key, **fields))
    for field in ("iss", "aud", "sub", "cmd", "pol", "nonce", "exp"):
        lacking = without_field(raw, key, field)
        yield _case(f"{section}-R02", f"no-{field}", BadFields, f"no {field}", lacking)
    for name, comment, did in _BAD_KEYS:
        for field in ("iss", "aud", "sub"):
            broken = with_fields(raw, key, **{field: did})
            yield _case(f"{section}-R03", f"{field}-{name}", BadKey, comment, broken)
    for name, comment, command in (
        ("admin", "a command that begins like /img", "/imgadmin"),
        ("below", "a command below /img/read", "/img/read/all"),
        ("slash", "a slash at the end", "/img/"),
        ("upper-case", "upper case", "/IMG/READ"),
        ("root", "everything of everything", "/"),
        ("empty", "no command", ""),
    ):
        broken = with_fields(raw, key, cmd=command)
        yield _case(f"{section}-R04", name, CommandNotGranted, comment, broken)


def _study(study: Value = STUDY) -> list[Value]:
    return ["==", ".study", study]


def _by(did: str = RECIPIENT.did) -> list[Value]:
    return ["==", ".by", did]


def _only(*series: Value) -> list[Value]:
    return ["all", ".series", ["or", [["==", ".", name] for name in series]]]


_POLICIES: tuple[tuple[str, str, Value], ...] = (
    ("empty", "no statement: everything is allowed", []),
    ("null", "no policy", None),
    ("other-operator", "any study but one", [["!=", ".study", STUDY]]),
    ("like", "a pattern", [["like", ".study", "*"]]),
    ("negation", "a negation, which UCAN takes for true when the field is absent",
     [["not", ["==", ".study", STUDY]]]),
    ("empty-or", "an empty or, which UCAN takes for true", [["or", []]]),
    ("either-study", "one of two studies",
     [["or", [["==", ".study", STUDY], ["==", ".study", fixed("other study", 16)]]]]),
    ("other-selector", "another field", [["==", ".patient", STUDY]]),
    ("optional-selector", "a selector that may miss", [["==", ".study?", STUDY]]),
    ("short-study", "a study of 15 bytes", [_study(bytes(15))]),
    ("text-study", "a study's UID as text", [_study("1.2.840.113619")]),
    ("repeated", "the same statement twice", [_study(), _study()]),
    ("extra-operand", "an operand too many", [["==", ".study", STUDY, STUDY]]),
    ("map", "a map", {"study": STUDY}),
)  # fmt: skip

_SHARE_POLICIES: tuple[tuple[str, str, Value], ...] = (
    ("no-user", "no user: it could be passed on", [_study()]),
    ("other-user", "another user than its audience", [_study(), _by(STRANGER.did)]),
    ("bytes-user", "the user as a raw key", [_study(), ["==", ".by", RECIPIENT.public]]),
    ("other-order", "the user before the study", [_by(), _study()]),
    ("series-last", "the series behind the user", [_study(), _by(), _only(SERIES[0])]),
    ("series-without-user", "series, but no user", [_study(), _only(SERIES[0])]),
    ("no-series", "an empty or, which UCAN takes for true", [_study(), _only(), _by()]),
    ("short-series", "a series of 15 bytes", [_study(), _only(bytes(15)), _by()]),
    ("text-series", "a series' UID as text", [_study(), _only("1.2.840"), _by()]),
    ("unsorted-series", "series out of order", [_study(), _only(SERIES[1], SERIES[0]), _by()]),
    ("repeated-series", "the same series twice", [_study(), _only(SERIES[0], SERIES[0]), _by()]),
    ("any-series", "any instead of all",
     [_study(), ["any", ".series", ["or", [["==", ".", SERIES[0]]]]], _by()]),
    ("and-series", "and instead of or",
     [_study(), ["all", ".series", ["and", [["==", ".", SERIES[0]]]]], _by()]),
    ("other-than-series", "all series but one",
     [_study(), ["all", ".series", ["or", [["!=", ".", SERIES[0]]]]], _by()]),
    ("extra-statement", "a further statement",
     [_study(), _by(), ["==", ".purpose", "second opinion"]]),
)  # fmt: skip


def _grants() -> Iterator[Vector]:
    yield _case("4.1-A1", "patient", None, "a grant of everything to a patient's key", GRANT)
    yield _case("4.1-A2", "treatment", None, "a direct grant for treatment, with nbf", DIRECT)
    named = with_fields(
        DIRECT, HOLDER, meta={"basis": "patient", "consent": fixed("consent")}, cmd="/img/view"
    )
    yield _case("4.1-A3", "named", None, "a direct grant to a recipient the patient named", named)
    yield from _both("4.1", GRANT, HOLDER)
    yield _case("4.1-R02", "invocation", BadFields, "an invocation instead", INVOCATION)
    backwards = with_fields(DIRECT, HOLDER, exp=NOW - 100)
    yield _case("4.1-R02", "backwards", BadFields, "an end not after the beginning", backwards)
    for name, comment, pol in (*_POLICIES, ("user", "a user, as in a share", [_study(), _by()])):
        yield _case("4.1-R05", name, PolicyWidened, comment, with_fields(GRANT, HOLDER, pol=pol))
    for name, comment, meta in (
        ("unknown-basis", "a basis that does not exist", {"basis": "research"}),
        ("no-basis", "no basis", {}),
        ("null-basis", "null as basis", {"basis": None}),
        ("extra", "an unknown field", {"basis": "patient", "note": "x"}),
        ("short-consent", "31 bytes in the place of a hash",
         {"basis": "patient", "consent": bytes(31)}),
        ("null-consent", "null in the place of a hash", {"basis": "patient", "consent": None}),
        ("text", "text in the place of a map", "patient"),
    ):  # fmt: skip
        yield _case("4.1-R06", name, BadFields, comment, with_fields(GRANT, HOLDER, meta=meta))
    for basis in ("patient", "proxy"):
        unproven = with_fields(DIRECT, HOLDER, meta={"basis": basis})
        yield _case(
            "4.1-R07", f"direct-{basis}", BadFields,
            "a direct grant on somebody's word without the hash of the consent", unproven,
        )  # fmt: skip


def _shares() -> Iterator[Vector]:
    yield _case("4.2-A1", "study", None, "a share of the whole study", SHARE)
    yield _case("4.2-A2", "series", None, "a share of two series", SERIES_SHARE)
    view = with_fields(SHARE, PATIENT, cmd="/img/view")
    yield _case("4.2-A3", "view", None, "a share for viewing only", view)
    yield from _both("4.2", SHARE, PATIENT)
    lacking = without_field(SHARE, PATIENT, "nbf")
    yield _case("4.2-R02", "no-nbf", BadFields, "no nbf", lacking)
    backwards = with_fields(SHARE, PATIENT, exp=NOW - 50)
    yield _case("4.2-R02", "backwards", BadFields, "an end not after the beginning", backwards)
    everything = with_fields(SHARE, PATIENT, cmd="/img")
    yield _case(
        "4.2-R04", "everything", CommandNotGranted, "a share of /img could be shared on", everything
    )
    for name, comment, pol in (*_POLICIES, *_SHARE_POLICIES):
        yield _case("4.2-R05", name, PolicyWidened, comment, with_fields(SHARE, PATIENT, pol=pol))
    many = sorted(fixed(f"many {number}", 16) for number in range(limits.MAX_SERIES + 1))
    crowded = with_fields(SHARE, PATIENT, pol=[_study(), _only(*many), _by()])
    yield _case("4.2-R06", "many-series", Oversize, "65 series", crowded)


def _arguments(**fields: Value) -> Callable[[dict[str, Value]], object]:
    def change(payload: dict[str, Value]) -> None:
        arguments = payload["args"]
        assert isinstance(arguments, dict)
        arguments.update(fields)

    return change


def _invocations() -> Iterator[Vector]:
    yield _case("4.3-A1", "study", None, "the whole study, by grant and share", INVOCATION)
    some = changed(INVOCATION, RECIPIENT, _arguments(series=list(SERIES[:2])))
    yield _case("4.3-A2", "series", None, "two series", some)
    large = with_fields(INVOCATION, RECIPIENT, extra=bytes(4096))
    yield _case("4.3-R01", "large", Oversize, "more than 4,096 bytes", large)
    three = with_fields(INVOCATION, RECIPIENT, prf=[Cid.of(GRANT), Cid.of(SHARE), Cid.of(DIRECT)])
    yield _case("4.3-R01", "three-proofs", Oversize, "three proofs", three)
    many = sorted(fixed(f"many {number}", 16) for number in range(limits.MAX_SERIES + 1))
    crowded = changed(INVOCATION, RECIPIENT, _arguments(series=many))
    yield _case("4.3-R01", "many-series", Oversize, "65 series", crowded)
    for name, comment, fields in (
        ("extra", "an unknown field", {"extra": 1}),
        ("cause", "a field of UCAN that the profile does not have", {"cause": Cid.of(b"")}),
        ("meta", "a field of UCAN that the profile does not have", {"meta": {}}),
        ("null-exp", "no end", {"exp": None}),
        ("backwards", "an end not after the beginning", {"exp": NOW - 10}),
        ("short-nonce", "a nonce of 11 bytes", {"nonce": bytes(11)}),
        ("null-aud", "no audience", {"aud": None}),
        ("bytes-proof", "a proof as bytes instead of a link", {"prf": [GRANT]}),
        ("text-args", "arguments as text", {"args": "study"}),
    ):
        broken = with_fields(INVOCATION, RECIPIENT, **fields)
        yield _case("4.3-R02", name, BadFields, comment, broken)
    yield _case("4.3-R02", "grant", BadFields, "a grant instead", GRANT)
    twice = reencoded(INVOCATION, RECIPIENT, b"\xa5\x62by", b"\xa6\x62by\x60\x62by")
    yield _case("4.3-R06", "repeated-argument", Malformed, "rightly signed, two users", twice)
    for field in ("iss", "aud", "sub", "cmd", "args", "prf", "nonce", "iat", "exp"):
        lacking = without_field(INVOCATION, RECIPIENT, field)
        yield _case("4.3-R02", f"no-{field}", BadFields, f"no {field}", lacking)
    for name, comment, arguments in (
        ("extra", "an unknown argument", {"extra": 1}),
        ("short-study", "a study of 15 bytes", {"study": bytes(15)}),
        ("short-key", "a key of 31 bytes", {"key": bytes(31)}),
        ("no-series", "an empty set of series", {"series": []}),
        ("short-series", "a series of 15 bytes", {"series": [bytes(15)]}),
        ("unsorted-series", "series out of order", {"series": [SERIES[1], SERIES[0]]}),
        ("repeated-series", "the same series twice", {"series": [SERIES[0], SERIES[0]]}),
        ("long-purpose", "a purpose of 65 characters", {"purpose": "x" * 65}),
        ("null-purpose", "no purpose", {"purpose": None}),
        ("bytes-by", "the user as a raw key", {"by": RECIPIENT.public}),
    ):
        broken = changed(INVOCATION, RECIPIENT, _arguments(**arguments))
        yield _case("4.3-R03", name, BadFields, comment, broken)
    for name, comment, did in _BAD_KEYS:
        for field in ("iss", "aud", "sub"):
            broken = with_fields(INVOCATION, RECIPIENT, **{field: did})
            yield _case("4.3-R04", f"{field}-{name}", BadKey, comment, broken)
        broken = changed(INVOCATION, RECIPIENT, _arguments(by=did))
        yield _case("4.3-R04", f"by-{name}", BadKey, comment, broken)
    for name, comment, command in (
        ("everything", "a right to share cannot be invoked", "/img"),
        ("admin", "a command that begins like /img", "/imgadmin"),
        ("revoke", "a command of UCAN that the profile does not have", "/ucan/revoke"),
    ):
        broken = with_fields(INVOCATION, RECIPIENT, cmd=command)
        yield _case("4.3-R05", name, CommandNotGranted, comment, broken)
