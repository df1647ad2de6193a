"""What can be wrong with a range of a ticket's stream, under an answer that was true."""

from __future__ import annotations

from support.byzantine.server import Behaviour, Call
from support.byzantine.wire import METADATA
from support.hostile_peer import PACKS


def _body(change):
    """Send a range of the right length whose bytes are changed."""

    def act(call: Call) -> None:
        body = call.honest.body
        call.answer(body=change(body)[: len(body)].ljust(len(body), b"\0"))

    return act


def _with(*headers: str, status: str = "", body: bytes | None = None):
    return lambda call: call.answer(*headers, status=status, body=body)


def _content_range(text: str):
    """Answer with another range in the head."""

    def act(call: Call) -> None:
        body = call.honest.body
        call.head(
            f"Content-Range: {text}", f"Content-Length: {len(body)}", status="206 Partial Content"
        )
        call.send(body)

    return act


def _cut(*, announced: bool):
    def act(call: Call) -> None:
        half = call.honest.body[: len(call.honest.body) // 2]
        length = len(half) if announced else len(call.honest.body)
        call.answer(f"Content-Length: {length}", body=half)

    return act


def _half_then(end):
    def act(call: Call) -> None:
        half = call.honest.body[: len(call.honest.body) // 2]
        call.answer(f"Content-Length: {len(call.honest.body)}", body=half)
        end(call)

    return act


def _drip(call: Call) -> None:
    call.answer(f"Content-Length: {len(call.honest.body)}", body=b"")
    call.drip(bytes([one]) for one in call.honest.body)


def _multipart(call: Call) -> None:
    body = b"--cut\r\n\r\n" + call.honest.body + b"\r\n--cut--"
    call.head(
        "Content-Type: multipart/byteranges; boundary=cut",
        f"Content-Length: {len(body)}",
        status="206 Partial Content",
    )
    call.send(body)


def _flood(*headers: str):
    def act(call: Call) -> None:
        kept = [f"{name}: {value}" for name, value in call.honest.headers]
        call.head(*kept, *headers, status="206 Partial Content")
        call.flood(b"x" * 2**20)

    return act


def _other_version(call: Call) -> None:
    """Half of one version, half of another, as after a change of the file behind a cache."""
    body = call.honest.body
    half = len(body) // 2
    call.answer('ETag: "other"', body=body[:half] + bytes(one ^ 255 for one in body[half:]))


def _other_ticket(call: Call) -> None:
    """The right length, out of another stream of the same holder."""
    streams = list(call.server.holder._streams.values())
    call.answer(body=(streams[0][::-1] * 2)[: len(call.honest.body)])


RANGES = tuple(
    Behaviour(name, path=PACKS, act=act)
    for name, act in (
        ("200 for 206", _with(status="200 OK")),
        ("another range in the head", _content_range("bytes 1-100/1000")),
        ("a range of another length", _content_range("bytes 0-9/10")),
        ("a range without an end", _content_range("bytes 0-*/*")),
        ("no range in the head", _content_range("pages 1-2")),
        ("truncated range, announced", _cut(announced=True)),
        ("truncated range, not announced", _cut(announced=False)),
        ("duplicated half", _body(lambda body: body[: len(body) // 2] * 2)),
        ("reordered halves", _body(lambda body: body[len(body) // 2 :] + body[: len(body) // 2])),
        ("shifted by one byte", _body(lambda body: b"\0" + body)),
        ("zeros", _body(lambda body: bytes(len(body)))),
        ("one bit", _body(lambda body: body[:-9] + bytes([body[-9] ^ 1]) + body[-8:])),
        ("ETag change within the range", _other_version),
        ("bytes of another ticket", _other_ticket),
        ("several ranges in one answer", _multipart),
        ("compressed range", _with("Content-Encoding: gzip")),
        ("chunked range", _with("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n")),
        ("endless range", _flood()),
        ("ten terabytes for a range", _flood("Content-Length: 10995116277760")),
        ("range in a slow drip", _drip),
        ("range that stops half way", _half_then(lambda call: call.hold())),
        ("range that is reset half way", _half_then(lambda call: call.reset())),
        ("ticket refused again and again", _with(status="403 Forbidden", body=b"{}")),
        ("range redirected to metadata", _with(f"Location: {METADATA}", status="307 X", body=b"")),
    )
)
