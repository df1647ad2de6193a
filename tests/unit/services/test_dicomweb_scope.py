"""A caller of DICOMweb sees what it may see, whatever it asks."""

from __future__ import annotations

import pytest

from support.memory_reader import JANE, JOHN, instance
from undisc_node.services.contents import Contents
from undisc_node.services.dicomweb.asking import read_question
from undisc_node.services.dicomweb.attributes import Level
from undisc_node.services.dicomweb.descriptions import Descriptions
from undisc_node.services.dicomweb.holdings import Holdings
from undisc_node.services.dicomweb.model import Described
from undisc_node.services.dicomweb.retrieving import Retrieving
from undisc_node.services.dicomweb.scope import Allowed
from undisc_node.services.dicomweb.searching import Searching
from undisc_node.services.dicomweb.storing import Storing
from undisc_node.services.errors import NotFound, Refused

BASE = "http://node/dicom-web"
HERS, HERS_EARLIER, HIS = "1.2.1", "1.2.2", "1.2.3"


class Describing:
    """Describes every instance as almost nothing."""

    def describe(self, stream, size):
        return Described({"00080060": {"vr": "CS", "Value": ["CT"]}}, "1.2.840.10008.1.2.1")

    def inflate(self, stream):
        return b""

    def tag_of(self, keyword):
        return None


class House:
    """DICOMweb of a practice that holds two studies of one patient and one of another."""

    def __init__(self, practice):
        self.practice = practice
        for uid, patient in ((HERS, JANE), (HERS_EARLIER, JANE), (HIS, JOHN)):
            for series in (1, 2):
                practice.store(instance(series, study_uid=uid, series=series, patient=patient))
        contents = Contents(packs=practice.packs)
        descriptions = Descriptions(packs=practice.packs, describer=Describing())
        holdings = Holdings(catalog=practice.catalog, packs=practice.packs, contents=contents)
        self.searching = Searching(
            catalog=practice.catalog, holdings=holdings, descriptions=descriptions
        )
        self.retrieving = Retrieving(
            packs=practice.packs, holdings=holdings, descriptions=descriptions
        )
        with practice.catalog.look() as records:
            self.study = records.studies.find_uid(HERS)
            (pack,) = records.studies.packs(self.study.id)
        self.first_series = practice.packs.series_name(pack, f"{HERS}.1")

    def found(self, allowed, level=Level.STUDY, **asked):
        question = read_question(asked.items(), level, lambda _: None)
        search = {
            Level.STUDY: self.searching.studies,
            Level.SERIES: self.searching.series,
            Level.INSTANCE: self.searching.instances,
        }[level]
        return search(allowed, question, BASE).results


@pytest.fixture
def house(alone):
    return House(alone)


def uids(results, tag="0020000D"):
    return sorted(one[tag]["Value"][0] for one in results)


def test_staff_see_every_study(house):
    assert uids(house.found(Allowed())) == [HERS, HERS_EARLIER, HIS]
    assert len(house.found(Allowed(), Level.SERIES)) == 6
    assert len(house.found(Allowed(), Level.INSTANCE)) == 6


def test_a_question_for_earlier_studies_is_answered_from_within_the_scope(house):
    """What viewers ask without being told to: all studies of this patient."""
    only = Allowed(studies=frozenset({house.study.id}))
    assert uids(house.found(only, PatientID=JANE.id)) == [HERS]
    assert uids(house.found(only)) == [HERS]
    assert house.found(only, PatientID=JOHN.id) == []
    assert house.found(only, StudyInstanceUID=HIS) == []
    assert set(uids(house.found(only, Level.SERIES))) == {HERS}
    assert set(uids(house.found(only, Level.INSTANCE))) == {HERS}
    assert house.found(Allowed(studies=frozenset())) == []


def test_what_is_out_of_scope_is_as_if_it_were_not_there(house):
    only = Allowed(studies=frozenset({house.study.id}))
    for uid in (HIS, "9.9.9"):
        with pytest.raises(NotFound) as caught:
            house.retrieving.instances(only, uid)
        assert str(caught.value) == "there is no such study, series or instance here"


def test_a_scope_of_one_series_shows_that_series_and_never_claims_to_be_the_study(house):
    part = Allowed(
        studies=frozenset({house.study.id}),
        series={house.study.id: frozenset({house.first_series})},
    )
    (study,) = house.found(part)
    assert study["00201206"]["Value"] == [1]
    assert study["00201208"]["Value"] == [1]
    assert uids(house.found(part, Level.SERIES), "0020000E") == [f"{HERS}.1"]
    assert len(house.retrieving.instances(part, HERS, f"{HERS}.1")) == 1
    assert len(house.retrieving.visible(part, HERS)) == 1
    with pytest.raises(NotFound):
        house.retrieving.instances(part, HERS, f"{HERS}.2")
    with pytest.raises(NotFound):
        house.retrieving.instances(part, HERS)


def test_who_may_only_look_cannot_store(house):
    storing = Storing(receiving=house.practice.receiving, reader=None)
    with pytest.raises(Refused):
        storing.store(Allowed(), instance(9))


def test_who_may_only_look_gets_nothing_as_it_is_stored(house):
    """No instance, no frame, no description, no bulk data, and no attribute on request."""
    looks = Allowed(studies=frozenset({house.study.id}), view_only=frozenset({house.study.id}))
    (located, *_) = house.retrieving.visible(looks, HERS, f"{HERS}.1")
    names = (HERS, f"{HERS}.1", located.stored.header.sop_uid)
    for ask in (
        lambda: house.retrieving.instances(looks, *names),
        lambda: house.retrieving.instances(looks, HERS),
        lambda: house.retrieving.frames(looks, *names, [1]),
        lambda: house.retrieving.described(looks, *names),
        lambda: house.retrieving.bulk(looks, *names, "7FE00010"),
    ):
        with pytest.raises(Refused) as caught:
            ask()
        assert caught.value.reason == "view_only"
    (found, *_) = house.found(looks, Level.SERIES, includefield="00080070")
    assert "00080070" not in found
    assert house.retrieving.described(Allowed(), *names)
