"""A home on which nothing is wrong: no finding, whatever is in it."""

from support.stored_home import fill, make_home
from support.studies_on_disk import make_study
from undisc_node.storage.checking.subset import Subset


def test_an_empty_home_is_sound(tmp_path):
    report = make_home(tmp_path / "home").check(Subset())
    assert (report.problems, report.studies) == ((), 0)


def test_studies_that_grew_settled_and_wait_are_sound(tmp_path):
    """Settled twice with more in between, corrected, a waiting version, and one still growing."""
    home = make_home(tmp_path / "home")
    with home.node() as node:
        first = make_study(1, [900, 70_000, 0])
        study = home.store(node, first)
        node.admin.settling.settle(study, "")
        home.store(node, make_study(1, [900, 70_000, 0, 1_200_000], seed=0))
        home.store(node, make_study(1, [901]))  # a correction of the first instance
        node.admin.settling.settle(study, "")
        home.store(node, make_study(1, [902]), sender="dicom:MR1")  # another sender: it waits
        home.store(node, make_study(2, [5]))
    report = home.check(Subset())
    assert report.problems == ()
    assert (report.studies, report.packs, report.objects) == (2, 3, 7)
    assert report.subset == "1/1"


def test_a_check_leaves_every_byte_as_it_was(tmp_path):
    """All but the files that readers of a write-ahead log share."""
    home = make_home(tmp_path / "home")
    fill(home, [[1000], [2000]])
    before = contents(home.path)
    assert home.codes(Subset()) == []
    assert contents(home.path) == before


def contents(path):
    shared = ("-shm", "-wal")
    return {
        file: file.read_bytes()
        for file in path.rglob("*")
        if file.is_file() and not file.name.endswith(shared)
    }
