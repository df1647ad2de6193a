"""Searching for studies, in memory and in SQLite: the same studies in the same order."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import samples
from support.clock import SeededEntropy
from support.memory_catalog import MemoryCatalog
from undisc_node.services.model import Patient, StudyState
from undisc_node.services.study_search import StudyFacts, StudySearch
from undisc_node.storage.catalog import SqliteCatalog

NAMES = ("Doe^Jane", "DOE^JOHN^Q", "Müller^Änne=山田^太郎", "O'Neil[x]^Pat", "", "van der Berg^Jan")
STUDIES = [
    samples.study(
        f"s{number}",
        uid=f"1.2.{number}",
        patient=Patient(
            NAMES[number % 6], f"P{number % 4}", "LAKE" if number % 2 else "", "19700102", "F"
        ),
        study_date=("20260101", "20260102", "", "20251231")[number % 4],
        study_time=("", "101500", "235959.5")[number % 3],
        accession=f"A{number}" if number % 3 else "",
        description=("CT HEAD", "MR [knee]", "")[number % 3],
        modalities=(("CT",), ("MR", "SR"), ())[number % 3],
        state=StudyState.HELD if number == 7 else StudyState.ACTIVE,
        arrived_ms=number,
    )
    for number in range(14)
]
FACTS = [
    StudyFacts(study.id, number + 1, ("House^Gregory", "")[number % 2], f"S{number}", number)
    for number, study in enumerate(STUDIES)
    if number % 5
]


def fill(catalog):
    with catalog.change() as records:
        for study in STUDIES:
            records.studies.put(study)
        for facts in FACTS:
            records.studies.put_facts(facts)
    return catalog


def found(catalog, limit=100, offset=0, **wanted):
    with catalog.look() as records:
        rows = records.studies.search(StudySearch(**wanted), limit=limit, offset=offset)
    return [int(study.uid.rpartition(".")[2]) for study, _ in rows]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ({}, [1, 13, 9, 5, 8, 4, 0, 12, 11, 3, 2, 10, 6]),
        ({"uids": ("1.2.3", "1.2.4", "9")}, [4, 3]),
        ({"patient_id": "P1"}, [1, 13, 9, 5]),
        ({"patient_id": "p1"}, []),
        ({"name": "doe^*"}, [1, 13, 0, 12, 6]),
        ({"name": "DOE^JANE"}, [0, 12, 6]),
        ({"name": "*müller*"}, [8, 2]),
        ({"name": "o'neil[x]^*"}, [9, 3]),
        ({"name_parts": ("ja", "do")}, [0, 12, 6]),
        ({"name_parts": ("berg",)}, [5, 11]),
        ({"name_parts": ("erg",)}, []),
        ({"accession": "A5"}, [5]),
        ({"issuer": "LAKE", "name": "*jan*"}, [5, 11]),
        ({"referring": "house^gregory"}, [8, 4, 12, 2, 6]),
        ({"referring": "HOUSE*"}, [8, 4, 12, 2, 6]),
        ({"study_id": "S3"}, [3]),
        ({"description": "*[knee]"}, [1, 13, 4, 10]),
        ({"modalities": ("SR",)}, [1, 13, 4, 10]),
        ({"modalities": ("SR",), "date": ("20260102", "")}, [1, 13]),
        ({"modalities": ("C?", "SR")}, [1, 13, 9, 4, 0, 12, 3, 10, 6]),
        ({"date": ("20260101", "20260101")}, [8, 4, 0, 12]),
        ({"date": ("", "20251231")}, [11, 3]),
        ({"time": ("10", "1015")}, [1, 13, 4, 10]),
        ({"time": ("2359", "")}, [5, 8, 11, 2]),
        ({"birth_date": ("1970", "19700102"), "sex": "F", "uids": ("1.2.0",)}, [0]),
        ({"allowed": frozenset({STUDIES[2].id, STUDIES[7].id})}, [2]),
        ({"allowed": frozenset()}, []),
    ],
    ids=str,
)
def test_studies_are_found(catalog, wanted, numbers):
    got = found(fill(catalog), **wanted)
    assert sorted(got) == sorted(numbers)
    dates = [(STUDIES[one].study_date, STUDIES[one].study_time) for one in got]
    assert dates == sorted(dates, reverse=True)
    assert [*found(catalog, 2, **wanted), *found(catalog, 99, 2, **wanted)] == got


def test_facts_come_with_the_study_and_are_old_when_it_grows(catalog):
    fill(catalog)
    with catalog.look() as records:
        rows = dict(records.studies.search(StudySearch()))
        waiting = {study.id for study in records.studies.undescribed(100)}
    assert rows[STUDIES[1]] == FACTS[0]
    assert rows[STUDIES[0]] is None
    assert waiting == {STUDIES[number].id for number in (0, 5, 10)}
    grown = samples.study("s1", uid="1.2.1", arrived_ms=99)
    with catalog.change() as records:
        records.studies.put(grown)
        records.studies.put(samples.study("s1", uid="1.2.1", arrived_ms=98, modalities=("CT",)))
        records.studies.put(grown)
        records.studies.put_facts(FACTS[0])  # read before it grew
    with catalog.look() as records:
        assert grown.id in {study.id for study in records.studies.undescribed(100)}
    with catalog.change() as records:
        records.studies.put_facts(StudyFacts(grown.id, 1, "", "", 99))
    with catalog.look() as records:
        assert grown.id not in {study.id for study in records.studies.undescribed(100)}


PATTERNS = st.sampled_from(["", "*", "doe*", "*an*", "P?", "P1", "A*", "?", "*[*", "CT HEAD", "S*"])
BOUNDS = st.tuples(*2 * [st.sampled_from(["", "2025", "20251231", "20260101", "20260102"])])


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    path = tmp_path_factory.mktemp("search") / "catalog.sqlite3"
    real = fill(SqliteCatalog(path, entropy=SeededEntropy(), create=True))
    fake = fill(MemoryCatalog())
    yield real, fake
    real.close()
    fake.close()


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    wanted=st.fixed_dictionaries(
        {},
        optional={
            "name": PATTERNS,
            "patient_id": PATTERNS,
            "accession": PATTERNS,
            "study_id": PATTERNS,
            "referring": st.sampled_from(["", "house*", "HOUSE^Gregory", "*x"]),
            "description": PATTERNS,
            "modalities": st.sampled_from([(), ("CT",), ("M?",), ("CT", "SR"), ("*",)]),
            "date": BOUNDS,
            "name_parts": st.sampled_from([(), ("j",), ("doe", "ja"), ("van",)]),
            "issuer": st.sampled_from(["", "LAKE"]),
        },
    ),
    limit=st.integers(1, 20),
    offset=st.integers(0, 4),
)
def test_any_search_finds_the_same_in_both(both, wanted, limit, offset):
    real, fake = both
    assert found(real, limit, offset, **wanted) == found(fake, limit, offset, **wanted)
