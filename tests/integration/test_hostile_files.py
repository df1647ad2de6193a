"""Files made to hurt, and hundreds of damaged ones: a node stores or refuses each, nothing else.

`make fuzz-files` sends 20,000.
"""

from __future__ import annotations

import pytest

from support import hostile_campaign
from support.hostile_files import TRAVERSALS, hostile_files

pytestmark = pytest.mark.integration


def assert_harmless(figures):
    assert figures.findings == []
    assert figures.slowest < hostile_campaign.SECONDS
    assert figures.memory < hostile_campaign.MEMORY


def test_every_hostile_file_is_stored_or_refused():
    """Bombs, 10,000 levels, lying lengths, false meta information, and 50 names that lead away."""
    assert len(set(TRAVERSALS)) == 50
    figures = hostile_campaign.measured("corpus", 0)
    assert_harmless(figures)
    assert figures.files == len(hostile_files())
    assert figures.refused["bad_uid"] > 150
    assert figures.refused["too_complex"] > 5
    assert figures.stored > 50


def test_damaged_files_are_stored_or_refused():
    figures = hostile_campaign.measured("tests", 400)
    assert_harmless(figures)
    assert figures.files == 400
    assert figures.stored > 40
    assert figures.refused.total() > 40


def test_the_campaign_notices_what_it_looks_for(tmp_path, monkeypatch):
    """A campaign that cannot find anything would find nothing."""
    watch = hostile_campaign.Watch(tmp_path / "home")
    (tmp_path / "home").mkdir()
    watch.on = True
    try:
        (tmp_path / "home" / "inside").write_bytes(b"")
        assert watch.seen == []
        (tmp_path / "outside").write_bytes(b"")
        (tmp_path / "home" / ".." / "folder").mkdir()
    finally:
        watch.on = False
    assert len(watch.seen) == 2
