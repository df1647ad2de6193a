"""Media that studies came from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support import samples
from undisc_node.services.errors import Conflict
from undisc_node.services.media_model import Medium, MediumKind

DISC = Medium(
    id=samples.name("disc", 16),
    kind=MediumKind.DISC,
    label="RADIOLOGY",
    file_set="FS1",
    creator="OFFIS_DCMTK_367",
    actor="ada",
    at_ms=5,
)
STICK = replace(DISC, id=samples.name("stick", 16), kind=MediumKind.FOLDER, label="Doe", at_ms=4)


def test_a_study_knows_every_medium_it_came_from_oldest_first(catalog):
    study = samples.study()
    with catalog.change() as records:
        records.studies.put(study)
        assert records.media.attach(DISC, study.id)
        assert records.media.attach(STICK, study.id)
        assert not records.media.attach(DISC, study.id)
    with catalog.change() as records:
        records.studies.put(replace(study, description="changed since"))
    with catalog.look() as records:
        assert list(records.media.of_study(study.id)) == [STICK, DISC]
        assert list(records.media.of_study(samples.name("other", 16))) == []


def test_nothing_is_remembered_of_a_medium_when_its_studies_are_gone(catalog):
    """Its label may name the patient."""
    one, other = samples.study(), samples.study("other")
    with catalog.change() as records:
        for study in (one, other):
            records.studies.put(study)
            records.media.attach(DISC, study.id)
    with catalog.change() as records:
        records.studies.remove(one.id, 7)
    with catalog.look() as records:
        assert list(records.media.of_study(one.id)) == []
        assert list(records.media.of_study(other.id)) == [DISC]
    with catalog.change() as records:
        records.studies.remove(other.id, 8)
        records.studies.put(one)
        records.media.attach(replace(DISC, label="again"), one.id)
    with catalog.look() as records:
        assert [medium.label for medium in records.media.of_study(one.id)] == ["again"]


def test_a_study_that_is_not_there_cannot_come_from_anywhere(catalog):
    with pytest.raises(Conflict), catalog.change() as records:
        records.media.attach(DISC, samples.name("gone", 16))
