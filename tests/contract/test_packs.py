"""What is appended to a pack comes back byte for byte, and only what was committed is there."""

import io
from dataclasses import replace

import pytest

from support import samples
from undisc_node.services.errors import Conflict, Damaged, NotFound, ServiceError
from undisc_node.services.model import PackRole
from undisc_protocol import limits
from undisc_protocol.pack import ObjectCipher, chunk_span

SIZES = [0, 1, 1000, limits.CHUNK - 1, limits.CHUNK, limits.CHUNK + 1, 2 * limits.CHUNK + 7]


def content(size, text="content"):
    """Bytes of an instance."""
    return samples.name(text, size)


@pytest.mark.parametrize("size", SIZES)
def test_an_object_comes_back_byte_for_byte(packs, size):
    """Empty, small, at the edges of a chunk, and of several chunks."""
    pack, stored = packs.append(
        packs.create(samples.study_header()), [samples.draft(content(size))]
    )
    assert packs.objects(pack) == stored
    assert b"".join(packs.read(pack, stored[0])) == content(size)


def test_a_chunk_is_read_without_those_before_it(packs):
    """Each of several chunks by itself; beyond the last there is none."""
    plain = content(2 * limits.CHUNK + 7)
    pack, (stored,) = packs.append(packs.create(samples.study_header()), [samples.draft(plain)])
    assert packs.read_chunk(pack, stored, 2) == plain[2 * limits.CHUNK :]
    assert packs.read_chunk(pack, stored, 1) == plain[limits.CHUNK : 2 * limits.CHUNK]
    for number in (-1, 3):
        with pytest.raises(Damaged):
            packs.read_chunk(pack, stored, number)


def test_a_chunk_that_does_not_authenticate_is_not_handed_out(packs):
    """Under another key nothing opens, whichever chunk is asked for."""
    plain = content(limits.CHUNK + 9)
    pack, (stored,) = packs.append(packs.create(samples.study_header()), [samples.draft(plain)])
    other = replace(stored, header=replace(stored.header, key=bytes(32)))
    for number in range(2):
        with pytest.raises(Damaged):
            packs.read_chunk(pack, other, number)


def test_what_is_said_about_an_object_is_kept(packs):
    """Header fields come from the draft; ids and keys are new for each object."""
    drafts = [
        samples.draft(content(10), 1, replaces=samples.name("old", 16), sender="import"),
        samples.draft(content(10), 2),
    ]
    pack, stored = packs.append(packs.create(samples.study_header()), drafts)
    first, second = (one.header for one in packs.objects(pack))
    assert (first.sop_uid, first.replaces, first.sender) == (
        drafts[0].facts.sop_uid,
        samples.name("old", 16),
        "import",
    )
    assert (second.sop_class, second.syntax, second.number, second.hash) == (
        drafts[1].facts.sop_class,
        drafts[1].facts.transfer_syntax,
        2,
        drafts[1].hash,
    )
    assert first.id != second.id
    assert first.key != second.key
    assert [one.header for one in stored] == [first, second]


def test_a_new_pack_says_whose_it_is(packs):
    """Study header and row agree, and there are no objects yet."""
    pack = packs.create(samples.study_header())
    assert (pack.study, pack.role, pack.index_at) == (samples.study().id, PackRole.MAIN, None)
    assert packs.study_header(pack) == samples.study_header()
    assert packs.objects(pack) == []


def test_the_file_holds_ciphertext_at_the_extent(packs):
    """What is served are the sealed chunks, one after another; no plaintext is in the file."""
    plain = content(limits.CHUNK + 99)
    pack, (stored,) = packs.append(packs.create(samples.study_header()), [samples.draft(plain)])
    with packs.open_file(pack.id) as stream:
        stream.seek(stored.extent_at)
        sealed = stream.read(stored.header.stored)
        stream.seek(0)
        assert plain[:32] not in stream.read()
    cipher, opened = ObjectCipher(stored.header.key, stored.header.id), b""
    for number in range(2):
        span, out = chunk_span(stored.header.size, number), bytearray(limits.CHUNK)
        piece = memoryview(sealed)[span.offset : span.offset + span.length]
        count = cipher.open_into(number, piece, memoryview(out), last=number == 1)
        opened += out[:count]
    assert opened == plain


