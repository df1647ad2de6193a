"""What lies in a home and belongs to nothing is told apart, and never touched."""

import pytest

from support import samples
from support.clock import START_MS
from support.stored_home import fill, make_home
from undisc_node.services.model import FetchState


@pytest.fixture
def home(tmp_path):
    home = make_home(tmp_path / "home")
    fill(home, [[300], [400]])
    return home


def sql(node, statement, values=()):
    with node.catalog.change() as records:
        records.studies._session.write(statement, values)


def first_pack(node):
    with node.catalog.look() as records:
        return next(iter(records.studies.all_packs()))


def test_a_pack_that_no_row_and_no_tombstone_names_is_a_stray(home):
    """An older catalog was put in place: the pack stays, and its name is told."""
    with home.node() as node:
        pack = first_pack(node)
        sql(node, "DELETE FROM packs WHERE id = ?", (pack.id,))
        sql(node, "DELETE FROM studies WHERE id = ?", (pack.study,))
    report = home.check()
    [problem] = report.problems
    assert (problem.code, problem.pack) == ("stray", pack.id)
    assert report.failed
    assert "--rebuild" in problem.hint
    assert home.pack(pack.id).exists()


def test_an_erasure_that_a_crash_cut_off_is_finished_by_the_node(home):
    """Row and tombstone are written, key and file still there: no failure, the node will do it."""
    with home.node() as node:
        pack = first_pack(node)
        with node.catalog.change() as records:
            records.studies.remove(pack.study, START_MS)
    report = home.check()
    assert [problem.code for problem in report.problems] == ["erasure_unfinished"]
    assert not report.failed
    assert home.check(running=True).problems == ()


def test_a_pack_that_was_being_made_is_no_stray(home):
    """Its key says that it was never finished; a fetch that goes on is not even mentioned."""
    with home.node() as node:
        node.packs.create(samples.study_header())
        staged = node.packs.stage(samples.study_header("staged"))
        row = samples.fetch(pack=staged.pack, state=FetchState.PAUSED)
        with node.catalog.change() as records:
            records.fetches.put(row)
    report = home.check()
    assert [problem.code for problem in report.problems] == ["pack_unfinished"]
    assert report.problems[0].sentence.startswith("1 ")
    assert home.check(running=True).problems == ()


def test_keys_without_packs_and_foreign_files_are_told(home):
    with home.node() as node:
        pack = node.packs.create(samples.study_header())
        node.packs.finish([pack.id])
    home.pack(pack.id).unlink()
    (home.path / "packs" / "notes.txt").write_text("left by somebody")
    (home.path / "staging" / f"{'0' * 32}.upload").write_text("left by a crash")
    assert home.codes() == ["file_foreign", "key_without_pack"]
