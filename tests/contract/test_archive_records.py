"""Configured archives, and what is on its way into them."""

from dataclasses import replace

import pytest

from support import samples
from support.clock import START_MS
from undisc_node.services.archive_model import Delivery, DeliveryState, HandedOver, Pacs, Retrieve
from undisc_node.services.errors import Conflict
from undisc_node.services.model import FetchState, Patient

DIMSE = Pacs(
    name="main",
    ae_title="ORTHANC",
    host="10.1.2.3",
    port=104,
    calling_ae="UNDISC",
    url="",
    credentials="",
    retrieve=Retrieve.MOVE,
    takes_fetched=True,
    issuer="HOSP",
    added_ms=START_MS,
)
WEB = replace(
    DIMSE,
    name="cloud",
    ae_title="",
    host="",
    port=0,
    url="https://p",
    credentials="/pw",
    retrieve=Retrieve.WADO,
    takes_fetched=False,
)
STUDY = samples.study()


def delivery(text="delivery", **changes):
    made = Delivery(
        id=samples.name(text, 16),
        study=STUDY.id,
        pacs="main",
        state=DeliveryState.WAITING,
        patient=Patient("Doe^Jane", "L-1", "HOSP", "19700102", "F"),
        accession="A-1",
        problem="",
        attempts=0,
        next_ms=START_MS,
        created_ms=START_MS,
        ended_ms=None,
    )
    return replace(made, **changes)


@pytest.fixture
def held(catalog):
    """A catalog with the study."""
    with catalog.change() as records:
        records.studies.put(STUDY)
    return catalog


def test_archives_come_back_whole_and_in_order(catalog):
    with catalog.change() as records:
        for one in (DIMSE, WEB):
            records.pacs.put(one)
    with catalog.look() as records:
        assert records.pacs.list() == [WEB, DIMSE]
        assert records.pacs.get("main") == DIMSE
        assert records.pacs.get("other") is None


def test_an_archive_that_goes_takes_what_was_not_delivered_with_it(held):
    other = samples.study("other")
    done = delivery("done", study=other.id, state=DeliveryState.DONE, ended_ms=START_MS)
    with held.change() as records:
        records.studies.put(other)
        records.pacs.put(DIMSE)
        records.deliveries.put(delivery())
        records.deliveries.put(done)
        records.pacs.remove("main")
        assert records.pacs.list() == []
        assert records.deliveries.list() == [done]


def test_a_study_has_one_delivery_to_an_archive(held):
    with held.change() as records:
        records.deliveries.put(delivery())
        assert records.deliveries.of(STUDY.id, "main") == delivery()
        assert records.deliveries.of(STUDY.id, "cloud") is None
    with held.change() as records, pytest.raises(Conflict):
        records.deliveries.put(delivery("second"))


def test_only_what_waits_and_is_due_is_tried(held):
    later = samples.study("later")
    asking = samples.study("asking")
    with held.change() as records:
        for study in (later, asking):
            records.studies.put(study)
        records.deliveries.put(delivery())
        records.deliveries.put(delivery("later", study=later.id, next_ms=START_MS + 1))
        records.deliveries.put(delivery("asks", study=asking.id, state=DeliveryState.ASKING))
    with held.look() as records:
        assert [one.id for one in records.deliveries.due(START_MS)] == [delivery().id]
        assert len(records.deliveries.due(START_MS + 1)) == 2


def test_what_was_acknowledged_is_remembered_object_by_object(held):
    a, b = samples.name("a", 16), samples.name("b", 16)
    with held.change() as records:
        records.deliveries.put(delivery())
        records.deliveries.hand_over(delivery().id, [a, b])
        records.deliveries.hand_over(delivery().id, [a])
        records.deliveries.commit(delivery().id, [a])
    with held.look() as records:
        found = records.deliveries.handed_over(delivery().id)
    assert found == HandedOver(frozenset({a, b}), frozenset({a}))
    with held.change() as records:
        records.deliveries.take_back(delivery().id, [a])
        assert records.deliveries.handed_over(delivery().id) == HandedOver(frozenset({b}))


def test_an_erased_study_leaves_no_patient_in_a_delivery(held):
    with held.change() as records:
        records.deliveries.put(delivery())
        records.deliveries.hand_over(delivery().id, [samples.name("a", 16)])
        records.studies.remove(STUDY.id, START_MS)
        assert records.deliveries.list() == []
        assert records.deliveries.handed_over(delivery().id) == HandedOver()


def test_a_study_on_its_way_into_an_archive_does_not_leave(held):
    """Nobody has a permission for a fetched study, and it may wait long for a person."""
    for state, leaves in (
        (DeliveryState.ASKING, []),
        (DeliveryState.WAITING, []),
        (DeliveryState.DONE, [STUDY]),
    ):
        with held.change() as records:
            records.deliveries.put(delivery(state=state, ended_ms=START_MS))
            assert records.studies.without_permission(START_MS, limit=9) == leaves


def test_fetched_studies_without_a_delivery_are_found(held):
    """Only those fetched since the archive was configured, and only when the fetch is done."""
    done = samples.fetch(state=FetchState.DONE, study=STUDY.id, ended_ms=START_MS)
    with held.change() as records:
        records.fetches.put(done)
        assert records.deliveries.fetched_for("main", START_MS, limit=9) == [STUDY.id]
        assert records.deliveries.fetched_for("main", START_MS + 1, limit=9) == []
        records.deliveries.put(delivery())
        assert records.deliveries.fetched_for("main", START_MS, limit=9) == []
        assert records.deliveries.fetched_for("cloud", START_MS, limit=9) == [STUDY.id]


def test_a_study_that_grew_after_its_delivery_is_found(held):
    done = delivery(state=DeliveryState.DONE, ended_ms=START_MS + 5)
    with held.change() as records:
        records.deliveries.put(done)
        assert records.deliveries.grown(limit=9) == []
        records.studies.put(replace(STUDY, arrived_ms=START_MS + 6))
        assert records.deliveries.grown(limit=9) == [done]
