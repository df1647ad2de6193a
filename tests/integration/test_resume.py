"""A line that breaks, cheats or is slow: the study arrives as it left, or is cleanly refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from support.broken_line import arrived_whole, cuts, settled
from support.fault_proxy import PACKS, Exchange, Fault
from support.practices import Offered, Practices, offered
from undisc_protocol import limits

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("free_line")]

CUTS = 50
FEW = [1_300_000, 2_600_000]


def test_50_cuts_at_random_positions(practices, chance, capsys):
    """Two fetches at once on a line that breaks at random bytes, half of the times with a reset.

    Both end identical. No object is asked for again beyond the chunk in which its answer broke.
    """
    found = cuts(practices, chance, CUTS)
    with capsys.disabled():
        print(f"\n  {found}")


def shown(practices: Practices) -> dict[str, tuple[int, int]]:
    """Return what B's list of studies says: instances and bytes of each."""
    return {one["uid"]: (one["instances"], one["bytes"]) for one in practices.b.studies()}


# --- One fault at a time --------------------------------------------------------------------------


def once(path: str, fault: Fault) -> Callable[[Exchange], Fault]:
    """Do this to the first answer on a path, and nothing to later ones."""
    left = [fault]
    return lambda exchange: left.pop() if left and exchange.path == path else Fault()


FETCH, RECEIPT = "/undisc/v1/fetch", "/undisc/v1/receipt"

BREAKS = {
    "the end comes early, in good order": (PACKS, Fault(cut_at=1_500_000)),
    "cut before the first byte": (PACKS, Fault(cut_at=0)),
    "cut before the last byte": (PACKS, Fault(cut_at=3_900_063)),
    "200 instead of 206": (PACKS, Fault(whole_status=True)),
    "another range is named": (PACKS, Fault(wrong_range=True)),
    "a long line with queues, then an end": (PACKS, Fault(delay=0.4, jitter=0.02, cut_at=900_000)),
    "nothing more comes, and the line stays open": (PACKS, Fault(stall_at=700_000)),
    "a shorter answer is announced": (PACKS, Fault(shorter_by=70_000)),
    "no connection for the bytes": (PACKS, Fault(refuse=True)),
    "no connection for the question": (FETCH, Fault(refuse=True)),
    "the answer is cut": (FETCH, Fault(cut_at=100)),
    "the receipt is lost on the way": (RECEIPT, Fault(refuse=True)),
    "the receipt's answer is lost": (RECEIPT, Fault(cut_at=0)),
}


def test_whatever_only_breaks_is_healed_by_itself(practices):
    """Each break once, all on fetches of their own: every study arrives, with one receipt."""
    a, b, proxy = practices.a, practices.b, practices.proxy
    for number, (name, (path, fault)) in enumerate(BREAKS.items(), start=1):
        study = offered(practices, number, FEW, seed=4)
        proxy.plan = once(path, fault)
        since = proxy.count()
        fetch = b.begin_fetch(study.offer)
        settled(practices, fetch)
        arrived_whole(practices, study, fetch)
        assert len(proxy.exchanges(path, since=since)) >= 2, f"{name}: it did not happen"
        receipts = a.admin.get(f"studies/{study.at_a}").raw["receipts"]
        assert len(receipts) == 1, name


LIES = {
    "one bit": Fault(flip_at=1_200_000),
    "the very first bit": Fault(flip_at=0),
    "the very last bit": Fault(flip_at=3_900_063),
    "a block twice": Fault(repeat_at=500_000),
    "two blocks exchanged": Fault(swap_at=2_000_000),
}


def test_whatever_changes_a_byte_is_refused(practices):
    """A wrong byte is never stored: the fetch fails with a name, and a new one succeeds."""
    b, proxy = practices.b, practices.proxy
    for number, (name, fault) in enumerate(LIES.items(), start=1):
        study = offered(practices, number, FEW, seed=5)
        before = shown(practices)
        proxy.plan = once(PACKS, fault)
        row = b.follow(b.begin_fetch(study.offer))
        assert (row["state"], row["problem"]["code"]) == ("failed", "tampered"), name
        assert shown(practices) == before
        assert b.leftovers() == []
        assert list((b.home / "staging").iterdir()) == []
        fetch = b.begin_fetch(study.offer)
        settled(practices, fetch)
        arrived_whole(practices, study, fetch)


# --- Revocation in the middle ---------------------------------------------------------------------

LARGE = [48_000_000]
SLOW = 12_000_000  # bytes a second: the whole would take four seconds
BEFORE = 6_000_000  # bytes that have arrived when the permission ends
KERNEL = 4 * 2**20
"""Bytes that the system may hold between A and the proxy: A's send buffer, at most tcp_wmem's third
value, 4 MiB by default. They had left A before the permission ended."""


def revoke_grant(practices: Practices, study: Offered) -> None:
    practices.a.admin.post(f"grants/{study.grant}/revoke")


def hold(practices: Practices, study: Offered) -> None:
    practices.a.admin.post(f"studies/{study.at_a}/hold", {"reason": "test"})


def withdraw(practices: Practices, study: Offered) -> None:
    practices.a.admin.post(f"studies/{study.at_a}/withdraw", {"reason": "test"})


def delete(practices: Practices, study: Offered) -> None:
    practices.a.admin.delete(f"studies/{study.at_a}")


def suspend_peer(practices: Practices, study: Offered) -> None:
    practices.a.admin.post(f"peers/{practices.b.node_id}/suspend")


def trust_again(practices: Practices) -> None:
    practices.a.admin.post(f"peers/{practices.b.node_id}/trust")


ENDS: Sequence[tuple[Callable[[Practices, Offered], None], set[str]]] = (
    (revoke_grant, {"revoked"}),
    (hold, {"study_unavailable"}),
    (withdraw, {"study_unavailable"}),
    (delete, {"not_granted", "revoked", "study_unavailable"}),
    (suspend_peer, {"unknown_recipient"}),
)


@pytest.mark.parametrize(("end", "codes"), ENDS, ids=[end.__name__ for end, _ in ENDS])
def test_the_end_of_a_permission_bites_at_the_next_slice(practices, capsys, end, codes):
    """In the middle of a large object the permission ends: at most one more slice leaves A.

    The fetch fails with the reason, and B shows nothing of the study.
    """
    b, proxy = practices.b, practices.proxy
    study = offered(practices, 1 + [one for one, _ in ENDS].index(end), LARGE, seed=6)
    before = shown(practices)
    since = proxy.count()
    proxy.throttle(SLOW)
    fetch = b.begin_fetch(study.offer)
    assert proxy.wait_until(lambda: proxy.sent(since=since) >= BEFORE, 20)
    end(practices, study)
    arrived = proxy.sent(since=since)
    proxy.quiet()
    more = proxy.sent(since=since) - arrived
    row = b.follow(fetch)
    if end is suspend_peer:
        trust_again(practices)
    assert row["state"] == "failed"
    assert row["problem"]["code"] in codes
    assert shown(practices) == before
    assert b.leftovers() == []
    assert list((b.home / "staging").iterdir()) == []
    assert arrived < study.holding.total / 2, "it ended too late to show anything"
    assert more <= limits.SLICE + KERNEL
    assert len(proxy.exchanges(since=since)) == 1, "bytes were asked for after the end"
    with capsys.disabled():
        print(f"\n  {end.__name__}: {more:,} bytes after the end; {row['problem']['code']}")
