"""Targets: pasted links, typed codes, unlocks and their answers."""

from __future__ import annotations

from nacl.public import PrivateKey

from fuzz.identity import FORM
from fuzz.seeds import parts, payload, payloads
from fuzz.signing import boxed, enveloped
from fuzz.target import Target
from support.parties import ASKER, HOLDER, NOW, STUDY, label
from undisc_protocol import dagcbor, limits, link, link_code
from undisc_protocol.answer import request_hash, sign_answer
from undisc_protocol.boxes import box_open
from undisc_protocol.capability import envelope
from undisc_protocol.capability.delegation import COMMAND_READ, Basis, Meta, sign_grant
from undisc_protocol.capability.envelope import TAG_ANSWER, TAG_UNLOCK, TAG_UNLOCK_REQUEST, VARSIG
from undisc_protocol.errors import (
    BadKey,
    BadSignature,
    Expired,
    LifetimeTooLong,
    LinkDamaged,
    NotYetValid,
    Oversize,
    RemoteProtocolError,
    WrongAudience,
)
from undisc_protocol.keys import link_key
from undisc_protocol.offer import sign_offer
from undisc_protocol.unlock import make_unlock, read_unlock, read_unlocked

_LINK = link_key(label("link"))
_REPLY = PrivateKey(label("unlock key"))
_ASKED = request_hash(b"unlock")


def _text(data):
    """Text of any kind: damaged UTF-8 comes as lone surrogates, as from a terminal."""
    return data.decode("utf-8", "surrogateescape")


def _whole_link(data):
    read = link.read_link(_text(data))
    assert link.read_link(link.write_link(read.address, read.secret)) == read


def _code(data):
    code = link_code.read_code(_text(data))
    assert link_code.read_code(code) == code


def _unlock(data):
    """The unlock inside the request inside the box; what is no envelope is signed by a link."""
    whole = data.startswith(b"\x82\x58\x40")
    inner = data if whole else enveloped(data, tag=TAG_UNLOCK, key=_LINK)
    outer = envelope.sign(
        {"records": ASKER.identity.records, "unlock": inner}, tag=TAG_UNLOCK_REQUEST, key=ASKER.key
    )
    own = HOLDER.identity.node_id
    read = read_unlock(boxed(HOLDER.box, outer), box=HOLDER.box, own=own, now=NOW)
    decoded = dagcbor.decode(inner, limit=limits.MAX_UNLOCK)[1][TAG_UNLOCK]
    again = {
        "iss": read.link,
        "to": own,
        "by": read.sender.node_id,
        "key": read.key,
        "passcode": read.passcode,
        "code": read.code,
        **{name: decoded[name] for name in ("nonce", "iat", "exp")},
    }
    assert dagcbor.encode({"h": VARSIG, TAG_UNLOCK: again}) == inner[67:]


def _unlocks():
    made = make_unlock(
        _LINK,
        ASKER.key,
        sender=ASKER.identity,
        to=HOLDER.identity.node_id,
        box=bytes(HOLDER.box.public_key),
        reply_to=bytes(_REPLY.public_key),
        passcode="four words or so",
        code="314 159",
        nonce=label("nonce", 16),
        ephemeral=label("ephemeral"),
        issued=NOW,
        expires=NOW + 300,
    )
    outer = envelope.read(
        box_open(HOLDER.box, made), tag=TAG_UNLOCK_REQUEST, limit=limits.MAX_UNLOCK
    )
    yield from payloads([outer.payload["unlock"]])


def _answer(data):
    """Whatever the holder signs: offers to this link by this holder, or a refusal to read it."""
    unlocked = read_unlocked(
        boxed(_REPLY, enveloped(data, tag=TAG_ANSWER, key=HOLDER.key)),
        status=200,
        request=_ASKED,
        holder=HOLDER.identity,
        link=_LINK.did,
        unlock_key=_REPLY,
        now=NOW,
    )
    assert all(offer.to == _LINK.did for offer in unlocked.offers)


def _answers():
    grant = sign_grant(
        HOLDER.key,
        audience=_LINK.did,
        study=STUDY,
        command=COMMAND_READ,
        meta=Meta(Basis.TREATMENT),
        nonce=label("nonce", 16),
        expires=NOW + 3_600,
    )
    offer = sign_offer(
        HOLDER.key,
        holder=HOLDER.identity,
        card=HOLDER.card,
        proofs=[grant],
        to=_LINK.did,
        at=NOW,
    )
    ok = {"offers": [offer], "until": NOW + limits.UNLOCK_LIFETIME}
    yield payload(sign_answer(HOLDER.key, request=_ASKED, at=NOW, ok=ok))


TARGETS = [
    Target(
        "whole-link",
        _whole_link,
        lambda: parts("whole-link", "text"),
        (Oversize, LinkDamaged),
        longest=limits.MAX_LINK + 8,
        words=(
            b"%23",
            b"%2523",
            b"/l#",
            b"https://",
            b"=\r\n",
            b"/v3/__",
            b"__;Iw!!",
            b"/v2/url?u=",
        ),
    ),
    Target("link-code", _code, lambda: parts("code", "text"), (LinkDamaged,), longest=80),
    Target(
        "unlock",
        _unlock,
        _unlocks,
        (*FORM, BadKey, BadSignature, WrongAudience, NotYetValid, Expired, LifetimeTooLong),
        longest=2_048,
    ),
    Target("unlock-answer", _answer, _answers, (RemoteProtocolError,), longest=8_192),
]
