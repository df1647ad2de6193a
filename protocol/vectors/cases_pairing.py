"""Cases of SPEC.md §3.9 to §3.11: invitations, pairing on a line, pairing by file.

The node that invites is the one called holder elsewhere, and the guest is the asker.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from material import (
    ASKER_KEY,
    HOLDER,
    HOLDER_KEY,
    STRANGER_KEY,
    card_of,
    flipped,
    identity_of,
    successor_of,
)
from vectorfile import NOW, Vector, enveloped, fixed, payload_of, with_fields, without_field

from undisc_protocol import dagcbor, limits
from undisc_protocol.capability.envelope import TAG_ANSWER
from undisc_protocol.dagcbor import Value
from undisc_protocol.errors import (
    BadFields,
    BadSignature,
    BrokenCommitment,
    CannotOpen,
    Expired,
    LinkDamaged,
    Malformed,
    NoInvitation,
    OutOfOrder,
    Oversize,
    RemoteProtocolError,
    Unreachable,
    WrongAnswer,
)
from undisc_protocol.identity import node_document
from undisc_protocol.invitation import PREFIX, Invitation, write_invitation
from undisc_protocol.keys import DOMAIN_PAIRING, SEAL_NONCE, seal
from undisc_protocol.pairing import (
    NONCE,
    Pairing,
    Role,
    Says,
    Step,
    commit_to,
    make_reply,
    make_request,
    say,
    sign_verdict,
)
from undisc_protocol.pairing_file import MAGIC, file_words, write_pairing_file

_INVITATION = Invitation(
    node_id=HOLDER.node_id,
    urls=("https://images.lakeside.example", "http://192.0.2.7:8440/undisc"),
    token=fixed("invitation"),
    expires=NOW + limits.INVITATION_LIFETIME,
)
_SECRET = _INVITATION.secret
_TEXT = write_invitation(_INVITATION)
_BOTH: Final = ("fetch", "offer")


def _document(label: str, *, succeeded: bool = False) -> bytes:
    identity = successor_of(label)[1] if succeeded else identity_of(label)
    return node_document(identity.records, card_of(label, succeeded=succeeded))


_HOLDER_SAYS = say(_document("holder"), _BOTH, fixed("inviter says", NONCE))
_ASKER_SAYS = say(_document("asker"), ("fetch",), fixed("guest says", NONCE))
_SEAL_NONCE = fixed("pairing seal", SEAL_NONCE)
_GUEST = Pairing(Role.GUEST, _ASKER_SAYS, commit_to(Role.INVITER, _HOLDER_SAYS), _HOLDER_SAYS)
_YES = sign_verdict(HOLDER_KEY, role=Role.INVITER, pairing=_GUEST.name, says=Says.YES, at=NOW)


def cases() -> Iterator[Vector]:
    """Yield every case."""
    yield from _invitations()
    yield from _requests()
    yield from _replies()
    yield from _revealed()
    yield from _verdicts()
    yield from _files()


def _invitations() -> Iterator[Vector]:
    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             text: str, *, fill: int = 0) -> Vector:  # fmt: skip
        return Vector(
            section="3.9", row=row, name=name, what="invitation", expect=error, comment=comment,
            headers={"fill": str(fill)} if fill else {},
            parts={"text": text.encode()},
            results={} if error else {
                "id": HOLDER.node_id.hex(), "urls": " ".join(_INVITATION.urls),
                "expires": str(_INVITATION.expires), "handle": _SECRET.handle.hex(),
                "key": _SECRET.key.hex(),
            },
        )  # fmt: skip

    def other(**fields: Value) -> str:
        good: dict[str, Value] = {
            "id": _INVITATION.node_id, "urls": _INVITATION.urls, "token": _INVITATION.token,
            "exp": _INVITATION.expires,
        }  # fmt: skip
        raw = dagcbor.encode({key: one for key, one in (good | fields).items() if one is not None})
        return PREFIX + _base64(raw + sha256(raw).digest()[:4])

    half = len(_TEXT) // 2
    yield case("A1", "plain", None, "as it was made", _TEXT)
    yield case("A2", "sentence", None, "words around it", f"Please accept: {_TEXT} until five.")
    yield case("A2", "broken-line", None, "a line broke within it",
               f"{_TEXT[:half]}\r\n{_TEXT[half:]}\n")  # fmt: skip
    yield case("A2", "quoted", None, "in a quoted reply", f"> {_TEXT[:half]}\n> {_TEXT[half:]}\n")
    yield case("R01", "long", Oversize, "more than 2048 characters", "",
               fill=limits.MAX_INVITATION + 1)  # fmt: skip
    yield case("R02", "words", LinkDamaged, "no invitation in it", "please accept our invitation")
    yield case("R02", "cut", LinkDamaged, "the last characters are missing", _TEXT[:-3])
    yield case("R02", "prefix", LinkDamaged, "nothing behind the prefix", PREFIX)
    changed = _TEXT[:-20] + ("A" if _TEXT[-20] != "A" else "B") + _TEXT[-19:]
    yield case("R02", "mistyped", LinkDamaged, "one character is another", changed)
    second = write_invitation(
        Invitation(HOLDER.node_id, _INVITATION.urls, fixed("other invitation"), NOW)
    )
    yield case("R02", "two", LinkDamaged, "two different ones", f"{_TEXT} {second}")
    yield case("R02", "short-token", LinkDamaged, "a token of 16 bytes",
               other(token=fixed("invitation", 16)))  # fmt: skip
    yield case("R02", "no-urls", LinkDamaged, "no address", other(urls=()))
    yield case("R02", "four-urls", LinkDamaged, "four addresses",
               other(urls=("http://a", "http://b", "http://c", "http://d")))  # fmt: skip
    yield case("R02", "script-url", LinkDamaged, "another kind of address",
               other(urls=("javascript:x",)))  # fmt: skip
    yield case("R02", "no-exp", LinkDamaged, "no end", other(exp=None))
    yield case("R02", "extra", LinkDamaged, "an unknown field", other(more=1))


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _requests() -> Iterator[Vector]:
    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             body: bytes, found: str = "", *, fill: int = 0) -> Vector:  # fmt: skip
        return Vector(
            section="3.10", row=row, name=name, what="pairing-request", expect=error,
            comment=comment,
            headers={"fill": str(fill)} if fill else {},
            parts={"handle": _SECRET.handle, "key": _SECRET.key, "body": body},
            results={} if error else {"content": found},
        )  # fmt: skip

    commitment = commit_to(Role.GUEST, _ASKER_SAYS)
    commit = make_request(_SECRET, Step.COMMIT, commitment, nonce=_SEAL_NONCE)
    yield case("A1", "commit", None, "the guest commits", commit, commitment.hex())
    yield case("A1", "reveal", None, "the guest says what it committed to",
               make_request(_SECRET, Step.REVEAL, _ASKER_SAYS, nonce=_SEAL_NONCE),
               sha256(_ASKER_SAYS).hexdigest())  # fmt: skip
    yield case("A1", "undecided", None, "the guest has not decided yet",
               make_request(_SECRET, Step.VERDICT, None, nonce=_SEAL_NONCE), "")  # fmt: skip
    yes = sign_verdict(ASKER_KEY, role=Role.GUEST, pairing=_GUEST.name, says=Says.YES, at=NOW)
    yield case("A1", "decided", None, "the guest says yes",
               make_request(_SECRET, Step.VERDICT, yes, nonce=_SEAL_NONCE),
               sha256(yes).hexdigest())  # fmt: skip
    yield case("R01", "large", Oversize, "more than 24576 bytes", b"", fill=limits.MAX_PAIRING + 1)
    yield case("R02", "trailing", Malformed, "a byte follows", commit + b"\x00")

    def outside(**fields: Value) -> bytes:
        good = dagcbor.decode(commit, limit=len(commit))
        assert isinstance(good, dict)
        return dagcbor.encode({k: v for k, v in (good | fields).items() if v is not None})

    yield case("R03", "no-handle", BadFields, "without the handle", outside(handle=None))
    yield case("R03", "short-handle", BadFields, "a handle of 16 bytes", outside(handle=bytes(16)))
    yield case("R03", "no-step", BadFields, "without the step", outside(step=None))
    yield case("R03", "other-step", BadFields, "an unknown step", outside(step="trust"))
    yield case("R03", "no-sealed", BadFields, "without a message", outside(sealed=None))
    yield case("R03", "extra", BadFields, "an unknown field", outside(more=1))

    def sealed(content: Value, role: str = "guest", step: str = "commit",
               key: bytes = _SECRET.key) -> bytes:  # fmt: skip
        bound_to = b"\x00".join((role.encode(), step.encode(), _SECRET.handle))
        return seal(key, dagcbor.encode(content), domain=DOMAIN_PAIRING, bound_to=bound_to,
                    nonce=_SEAL_NONCE)  # fmt: skip

    good: Value = {"commit": commitment}
    yield case("R03", "short-commitment", BadFields, "a commitment of 16 bytes",
               outside(sealed=sealed({"commit": bytes(16)})))  # fmt: skip
    yield case("R03", "null-commitment", BadFields, "no commitment",
               outside(sealed=sealed({"commit": None})))  # fmt: skip
    yield case("R03", "other-content", BadFields, "the content of another step",
               outside(sealed=sealed({"reveal": commitment})))  # fmt: skip
    yield case("R04", "other-key", CannotOpen, "by somebody who has not seen the invitation",
               outside(sealed=sealed(good, key=fixed("other"))))  # fmt: skip
    yield case("R04", "changed", CannotOpen, "one bit is changed",
               outside(sealed=flipped(sealed(good), 50)))  # fmt: skip
    yield case("R04", "reflected", CannotOpen, "the inviter's own message sent back",
               outside(sealed=sealed(good, role="inviter")))  # fmt: skip
    yield case("R04", "swapped-step", CannotOpen, "a message of one step sent as another",
               outside(step="reveal"))  # fmt: skip
    yield case("R04", "short", CannotOpen, "too short for any message", outside(sealed=b"short"))


def _replies() -> Iterator[Vector]:
    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             body: bytes, status: int = 200) -> Vector:  # fmt: skip
        return Vector(
            section="3.10", row=row, name=name, what="pairing-reply", expect=error,
            comment=comment, headers={"status": str(status), "step": "commit"},
            parts={"handle": _SECRET.handle, "key": _SECRET.key, "body": body},
            results={} if error else {"content": commit_to(Role.INVITER, _HOLDER_SAYS).hex()},
        )  # fmt: skip

    commitment = commit_to(Role.INVITER, _HOLDER_SAYS)
    reply = make_reply(_SECRET, Step.COMMIT, commitment, nonce=_SEAL_NONCE)
    yield case("A2", "committed", None, "the inviter commits", reply)
    yield case("R04", "reply-changed", CannotOpen, "one bit is changed", flipped(reply, 50))
    own = make_request(_SECRET, Step.COMMIT, commitment, nonce=_SEAL_NONCE)
    decoded = dagcbor.decode(own, limit=len(own))
    assert isinstance(decoded, dict)
    sealed = decoded["sealed"]
    assert isinstance(sealed, bytes)
    yield case("R04", "reply-reflected", CannotOpen, "the guest's own message sent back", sealed)
    yield case("R05", "unknown", NoInvitation, "the inviter knows no such invitation", b"", 403)
    yield case("R06", "busy", Unreachable, "another error", b"later", 503)


def _revealed() -> Iterator[Vector]:
    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             said: bytes, commitment: bytes | None = None, before: bytes | None = None,
             words: str = "") -> Vector:  # fmt: skip
        commitment = commit_to(Role.INVITER, said) if commitment is None else commitment
        return Vector(
            section="3.10", row=row, name=name, what="pairing-said", expect=error,
            comment=comment, headers={"now": str(NOW)},
            parts={"own": _ASKER_SAYS, "commitment": commitment, "said": said,
                   **({"before": before} if before else {})},
            results={} if error else {"words": words},
        )  # fmt: skip

    def words(said: bytes) -> str:
        return " ".join(Pairing(Role.GUEST, _ASKER_SAYS, b"", said).words)

    yield case("A3", "words", None, "what the inviter says, and the words of it", _HOLDER_SAYS,
               words=words(_HOLDER_SAYS))  # fmt: skip
    later = say(_document("holder", succeeded=True), _BOTH, fixed("inviter says", NONCE))
    yield case("A3", "second-key", None, "an inviter that has replaced its key has other words",
               later, words=words(later))  # fmt: skip
    fewer = say(_document("holder"), (), fixed("inviter says", NONCE))
    yield case("A3", "no-scope", None, "an inviter that lets the guest do nothing has other words",
               fewer, words=words(fewer))  # fmt: skip
    yield case("R07", "other-said", BrokenCommitment, "another nonce than was committed to",
               say(_document("holder"), _BOTH, fixed("other", NONCE)),
               commit_to(Role.INVITER, _HOLDER_SAYS))  # fmt: skip
    yield case("R07", "other-role", BrokenCommitment, "committed to in the other role",
               _HOLDER_SAYS, commit_to(Role.GUEST, _HOLDER_SAYS))  # fmt: skip
    yield case("R08", "no-commitment", OutOfOrder, "it speaks before it committed",
               _HOLDER_SAYS, b"")  # fmt: skip
    yield case("R08", "twice", OutOfOrder, "it said something else before", _HOLDER_SAYS,
               before=fewer)  # fmt: skip
    plain: dict[str, Value] = {
        "document": _document("holder"), "scopes": ["fetch", "offer"], "nonce": bytes(NONCE)
    }  # fmt: skip

    def wrong(name: str, comment: str, **fields: Value) -> Vector:
        content = {k: v for k, v in (plain | fields).items() if v is not None}
        return case("R09", name, BadFields, comment, dagcbor.encode(content))

    yield wrong("said-no-nonce", "without a nonce", nonce=None)
    yield wrong("said-short-nonce", "a nonce of 16 bytes", nonce=bytes(16))
    yield wrong("said-no-document", "without a document", document=None)
    yield wrong("said-unsorted", "scopes in another order", scopes=["offer", "fetch"])
    yield wrong("said-upper", "a scope that is no name", scopes=["Fetch!"])
    yield wrong("said-many", "a scope that is no text", scopes=[1])
    yield wrong("said-extra", "an unknown field", more=1)
    old = dagcbor.encode(plain | {"document": node_document(HOLDER.records, card_of("asker"))})
    yield case("R10", "said-foreign-card", BadSignature, "another node's card", old)


def _verdicts() -> Iterator[Vector]:
    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             signed: bytes, says: str = "") -> Vector:  # fmt: skip
        return Vector(
            section="3.10", row=row, name=name, what="verdict", expect=error, comment=comment,
            headers={"role": "inviter", "signer": HOLDER_KEY.did},
            parts={"pairing": _GUEST.name, "signed": signed},
            results={} if error else {"says": says},
        )  # fmt: skip

    no = sign_verdict(HOLDER_KEY, role=Role.INVITER, pairing=_GUEST.name, says=Says.NO, at=NOW)
    yield case("A4", "yes", None, "the inviter's administrator confirms", _YES, "yes")
    yield case("A4", "no", None, "the inviter's administrator refuses", no, "no")
    yield case("R11", "verdict-large", Oversize, "more than 512 bytes",
               _YES + bytes(limits.MAX_VERDICT))  # fmt: skip
    for field in ("pairing", "role", "says", "at"):
        yield case("R12", f"verdict-no-{field}", BadFields, f"without {field}",
                   without_field(_YES, HOLDER_KEY, field))  # fmt: skip
    yield case("R12", "verdict-word", BadFields, "it says what is not known",
               with_fields(_YES, HOLDER_KEY, says="maybe"))  # fmt: skip
    yield case("R12", "verdict-tag", BadFields, "the tag of an answer",
               enveloped(payload_of(_YES)[1], tag=TAG_ANSWER, key=HOLDER_KEY))  # fmt: skip
    yield case("R13", "verdict-stranger", BadSignature, "signed by another node",
               with_fields(_YES, STRANGER_KEY))  # fmt: skip
    yield case("R14", "verdict-other-pairing", WrongAnswer, "about another pairing",
               with_fields(_YES, HOLDER_KEY, pairing=bytes(32)))  # fmt: skip
    yield case("R14", "verdict-other-role", WrongAnswer, "by the other role",
               with_fields(_YES, HOLDER_KEY, role="guest"))  # fmt: skip


def _files() -> Iterator[Vector]:
    first = write_pairing_file(
        _document("holder"), _BOTH, nonce=fixed("inviter says", NONCE), answers=None
    )
    second = write_pairing_file(
        _document("asker"), _BOTH, nonce=fixed("guest says", NONCE),
        answers=sha256(first).digest(),
    )  # fmt: skip
    expected = " ".join(file_words(first, second))

    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             raw: bytes, now: int = NOW, *, fill: int = 0) -> Vector:  # fmt: skip
        return Vector(
            section="3.11", row=row, name=name, what="pairing-file", expect=error,
            comment=comment,
            headers={"now": str(now)} | ({"fill": str(fill)} if fill else {}),
            parts={"first": first, "raw": raw},
            results={} if error else {"words": expected},
        )  # fmt: skip

    def other(**fields: Value) -> bytes:
        good = dagcbor.decode(second, limit=len(second))
        assert isinstance(good, dict)
        return dagcbor.encode({k: v for k, v in (good | fields).items() if v != "-"})

    yield case("A1", "answer", None, "a file that answers another one, and the words of both",
               second)  # fmt: skip
    yield case("R01", "large", Oversize, "more than 24576 bytes", b"", fill=limits.MAX_PAIRING + 1)
    yield case("R02", "trailing", Malformed, "a byte follows", second + b"\x00")
    yield case("R03", "other-magic", BadFields, "of another version", other(undisc=f"{MAGIC}0"))
    yield case("R03", "no-said", BadFields, "nothing is said", other(said="-"))
    yield case("R03", "no-answers", BadFields, "without the field answers", other(answers="-"))
    yield case("R03", "short-answers", BadFields, "a hash of 16 bytes", other(answers=bytes(16)))
    yield case("R03", "extra", BadFields, "an unknown field", other(more=1))
    yield case("R04", "old-card", Expired, "a card that has expired", second,
               NOW + limits.STATUS_CARD_LIFETIME + limits.CLOCK_SKEW)  # fmt: skip
