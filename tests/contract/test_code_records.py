"""One-time codes, in memory and in SQLite."""

from __future__ import annotations

from dataclasses import replace

import pytest

from undisc_node.services.code_rows import CodeRow

CONTEXT, OTHER = b"c" * 32, b"o" * 32
CODE = CodeRow(
    context=CONTEXT,
    salt=b"s" * 16,
    mac=b"m" * 32,
    made_ms=1_000,
    expires_ms=2_000,
    tries=0,
    used=False,
    since_ms=500,
    made=1,
)


@pytest.fixture
def codes(catalog):
    with catalog.change() as records:
        records.codes.put(CODE)
    return catalog


def test_a_code_comes_back_as_it_was_kept_and_the_newest_replaces_it(codes):
    with codes.change() as records:
        assert records.codes.get(CONTEXT) == CODE
        assert records.codes.get(OTHER) is None
        newer = replace(CODE, salt=b"t" * 16, made=2)
        records.codes.put(newer)
        assert records.codes.get(CONTEXT) == newer


def test_tries_end_at_their_limit(codes):
    with codes.change() as records:
        assert [records.codes.take_try(CONTEXT, 3) for _ in range(5)] == [True] * 3 + [False] * 2
        assert records.codes.get(CONTEXT).tries == 3
        assert not records.codes.take_try(OTHER, 3)


def test_a_code_is_used_once_and_only_the_newest(codes):
    with codes.change() as records:
        assert not records.codes.use(CONTEXT, b"t" * 16)
        assert records.codes.use(CONTEXT, CODE.salt)
        assert not records.codes.use(CONTEXT, CODE.salt)
        assert not records.codes.take_try(CONTEXT, 3)


def test_what_counts_for_nothing_any_more_is_forgotten(codes):
    with codes.change() as records:
        records.codes.forget(499)
        assert records.codes.get(CONTEXT) == CODE
        records.codes.forget(500)
        assert records.codes.get(CONTEXT) is None


def test_a_look_cannot_count(codes):
    with codes.look() as records, pytest.raises(RuntimeError):
        records.codes.take_try(CONTEXT, 3)
