"""A disk that lies: every changed or missing byte of a pack is noticed."""

import pytest

from support import samples
from undisc_node.services.errors import Damaged, Unavailable
from undisc_node.services.model import Pack, PackRole

CONTENTS = [b"first object", b"", b"third object, a little longer"]


def everything(packs, pack):
    """Read all that a pack holds: study header and every object."""
    header = packs.study_header(pack)
    return header, [b"".join(packs.read(pack, one)) for one in packs.objects(pack)]


def test_every_flipped_byte_of_a_pack_is_noticed(home):
    """Magic, id, frame heads, sealed headers, chunks and tags: no byte is unguarded."""
    pack, _ = home.filled(*CONTENTS)
    path = home.file(pack.id)
    good = path.read_bytes()
    assert everything(home.restart(), pack)[1] == CONTENTS
    for position in range(len(good)):
        bad = bytearray(good)
        bad[position] ^= 0x01
        path.write_bytes(bad)
        with pytest.raises(Damaged):  # or this very byte is unguarded
            everything(home.forget(pack.id), pack)
    path.write_bytes(good)
    assert everything(home.restart(), pack)[1] == CONTENTS


def test_every_flipped_byte_of_an_indexed_pack_is_noticed_or_does_not_matter(home):
    """Headers that the index stands in for are not read: then the answer is the right one."""
    pack, _ = home.filled(*CONTENTS)
    pack = home.packs.seal_index(pack)
    pack, _ = home.packs.append(pack, [samples.draft(b"behind the index", 9)])
    contents = [*CONTENTS, b"behind the index"]
    path = home.file(pack.id)
    good, noticed = path.read_bytes(), 0
    for position in range(len(good)):
        bad = bytearray(good)
        bad[position] ^= 0x80
        path.write_bytes(bad)
        try:
            assert everything(home.forget(pack.id), pack)[1] == contents
        except Damaged:
            noticed += 1
    assert noticed > len(good) - pack.index_at  # the index, what follows, and every chunk


def test_a_cut_pack_is_noticed_at_every_length(home):
    """Whatever is missing of the committed bytes, nothing is read as if it were whole."""
    pack, _ = home.filled(*CONTENTS)
    path = home.file(pack.id)
    good = path.read_bytes()
    for length in range(len(good)):
        path.write_bytes(good[:length])
        with pytest.raises(Damaged):
            home.forget(pack.id).objects(pack)
        with pytest.raises(Damaged):
            home.forget(pack.id).append(pack, [samples.draft(b"more", 7)])


def test_a_missing_file_is_one_clear_sentence(home):
    """The disk with the packs is not mounted."""
    pack, (stored, *_) = home.filled(*CONTENTS)
    home.file(pack.id).unlink()
    for act in (
        lambda packs: packs.objects(pack),
        lambda packs: b"".join(packs.read(pack, stored)),
        lambda packs: packs.open_file(pack.id),
        lambda packs: packs.append(pack, [samples.draft(b"more", 7)]),
    ):
        with pytest.raises(Unavailable) as refused:
            act(home.restart())
        assert refused.value.reason == "file_missing"
        assert refused.value.hint


def test_the_file_of_another_pack_is_not_taken_for_this_one(home):
    """Two files changed places: neither opens."""
    one, _ = home.filled(b"one")
    other, _ = home.filled(b"two")
    first, second = home.file(one.id), home.file(other.id)
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    for pack in (one, other):
        with pytest.raises(Damaged):
            home.restart().objects(pack)


def test_objects_that_changed_places_are_noticed(home):
    """Ciphertext of one object under the header of another of the same size does not open."""
    pack, (first, second) = home.filled(b"AAAA", b"BBBB")
    path = home.file(pack.id)
    content = bytearray(path.read_bytes())
    size = first.header.stored
    one = slice(first.extent_at, first.extent_at + size)
    other = slice(second.extent_at, second.extent_at + size)
    content[one], content[other] = content[other], content[one]
    path.write_bytes(content)
    for stored in home.restart().objects(pack):
        with pytest.raises(Damaged):
            b"".join(home.packs.read(pack, stored))


def test_damage_names_no_patient(home):
    """The message can go into a log."""
    pack, _ = home.filled(b"object")
    path = home.file(pack.id)
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content)
    with pytest.raises(Damaged) as refused:
        home.restart().objects(pack)
    said = f"{refused.value} {refused.value.hint}"
    assert pack.id.hex() in said
    assert not any(secret in said for secret in ("Doe", "P-100", samples.study().uid))


def test_a_damaged_staged_pack_never_counts_as_whole(home):
    """Any byte of a staged file may be wrong: what counts as complete reads back right."""
    source, stored = home.filled(*CONTENTS)
    with home.packs.open_file(source.id) as stream:
        content = stream.read()
    staged = home.packs.stage(samples.study_header())
    staged.announce([one.header for one in stored])

    def send(incoming, one):
        at = one.extent_at

        def read_into(buffer):
            buffer[:] = content[at : at + len(buffer)]

        incoming.receive(one.header.id, 0, read_into)

    for one in stored:
        send(staged, one)
    path = home.file(staged.pack)
    good = path.read_bytes()
    for position in range(0, len(good), 5):
        bad = bytearray(good)
        bad[position] ^= 0x10
        path.write_bytes(bad)
        try:
            resumed = home.restart().resume(staged.pack)
        except Damaged:  # the study header: the fetch begins anew
            continue
        assert resumed.complete() < {one.header.id for one in stored}
        resumed.announce([one.header for one in stored])
        for one in stored:
            if one.header.id not in resumed.complete():
                send(resumed, one)
        pack = Pack(staged.pack, source.study, PackRole.MAIN, resumed.publish(), None)
        assert sorted(everything(home.restart(), pack)[1]) == sorted(CONTENTS)
        home.file(staged.pack).rename(path)
