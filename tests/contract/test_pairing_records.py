"""Pairings, in memory and in SQLite."""

from __future__ import annotations

from dataclasses import replace

import pytest

from undisc_node.services.errors import ServiceError
from undisc_node.services.pairing_rows import PairingRow, PairingState
from undisc_protocol.pairing import Role

ROW = PairingRow(
    id=b"i" * 16,
    role=Role.GUEST,
    by_file=False,
    state=PairingState.WAITING,
    handle=b"h" * 32,
    key=b"k" * 32,
    urls=("https://a.example", "http://b.example:8440"),
    expects=b"e" * 32,
    scopes=("fetch", "offer"),
    own=b"own",
    made_ms=1_000,
    taken_by_ms=2_000,
    ends_ms=3_000,
    next_ms=1_000,
    by="anna",
)
SPOKEN = replace(
    ROW,
    state=PairingState.COMPARING,
    commitment=b"c" * 32,
    theirs=b"theirs",
    name="Riverside",
    node=b"n" * 32,
    their_scopes=("offer",),
    words="zoo able about yard",
    spoken_ms=1_500,
)


def test_a_pairing_comes_back_as_it_was_put(catalog):
    with catalog.change() as records:
        assert records.pairings.get(ROW.id) is None
        records.pairings.put(ROW)
        assert records.pairings.get(ROW.id) == records.pairings.of_handle(ROW.handle) == ROW
        records.pairings.put(SPOKEN)
    done = replace(
        SPOKEN, verdict=b"yes", their_verdict=b"yes", state=PairingState.TRUSTED, ended_ms=2_500
    )
    other = replace(ROW, id=b"o" * 16, handle=b"2" * 32, made_ms=2_000, by_file=True, key=None)
    with catalog.change() as records:
        assert records.pairings.unfinished() == [SPOKEN]
        records.pairings.put(done)
        records.pairings.put(other)
        assert records.pairings.list() == [other, done]
        assert records.pairings.list(limit=1) == [other]
        assert records.pairings.unfinished() == [other]
        assert records.pairings.of_handle(b"3" * 32) is None


def test_keys_go_first_and_rows_later(catalog):
    over = replace(ROW, state=PairingState.EXPIRED, ended_ms=5_000)
    with catalog.change() as records:
        records.pairings.put(over)
        records.pairings.put(replace(ROW, id=b"o" * 16, handle=b"2" * 32))
        records.pairings.forget(keys_before_ms=5_000, rows_before_ms=0)
        assert records.pairings.get(ROW.id) == over
        records.pairings.forget(keys_before_ms=5_001, rows_before_ms=5_000)
        assert records.pairings.get(ROW.id) == replace(over, key=None)
        records.pairings.forget(keys_before_ms=9_000, rows_before_ms=9_000)
        assert records.pairings.get(ROW.id) is None
        assert len(records.pairings.list()) == 1


@pytest.mark.parametrize(
    "changed",
    [
        replace(SPOKEN, commitment=b"d" * 32),
        replace(SPOKEN, theirs=b"others"),
    ],
    ids=["another commitment", "another speech"],
)
def test_an_invitation_is_good_for_one_try_whatever_the_program_does(catalog, changed):
    with catalog.change() as records:
        records.pairings.put(SPOKEN)
    with pytest.raises(ServiceError), catalog.change() as records:
        records.pairings.put(changed)


def test_a_pairing_that_ended_stays_so_and_a_handle_names_one(catalog):
    over = replace(SPOKEN, state=PairingState.REFUSED, ended_ms=5_000)
    with catalog.change() as records:
        records.pairings.put(over)
    with pytest.raises(ServiceError), catalog.change() as records:
        records.pairings.put(replace(SPOKEN, state=PairingState.CONFIRMED))
    with pytest.raises(ServiceError), catalog.change() as records:
        records.pairings.put(replace(ROW, id=b"o" * 16))
