"""A long answer is asked about before every slice of it: a revocation works in the middle."""

from __future__ import annotations

import pytest

from undisc_node.services.errors import Refused
from undisc_node.web.dicomweb.sending import _SLICE, _while


def test_a_revocation_stops_an_answer_before_its_next_slice():
    asked, sent = [], 0

    def still():
        asked.append(sent)
        if len(asked) > 2:
            raise Refused("over", code="session_over")

    pieces = _while(iter([bytes(_SLICE)] * 5), still)
    for _ in range(2):
        sent += len(next(pieces))
    with pytest.raises(Refused):
        next(pieces)
    assert asked == [0, _SLICE, 2 * _SLICE]


def test_small_pieces_are_asked_about_once_for_each_slice():
    asked = []
    pieces = _while(iter([bytes(1_000)] * 3_000), lambda: asked.append(1))
    assert sum(map(len, pieces)) == 3_000_000
    assert len(asked) == 3
