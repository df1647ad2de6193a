"""The day list comes from a worklist: DCMTK's wlmscpfs."""

from __future__ import annotations

import pytest

from support.clock import FakeClock
from support.memory_catalog import MemoryCatalog
from support.ris import free_port, put_step, worklist
from undisc_node.dicom.worklist import WorklistClient
from undisc_node.services.department_rows import OrderState
from undisc_node.services.errors import Conflict, Unavailable
from undisc_node.services.model import Patient
from undisc_node.services.ordering import Ordering

pytestmark = pytest.mark.integration


@pytest.fixture
def asked(tmp_path):
    """A worklist with three steps on two days, and a client of it."""
    with worklist(tmp_path / "lists") as (port, folder):
        put_step(folder, 1)
        put_step(folder, 2, day="20261125")
        put_step(folder, 3, day="20261201")
        yield WorklistClient(host="127.0.0.1", port=port, ae_title="WORKLIST", own_title="UNDISC")


def test_a_step_becomes_an_order(asked):
    """Every attribute that the day list shows, with its character set."""
    (order,) = asked.scheduled("20261124", "20261124")
    assert order.patient == Patient("Müller^Änne", "P-1", "", "19700102", "F")
    assert (order.accession, order.scheduled) == ("A-1", "20261124100100")
    assert (order.modality, order.description) == ("CT", "CT head plain")
    assert (order.requested_by, order.referring) == ("Weiss^Anna", "Roth^Rita")
    assert (order.study_uid, order.state) == ("1.2.826.0.1.1", OrderState.SCHEDULED)


def test_only_the_days_that_were_asked_for(asked):
    found = asked.scheduled("20261124", "20261126")
    assert sorted(order.accession for order in found) == ["A-1", "A-2"]
    assert asked.scheduled("20270101", "20270102") == []


def test_the_day_list_is_filled_and_filled_again(asked):
    """The clock of the tests stands in November 2026; nothing is there twice."""
    catalog, clock = MemoryCatalog(), FakeClock()
    ordering = Ordering(catalog=catalog, clock=clock, worklist=asked, days=2)
    today, last = ordering.day(0), ordering.day(1)
    assert (today, last) == ("20261124", "20261125")
    assert ordering.refresh().orders == 2
    assert ordering.refresh().orders == 2
    listed = ordering.list(today, last, "", 100)
    assert [order.accession for order in listed] == ["A-1", "A-2"]
    assert {order.seen_ms for order in listed} == {clock.now_ms()}
    assert ordering.list("", "", "", 100)[0].accession == "A-1"


# pynetdicom leaves the socket of a refused connection to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_worklist_that_is_not_there_is_named():
    port = free_port()
    client = WorklistClient(host="127.0.0.1", port=port, ae_title="X", own_title="UNDISC")
    ordering = Ordering(catalog=MemoryCatalog(), clock=FakeClock(), worklist=client, days=2)
    with pytest.raises(Unavailable) as refused:
        ordering.refresh()
    assert refused.value.reason == "worklist_unreachable"
    assert ordering.last.problem.startswith("worklist_unreachable: ")
    none = Ordering(catalog=MemoryCatalog(), clock=FakeClock(), worklist=None, days=2)
    with pytest.raises(Conflict):
        none.refresh()


def test_a_worklist_that_does_not_know_the_title_refuses(asked):
    stranger = WorklistClient(
        host="127.0.0.1", port=asked.port, ae_title="NOBODY", own_title="UNDISC"
    )
    with pytest.raises(Unavailable):
        stranger.scheduled("20261124", "20261124")
