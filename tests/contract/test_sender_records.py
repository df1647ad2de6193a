"""Who may send, what came of them, and their quarantine, in memory and in SQLite."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support import samples
from support.clock import START_MS
from undisc_node.services.errors import ServiceError
from undisc_node.services.model import StudyState
from undisc_node.services.sender_model import Quarantined, Sender, SenderCounts, SenderState

CT = Sender(
    name="ct",
    address="10.1.2.0/24",
    ae_title="CT1",
    fingerprint=b"f" * 32,
    certificate=b"DER",
    may_query=True,
    quota=2**40,
    added_ms=START_MS,
    port=104,
)
STRANGER = Sender(
    name="MR@10.9.9.9",
    address="10.9.9.9",
    ae_title="MR",
    state=SenderState.PENDING,
    added_ms=START_MS,
)


def test_senders_come_back_whole_and_in_order(catalog):
    with catalog.change() as records:
        records.senders.put(replace(CT, quota=0))
        records.senders.put(STRANGER)
        records.senders.put(CT)
    with catalog.look() as records:
        assert records.senders.list() == [STRANGER, CT]
        assert records.senders.get("ct") == CT
        assert records.senders.get("mr") is None


@pytest.mark.parametrize(
    "wrong",
    [
        replace(CT, address="", fingerprint=b""),  # an AE title alone is no sender
        replace(STRANGER, may_query=True),  # strangers look at nothing
    ],
)
def test_a_sender_that_cannot_be_is_not_kept(catalog, wrong):
    with pytest.raises(ServiceError), catalog.change() as records:
        records.senders.put(wrong)


def test_counts_add_up_also_for_senders_without_a_row(catalog):
    with catalog.change() as records:
        records.senders.put(CT)
        records.senders.count(SenderCounts("ct", 5, 2, 100, 1))
        records.senders.count(SenderCounts("ct", None, 1, 50, 0))
        records.senders.count(SenderCounts("in the file", 7))
    with catalog.look() as records:
        assert records.senders.counts() == [
            SenderCounts("ct", 5, 3, 150, 1),
            SenderCounts("in the file", 7),
        ]
    with catalog.change() as records:
        records.senders.forget("ct")
        assert records.senders.list() == []
        assert [one.name for one in records.senders.counts()] == ["in the file"]


def test_what_is_in_quarantine_is_listed_and_no_study_that_anybody_sees(catalog):
    """Its rows are studies of strangers, which every other question leaves out."""
    first = replace(
        samples.study("one"),
        sender="stranger:MR@10.9.9.9",
        settled_ms=None,
        waiting=1,
        created_ms=START_MS,
    )
    second = replace(samples.study("two"), sender="stranger:US@10.9.9.8", created_ms=START_MS + 1)
    seen = samples.study("three")
    with catalog.change() as records:
        for study in (second, first, seen):
            records.studies.put(study)
            records.studies.put_pack(samples.pack(study, study.uid))
        records.senders.put_quarantined(first.id, "1.2.3")
    with catalog.look() as records:
        one = Quarantined(first.id, "MR@10.9.9.9", "1.2.3", first.instances, first.size, START_MS)
        assert records.senders.quarantined()[0] == one
        assert [row.uid for row in records.senders.quarantined()] == ["1.2.3", ""]
        assert [row.study for row in records.senders.quarantined("US@10.9.9.8")] == [second.id]
        assert records.senders.quarantined("US") == []
        assert records.senders.find_quarantined("MR@10.9.9.9", "1.2.3") == first.id
        assert records.senders.find_quarantined("US@10.9.9.8", "1.2.3") is None
        assert records.studies.list() == [seen]
        assert sum(records.studies.counts()[state] for state in StudyState) == 1
        assert records.studies.counts()["waiting"] == 0
        assert records.studies.starting(first.id.hex()) == []
        assert first not in records.studies.unsettled(2 * START_MS)
        assert sum(one.studies for one in records.figures.totals(START_MS).holdings.values()) == 1
        assert records.studies.get(first.id) == first
    with catalog.change() as records:
        records.studies.remove(first.id, START_MS)
        assert records.senders.find_quarantined("MR@10.9.9.9", "1.2.3") is None
