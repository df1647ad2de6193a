"""A pack is filled from a peer, in any order and over any number of breaks: whole or not there."""

import threading
from dataclasses import replace

import pytest

from support import samples
from support.memory_packs import MemoryPacks, stream_of
from undisc_node.services.errors import Conflict, Damaged, NotFound
from undisc_node.services.model import Pack, PackRole
from undisc_protocol import limits
from undisc_protocol.errors import Tampered, Unreachable
from undisc_protocol.pack import chunk_span

SIZES = [2 * limits.CHUNK + 5, 0, 300, limits.CHUNK]


class Holder:
    """The other node: objects with their ciphertext."""

    def __init__(self):
        packs = MemoryPacks(seed="holder")
        self.plain = [samples.name(f"object {size}", size) for size in SIZES]
        drafts = [samples.draft(plain, number) for number, plain in enumerate(self.plain)]
        pack, stored = packs.append(packs.create(samples.study_header()), drafts)
        self.headers = [one.header for one in stored]
        with packs.open_file(pack.id) as stream:
            content = stream.read()
        self.sealed = {
            one.header.id: content[one.extent_at : one.extent_at + one.header.stored]
            for one in stored
        }

    def send(self, incoming, header, first_chunk=0):
        """Let a pack receive an object from a chunk on."""
        start = chunk_span(header.size, first_chunk).offset
        incoming.receive(header.id, first_chunk, stream_of(self.sealed[header.id][start:]))


@pytest.fixture(scope="module")
def holder():
    """A holder of four objects, the first of three chunks."""
    return Holder()


@pytest.fixture
def incoming(packs, holder):
    """A staged pack with every object announced."""
    staged = packs.stage(samples.study_header())
    staged.announce(holder.headers)
    return staged


def published(incoming):
    """Publish and return the row that a use case would save."""
    return Pack(incoming.pack, samples.study().id, PackRole.MAIN, incoming.publish(), None)


def test_a_pack_says_what_it_is_filled_for_also_after_a_break(packs, incoming):
    assert incoming.header == samples.study_header()
    assert packs.resume(incoming.pack).header == samples.study_header()


def test_a_study_arrives(packs, holder, incoming):
    """Received in another order than announced, published, and read back byte for byte."""
    for header in reversed(holder.headers):
        holder.send(incoming, header)
    pack = published(incoming)
    assert packs.study_header(pack) == samples.study_header()
    stored = packs.objects(pack)
    assert [one.header for one in stored] == holder.headers
    assert [b"".join(packs.read(pack, one)) for one in stored] == holder.plain
    indexed = packs.seal_index(pack)
    assert packs.objects(indexed) == stored


def test_nothing_is_there_before_it_arrives(holder, incoming):
    """Room was made, but no object counts, not even the empty one."""
    assert [one.header for one in incoming.objects()] == holder.headers
    assert incoming.complete() == frozenset()
    assert [incoming.whole_chunks(header.id) for header in holder.headers] == [0, 0, 0, 0]


def test_a_break_loses_at_most_a_chunk(packs, holder, incoming):
    """The connection breaks in the second chunk; the first stays, and the rest completes it."""
    header = holder.headers[0]
    cut = chunk_span(header.size, 1).offset + 1000
    with pytest.raises(Unreachable):
        incoming.receive(header.id, 0, stream_of(holder.sealed[header.id][:cut]))
    for staged in (incoming, packs.resume(incoming.pack)):
        assert header.id not in staged.complete()
        assert staged.whole_chunks(header.id) == 1
    resumed = packs.resume(incoming.pack)
    holder.send(resumed, header, first_chunk=1)
    assert resumed.complete() == {header.id}
    assert resumed.whole_chunks(header.id) == 3


def test_a_restart_finds_what_is_whole(packs, holder, incoming):
    """A new process sees complete objects by their bytes and fetches only the others."""
    for header in holder.headers[:2]:
        holder.send(incoming, header)
    resumed = packs.resume(incoming.pack)
    assert [one.header for one in resumed.objects()] == holder.headers
    assert resumed.complete() == {header.id for header in holder.headers[:2]}
    for header in holder.headers[2:]:
        holder.send(resumed, header)
    pack = published(resumed)
    assert [b"".join(packs.read(pack, one)) for one in packs.objects(pack)] == holder.plain


