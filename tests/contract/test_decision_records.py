"""Grants, shares and peers: written once, revoked once."""

from dataclasses import replace

import pytest

from support import samples
from undisc_node.services.errors import Conflict, NotFound
from undisc_node.services.model import Basis, PeerState


def test_a_grant_comes_back_whole(catalog):
    """Every field survives, for each basis."""
    grants = [samples.grant(basis, basis=basis) for basis in Basis]
    with catalog.change() as records:
        for grant in grants:
            records.grants.add(grant)
    with catalog.look() as records:
        assert [records.grants.get(grant.id) for grant in grants] == grants
        assert records.grants.get(bytes(32)) is None


def test_a_grant_is_recorded_once(catalog):
    """Adding it again, revoked or not, is refused and changes nothing."""
    with catalog.change() as records:
        records.grants.add(samples.grant())
        records.grants.revoke(samples.grant().id, 77)
    with catalog.change() as records, pytest.raises(Conflict):
        records.grants.add(samples.grant())
    with catalog.look() as records:
        assert records.grants.get(samples.grant().id) == samples.grant(revoked_ms=77)


def test_a_revocation_keeps_its_first_time(catalog):
    """Revoking again, later, does not move the moment."""
    with catalog.change() as records:
        records.grants.add(samples.grant())
        records.shares.add(samples.share())
        for at_ms in (77, 99):
            records.grants.revoke(samples.grant().id, at_ms)
            records.shares.revoke(samples.share().id, at_ms)
    with catalog.look() as records:
        assert records.grants.get(samples.grant().id).revoked_ms == 77
        assert records.shares.get(samples.share().id).revoked_ms == 77


def test_revoking_the_unknown_is_an_error(catalog):
    """Nobody must believe that something was revoked when it was not."""
    with catalog.change() as records, pytest.raises(NotFound):
        records.grants.revoke(bytes(32), 1)
    with catalog.change() as records, pytest.raises(NotFound):
        records.shares.revoke(bytes(32), 1)


def test_decisions_are_listed_newest_first_by_study(catalog):
    """Those of another study are left out."""
    with catalog.change() as records:
        for number, at_ms in enumerate((1, 3, 2)):
            records.grants.add(samples.grant(f"g{number}", created_ms=at_ms))
            records.shares.add(
                samples.share(f"s{number}", grant=samples.name("g0", 32), created_ms=at_ms)
            )
        records.grants.add(samples.grant("other", study=bytes(16)))
    with catalog.look() as records:
        study = samples.study().id
        wanted = [samples.name(f"g{number}", 32) for number in (1, 2, 0)]
        assert [grant.id for grant in records.grants.list(study=study)] == wanted
        wanted = [samples.name(f"s{number}", 32) for number in (1, 2, 0)]
        assert [share.id for share in records.shares.list(study=study)] == wanted
        assert len(records.grants.list()) == 4
        to = samples.grant().audience
        assert [grant.id for grant in records.grants.list(study=study, audience=to)] == [
            samples.name(f"g{number}", 32) for number in (1, 2, 0)
        ]
        assert len(records.grants.list(audience=to)) == 4
        assert records.grants.list(audience=samples.grant().audience[:-1] + "1") == []
        assert records.shares.list(study=bytes(16)) == []


def test_a_share_comes_back_whole(catalog):
    """With and without a set of series."""
    narrow, wide = samples.share(), samples.share("wide", series=())
    with catalog.change() as records:
        records.grants.add(samples.grant())
        records.shares.add(narrow)
        records.shares.add(wide)
    with catalog.look() as records:
        assert records.shares.get(narrow.id) == narrow
        assert records.shares.get(wide.id) == wide


def test_a_share_stands_on_a_grant_on_record(catalog):
    """Without its grant, and a second time, it is refused."""
    with catalog.change() as records, pytest.raises(Conflict):
        records.shares.add(samples.share())
    with catalog.change() as records:
        records.grants.add(samples.grant())
        records.shares.add(samples.share())
    with catalog.change() as records, pytest.raises(Conflict):
        records.shares.add(samples.share())


def test_a_peer_comes_back_whole_and_changes(catalog):
    """By node id, by DID, and after its card and state changed."""
    peer = samples.peer()
    with catalog.change() as records:
        records.peers.put(peer)
    moved = replace(
        peer, did=samples.did("next key"), state=PeerState.SUSPENDED, urls=(), records=(b"",)
    )
    with catalog.change() as records:
        assert records.peers.find_did(peer.did) == peer
        records.peers.put(moved)
    with catalog.look() as records:
        assert records.peers.get(peer.id) == moved
        assert records.peers.find_did(peer.did) is None
        assert records.peers.find_did(moved.did) == moved


def test_no_second_peer_under_a_known_did(catalog):
    """Whoever made another first record for the same key must not answer for the first node."""
    with catalog.change() as records:
        records.peers.put(samples.peer())
    with catalog.change() as records, pytest.raises(Conflict):
        records.peers.put(samples.peer("twin", did=samples.peer().did))


def test_peers_are_listed_in_order_of_arrival(catalog):
    """The one added first comes first."""
    with catalog.change() as records:
        records.peers.put(samples.peer("late", added_ms=2))
        records.peers.put(samples.peer("early", added_ms=1))
    with catalog.look() as records:
        assert [peer.added_ms for peer in records.peers.list()] == [1, 2]
