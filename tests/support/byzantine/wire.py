"""What can be wrong with an answer before anybody has looked at its bytes."""

from __future__ import annotations

import itertools

from support.byzantine.server import Behaviour, Call, Server
from support.hostile_peer import NODE, Reply
from undisc_protocol import limits

METADATA = "http://169.254.169.254/latest/meta-data/"
_MIB = b"x" * 2**20


def _raw(data: bytes, *, hold: bool = False):
    def act(call: Call) -> None:
        call.send(data)
        if hold:
            call.hold()

    return act


def _with(*headers: str, body: bytes | None = None, status: str = ""):
    return lambda call: call.answer(*headers, body=body, status=status)


def _flood(*headers: str, piece: bytes = _MIB, status: str = "200 OK"):
    def act(call: Call) -> None:
        call.head(*headers, status=status)
        call.flood(piece)

    return act


def _drip_body(call: Call) -> None:
    call.head(f"Content-Length: {len(call.honest.body)}")
    call.drip(bytes([one]) for one in call.honest.body)


def _drip_head(call: Call) -> None:
    call.drip(itertools.chain([b"HTTP/1.1 200 OK\r\nX: "], itertools.repeat(b"x")))


def _flood_without_line(piece: bytes, first: bytes = b""):
    def act(call: Call) -> None:
        call.send(first)
        call.flood(piece)

    return act


def _reset(sent: str):
    def act(call: Call) -> None:
        body = call.honest.body
        if sent != "nothing":
            call.head(f"Content-Length: {len(body)}")
        if sent == "half":
            call.send(body[: len(body) // 2])
        call.reset()

    return act


def _second_behind(call: Call) -> None:
    """A false answer, and the true one right behind it on the same connection."""
    call.head("Content-Length: 5", status="403 Forbidden")
    call.send(b"false")
    call.answer()
    call.hold()


def _both_lengths(call: Call) -> None:
    body = call.honest.body
    call.head(f"Content-Length: {len(body)}", "Transfer-Encoding: chunked")
    call.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))


def _unsigned(server: Server) -> None:
    """Answer without a signature, so that the asker looks who is there."""
    server.holder.times = 1_000_000
    server.holder.lie_answer = lambda *_: Reply(403, b"nobody has signed this")


_HEAD = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = "Transfer-Encoding: chunked"
_TLS_ALERT = b"\x15\x03\x03\x00\x02\x02\x28"

WIRE = (
    Behaviour("endless answer", act=_flood()),
    Behaviour("endless chunks", act=_flood(_CHUNKED, piece=b"100000\r\n" + _MIB + b"\r\n")),
    Behaviour("endless chunk extension", act=_flood(_CHUNKED, piece=b"1;" + b"x" * 60_000)),
    Behaviour("ten terabytes announced", act=_flood("Content-Length: 10995116277760")),
    Behaviour(
        "as many bytes of nonsense as an answer may have",
        act=_flood(f"Content-Length: {limits.MAX_ANSWER}"),
        memory=2 * limits.MAX_ANSWER,
    ),
    Behaviour("slow drip of the body", act=_drip_body),
    Behaviour("slow drip of the head", act=_drip_head),
    Behaviour("header flood", act=_flood_without_line(b"X: y\r\n" * 9_999, _HEAD)),
    Behaviour("huge header", act=_flood_without_line(_MIB, _HEAD + b"X: ")),
    Behaviour("endless status line", act=_flood_without_line(_MIB, b"HTTP/1.1 200 ")),
    Behaviour("endless 100 Continue", act=_flood_without_line(b"HTTP/1.1 100 Go on\r\n\r\n" * 99)),
    Behaviour("silence", act=lambda call: call.hold()),
    Behaviour("hanging up", act=lambda _call: None),
    Behaviour("reset before the answer", act=_reset("nothing")),
    Behaviour("reset after the head", act=_reset("head")),
    Behaviour("reset within the body", act=_reset("half")),
    Behaviour("compressed answer", act=_with("Content-Encoding: gzip")),
    Behaviour("chunked garbage", act=_with(_CHUNKED, body=b"zz\r\nnonsense\r\n")),
    Behaviour("length too short", act=_with("Content-Length: 100")),
    Behaviour("length too long, and the end", act=_with("Content-Length: 100000")),
    Behaviour("two lengths", act=_with("Content-Length: 9", "Content-Length: 100")),
    Behaviour("length and chunks", act=_both_lengths),
    Behaviour("negative length", act=_with("Content-Length: -1")),
    Behaviour("length in words", act=_with("Content-Length: many")),
    Behaviour("redirect to metadata", act=_with(f"Location: {METADATA}", status="302 Found")),
    Behaviour("permanent redirect to metadata", act=_with(f"Location: {METADATA}", status="308 X")),
    Behaviour("HTTP 0.9", act=_raw(b"<html>what was asked for</html>")),
    Behaviour("HTTP 2", act=_raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04", hold=True)),
    Behaviour("TLS where none is spoken", act=_raw(_TLS_ALERT, hold=True)),
    Behaviour("another protocol", act=_raw(b"SSH-2.0-OpenSSH_9.2\r\n", hold=True)),
    Behaviour("binary noise", act=_raw(bytes(range(256)) * 64, hold=True)),
    Behaviour("header with NUL", act=_with("X: a\0b", status="403 Forbidden", body=b"no")),
    Behaviour("unknown status", act=_with(status="999 Whatever", body=b"no")),
    Behaviour("web page", act=_with(body=b"<html>welcome</html>")),
    Behaviour("endless refusal", act=_flood(status="403 Forbidden")),
    Behaviour("oversized refusal", act=_with(status="403 Forbidden", body=_MIB * 20)),
    Behaviour("true answer behind a false one", act=_second_behind),
    Behaviour("oversized node document", path=NODE, act=_with(body=b"x" * 20_000), begin=_unsigned),
    Behaviour("endless node document", path=NODE, act=_flood(), begin=_unsigned),
)