@pytest.mark.parametrize("at", ["first byte", "last byte", "tag of the first chunk"])
def test_a_changed_byte_is_refused(holder, incoming, at):
    """The object counts as not there, and a good copy is accepted afterwards."""
    header = holder.headers[0]
    sealed = bytearray(holder.sealed[header.id])
    sealed[{"first byte": 0, "last byte": -1}.get(at, limits.CHUNK)] ^= 1
    with pytest.raises(Tampered):
        incoming.receive(header.id, 0, stream_of(bytes(sealed)))
    assert incoming.complete() == frozenset()
    holder.send(incoming, header)
    assert incoming.complete() == {header.id}


def test_a_whole_object_received_badly_again_stays_what_its_bytes_are(holder, incoming):
    """A second, broken transfer cannot make a good object count as half an object."""
    header = holder.headers[0]
    holder.send(incoming, header)
    with pytest.raises(Tampered):
        incoming.receive(header.id, 0, stream_of(bytes(header.stored)))
    assert incoming.complete() == {header.id}


def test_chunks_swapped_between_objects_are_refused(holder, incoming):
    """The ciphertext of one object does not pass as another of the same length."""
    one, other = holder.headers[2], holder.headers[0]
    with pytest.raises(Tampered):
        incoming.receive(one.id, 0, stream_of(holder.sealed[other.id]))
    assert incoming.complete() == frozenset()


def test_good_chunks_with_a_wrong_hash_are_refused(packs, holder):
    """The holder's manifest lies about the hash: nothing of it counts, also after a restart."""
    header = replace(holder.headers[0], hash=bytes(32))
    staged = packs.stage(samples.study_header())
    staged.announce([header])
    with pytest.raises(Tampered):
        holder.send(staged, header)
    for again in (staged, packs.resume(staged.pack)):
        assert again.complete() == frozenset()
        assert again.whole_chunks(header.id) == 0
        with pytest.raises(Conflict):
            again.publish()


def test_a_gap_cannot_be_resumed_over(holder, incoming):
    """Asking to go on behind chunks that are not there is refused."""
    with pytest.raises(Damaged):
        holder.send(incoming, holder.headers[0], first_chunk=1)
    assert incoming.complete() == frozenset()


def test_an_unfinished_pack_is_not_published(holder, incoming):
    """One missing object keeps the study out of sight."""
    for header in holder.headers[1:]:
        holder.send(incoming, header)
    with pytest.raises(Conflict):
        incoming.publish()


def test_announcing_adds_and_keeps(packs, holder):
    """A later manifest names old and new objects: old bytes stay, new ones get room."""
    staged = packs.stage(samples.study_header())
    staged.announce(holder.headers[:1])
    holder.send(staged, holder.headers[0])
    staged.announce(holder.headers)
    staged.announce(holder.headers)
    assert [one.header for one in staged.objects()] == holder.headers
    assert staged.complete() == {holder.headers[0].id}


def test_an_object_described_otherwise_than_before_is_refused(holder, incoming):
    """Same id, other key: an object's key and hash are settled by its first announcement."""
    changed = replace(holder.headers[0], key=bytes(32))
    with pytest.raises(Tampered):
        incoming.announce([changed])
    assert [one.header for one in incoming.objects()] == holder.headers


def test_an_object_nobody_announced_is_refused(holder, incoming):
    """Bytes without a place have nowhere to go."""
    with pytest.raises(NotFound):
        incoming.receive(bytes(16), 0, stream_of(b""))
    with pytest.raises(NotFound):
        incoming.whole_chunks(bytes(16))


def test_two_connections_at_once(packs, holder, incoming):
    """Objects arrive on two threads and all are right."""
    halves = [holder.headers[::2], holder.headers[1::2]]

    def receive(headers):
        for header in headers:
            holder.send(incoming, header)

    threads = [threading.Thread(target=receive, args=(half,)) for half in halves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pack = published(incoming)
    assert [b"".join(packs.read(pack, one)) for one in packs.objects(pack)] == holder.plain


def test_a_discarded_pack_is_gone(packs, incoming):
    """It cannot be resumed."""
    incoming.discard()
    with pytest.raises(NotFound):
        packs.resume(incoming.pack)


def test_a_published_pack_can_be_resumed(packs, holder, incoming):
    """A crash came after the pack was moved in place and before its row was saved."""
    for header in holder.headers:
        holder.send(incoming, header)
    length = incoming.publish()
    resumed = packs.resume(incoming.pack)
    assert len(resumed.complete()) == 4
    assert resumed.publish() == length
    resumed.discard()
    with pytest.raises(NotFound):
        packs.resume(incoming.pack)
