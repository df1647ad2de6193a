"""Cases of SPEC.md §6.13: what a browser says with a link's key."""

from __future__ import annotations

from collections.abc import Iterator

from material import HOLDER, STRANGER, STRANGER_KEY
from vectorfile import NOW, Vector, enveloped, fixed, payload_of, with_fields, without_field

from undisc_protocol import limits
from undisc_protocol.browser import MAX_BROWSER, Act, sign_browser
from undisc_protocol.capability.envelope import TAG_UNLOCK
from undisc_protocol.dagcbor import Value
from undisc_protocol.errors import (
    BadFields,
    BadKey,
    BadSignature,
    Expired,
    LifetimeTooLong,
    Malformed,
    NotYetValid,
    Oversize,
    RemoteProtocolError,
    WrongAudience,
)
from undisc_protocol.keys import SignKey, link_key

_LINK = link_key(fixed("browser's link"))
_NEW = SignKey.from_seed(fixed("browser's own key"))


def _signed(act: Act, **arguments: Value) -> bytes:
    return sign_browser(
        _LINK, to=HOLDER.node_id, act=act, arguments=arguments, nonce=fixed("browser", 16),
        issued=NOW, expires=NOW + limits.REQUEST_LIFETIME,
    )  # fmt: skip


_OPEN = _signed(Act.OPEN, passcode="grün 7", code=None, name="Dr. Ann")


def _case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
          raw: bytes, now: int = NOW, act: str = "open", fill: int = 0) -> Vector:  # fmt: skip
    headers = {"now": str(now), "own": HOLDER.node_id.hex()}
    return Vector(
        section="6.13", row=row, name=name, what="browser", expect=error, comment=comment,
        headers=headers | ({"fill": str(fill)} if fill else {}), parts={"bytes": raw},
        results={} if error else {"link": _LINK.did, "act": act},
    )  # fmt: skip


def _with(**fields: Value) -> bytes:
    """Change fields whose names `with_fields` has for itself."""
    tag, payload = payload_of(_OPEN)
    return enveloped({**payload, **fields}, tag=tag, key=_LINK)


def cases() -> Iterator[Vector]:
    """Yield every case."""
    yield _case("A1", "look", None, "what is this link", _signed(Act.LOOK), act="look")
    yield _case("A1", "code", None, "send the code", _signed(Act.CODE), act="code")
    yield _case("A1", "open", None, "with a passcode and a name", _OPEN)
    bare = _signed(Act.OPEN, passcode=None, code=None, name="")
    yield _case("A1", "bare", None, "a link without protection", bare)
    claim = _signed(Act.CLAIM, passcode="4711", code=None, key=_NEW.did, software=False)
    yield _case("A1", "claim", None, "another key takes its place", claim, act="claim")
    yield _case("R01", "large", Oversize, "more than 2048 bytes", b"", fill=MAX_BROWSER + 1)
    yield _case("R02", "trailing", Malformed, "a byte follows", _OPEN + b"\x00")
    for field in ("iss", "to", "act", "args", "nonce", "iat", "exp"):
        yield _case("R03", f"no-{field}", BadFields, f"without {field}",
                    without_field(_OPEN, _LINK, field))  # fmt: skip
    yield _case("R03", "extra", BadFields, "an unknown field", with_fields(_OPEN, _LINK, more=1))
    yield _case("R03", "other-act", BadFields, "an unknown wish", _with(act="delete"))
    yield _case("R03", "backwards", BadFields, "it ends when it begins", _with(exp=NOW))
    yield _case("R03", "short-nonce", BadFields, "a nonce of 15 bytes", _with(nonce=bytes(15)))
    _, payload = payload_of(_OPEN)
    yield _case("R03", "other-tag", BadFields, "the tag of an unlock",
                enveloped(payload, tag=TAG_UNLOCK, key=_LINK))  # fmt: skip
    yield from _arguments()
    yield _case("R05", "web", BadKey, "a link that is no did:key", _with(iss="did:web:example.org"))
    tag, said = payload_of(claim)
    other = {**said["args"], "key": "did:web:example.org"}  # type: ignore[dict-item]
    yield _case("R05", "claim-web", BadKey, "a new key that is no did:key",
                enveloped({**said, "args": other}, tag=tag, key=_LINK))  # fmt: skip
    yield _case("R06", "stranger", BadSignature, "not signed by the link's key",
                enveloped(payload, tag=tag, key=STRANGER_KEY))  # fmt: skip
    yield _case("R07", "other-node", WrongAudience, "addressed to another node",
                _with(to=STRANGER.node_id))  # fmt: skip
    end, skew = NOW + limits.REQUEST_LIFETIME, limits.CLOCK_SKEW
    yield _case("R08", "too-early", NotYetValid, "61 seconds ahead", _OPEN, NOW - skew - 1)
    yield _case("R09", "too-late", Expired, "a minute over", _OPEN, end + skew)
    yield _case("R10", "too-long", LifetimeTooLong, "good for 301 seconds", _with(exp=end + 1))


def _arguments() -> Iterator[Vector]:
    right: dict[str, Value] = {"passcode": None, "code": None, "name": ""}
    for name, comment, changes in (
        ("args-empty-passcode", "an empty passcode", {"passcode": ""}),
        ("args-bytes-passcode", "bytes for a passcode", {"passcode": b"4711"}),
        ("args-long-passcode", "a passcode of 129 characters", {"passcode": "a" * 129}),
        ("args-long-code", "a code of 17 characters", {"code": "1" * 17}),
        ("args-long-name", "a name of 65 characters", {"name": "a" * 65}),
        ("args-turned-name", "a name that turns the direction of writing", {"name": "a\u202eb"}),
        ("args-extra", "an argument of a claim", {"software": True}),
    ):
        yield _case("R04", name, BadFields, comment, _with(args=right | changes))
    without = {name: value for name, value in right.items() if name != "code"}
    yield _case("R04", "args-missing", BadFields, "without code", _with(args=without))
    yield _case("R04", "args-none", BadFields, "arguments that are no map", _with(args=None))
