"""A practice loses its server and comes back from backup and recovery kit, under its next key.

Its peer does nothing: it follows the new key by itself, refuses the old one, honours what the old
one was given and gave, and remembers what the backup does not know.
"""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from nacl.public import PrivateKey

from support.two_nodes import RunningNode, befriend, dicom_file, pixels, proofs_of, running
from undisc_node import config
from undisc_node.clocks import SystemClock, SystemEntropy
from undisc_node.founding import read_kit, succeed
from undisc_node.peers.client import PeerClient
from undisc_node.services.auditing import Journal
from undisc_node.services.model import Recalled, RestoredBy
from undisc_node.services.restoring import enter_restored_mode
from undisc_node.storage import home as homes
from undisc_node.storage.catalog import SqliteCatalog
from undisc_node.wiring import build
from undisc_protocol.answer import request_hash
from undisc_protocol.capability.delegation import Delegation, sign_share
from undisc_protocol.capability.invocation import Arguments, sign_invocation
from undisc_protocol.dagcbor import Cid
from undisc_protocol.errors import OutdatedIdentity
from undisc_protocol.exchange import make_request, read_answer
from undisc_protocol.identity import Identity, read_identity, read_node_document
from undisc_protocol.keys import SignKey

pytestmark = pytest.mark.integration

HERS, HIS, LATER = "1.2.88.1", "1.2.88.2", "1.2.88.3"
NEXT_PASSPHRASE = "a passphrase for the next kit"


def files(study: str) -> list[bytes]:
    return [dicom_file(n, study=study, extra=pixels(b"image" * 999)) for n in (1, 2)]


def take_in(node: RunningNode, study: str) -> str:
    first, second = files(study)
    node.import_bytes(first)
    return node.import_bytes(second).text("study")


@dataclass
class Story:
    """Two practices after the accident.

    Attributes:
        lost: The practice that came back.
        peer: The other one, which nobody touched.
        thief: The key that was on the lost disk, and the records beside it.
        shared: An offer on a patient's share, made by the lost practice before the accident.
        granted: What the peer had granted to the lost practice before.
        lines: Lines of its log that the peer has seen and the backup does not have.
        recalled: What the peer remembered.
    """

    lost: RunningNode
    peer: RunningNode
    thief: tuple[SignKey, Identity]
    shared: bytes
    granted: bytes
    lines: int
    recalled: Recalled


def share(node: RunningNode, study: str, to: RunningNode) -> bytes:
    """Share a study with a node as a patient does; return the offer."""
    _, link, _ = node.link_grant(study)
    now = int(time.time())
    shared = sign_share(
        link,
        audience=to.did,
        subject=node.did,
        study=bytes.fromhex(study),
        command="/img/read",
        nonce=os.urandom(12),
        not_before=now,
        expires=now + 3_600,
    )
    return node.register_share(shared)[1]


def restore(node: RunningNode, copied: Path) -> None:
    """Make the home anew from a backup and the recovery kit, as `undisc-node restore` does."""
    kit = read_kit(
        node.directory / "recovery-kit.txt",
        (node.directory / "kit-passphrase").read_text().strip(),
    )
    made = succeed(
        kit,
        [(copied / "identity-0").read_bytes()],
        name=node.name,
        kit_path=node.directory / "next-kit.txt",
        passphrase=NEXT_PASSPHRASE,
        clock=SystemClock(),
        entropy=SystemEntropy(),
    )
    shutil.copytree(copied, node.home)
    keys = node.home / "keys"
    keys.mkdir(mode=0o700)
    homes.write_durably(keys / homes.NODE_KEY, made.node_seed.hex().encode())
    homes.write_durably(keys / homes.KEY_ENCRYPTION_KEY, made.key_encryption_key.hex().encode())
    homes.write_identity(node.home, made.records)


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with running("Practice A", "Practice B") as [lost, peer]:
        befriend(lost, peer)
        hers, his = take_in(lost, HERS), take_in(peer, HIS)
        shared = share(lost, hers, peer)
        granted = peer.grant(his, peer_id(peer, lost))[1]
        thief = lost.node_key(), read_identity([(lost.home / "identity-0").read_bytes()])
        lost.stop()
        copied = lost.directory / "backup"
        shutil.copytree(lost.home, copied, ignore=shutil.ignore_patterns("keys", "admin.sock"))
        before = lost_lines(lost)
        # What happens now is not in the backup.
        later = take_in(lost, LATER)
        assert peer.fetch(lost.grant(later, peer_id(lost, peer))[1])["state"] == "done"
        # The last that the peer sees of the log is its answer, before the receipt.
        answered = [line["number"] for line in lost.events("fetch.answered")][-1]
        lost.stop()
        shutil.rmtree(lost.home)
        restore(lost, copied)
        (recalled,) = come_back(lost)
        lost.start()
        lost.admin.post("restored/confirm", {"keep_all": True})
        yield Story(lost, peer, thief, shared, granted, answered + 1 - before, recalled)