def test_appends_add_up(packs):
    """Objects of several appends are listed in order of arrival, with and without an index."""
    pack = packs.create(samples.study_header())
    wanted = []
    for number in range(4):
        pack, stored = packs.append(pack, [samples.draft(content(50, str(number)), number)])
        wanted += stored
        if number == 1:
            pack = packs.seal_index(pack)
            assert packs.objects(pack) == wanted
    assert packs.objects(pack) == wanted
    sealed = packs.seal_index(pack)
    assert sealed.index_at == pack.length
    assert sealed.length > pack.length
    assert packs.objects(sealed) == wanted


def test_an_append_whose_row_was_not_saved_never_happened(packs):
    """Appending to the committed pack again cuts the first try off, also at equal size."""
    begun = packs.create(samples.study_header())
    pack, first = packs.append(begun, [samples.draft(content(50, "lost"), 1)])
    lost, _ = packs.append(pack, [samples.draft(content(70, "lost"), 2)])
    again, second = packs.append(pack, [samples.draft(content(70, "kept"), 2)])
    assert again.length == lost.length
    assert packs.objects(again) == [*first, *second]
    assert packs.objects(pack) == first
    assert b"".join(packs.read(again, packs.objects(again)[1])) == content(70, "kept")
    index = packs.seal_index(pack)
    assert packs.objects(index) == first


def test_bytes_that_changed_meanwhile_are_not_stored(packs):
    """A draft whose bytes are not the hashed ones is refused, shorter or longer too."""
    pack, first = packs.append(
        packs.create(samples.study_header()), [samples.draft(content(50), 1)]
    )
    good = samples.draft(content(60), 2)

    class Lying(samples.BytesSource):
        @property
        def size(self):
            return 60

    for wrong in (content(60, "other"), content(59), content(60) + b"!"):
        with pytest.raises(Conflict):
            packs.append(pack, [good, replace(good, source=Lying(wrong))])
        assert packs.objects(pack) == first


def test_a_pack_shorter_than_its_row_is_damaged(packs):
    """Bytes that were acknowledged and are gone are not passed over in silence."""
    pack, _ = packs.append(packs.create(samples.study_header()), [samples.draft(content(50))])
    beyond = replace(pack, length=pack.length + 1)
    with pytest.raises(Damaged):
        packs.objects(beyond)
    with pytest.raises(Damaged):
        packs.append(beyond, [samples.draft(content(50), 2)])


def test_reading_with_a_wrong_hash_or_place_is_damage(packs):
    """A header that does not fit the bytes is noticed before the last chunk is given out."""
    pack, (stored,) = packs.append(
        packs.create(samples.study_header()), [samples.draft(content(50))]
    )
    for wrong in (
        replace(stored, header=replace(stored.header, hash=bytes(32))),
        replace(stored, header=replace(stored.header, id=bytes(16))),
        replace(stored, extent_at=stored.extent_at - 1),
    ):
        given = io.BytesIO()
        with pytest.raises(Damaged):
            given.writelines(packs.read(pack, wrong))
        assert given.getvalue() == b""


def test_series_have_names_that_only_this_pack_gives(packs):
    """Same series, same pack, same name; another pack, another name."""
    one, two = (packs.create(samples.study_header()) for _ in range(2))
    name = packs.series_name(one, "1.2.3")
    assert len(name) == 16
    assert packs.series_name(one, "1.2.3") == name
    assert packs.series_name(one, "1.2.4") != name
    assert packs.series_name(two, "1.2.3") != name


