"""What is remembered of a study that grows must never outlive what somebody else does to it."""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from support.memory_reader import JOHN, instance
from undisc_node.services.deciding import HOLD_IDENTITY
from undisc_node.services.errors import NotFound
from undisc_node.services.model import StudyState


class Interrupted:
    """An instance during whose writing something else happens to the node."""

    def __init__(self, source, act):
        self._source, self._act, self._opened = source, act, 0

    @property
    def size(self):
        return self._source.size

    @contextmanager
    def open(self):
        self._opened += 1
        if self._opened == 3:  # read for facts and for the hash before, when nothing is decided yet
            self._act()
        with self._source.open() as stream:
            yield stream


@pytest.fixture
def looks(alone, monkeypatch):
    """How often the catalog was looked at."""
    seen = []
    look = alone.catalog.look

    def counted():
        seen.append(1)
        return look()

    monkeypatch.setattr(alone.catalog, "look", counted, raising=False)
    return seen


def test_a_growing_study_is_looked_up_once(alone, looks):
    """A thousand images of one study ask the catalog once, also when two studies come in turns."""
    for number in range(1, 6):
        alone.store(instance(number))
        alone.store(instance(number, study_uid="1.2.9"))
    assert len(looks) <= 4  # each study before it is there; the first also when the other begins
    assert (alone.study().instances, alone.study("1.2.9").instances) == (5, 5)


def test_what_a_person_changed_between_two_arrivals_stays(alone):
    alone.store(instance(1))
    alone.studies.hold(alone.study().id, "wrong side", "admin")
    alone.store(instance(2))
    study = alone.study()
    assert (study.state, study.reason, study.instances) == (StudyState.HELD, "wrong side", 2)


def test_what_a_person_changes_during_an_arrival_stays(alone):
    """The bytes are being written when the administrator stops the study: stopped it is.

    It brings a new modality, so that the whole row is written.
    """
    alone.store(instance(1))
    study = alone.study().id
    held = Interrupted(
        instance(2, modality="SR"), lambda: alone.studies.hold(study, "wrong side", "admin")
    )
    alone.store(held)
    study = alone.study()
    assert (study.state, study.reason, study.instances) == (StudyState.HELD, "wrong side", 2)
    alone.store(instance(3))
    assert (alone.study().state, alone.study().instances) == (StudyState.HELD, 3)


def test_an_erased_study_begins_anew(alone):
    """What was erased is not what the next arrival adds to."""
    first = alone.store(instance(1)).study
    alone.studies.delete(first, "admin")
    again = alone.store(instance(2))
    assert again.study != first
    assert alone.study().instances == 1
    with pytest.raises(NotFound):
        alone.studies.detail(first)


def test_a_settled_study_is_open_again_with_the_next_arrival(alone):
    """Settling writes an index behind what is remembered; the arrival after it goes behind that."""
    sources = [instance(number) for number in range(1, 4)]
    alone.store(sources[0])
    for source in sources[1:]:
        alone.settling.settle(alone.study().id, "admin")
        alone.store(source)
        assert alone.study().settled_ms is None
    assert list(alone.bytes_of().values()) == [source.content for source in sources]


def test_a_patients_attributes_that_an_arrival_fills_in_are_written(alone):
    """Not only counts change: then the whole row is written, and what follows builds on it."""
    nameless = replace(JOHN, id="", birth_date="")
    alone.store(instance(1, patient=nameless))
    alone.store(instance(2, patient=JOHN, modality="SR"))
    assert (alone.study().patient.id, alone.study().modalities) == (JOHN.id, ("CT", "SR"))
    outcome = alone.store(instance(3, patient=replace(JOHN, id="another")))
    assert (outcome.status, outcome.reason) == ("waiting", HOLD_IDENTITY)
    assert alone.study().state is StudyState.HELD
