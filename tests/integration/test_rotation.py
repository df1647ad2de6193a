"""A practice replaces its key while it works; a thief of the old one gets nowhere.

Two real nodes: the peer follows by itself, honours what the old key was given and gave, refuses
what the old key signs from then on, and stops trusting a node that comes twice out of one kit.
"""

import stat
import time

import pytest

from integration.test_next_key import ask, share, take_in
from support.two_nodes import befriend, proofs_of, running
from undisc_node.clocks import SystemClock, SystemEntropy
from undisc_node.founding import read_kit
from undisc_node.succession.kits import next_identity
from undisc_protocol.errors import ForkedIdentity, OutdatedIdentity
from undisc_protocol.identity import read_identity
from undisc_protocol.keys import SignKey

pytestmark = pytest.mark.integration
_SECONDS = 30


def until(holds):
    deadline = time.monotonic() + _SECONDS
    while not (found := holds()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
    return found


def identity_of(node):
    return read_identity([path.read_bytes() for path in sorted(node.home.glob("identity-*"))])


@pytest.fixture(scope="module")
def story():
    """What was given before the rotation, the thief's copy of keys and kit, and what came after."""
    with running("Practice Ring", "Practice Delta") as (ring, delta):
        befriend(ring, delta)
        shared = share(ring, take_in(ring, "1.2.89.1"), delta)
        _, granted = delta.grant(take_in(delta, "1.2.89.2"), identity_of(ring).node_id.hex())
        thief = ring.node_key(), identity_of(ring)
        old_kit, secret = ring.directory / "recovery-kit.txt", ring.directory / "kit-passphrase"
        stolen_kit = read_kit(old_kit, secret.read_text().strip())
        new_kit, pdf = ring.directory / "kit-2.txt", ring.directory / "kit-2.pdf"
        changed = ring.undisc(
            "keys", "rotate", str(old_kit), "--new-kit", str(new_kit), "--pdf", str(pdf),
            "--passphrase-file", str(secret), "--yes",
        )  # fmt: skip
        assert changed.exit_code == 0, changed.complaint
        until(lambda: _present(ring) == 1)
        yield ring, delta, shared, granted, thief, stolen_kit, (new_kit, pdf, secret), changed


def _present(node):
    answer = node.undisc("keys", "status")
    return answer.body["keys"]["number"] if answer.exit_code == 0 else None


def test_the_node_works_under_its_next_key_in_the_same_process(story):
    ring, _, _, _, (old_key, old), _, (new_kit, pdf, secret), changed = story
    assert ring.pid
    status = ring.ask("keys", "status")["keys"]
    assert status["did"] == changed.body["did"] == ring.node_key().did != old_key.did
    assert status["kit"]["fits"]
    assert not status["kit"]["drill_due"]
    assert identity_of(ring).records[:1] == old.records
    (event,) = ring.events("node.key_changed")
    assert event["detail"]["number"] == 1
    (asked,) = ring.events("node.key_asked")
    assert asked["why"] == "rotation"
    for path in (new_kit, pdf):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    drilled = ring.undisc("keys", "drill", str(new_kit), "--passphrase-file", str(secret))
    assert drilled.exit_code == 0, drilled.complaint
    left = {path.name for path in (ring.home / "keys").iterdir()}
    assert left == {"node-key", "key-encryption-key", "kit-verified"}


def test_the_old_kit_is_used_up(story):
    ring, *_, (_, _, secret), _ = story
    old_kit = ring.directory / "recovery-kit.txt"
    answer = ring.undisc("keys", "drill", str(old_kit), "--passphrase-file", str(secret))
    assert answer.exit_code != 0
    assert "used before" in answer.complaint


def test_a_share_of_before_still_works(story):
    """The patient named a practice, not one of its keys."""
    ring, delta, shared, granted, *_ = story
    fetch = delta.fetch(shared)
    assert (fetch["state"], fetch["objects"]) == ("done", 2), fetch["problem"]
    fetch = ring.fetch(granted)
    assert (fetch["state"], fetch["objects"]) == ("done", 2), fetch["problem"]


def test_nothing_that_the_old_key_signs_is_accepted_any_more(story):
    """Attack: who copied the key before the rotation asks for what the practice was granted."""
    ring, delta, _, granted, (key, identity), *_ = story
    (grant,) = proofs_of(granted)
    until(lambda: delta.admin.get("peers").raw["peers"][0]["did"] == ring.node_key().did)
    with pytest.raises(OutdatedIdentity):
        ask(delta, key, identity, grant)
    assert delta.admin.get("peers").raw["peers"][0]["state"] == "trusted"


def test_a_thief_with_the_old_kit_forks_and_is_noticed(story):
    """Attack: the old kit was copied too; its record contradicts the one that peers know."""
    _, delta, _, granted, (_, before), stolen, *_ = story
    made, _ = next_identity(
        stolen,
        before.records,
        name="Practice Ring",
        passphrase="the passphrase of a thief",
        clock=SystemClock(),
        entropy=SystemEntropy(),
    )
    (grant,) = proofs_of(granted)
    with pytest.raises(ForkedIdentity):
        ask(delta, SignKey.from_seed(made.node_seed), made.identity, grant)
    assert delta.admin.get("peers").raw["peers"][0]["state"] == "suspended"
    (alert,) = [
        event
        for event in delta.events("peer.identity_differs")
        if event["detail"]["code"] == "forked_identity"
    ]
    assert alert["detail"]["suspended"] == 1
