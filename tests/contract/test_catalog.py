"""A change is all or nothing, and a look sees one moment."""

import threading

import pytest

from support import samples
from undisc_node.services.errors import Conflict


def test_what_was_changed_is_seen_by_the_next_look(catalog):
    """A committed row can be read."""
    with catalog.change() as records:
        records.studies.put(samples.study())
    with catalog.look() as records:
        assert records.studies.get(samples.study().id) == samples.study()


def test_a_change_that_raises_leaves_nothing(catalog):
    """Row and log line vanish together when the block fails after writing both."""

    def fail_half_way():
        with catalog.change() as records:
            records.studies.put(samples.study())
            records.log.append(b"event", bytes(32))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    with catalog.look() as records:
        assert records.studies.get(samples.study().id) is None
        assert records.log.frontier().size == 0
    with catalog.change() as records:
        assert records.log.append(b"event", bytes(32)) == 0


def test_a_look_keeps_its_moment(catalog):
    """What is committed while a look is open does not appear in it."""
    with catalog.look() as before:
        assert before.studies.list() == []
        with catalog.change() as records:
            records.studies.put(samples.study())
        assert before.studies.list() == []
        with catalog.look() as after:
            assert len(after.studies.list()) == 1


def test_a_change_sees_its_own_rows(catalog):
    """Within a change, later steps build on earlier ones."""
    with catalog.change() as records:
        records.studies.put(samples.study())
        assert records.studies.find_uid(samples.study().uid) == samples.study()


def test_a_look_cannot_write(catalog):
    """Reading code that writes by mistake is stopped."""
    with catalog.look() as records, pytest.raises(RuntimeError, match="cannot write"):
        records.studies.put(samples.study())


def test_records_die_with_their_block(catalog):
    """Records kept beyond their change cannot write outside a transaction."""
    with catalog.change() as records:
        kept = records.studies
    with pytest.raises(RuntimeError, match="after their change"):
        kept.put(samples.study())


def test_a_change_inside_a_change_is_a_mistake(catalog):
    """The second change would wait for the first forever."""
    with (
        catalog.change(),
        pytest.raises(RuntimeError, match="inside a change"),
        catalog.change(),
    ):
        pass
    with catalog.change() as records:
        records.studies.put(samples.study())


def test_changes_of_many_threads_come_one_after_another(catalog):
    """Forty lines from four threads get forty numbers without gap."""
    numbers = []

    def write():
        for _ in range(10):
            with catalog.change() as records:
                numbers.append(records.log.append(b"event", bytes(32)))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(40))


def test_a_pack_without_its_study_is_refused_at_the_end(catalog):
    """Order inside a change is free, but a dangling pack is not committed."""
    study = samples.study()
    with catalog.change() as records:
        records.studies.put_pack(samples.pack(study))
        records.studies.put(study)
    with pytest.raises(Conflict), catalog.change() as records:
        records.studies.put_pack(samples.pack(samples.study("other"), "other pack"))
    with catalog.look() as records:
        assert records.studies.all_packs() == [samples.pack(study)]


def test_changes_are_counted(catalog):
    """Whoever remembers rows learns of every later change, also of one that came to nothing."""
    before = catalog.changes
    with catalog.look() as records:
        records.studies.list()
    assert catalog.changes == before
    with catalog.change() as records:
        records.studies.put(samples.study())
        assert catalog.changes == before
    assert catalog.changes == before + 1
    with pytest.raises(ZeroDivisionError), catalog.change():
        raise ZeroDivisionError
    assert catalog.changes == before + 2
