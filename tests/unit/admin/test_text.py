"""Tables, sizes, times and bars: pure text."""

from __future__ import annotations

import doctest

import pytest

from undisc_admin import progress, render
from undisc_admin.progress import Step, bar
from undisc_admin.render import Column, clean, columns_of, cut, duration, moment, size, table
from undisc_admin.values import end_of, rfc3339, seconds_of


@pytest.mark.parametrize("module", [render, progress], ids=lambda module: module.__name__)
def test_the_examples_in_the_documentation_are_true(module):
    result = doctest.testmod(module)

    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    "text", ["Müller^Jörg", "Яма^Ядвига", "山田^太郎", "홍^길동", "O'Neil^Zoë=山田"]
)
def test_names_in_any_script_stay_as_they_are(text):
    assert clean(text) == text


def test_east_asian_characters_take_two_columns_and_marks_none():
    assert columns_of("山田^太郎") == 9
    assert columns_of("e\u0301") == 1


def test_a_narrow_terminal_cuts_only_what_may_be_cut():
    columns = [Column("ID"), Column("NAME", shrinks=True), Column("N", right=True)]

    lines = table(columns, [["3f2a81c0", "山田山田山田山田", "12"]], width=24)

    assert lines == ["ID        NAME         N", "3f2a81c0  山田山田…   12"]
    assert all(columns_of(line) <= 24 for line in lines)


def test_a_terminal_too_narrow_for_anything_still_gets_the_ids():
    columns = [Column("ID"), Column("NAME", shrinks=True)]

    assert table(columns, [["3f2a81c0", "a long name"]], width=5)[1] == "3f2a81c0  a long …"


def test_cutting_keeps_what_fits():
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "ab…"


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1.0 kB"), (5e15, "5000.0 TB")],
)
def test_sizes_are_decimal(count, shown):
    assert size(count) == shown


def test_durations():
    assert [duration(value) for value in (0, 59.6, 3_725, -1)] == [
        "0:00",
        "1:00",
        "1:02:05",
        "0:00",
    ]


def test_a_time_that_is_none_is_shown_as_it_came():
    assert moment("no time\x1b") == "no time\x1b"  # the table that shows it cleans it
    assert moment(None) == ""


def test_the_bar_never_overflows():
    assert bar(Step(1, 1, 100, 100, 1.0)).startswith("[" + "#" * 24 + "]")
    assert bar(Step(1, 1, 110, 100, 1.0)).startswith("[" + "#" * 24 + "]")
    assert bar(Step(0, 0, 5, 0, 0.0)) == ""


def test_a_date_means_its_last_second_here(time_zone):
    time_zone("Europe/Berlin")

    end = end_of(days=None, until="2026-12-31", now=1_795_500_000)

    assert rfc3339(end) == "2026-12-31T22:59:59Z"
    assert seconds_of("2026-12-31T22:59:59Z") == end
