"""Cases of SPEC.md §4.4 (verification) and §4.5 (revocation)."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha512

from cases_capability import (
    DIRECT,
    GRANT,
    HOLDER,
    INVOCATION,
    PATIENT,
    RECIPIENT,
    SERIES,
    SERIES_SHARE,
    SHARE,
    STRANGER,
    STUDY,
    YEAR,
)
from nacl.bindings import (
    crypto_core_ed25519_scalar_add,
    crypto_core_ed25519_scalar_mul,
    crypto_core_ed25519_scalar_reduce,
    crypto_scalarmult_ed25519_base_noclamp,
)
from vectorfile import NOW, Vector, fixed, fixed_key, payload_of, signed_part, with_fields

from undisc_protocol import limits
from undisc_protocol.dagcbor import Cid, Value
from undisc_protocol.errors import (
    BadProofs,
    BadSignature,
    BrokenChain,
    CommandNotGranted,
    Expired,
    LifetimeTooLong,
    Locked,
    NotGranted,
    NotYetValid,
    OutsidePolicy,
    PolicyWidened,
    RemoteProtocolError,
    Revoked,
    ShareTooEarly,
    StudyUnavailable,
    Suspended,
    UnknownRecipient,
    WrongAudience,
    WrongSubject,
)
from undisc_protocol.identity import commitment, sign_identity_record
from undisc_protocol.keys import SignKey

_SKEW = limits.CLOCK_SKEW
_STANDING = {
    "recipient-trusted": "yes",
    "recipient-revoked": "no",
    "grant-known": "yes",
    "grant-revoked": "no",
    "grant-created": str(NOW - 60),
    "share-revoked": "no",
    "study-active": "yes",
    "unlocked": "yes",
}


def cases() -> Iterator[Vector]:
    """Yield every case."""
    yield from _accepted()
    yield from _signatures()
    yield from _addresses()
    yield from _times()
    yield from _proofs()
    yield from _alignment()
    yield from _successors()
    yield from _commands()
    yield from _arguments()
    yield from _standing()
    yield from _revocation()


def _asked(
    *proofs: bytes, key: SignKey = RECIPIENT, args: dict[str, Value] | None = None, **fields: Value
) -> bytes:
    """Return an invocation that names these proofs."""
    _, payload = payload_of(INVOCATION)
    arguments = payload["args"]
    assert isinstance(arguments, dict)
    told = {
        "iss": key.did,
        "args": arguments | (args or {}),
        "prf": [Cid.of(raw) for raw in proofs],
    }
    return with_fields(INVOCATION, key, **(told | fields))


def _chain(
    row: str,
    name: str,
    error: type[RemoteProtocolError] | None,
    comment: str,
    invocation: bytes,
    *proofs: bytes,
    now: int = NOW,
    what: str = "chain",
    own: str = HOLDER.did,
    asker: tuple[bytes, ...] = (),
    results: dict[str, str] | None = None,
    standing: dict[str, str] | None = None,
) -> Vector:
    shown = {f"asker-{place}": record for place, record in enumerate(asker)}
    return Vector(
        section="4.4", row=row, name=name, what=what, expect=error, comment=comment,
        headers={"now": str(now), "own": own, **(standing or {})},
        parts={"invocation": invocation, **_named(proofs), **shown}, results=results or {},
    )  # fmt: skip


def _share(
    row: str,
    name: str,
    error: type[RemoteProtocolError] | None,
    comment: str,
    *proofs: bytes,
) -> Vector:
    return Vector(
        section="4.4", row=row, name=name, what="permission", expect=error, comment=comment,
        headers={"now": str(NOW), "own": HOLDER.did}, parts=_named(proofs),
    )  # fmt: skip


def _named(proofs: tuple[bytes, ...]) -> dict[str, bytes]:
    return {f"proof-{place}": proof for place, proof in enumerate(proofs)}


def _accepted() -> Iterator[Vector]:
    found = {"study": STUDY.hex(), "by": RECIPIENT.did}
    yield _chain("A1", "share", None, "a study by grant and share", INVOCATION, GRANT, SHARE,
        results={**found, "series": ""},
    )  # fmt: skip
    yield _chain("A2", "direct", None, "a study by a direct grant", _asked(DIRECT), DIRECT,
        results={**found, "share": "", "series": ""},
    )  # fmt: skip
    one = _asked(GRANT, SERIES_SHARE, args={"series": [SERIES[0]]})
    yield _chain("A3", "one-of-two", None, "one of two shared series", one, GRANT, SERIES_SHARE,
        results={**found, "series": SERIES[0].hex()},
    )  # fmt: skip
    some = _asked(GRANT, SHARE, args={"series": [SERIES[2]]})
    yield _chain("A3", "one-of-all", None, "one series of a shared study", some, GRANT, SHARE,
        results={**found, "series": SERIES[2].hex()},
    )  # fmt: skip
    own = _asked(GRANT, key=PATIENT, args={"by": PATIENT.did})
    yield _chain("A4", "patient", None, "the patient's key uses its own grant", own, GRANT,
        results={"by": PATIENT.did, "study": STUDY.hex()},
    )  # fmt: skip
    last = with_fields(SHARE, PATIENT, exp=NOW - _SKEW + 1, nbf=NOW - 1000)
    yield _chain("A5", "share-at-end", None, "59 seconds after the share's end",
        _asked(GRANT, last), GRANT, last,
    )  # fmt: skip
    first = with_fields(SHARE, PATIENT, nbf=NOW + _SKEW)
    yield _chain("A5", "share-at-beginning", None, "60 seconds before the share's beginning",
        _asked(GRANT, first), GRANT, first,
    )  # fmt: skip
    late = _asked(GRANT, SHARE, iat=NOW - 300, exp=NOW - _SKEW + 1)
    yield _chain("A5", "invocation-at-end", None, "59 seconds after the invocation's end",
        late, GRANT, SHARE,
    )  # fmt: skip
    equal = with_fields(SHARE, PATIENT, exp=NOW + YEAR)
    yield _share("A6", "registered", None, "a share that ends with its grant", GRANT, equal)


def _signatures() -> Iterator[Vector]:
    def spoilt(raw: bytes) -> bytes:
        return raw[:20] + bytes((raw[20] ^ 1,)) + raw[21:]

    for name, changed, proofs in (
        ("invocation", spoilt(INVOCATION), (GRANT, SHARE)),
        ("grant", _asked(spoilt(GRANT), SHARE), (spoilt(GRANT), SHARE)),
        ("share", _asked(GRANT, spoilt(SHARE)), (GRANT, spoilt(SHARE))),
    ):
        yield _chain(
            "R01", name, BadSignature, f"a wrong signature of the {name}", changed, *proofs
        )
    forged = with_fields(GRANT, STRANGER)
    yield _chain("R01", "forged-grant", BadSignature, "a grant in our name by a stranger",
        _asked(forged, SHARE), forged, SHARE,
    )  # fmt: skip


def _addresses() -> Iterator[Vector]:
    elsewhere = _asked(GRANT, SHARE, aud=STRANGER.did)
    yield _chain(
        "R02", "other-node", WrongAudience, "asked of another node", elsewhere, GRANT, SHARE
    )
    about = _asked(GRANT, SHARE, sub=STRANGER.did)
    yield _chain("R03", "invocation", WrongSubject, "an invocation about another node",
        about, GRANT, SHARE,
    )  # fmt: skip
    theirs = with_fields(GRANT, STRANGER, iss=STRANGER.did, sub=STRANGER.did)
    shared = with_fields(SHARE, PATIENT, sub=STRANGER.did)
    yield _chain("R03", "foreign-chain", WrongSubject,
        "a whole chain of another node, asked of us (confused deputy)",
        _asked(theirs, shared, sub=STRANGER.did), theirs, shared,
    )  # fmt: skip
    yield _chain("R03", "share", WrongSubject, "a share about another node",
        _asked(GRANT, shared), GRANT, shared,
    )  # fmt: skip
    yield _share("R03", "registered", WrongSubject, "a share about another node, to be registered",
        GRANT, shared,
    )  # fmt: skip


def _times() -> Iterator[Vector]:
    old = _asked(GRANT, SHARE, iat=NOW - 300, exp=NOW - _SKEW)
    yield _chain("R04", "invocation", Expired, "60 seconds after the invocation's end",
        old, GRANT, SHARE,
    )  # fmt: skip
    ended = with_fields(SHARE, PATIENT, exp=NOW - _SKEW, nbf=NOW - 1000)
    yield _chain("R04", "share", Expired, "60 seconds after the share's end",
        _asked(GRANT, ended), GRANT, ended,
    )  # fmt: skip
    over = with_fields(DIRECT, HOLDER, exp=NOW - _SKEW)
    yield _chain("R04", "grant", Expired, "60 seconds after the grant's end",
        _asked(over), over,
    )  # fmt: skip
    early = _asked(GRANT, SHARE, iat=NOW + _SKEW + 1)
    yield _chain("R05", "invocation", NotYetValid, "61 seconds before the invocation was made",
        early, GRANT, SHARE,
    )  # fmt: skip
    coming = with_fields(SHARE, PATIENT, nbf=NOW + _SKEW + 1)
    yield _chain("R05", "share", NotYetValid, "61 seconds before the share's beginning",
        _asked(GRANT, coming), GRANT, coming,
    )  # fmt: skip
    waiting = with_fields(DIRECT, HOLDER, nbf=NOW + _SKEW + 1)
    yield _chain("R05", "grant", NotYetValid, "61 seconds before the grant's beginning",
        _asked(waiting), waiting,
    )  # fmt: skip
    long = _asked(GRANT, SHARE, exp=NOW - 10 + limits.INVOCATION_LIFETIME + 1)
    yield _chain("R06", "invocation", LifetimeTooLong, "an invocation good for 301 seconds",
        long, GRANT, SHARE,
    )  # fmt: skip
    ages = with_fields(GRANT, HOLDER, exp=NOW + limits.GRANT_LIFETIME + _SKEW + 1)
    yield _chain("R06", "grant", LifetimeTooLong, "a grant that ends in more than 400 days",
        _asked(ages, SHARE), ages, SHARE,
    )  # fmt: skip
    longer = with_fields(SHARE, PATIENT, exp=NOW + YEAR + 1)
    yield _chain("R07", "share", LifetimeTooLong, "a share that ends a second after its grant",
        _asked(GRANT, longer), GRANT, longer,
    )  # fmt: skip
    yield _share("R07", "registered", LifetimeTooLong,
        "a share that ends after its grant, to be registered", GRANT, longer,
    )  # fmt: skip


def _proofs() -> Iterator[Vector]:
    yield _chain("R08", "none", BadProofs, "no proof at all", _asked())
    yield _chain("R08", "three", BadProofs, "three proofs come with it",
        INVOCATION, GRANT, SHARE, SERIES_SHARE,
    )  # fmt: skip
    yield _chain("R08", "unnamed", BadProofs, "names no proof, but two come with it",
        _asked(), GRANT, SHARE,
    )  # fmt: skip
    yield _chain("R08", "unused", BadProofs, "a share comes with it that it does not name",
        _asked(GRANT), GRANT, SHARE,
    )  # fmt: skip
    yield _chain("R08", "other", BadProofs, "another share than it names comes with it",
        INVOCATION, GRANT, SERIES_SHARE,
    )  # fmt: skip
    yield _chain("R08", "swapped", BadProofs, "names them in the other order",
        _asked(SHARE, GRANT), GRANT, SHARE,
    )  # fmt: skip
    yield _chain("R08", "signed-again", BadProofs, "the share, signed again: another CID",
        INVOCATION, GRANT, _signed_again(SHARE, PATIENT),
    )  # fmt: skip


def _alignment() -> Iterator[Vector]:
    yield _chain("R09", "leaf-first", BrokenChain, "the share before the grant",
        _asked(SHARE, GRANT), SHARE, GRANT,
    )  # fmt: skip
    yield _chain("R09", "grant-twice", BrokenChain, "the grant as share of itself",
        _asked(GRANT, GRANT, key=PATIENT), GRANT, GRANT,
    )  # fmt: skip
    yield _chain("R09", "share-alone", BrokenChain, "a share without its grant",
        _asked(SHARE), SHARE,
    )  # fmt: skip
    foreign = with_fields(GRANT, STRANGER, iss=STRANGER.did)
    yield _chain("R09", "grant-by-stranger", BrokenChain, "a grant about us by a stranger",
        _asked(foreign, SHARE), foreign, SHARE,
    )  # fmt: skip
    theirs = with_fields(SHARE, STRANGER, iss=STRANGER.did)
    yield _chain("R09", "share-by-stranger", BrokenChain,
        "a share by somebody who was granted nothing", _asked(GRANT, theirs), GRANT, theirs,
    )  # fmt: skip
    yield _share("R09", "registered", BrokenChain,
        "a share by somebody who was granted nothing, to be registered", GRANT, theirs,
    )  # fmt: skip
    stolen = _asked(GRANT, SHARE, key=STRANGER)
    yield _chain("R09", "stolen", BrokenChain, "the proofs of another, signed by a stranger",
        stolen, GRANT, SHARE,
    )  # fmt: skip


def _successors() -> Iterator[Vector]:
    """Permissions that were given to, or by, a key that was replaced since."""
    later, thief = fixed_key("recipient recovery"), fixed_key("recipient thief")
    first = sign_identity_record(RECIPIENT, next_hash=commitment(later), issued=NOW - 1000)
    second = sign_identity_record(later, next_hash=fixed("far"), issued=NOW - 10, previous=first)
    both = (first, second)

    def by(key: SignKey, *proofs: bytes) -> bytes:
        return _asked(*proofs, key=key)

    yield _chain("A8", "asker-share", None, "a share to the asker's former key",
        by(later, GRANT, SHARE), GRANT, SHARE, asker=both, results={"by": RECIPIENT.did},
    )  # fmt: skip
    yield _chain("A8", "asker-grant", None, "a direct grant to the asker's former key",
        by(later, DIRECT), DIRECT, asker=both, results={"by": RECIPIENT.did},
    )  # fmt: skip
    yield _chain("A8", "asker-unchanged", None, "an asker that has had one key",
        INVOCATION, GRANT, SHARE, asker=(first,), results={"by": RECIPIENT.did},
    )  # fmt: skip
    yield _chain("A8", "holder", None, "asked of the holder's new key, about its former one",
        _asked(GRANT, SHARE, aud=STRANGER.did), GRANT, SHARE, own=f"{HOLDER.did} {STRANGER.did}",
    )  # fmt: skip
    yield _chain("R09", "former-key", BrokenChain, "signed by the key that was replaced",
        INVOCATION, GRANT, SHARE, asker=both,
    )  # fmt: skip
    yield _chain("R09", "successor-unknown", BrokenChain,
        "signed by a later key, without the records that say so", by(later, GRANT, SHARE),
        GRANT, SHARE, asker=(first,),
    )  # fmt: skip
    strange = sign_identity_record(thief, next_hash=fixed("far"), issued=NOW)
    yield _chain("R09", "other-asker", BrokenChain, "the proofs of another, used by a node",
        by(thief, GRANT, SHARE), GRANT, SHARE, asker=(strange,),
    )  # fmt: skip
    told = _asked(GRANT, SHARE, key=later, args={"by": later.did})
    yield _chain("R12", "successor", OutsidePolicy, "names the new key as user, not the audience",
        told, GRANT, SHARE, asker=both,
    )  # fmt: skip


def _commands() -> Iterator[Vector]:
    direct = with_fields(DIRECT, HOLDER, aud=PATIENT.did)
    yield _chain("R10", "direct-shared", CommandNotGranted, "a direct grant that was shared",
        _asked(direct, SHARE), direct, SHARE,
    )  # fmt: skip
    view = with_fields(SHARE, PATIENT, cmd="/img/view")
    yield _chain("R10", "viewer-reads", CommandNotGranted, "a viewer asks for objects",
        _asked(GRANT, view), GRANT, view,
    )  # fmt: skip
    yield _chain("R10", "reader-views", CommandNotGranted, "a reader asks for the viewer",
        _asked(GRANT, SHARE, cmd="/img/view"), GRANT, SHARE,
    )  # fmt: skip


def _arguments() -> Iterator[Vector]:
    other = fixed("other study", 16)
    pol: Value = [["==", ".study", other], ["==", ".by", RECIPIENT.did]]
    wider = with_fields(SHARE, PATIENT, pol=pol)
    yield _chain("R11", "share", PolicyWidened, "a share of another study than granted",
        _asked(GRANT, wider, args={"study": other}), GRANT, wider,
    )  # fmt: skip
    yield _share("R11", "registered", PolicyWidened,
        "a share of another study than granted, to be registered", GRANT, wider,
    )  # fmt: skip
    for row, name, comment, args, share in (
        ("R12", "other-study", "asks for another study", {"study": other}, SHARE),
        ("R12", "other-user", "names another user", {"by": STRANGER.did}, SHARE),
        ("R13", "other-series", "asks for a series beside the shared ones",
         {"series": [SERIES[2]]}, SERIES_SHARE),
        ("R13", "one-too-many", "asks for a shared series and another",
         {"series": list(SERIES)}, SERIES_SHARE),
        ("R13", "all-series", "asks for the whole study where two series are shared",
         {"series": None}, SERIES_SHARE),
    ):  # fmt: skip
        asked = _asked(GRANT, share, args=args)
        yield _chain(row, name, OutsidePolicy, comment, asked, GRANT, share)
    wrong = _asked(DIRECT, args={"by": STRANGER.did})
    yield _chain("R12", "direct-other-user", OutsidePolicy, "names another user, by a direct grant",
        wrong, DIRECT,
    )  # fmt: skip


def _standing() -> Iterator[Vector]:
    yield _chain("A7", "standing", None, "all rows in order", INVOCATION, GRANT, SHARE,
        what="standing", standing=_STANDING,
    )  # fmt: skip
    for row, name, error, comment, change in (
        ("R14", "peer", Revoked, "the asking node was revoked",
         {"recipient-revoked": "yes", "recipient-trusted": "no"}),
        ("R15", "stranger", UnknownRecipient, "the asking node is no trusted peer",
         {"recipient-trusted": "no"}),
        ("R16", "unknown-grant", NotGranted, "a rightly signed grant without a row",
         {"grant-known": "no"}),
        ("R17", "grant", Revoked, "the grant was revoked", {"grant-revoked": "yes"}),
        ("R17", "share", Revoked, "the share was revoked", {"share-revoked": "yes"}),
        ("R18", "older-share", ShareTooEarly, "the share was made a second before the grant",
         {"grant-created": str(NOW - 49)}),
        ("R19", "ended", Expired, "the share ended between request and slice",
         {"later": str(NOW + 86_400 + _SKEW)}),
        ("R20", "withdrawn", StudyUnavailable, "the study is unknown, held or withdrawn",
         {"study-active": "no"}),
        ("R21", "protected", Locked, "the protection was not passed", {"unlocked": "no"}),
        ("R22", "restored", Suspended, "not confirmed since the holder came back from a backup",
         {"suspended": "yes"}),
    ):  # fmt: skip
        yield _chain(row, name, error, comment, INVOCATION, GRANT, SHARE,
            what="standing", standing=_STANDING | change,
        )  # fmt: skip


def _revocation() -> Iterator[Vector]:
    for name, raw in (("share", SHARE), ("share-again", _signed_again(SHARE, PATIENT))):
        yield Vector(
            section="4.5", row="A1", name=name, what="delegation", expect=None,
            comment="one share under two signatures: two CIDs, one id", parts={"bytes": raw},
            results={"cid": str(Cid.of(raw)), "id": _id(SHARE)},
        )  # fmt: skip


def _id(raw: bytes) -> str:
    return Cid.of(signed_part(raw)).digest.hex()


def _signed_again(raw: bytes, key: SignKey) -> bytes:
    """Sign with another nonce than RFC 8032 asks for: valid, and another signature."""
    message = signed_part(raw)
    expanded = bytearray(sha512(bytes(key.signing)).digest()[:32])
    expanded[0] &= 248
    expanded[31] = expanded[31] & 127 | 64
    secret = crypto_core_ed25519_scalar_reduce(bytes(expanded) + bytes(32))
    nonce = crypto_core_ed25519_scalar_reduce(sha512(b"another nonce").digest())
    point = crypto_scalarmult_ed25519_base_noclamp(nonce)
    challenge = crypto_core_ed25519_scalar_reduce(sha512(point + key.public + message).digest())
    product = crypto_core_ed25519_scalar_mul(challenge, secret)
    return raw[:3] + point + crypto_core_ed25519_scalar_add(nonce, product) + message
