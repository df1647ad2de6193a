"""Targets: invitations, messages of a pairing, verdicts, pairing files."""

from __future__ import annotations

from fuzz.identity import CARD
from fuzz.seeds import parts, payload
from fuzz.signing import enveloped
from fuzz.target import Target
from support.parties import HOLDER, NOW, label
from undisc_protocol import dagcbor, limits
from undisc_protocol.capability.envelope import TAG_PAIRING
from undisc_protocol.errors import (
    BadFields,
    BadKey,
    BadSignature,
    BrokenIdentity,
    CannotOpen,
    LinkDamaged,
    Malformed,
    Oversize,
    WrongAnswer,
)
from undisc_protocol.identity import node_document
from undisc_protocol.invitation import PREFIX, read_invitation, secret_of, write_invitation
from undisc_protocol.keys import DOMAIN_PAIRING, seal
from undisc_protocol.pairing import (
    Role,
    Says,
    Step,
    make_request,
    open_request,
    read_reply,
    read_request,
    read_said,
    read_verdict,
    say,
    sign_verdict,
)
from undisc_protocol.pairing_file import read_pairing_file, write_pairing_file

FORM = (Oversize, Malformed, BadFields)
_SECRET = secret_of(label("invitation"))
_NAME = label("pairing")


def _invitation(data):
    read = read_invitation(data.decode("utf-8", "surrogateescape"))
    assert read_invitation(write_invitation(read)) == read


def _request(data):
    request = read_request(data)
    assert dagcbor.encode(
        {"handle": request.handle, "step": request.step.value, "sealed": request.sealed}
    ) == data  # fmt: skip
    open_request(_SECRET, request)


def _requests():
    yield from parts("pairing-request", "body")
    for step, content in ((Step.COMMIT, label("commitment")), (Step.VERDICT, None)):
        yield make_request(_SECRET, step, content, nonce=label("nonce", 24))


def _content(data):
    """Whatever an inviter seals: the first byte chooses the step that the guest waits for."""
    step = [*Step][data[:1][0] % len(Step)] if data else Step.COMMIT
    bound_to = b"\x00".join((b"inviter", step.value.encode(), _SECRET.handle))
    sealed = seal(
        _SECRET.key, data[1:], domain=DOMAIN_PAIRING, bound_to=bound_to, nonce=label("nonce", 24)
    )
    content = read_reply(_SECRET, step, sealed, status=200)
    assert dagcbor.encode({step.value: content}) == data[1:]


def _contents():
    for number, step in enumerate(Step):
        yield bytes([number]) + dagcbor.encode({step.value: label("content")})
    yield b"\x02" + dagcbor.encode({"verdict": None})


def _said(data):
    read = read_said(data, now=NOW)
    assert list(read.scopes) == sorted(set(read.scopes))


def _document():
    return node_document(HOLDER.identity.records, HOLDER.card)


def _sayings():
    yield say(_document(), ("fetch", "offer"), label("nonce", 32))
    yield say(_document(), (), label("nonce", 32))


def _verdict(data):
    whole = data.startswith(b"\x82\x58\x40")
    signed = data if whole else enveloped(data, tag=TAG_PAIRING, key=HOLDER.key)
    read_verdict(signed, role=Role.INVITER, pairing=_NAME, signer=HOLDER.identity.key)


def _verdicts():
    for says in Says:
        yield payload(sign_verdict(HOLDER.key, role=Role.INVITER, pairing=_NAME, says=says, at=NOW))


def _file(data):
    assert read_pairing_file(data, now=NOW).raw == data


def _files():
    for answers in (None, label("first")):
        yield write_pairing_file(_document(), ("offer",), nonce=label("n", 32), answers=answers)


_SAID = (*CARD, BadKey, BrokenIdentity)
_WORDS = (b"\x68document", b"\x66scopes", b"\x65nonce", b"\x65fetch", b"\x65offer")

TARGETS = [
    Target(
        "invitation",
        _invitation,
        lambda: parts("invitation", "text"),
        (Oversize, LinkDamaged),
        longest=limits.MAX_INVITATION + 8,
        words=(PREFIX.encode(),),
    ),
    Target("pairing-request", _request, _requests, (*FORM, CannotOpen), longest=2_048),
    Target("pairing-reply", _content, _contents, FORM, longest=1_024),
    Target("pairing-said", _said, _sayings, _SAID, longest=4_096, words=_WORDS),
    Target(
        "verdict",
        _verdict,
        _verdicts,
        (*FORM, BadKey, BadSignature, WrongAnswer),
        longest=limits.MAX_VERDICT + 8,
        words=(b"\x64says", b"\x64role", b"\x67pairing", b"\x63yes", b"\x62no"),
    ),
    Target("pairing-file", _file, _files, _SAID, longest=4_096, words=_WORDS),
]
