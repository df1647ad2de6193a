"""An answer about a fetch may be held back until it ends, so that a command hears of it at once."""

import pytest


class Run:
    """A run that is over when it is looked at for the third time, or never."""

    def __init__(self, ends_at_look):
        self.looks = 0
        self._ends_at_look = ends_at_look

    def running(self, _fetch_id):
        self.looks += 1
        return self.looks < self._ends_at_look


@pytest.mark.parametrize(
    ("query", "ends_at_look", "least", "most"),
    [
        ("", 3, 0, 0),
        ("?wait=-5", 3, 0, 0),
        ("?wait=9999", 3, 3, 3),
        ("?wait=30", 10_000, 1, 9_999),
    ],
    ids=["not asked to wait", "less than nothing", "it ends", "it goes on"],
)
def test_an_answer_waits_for_the_end_but_not_longer_than_asked(
    start, query, ends_at_look, least, most
):
    node, run = start(), Run(ends_at_look)
    node.admin.fetching.running = run.running
    shown = node.call("admin", "GET", "/admin/v1/fetches/6666" + query)
    assert shown.json["fetch"]["objects_done"] == 5
    assert least <= run.looks <= most
