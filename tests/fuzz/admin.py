"""Targets: what the admin command reads from a node and from a person."""

from __future__ import annotations

import json

from fuzz.target import Target
from undisc_admin import render, values
from undisc_admin.client import _decode, _refusal
from undisc_admin.errors import CommandError
from undisc_protocol.fields import UNSHOWABLE


def _attempt(read):
    """Read a field in one way; it may have another type."""
    try:
        return read()
    except CommandError:
        return None


def _answer(data):
    """Every field in every way, and rendered."""
    status = 200 + (data[0] if data else 0)
    refusal = _refusal(status, data[1:])
    assert isinstance(refusal.exit_code, int)
    answer = _decode(data[1:])
    if answer is None:
        raise refusal
    for name in answer.raw:
        for read in (answer.text_or_none, answer.integer, answer.number, answer.flag,
                     answer.texts, answer.part_or_none, answer.parts):  # fmt: skip
            found = _attempt(lambda read=read, name=name: read(name))
            if isinstance(found, str):
                assert not UNSHOWABLE.search(render.clean(found))
                render.cut(render.clean(found), 20)
                _attempt(lambda found=found: render.moment(found))
                _attempt(lambda found=found: render.day(found))
                _attempt(lambda found=found: values.seconds_of(found))
            elif isinstance(found, float):
                render.size(found)
                render.duration(found)


def _answers():
    for value in (
        {"study": {"id": "ab"}, "at": "2026-11-24T05:31:23Z", "size": 5, "rate": 0.5, "ok": True},
        {"error": {"code": "invalid", "message": "no", "hint": "try"}},
        {"studies": [{"id": "ab"}, {"id": "cd"}], "words": ["abandon"], "none": None},
    ):
        yield b"\0" + json.dumps(value).encode()


def _typed(data):
    """What a person types: dates, words, ids, names."""
    text = data.decode("utf-8", "surrogateescape")
    name = values.offer_name(text, "ab" * 16)
    assert "/" not in name
    assert name.endswith(".undisc-offer")
    for read in (values.words, values.node_id):
        _attempt(lambda read=read: read(text))
    end = values.end_of(days=None, until=text, now=1_795_498_283.0)
    assert end is None or 0 < end < 2**53
    if end is not None:
        assert values.seconds_of(values.rfc3339(end)) == end


TARGETS = [
    Target("admin-answer", _answer, _answers, (CommandError,),
           words=(b"NaN", b"Infinity", b"1e999", b"9" * 400, b"[" * 64, b"\\ud800")),
    Target("typed", _typed,
           lambda: [b"2026-12-31", b"2026-12-31T18:00:00+01:00", b"abandon ability", b"ab" * 32],
           (CommandError,), longest=128),
]  # fmt: skip
