"""What waits for a person, in memory and in SQLite."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support import samples
from undisc_node.services.errors import Conflict
from undisc_node.services.queue_rows import Fact, QueueRow

FACTS = (Fact("name", "Müller^Änne", "Mueller^Aenne"), Fact("source", "RIS"))


def row(text="row", **changes):
    sample = QueueRow(samples.name(text, 16), "patient-merge", None, text, FACTS, 1_000)
    return replace(sample, **changes)


def test_a_row_comes_back_as_it_was_put(catalog):
    one = row(study=samples.study().id)
    with catalog.change() as records:
        records.queue.put(one)
        records.queue.put(replace(one, facts=FACTS[:1]))
    with catalog.look() as records:
        assert records.queue.get(one.id) == replace(one, facts=FACTS[:1])
        assert records.queue.get(bytes(16)) is None
        assert records.queue.starting(one.id.hex()[:5]) == [replace(one, facts=FACTS[:1])]


def test_one_thing_waits_once(catalog):
    """A second row of the same subject only when the first was decided."""
    first, second = row(), row("second", subject="row")
    with catalog.change() as records:
        records.queue.put(first)
        with pytest.raises(Conflict):
            records.queue.put(second)
        records.queue.put(replace(first, done_ms=2_000, outcome="kept"))
        records.queue.put(second)
        assert records.queue.find_open("patient-merge", "row") == second
        assert records.queue.find_open("other", "row") is None


def test_what_waits_is_oldest_first_and_what_is_decided_newest_first(catalog):
    study = samples.study().id
    rows = [row(str(number), at_ms=9 - number) for number in range(3)]
    rows.append(row("other", kind="two-patients", study=study, at_ms=0))
    with catalog.change() as records:
        for one in rows:
            records.queue.put(one)
    with catalog.look() as records:
        assert records.queue.list() == [rows[3], rows[2], rows[1], rows[0]]
        assert records.queue.list(kind="patient-merge", limit=1, offset=1) == [rows[1]]
        assert records.queue.list(study=study) == [rows[3]]
        assert records.queue.count_open() == 4
    done = [replace(one, done_ms=20 + number, outcome="x") for number, one in enumerate(rows[:2])]
    with catalog.change() as records:
        for one in done:
            records.queue.put(one)
    with catalog.look() as records:
        assert records.queue.list(done=True) == [done[1], done[0]]
        assert records.queue.count_open() == 2


def test_what_was_decided_long_ago_can_be_forgotten_by_kind(catalog):
    """What waits stays, however old it is, and so do decisions about other things."""
    with catalog.change() as records:
        for text, changes in (
            ("old", {"done_ms": 2_000}),
            ("young", {"done_ms": 2_001}),
            ("waits", {}),
            ("other", {"kind": "report-waiting", "done_ms": 2_000}),
        ):
            records.queue.put(row(text, **changes))
        assert records.queue.forget("patient-merge", 2_000) == 1
        assert records.queue.forget("patient-merge", 2_000) == 0
    with catalog.look() as records:
        assert records.queue.get(row("old").id) is None
        assert all(records.queue.get(row(text).id) for text in ("young", "waits", "other"))


def test_a_look_cannot_put(catalog):
    with catalog.look() as records, pytest.raises(RuntimeError):
        records.queue.put(row())