def test_an_erased_pack_is_gone(packs):
    """Nothing of it can be read; erasing it again is fine; its neighbour stays."""
    pack, (stored,) = packs.append(
        packs.create(samples.study_header()), [samples.draft(content(50))]
    )
    neighbour, kept = packs.append(
        packs.create(samples.study_header()), [samples.draft(content(60))]
    )
    packs.erase(pack.id)
    packs.erase(pack.id)
    with pytest.raises(NotFound):
        packs.objects(pack)
    with pytest.raises(NotFound):
        packs.series_name(pack, "1.2.3")
    with pytest.raises(ServiceError):
        b"".join(packs.read(pack, stored))
    with pytest.raises(ServiceError):
        packs.open_file(pack.id)
    assert packs.objects(neighbour) == kept


def test_sweeping_discards_what_was_never_finished(packs):
    """Leftovers of a crash go, in place or staged; kept and finished packs stay."""
    kept, finished = packs.create(samples.study_header()), packs.create(samples.study_header())
    lost, staged = packs.create(samples.study_header()), packs.stage(samples.study_header())
    filling = packs.stage(samples.study_header())
    packs.finish([finished.id, bytes(16)])
    assert packs.unfinished() == {kept.id, lost.id, staged.pack, filling.pack}
    assert packs.sweep(frozenset({kept.id, filling.pack})) == 2
    assert packs.objects(kept) == packs.objects(finished) == []
    assert packs.resume(filling.pack).objects() == []
    assert packs.ids() == {kept.id, finished.id, filling.pack}
    assert packs.sweep(frozenset({kept.id, filling.pack})) == 0


def test_discarding_removes_a_pack_once(packs):
    """Again changes nothing."""
    pack = packs.create(samples.study_header())
    packs.discard(pack.id)
    packs.discard(pack.id)
    assert packs.ids() == packs.unfinished() == frozenset()


def test_there_is_room(packs):
    """Free space is told in bytes."""
    assert packs.free_bytes() > 2**20


# --- Instances that arrive piece by piece ---------------------------------------------------------


def spooled(packs, plain, *, piece=100_000, grow=lambda _: None):
    """Write an instance in pieces, sealing when there is no room."""
    spool = packs.spool(grow)
    view = memoryview(plain)
    while view:
        used = spool.write(view[:piece])
        view = view[used:]
        if not used:
            spool.seal()
    spool.finish()
    return spool


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("piece", [65_537, 2**21])
def test_an_instance_that_arrives_piece_by_piece_comes_back_byte_for_byte(packs, size, piece):
    spool = spooled(packs, content(size), piece=piece)
    draft = samples.draft(content(size))
    assert (spool.size, spool.hash) == (size, draft.hash)
    with spool.open() as stream:
        assert stream.read() == content(size)
        stream.seek(size // 2)
        assert stream.read(9) == content(size)[size // 2 :][:9]
        stream.seek(0)
        assert stream.read(9) == content(size)[:9]
    before = samples.draft(content(10), 2)
    pack, stored = packs.append(
        packs.create(samples.study_header()), [before, replace(draft, source=spool)]
    )
    spool.close()
    spool.close()
    assert packs.objects(pack) == stored
    assert b"".join(packs.read(pack, stored[1])) == content(size)
    assert b"".join(packs.read(pack, stored[0])) == content(10)


def test_an_instance_that_arrived_may_be_tried_again(packs):
    """A commit that failed cuts its bytes off; the next one writes them again."""
    plain = content(limits.CHUNK + 7)
    spool = spooled(packs, plain)
    draft = replace(samples.draft(plain), source=spool)
    pack = packs.create(samples.study_header())
    packs.append(pack, [draft])
    again, stored = packs.append(pack, [samples.draft(content(10), 2), draft])
    spool.close()
    assert b"".join(packs.read(again, stored[1])) == plain


def test_an_instance_that_is_not_what_its_hash_says_is_refused(packs):
    spool = spooled(packs, content(100))
    pack = packs.create(samples.study_header())
    with pytest.raises(Conflict):
        packs.append(pack, [replace(samples.draft(content(99)), source=spool)])
    spool.close()


def test_what_may_not_grow_on_the_disk_does_not(packs):
    """An endless instance stops at the reserve of the disk, not at its end."""

    def grow(_size):
        raise Damaged("no further")

    with pytest.raises(Damaged, match="no further"):
        spooled(packs, content(limits.CHUNK + 1), grow=grow)
