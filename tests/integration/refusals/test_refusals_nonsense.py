"""Oversize anything and garbage of every kind get a clear refusal."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest

from support.hostile_peer import (
    FETCH,
    PACKS,
    RECEIPT,
    HostileNode,
    speak,
)
from support.refusing import error_code, prepared, signed_refusal
from undisc_protocol import limits
from undisc_protocol.boxes import box_seal
from undisc_protocol.errors import RemoteProtocolError

pytestmark = pytest.mark.integration


def test_bodies_over_the_bound_are_refused_unread(practice):
    """Announced, and chunked without an end: the node stops reading at its bound."""
    for path, bound in ((FETCH, limits.MAX_REQUEST), (RECEIPT, limits.MAX_RECEIPT)):
        said = speak(practice.node.url, "POST", path, bytes(bound + 1))
        assert (said.status, error_code(said)) == (413, "oversize")
        sent = []

        def endless(bound: int = bound, sent: list[int] = sent) -> Iterator[bytes]:
            while True:
                sent.append(65_536)
                yield bytes(65_536)

        said = speak(practice.node.url, "POST", path, endless())
        assert (said.status, error_code(said)) == (413, "oversize")
        assert sum(sent) < bound + 16 * 2**20  # what the kernel's buffers may hold
    packed = speak(practice.node.url, "POST", FETCH, b"x", headers=[("Content-Encoding", "gzip")])
    assert (packed.status, error_code(packed)) == (415, "encoded")
    body = speak(practice.node.url, "GET", PACKS, b"body")
    assert (body.status, error_code(body)) == (413, "oversize")


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("token", "bad_fields"),
        ("proofs", "oversize"),
        ("have", "oversize"),
        ("records", "oversize"),
    ],
)
def test_anything_oversize_within_a_request_is_refused(practice, what, code):
    """One byte, proof, name or record too many, in a request that is sealed and truly signed."""
    [grant] = practice.friends_chain
    invocation = practice.friend.invocation(practice.document, [grant])
    records = practice.friend.identity.records
    request = {
        "token": {"inv": bytes(limits.MAX_TOKEN + 1)},
        "proofs": {"prf": (grant.raw,) * (limits.MAX_PROOFS + 1)},
        "have": {"have": [number.to_bytes(16, "big") for number in range(limits.MAX_OBJECTS + 1)]},
        "records": {"records": records * (limits.MAX_IDENTITY_RECORDS + 1)},
    }[what]
    practice.refuses(code, practice.friend, [grant], invocation=invocation, request=request)


def test_too_many_series_and_a_long_purpose_are_refused(practice):
    """Within the invocation, too, every list and text has its bound."""
    series = sorted(secrets.token_bytes(16) for _ in range(limits.MAX_SERIES + 1))
    practice.refuses("oversize", practice.friend, practice.friends_chain, args={"series": series})
    long = "x" * (limits.MAX_PURPOSE + 1)
    with pytest.raises(RemoteProtocolError) as caught:
        practice.ask(practice.friend, practice.friends_chain, args={"purpose": long})
    assert caught.value.code in ("oversize", "bad_fields")


def test_garbage_gets_a_signed_refusal(practice):
    """Nothing, noise, noise in the right wrapping, and a request cut or changed at any place."""

    before = practice.answered()

    def sealed(message: bytes) -> bytes:
        return box_seal(practice.document.card.box, message, ephemeral=secrets.token_bytes(32))

    for body in (b"", b"x", bytes(48), secrets.token_bytes(5000), bytes(limits.MAX_REQUEST)):
        assert signed_refusal(practice, body) == "cannot_open"
    for message in (b"", b"\x00", secrets.token_bytes(500), b"\x9f" * 40_000, b"\x82" * 300):
        assert signed_refusal(practice, sealed(message)) == "malformed"
    good = prepared(practice).body
    for cut in (47, 48, 100, len(good) - 1):
        assert signed_refusal(practice, good[:cut]) == "cannot_open"
    for place in range(0, len(good), 97):
        changed = good[:place] + bytes([good[place] ^ 4]) + good[place + 1 :]
        assert signed_refusal(practice, changed) == "cannot_open"
    assert signed_refusal(practice, good + b"\x00") == "cannot_open"
    assert practice.answered() == before


def test_every_changed_byte_of_a_signed_request_is_refused(practice):
    """Sealing is no signature: the bytes inside are changed and sealed again."""
    [grant] = practice.friends_chain
    invocation = practice.friend.invocation(practice.document, [grant])
    tokens: dict[str, Callable[[bytes], dict]] = {
        "invocation": lambda raw: {"inv": raw},
        "grant": lambda raw: {"prf": (raw,)},
    }
    before = practice.answered()
    for name, raw in (("invocation", invocation), ("grant", grant.raw)):
        for place in range(0, len(raw), 41):
            changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
            body = practice.friend.request(
                practice.document, invocation, [grant.raw], **tokens[name](changed)
            )
            assert signed_refusal(practice, body) not in ("replayed", "busy")
    assert practice.answered() == before


def test_what_strangers_are_refused_is_counted_and_not_logged(practice):
    """A stranger cannot fill the log: only requests with a verified chain leave a line."""
    before = len(practice.node.events())
    for _ in range(5):
        signed_refusal(practice, secrets.token_bytes(100))
    assert len(practice.node.events()) == before


def test_a_refused_replay_is_logged_once(practice, link):
    """A recipient repeats one refused request; the log does not grow with it."""
    stranger = HostileNode("Repeating")
    chain = link.share_to(stranger)
    invocation = stranger.invocation(practice.document, chain)
    before = len(practice.node.events("fetch.refused"))
    for _ in range(5):
        practice.refuses("unknown_recipient", stranger, chain, invocation=invocation)
    assert len(practice.node.events("fetch.refused")) == before + 1
    [line] = practice.node.events("fetch.refused")[-1:]
    assert line["detail"]["code"] == "unknown_recipient"


def test_the_log_is_whole_after_all_of_this(practice):
    """Every refusal left the tree as it must be."""
    assert practice.node.admin.post("log/verify").flag("ok")
