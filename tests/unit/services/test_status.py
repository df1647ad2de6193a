"""One look at the whole node."""

import json

from support.memory_reader import JOHN, instance
from undisc_node.services.model import PeerState


def test_a_new_node(alone):
    """Nothing is there yet, and the answer is ready for JSON."""
    status = alone.status.status()
    assert json.loads(json.dumps(status)) == status
    assert status["node_id"] == alone.own.id.hex()
    assert status["words"] == list(alone.own.words)
    assert len(status["words"]) == 12
    assert (status["did"], status["demo"]) == (alone.own.key.did, True)
    assert status["studies"] == dict.fromkeys(
        ("active", "held", "withdrawn", "unsettled", "waiting"), 0
    )
    assert status["peers"] == dict.fromkeys(("pending", "trusted", "suspended", "revoked"), 0)
    assert status["log"]["size"] == 0
    assert status["refusals"] == {}


def test_everything_is_counted(found):
    """Studies by state, peers by state, the head of the log, refusals, room on the disk."""
    node = found("node")
    for number in range(4):
        node.store(instance(study_uid=f"1.2.{number}"))
    node.studies.withdraw(node.study("1.2.0").id, "why", "alice")
    node.store(instance(2, study_uid="1.2.1", patient=JOHN))
    node.settling.settle(node.study("1.2.2").id, "alice")
    for name, state in (("b", PeerState.TRUSTED), ("c", PeerState.SUSPENDED)):
        other = found(name)
        node.add(other)
        node.peering.set_state(other.own.id, state, "alice")
    node.add(found("d"), trust=False)
    node.answer(b"noise")
    status = node.status.status()
    assert status["studies"] == {
        "active": 2,
        "held": 1,
        "withdrawn": 1,
        "unsettled": 3,
        "waiting": 1,
    }
    assert status["peers"] == {"pending": 1, "trusted": 1, "suspended": 1, "revoked": 0}
    verified = node.auditing.verify()
    assert status["log"] == {
        "origin": verified.origin.hex(),
        "size": len(node.events()),
        "root": verified.root.hex(),
    }
    assert status["refusals"] == {"cannot_open": 1}
    assert status["disk_free"] == node.packs.free_bytes()
