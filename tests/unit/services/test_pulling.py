"""Studies are pulled from archives once, bounded, and can be stopped."""

import pytest

from support.memory_archive import MemoryArchives
from support.memory_reader import STUDY_UID, instance
from support.practice import until
from undisc_node.services.archive_model import FoundStudy, Wanted
from undisc_node.services.archiving import Archiving, PacsWish
from undisc_node.services.errors import Invalid, NotFound, Unavailable
from undisc_node.services.model import Patient
from undisc_node.services.pulling import Pulling, PullState

FOUND = FoundStudy(STUDY_UID, Patient("Doe^Jane", "42"), accession="A-7", instances=2)


@pytest.fixture
def archives():
    made = MemoryArchives()
    made.at("main").held = [(FOUND, [instance(1), instance(2)])]
    return made


@pytest.fixture
def pulling(alone, archives):
    shared = {
        "catalog": alone.catalog,
        "archives": archives,
        "journal": alone.journal,
        "clock": alone.clock,
    }
    archiving = Archiving(**shared, ae_title="UNDISC")
    archiving.add(PacsWish(name="main", dimse="A@10.0.0.1:104"), "admin")
    made = Pulling(**shared, archiving=archiving, store=alone.store, entropy=alone.entropy)
    yield made
    made.stop()


def ended(pulling, pull):
    until(lambda: pulling.find(pull.id.hex()).ended_ms is not None)
    return pulling.find(pull.id.hex())


def uid_of(alone):
    return alone.studies.list()[0].uid


def test_what_the_archive_has_comes_in_as_from_a_sender(alone, pulling, archives):

    _, seen = pulling.look("", Wanted(patient="42"))
    pull = ended(pulling, pulling.start("", [STUDY_UID], "admin"))
    _, after = pulling.look("", Wanted(accession="A-7"))

    assert [(one.here, one.complete) for one in seen] == [(0, False)]
    assert (pull.state, pull.images, pull.studies_done) == (PullState.DONE, 2, 1)
    assert alone.study(STUDY_UID).sender == "dicom:main"
    assert [(one.here, one.complete) for one in after] == [(2, True)]
    assert alone.kinds()[-1] == "pull.ended"


def test_a_study_that_is_here_whole_is_not_brought_again(alone, pulling, archives):
    ended(pulling, pulling.start("", [STUDY_UID], "admin"))

    again = ended(pulling, pulling.start("", [STUDY_UID], "admin"))

    assert (again.state, again.studies, again.images) == (PullState.DONE, 0, 0)


@pytest.mark.parametrize(
    "wanted",
    [Wanted(), Wanted(patient="*"), Wanted(accession="A?"), Wanted(patient="a\\b"),
     Wanted(patient="x" * 65), Wanted(patient=" 42")],
)  # fmt: skip
def test_what_would_match_a_whole_archive_is_refused(pulling, wanted):
    with pytest.raises(Invalid):
        pulling.look("", wanted)


def test_a_study_that_is_not_there_cannot_be_pulled(pulling):
    with pytest.raises(NotFound):
        pulling.start("", ["9.9.9"], "admin")
    with pytest.raises(Invalid):
        pulling.start("", [], "admin")


def test_an_archive_that_goes_away_fails_the_pull_and_says_so(pulling, archives):
    archive = archives.at("main")
    archive.retrieve = _raising(Unavailable("it broke off", code="incomplete"))

    pull = ended(pulling, pulling.start("main", [FOUND.uid], "admin"))

    assert (pull.state, pull.problem) == (PullState.FAILED, "incomplete: it broke off")


def test_a_cancelled_pull_keeps_what_came(alone, pulling, archives):
    archive = archives.at("main")
    files = archive.held[0][1]

    def retrieve(_study, take, watch):
        take(files[0])
        (running,) = pulling.list()
        pulling.cancel(running.id)
        assert watch.wants_to_stop()

    archive.retrieve = retrieve
    pull = ended(pulling, pulling.start("main", [STUDY_UID], "admin"))

    assert pull.state is PullState.CANCELLED
    assert alone.study(STUDY_UID).instances == 1


def _raising(problem):
    def act(*_arguments):
        raise problem

    return act