def peer_id(node: RunningNode, other: RunningNode) -> str:
    """Return the id under which a node knows another."""
    listed = node.admin.get("peers").raw["peers"]
    return next(one["id"] for one in listed if other.url in one["urls"])


def lost_lines(node: RunningNode) -> int:
    """Start a node; return how many lines its log had before."""
    node.start()
    return node.events("node.started")[-1]["number"]


def come_back(node: RunningNode) -> Sequence[Recalled]:
    """Enter restored mode as a restore does, and ask every peer before any door opens."""
    entropy, clock = SystemEntropy(), SystemClock()
    catalog = SqliteCatalog(node.home / "catalog.sqlite3", entropy=entropy, create=False)
    try:
        enter_restored_mode(
            catalog,
            journal=Journal(clock=clock, entropy=entropy),
            clock=clock,
            entropy=entropy,
            how=RestoredBy.RESTORE,
            taken_ms=0,
        )
    finally:
        catalog.close()
    with build(config.load(node.home, {})) as built:
        return built.recalling.recall_all()


def test_the_peer_remembers_what_the_backup_does_not_know(story):
    assert story.recalled.problem == ""
    assert story.recalled.missing_lines == story.lines > 0
    assert (story.recalled.stored, story.recalled.fetched) == (1, 0)


def test_the_peer_follows_the_new_key_without_a_manual_act(story):
    """Same practice, same id; only the key is another one."""
    (peer,) = story.peer.admin.get("peers").raw["peers"]
    assert peer["state"] == "trusted"
    assert peer["did"] == story.lost.did == story.lost.node_key().did
    assert peer["did"] != story.thief[0].did
    assert peer["id"] == story.thief[1].node_id.hex()
    (line,) = story.peer.events("peer.key_changed")
    assert line["who"][0]["user"] == peer["id"]


def test_a_share_from_before_works_at_the_restored_holder(story):
    """Its subject is the holder's former DID."""
    assert {proof.subject for proof in proofs_of(story.shared)} == {story.thief[0].did}
    fetch = story.peer.fetch(story.shared)
    assert (fetch["state"], fetch["objects"]) == ("done", 2), fetch["problem"]
    assert fetch["receipt"] != "due"


def test_a_grant_to_the_former_key_is_used_by_the_next(story):
    """Its audience is the asker's former DID."""
    assert [proof.audience for proof in proofs_of(story.granted)] == [story.thief[0].did]
    fetch = story.lost.fetch(story.granted)
    assert (fetch["state"], fetch["objects"]) == ("done", 2)


def test_a_request_under_the_old_key_is_refused(story):
    """Attack: the thief of the old disk asks for what its owner was granted."""
    key, identity = story.thief
    (grant,) = proofs_of(story.granted)
    before = len(story.peer.events("fetch.answered"))
    for _ in range(2):
        with pytest.raises(OutdatedIdentity):
            ask(story.peer, key, identity, grant)
    assert len(story.peer.events("fetch.answered")) == before
    (alert,) = story.peer.events("peer.identity_differs")
    assert alert["detail"]["code"] == "outdated_identity"
    assert story.peer.admin.get("peers").raw["peers"][0]["state"] == "trusted"


def test_both_logs_add_up(story):
    for node in (story.lost, story.peer):
        assert node.admin.post("log/verify").flag("ok")


def ask(holder: RunningNode, key: SignKey, identity: Identity, grant: Delegation) -> None:
    """Send a request that is right in everything; raise the holder's refusal."""
    now, fetch_key = int(time.time()), PrivateKey.generate()
    network = PeerClient(private_addresses=True)
    document = read_node_document(network.introduce(holder.url), now=now)
    invocation = sign_invocation(
        key,
        audience=document.identity.key,
        subject=grant.subject,
        command="/img/read",
        arguments=Arguments(grant.policy.study, key.did, bytes(fetch_key.public_key)),
        proofs=(grant.cid,),
        nonce=os.urandom(12),
        issued=now,
        expires=now + 300,
    )
    body = make_request(
        key,
        sender=identity,
        to=document.identity.node_id,
        box=document.card.box,
        invocation=invocation,
        proofs=[grant.raw],
        nonce=os.urandom(16),
        ephemeral=os.urandom(32),
        issued=now,
        expires=now + 300,
    )
    reply = network.ask([holder.url], "/undisc/v1/fetch", body, limit=2**24)
    read_answer(
        reply.body,
        status=reply.status,
        request=request_hash(body),
        invocation=Cid.of(invocation),
        holder=document.identity.key,
        fetch_key=fetch_key,
    )
