"""What comes of rounds to peers, in memory and in SQLite."""

from __future__ import annotations

from dataclasses import replace

from support import samples
from undisc_node.services.round_rows import AlertKind, PeerAlert, PeerRound
from undisc_protocol.tree import Checkpoint

FIRST, SECOND = (samples.name(name, 32) for name in ("first", "second"))
SEEN = Checkpoint(bytes(16), 7, b"r" * 32)


def test_a_round_comes_back_and_the_one_that_is_due_first_leads(catalog):
    late = PeerRound(FIRST, 9_000)
    told = PeerRound(
        SECOND,
        1_000,
        attempts=2,
        heard_ms=500,
        knows=1,
        told=("https://b.example",),
        seen=SEEN,
        seen_ms=500,
        kept=replace(SEEN, size=9),
        proved_ms=400,
        problem="unreachable: no answer",
    )
    with catalog.change() as records:
        assert records.rounds.get(FIRST) is None
        records.rounds.put(late)
        records.rounds.put(told)
        assert records.rounds.get(SECOND) == told
        assert records.rounds.list() == [told, late]
        records.rounds.hurry(2_000)
        assert records.rounds.get(FIRST) == replace(late, next_ms=2_000)
        assert records.rounds.get(SECOND) == told, "it is due already"


def test_an_alert_is_kept_once_until_it_is_settled(catalog):
    forked = PeerAlert(FIRST, AlertKind.FORKED, 1_000, "two records")
    shrank = PeerAlert(FIRST, AlertKind.LOG_SHRANK, 2_000, "7 lines, and 5 now")
    with catalog.change() as records:
        assert records.rounds.alert(forked)
        assert records.rounds.alert(shrank)
        again = replace(forked, at_ms=3_000)
        assert not records.rounds.alert(again)
        assert records.rounds.alerts() == [again, shrank]
        assert records.rounds.settle(SECOND) == 0
        assert records.rounds.settle(FIRST, AlertKind.FORKED) == 1
        assert records.rounds.alerts() == [shrank]
        assert records.rounds.settle(FIRST) == 1
        assert records.rounds.alerts() == []


def test_a_key_begins_once(catalog):
    with catalog.change() as records:
        assert records.rounds.begin_key(0, 1_000)
        assert not records.rounds.begin_key(0, 2_000)
        assert records.rounds.begin_key(1, 2_000)
