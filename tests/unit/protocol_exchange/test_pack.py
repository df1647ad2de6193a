"""Packs: start, frames, headers, index (SPEC.md §5.2 to §5.4)."""

from contextlib import suppress
from dataclasses import replace

import pytest

from support.damage import damaged, flipped, refused, truncated
from support.parties import label
from undisc_protocol import dagcbor, limits
from undisc_protocol.errors import (
    BadFields,
    LocalProtocolError,
    Malformed,
    Oversize,
    RemoteProtocolError,
    Tampered,
)
from undisc_protocol.keys import SEAL_OVERHEAD
from undisc_protocol.pack import (
    FRAME_HEAD,
    PACK_HEAD,
    FrameKind,
    IndexEntry,
    ObjectCipher,
    ObjectHash,
    ObjectHeader,
    PatientIdentity,
    StudyHeader,
    chunk_count,
    chunk_span,
    decode_index,
    encode_index,
    open_frame,
    pack_start,
    read_frame_head,
    read_start,
    seal_frame,
    stored_size,
)

PACK, STUDY_KEY, NONCE = label("pack", 16), label("study key"), label("nonce", 24)
STUDY = StudyHeader(
    study=label("study", 16),
    uid="1.2.840.99",
    patient=PatientIdentity("Müller^Änne", "4711", "practice", "19700101", "F"),
    study_date="20261124",
    study_time="053123",
    accession="A1",
    description="Schädel nativ",
    made_ms=1_795_498_283_000,
)


def header(name="one", content=b"pixels", **changes):
    hasher = ObjectHash()
    hasher.update(content)
    fields = {
        "id": label(name, 16),
        "key": label(name + " key"),
        "codec": "raw",
        "size": len(content),
        "hash": hasher.digest(),
        "series_uid": "1.2.840.99.1",
        "sop_uid": "1.2.840.99.1.7",
        "sop_class": "1.2.840.10008.5.1.4.1.1.2",
        "syntax": "1.2.840.10008.1.2.1",
        "modality": "CT",
        "number": -3,
        "sender": "dicom:ct1",
        "replaces": None,
        "at_ms": 1_795_498_283_001,
    }
    return ObjectHeader(**fields | changes)


def sealed(kind, encoded):
    return seal_frame(kind, encoded, pack_id=PACK, study_key=STUDY_KEY, nonce=NONCE)


def test_headers_come_back_as_they_were():
    assert StudyHeader.decode(STUDY.encode()) == STUDY
    for one in (header(), header(replaces=label("older", 16)), header(number=limits.MIN_NUMBER)):
        assert ObjectHeader.decode(one.encode()) == one


def test_an_object_header_knows_its_extent():
    one = header(size=limits.CHUNK + 1)
    assert (one.chunks, one.stored) == (2, limits.CHUNK + 1 + 2 * limits.TAG)


def test_no_key_and_no_patient_is_in_what_python_shows_of_an_object():
    """A traceback prints arguments; it must not print a key."""
    shown = repr(header())
    assert label("one key").hex() not in shown
    assert "1.2.840" not in shown
    assert repr(label("one key")) not in shown


@pytest.mark.parametrize(
    "changes",
    [
        {"id": bytes(15)},
        {"key": bytes(31)},
        {"codec": "htj2k"},
        {"size": -1},
        {"size": limits.MAX_OBJECT + 1},
        {"hash": bytes(31)},
        {"series_uid": ""},
        {"sop_uid": "1" * 65},
        {"sop_class": "1.2/../x"},
        {"syntax": "1.2\n"},
        {"modality": "M" * 257},
        {"number": 2**31},
        {"number": True},
        {"sender": "s" * 257},
        {"replaces": b""},
        {"at_ms": -1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_an_object_header_outside_its_bounds_is_never_written_nor_read(changes):
    """The writer refuses it as its own mistake; a reader refuses it from a disk or a peer."""
    wrong = header(**changes)
    with pytest.raises(LocalProtocolError):
        wrong.encode()
    with pytest.raises(BadFields):
        ObjectHeader.decode(dagcbor.encode(wrong.to_value()))


@pytest.mark.parametrize(
    "changes",
    [
        {"study": bytes(15)},
        {"uid": "not a uid"},
        {"patient": PatientIdentity(name="x" * 257)},
        {"study_date": "x" * 257},
        {"study_time": "x" * 257},
        {"accession": "x" * 257},
        {"description": "x" * 257},
        {"made_ms": -1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_study_header_outside_its_bounds_is_never_written(changes):
    with pytest.raises(LocalProtocolError):
        replace(STUDY, **changes).encode()


def test_damaged_headers_raise_only_our_errors():
    """A flipped letter can be another letter: the seal catches that, and the reader need not."""
    for raw, reader in (
        (STUDY.encode(), StudyHeader.decode),
        (header().encode(), ObjectHeader.decode),
    ):
        for broken in truncated(raw):
            refused(reader, broken)
        refused(reader, raw + b"\x00")
        for broken in flipped(raw):
            with suppress(RemoteProtocolError):
                reader(broken)


def test_a_header_over_its_bound_is_refused_before_it_is_decoded():
    refusal = refused(ObjectHeader.decode, bytes(limits.MAX_HEADER + 1))
    assert isinstance(refusal, Oversize)


def test_a_pack_starts_with_its_name():
    assert read_start(pack_start(PACK)) == PACK
    assert len(pack_start(PACK)) == PACK_HEAD
    for wrong in (b"", pack_start(PACK)[:-1], pack_start(PACK) + b"\x00", b"undiscP2" + PACK):
        assert isinstance(refused(read_start, wrong), Malformed)
    with pytest.raises(LocalProtocolError):
        pack_start(b"short")


def test_a_frame_opens_to_what_was_sealed():
    frame = sealed(FrameKind.OBJECT, b"header")
    kind, length = read_frame_head(frame[:FRAME_HEAD])
    assert (kind, length) == (FrameKind.OBJECT, len(frame) - FRAME_HEAD)
    assert open_frame(kind, frame[FRAME_HEAD:], pack_id=PACK, study_key=STUDY_KEY) == b"header"


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"pack_id": label("another pack", 16)},
        {"study_key": label("another key")},
        {"kind": FrameKind.INDEX},
    ],
    ids=lambda elsewhere: next(iter(elsewhere)),
)
def test_a_frame_cannot_be_moved(elsewhere):
    """A header is copied into another pack, or passed off as an index."""
    frame = sealed(FrameKind.OBJECT, b"header")
    place = {"kind": FrameKind.OBJECT, "pack_id": PACK, "study_key": STUDY_KEY} | elsewhere
    with pytest.raises(Tampered):
        open_frame(sealed=frame[FRAME_HEAD:], **place)


@pytest.mark.parametrize(
    ("head", "error"),
    [
        (b"", Malformed),
        (b"\x01\x00\x00\x00", Malformed),
        (b"\x01\x00\x00\x00\x60\x00", Malformed),
        (b"\x00\x00\x00\x00\x60", Malformed),
        (b"\x04\x00\x00\x00\x60", Malformed),
        (b"\x02" + SEAL_OVERHEAD.to_bytes(4, "big"), Malformed),
        (b"\x02" + (limits.MAX_HEADER + 1).to_bytes(4, "big"), Oversize),
        (b"\x03" + (limits.MAX_INDEX + 1).to_bytes(4, "big"), Oversize),
        (b"\x01\xff\xff\xff\xff", Oversize),
    ],
)
def test_a_length_is_bounded_before_anything_of_it_is_read(head, error):
    """A damaged disk says that four gigabytes of header follow."""
    assert isinstance(refused(read_frame_head, head), error)


def test_frames_at_their_bound_are_written_and_larger_ones_are_not():
    most = limits.MAX_HEADER - SEAL_OVERHEAD
    frame = sealed(FrameKind.STUDY, bytes(most))
    assert read_frame_head(frame[:FRAME_HEAD]).length == limits.MAX_HEADER
    with pytest.raises(LocalProtocolError):
        sealed(FrameKind.STUDY, bytes(most + 1))


# --- Index --------------------------------------------------------------------------------------


def entries(count=3):
    made, at = [], PACK_HEAD
    for number in range(count):
        one = header(f"object {number}", bytes(number))
        extent_at = at + FRAME_HEAD + SEAL_OVERHEAD + len(one.encode())
        made.append(IndexEntry(at, extent_at, one))
        at = extent_at + one.stored
    return tuple(made)


def test_an_index_comes_back_as_it_was():
    for count in (0, 1, 3):
        assert decode_index(encode_index(entries(count))) == entries(count)


@pytest.mark.parametrize(
    "moved",
    [
        lambda first, second: (second, first),
        lambda first, second: (first, first),
        lambda first, second: (first, second._replace(header_at=second.header_at - 1)),
        lambda first, second: (first._replace(header_at=0), second),
        lambda first, second: (first._replace(extent_at=first.header_at), second),
        lambda first, second: (first._replace(extent_at=first.extent_at + 8000), second),
    ],
)
def test_an_index_whose_extents_overlap_is_refused(moved):
    """Two entries that share bytes would let one object's bytes be served as another's."""
    assert isinstance(refused(decode_index, encode_index(moved(*entries(2)))), BadFields)


def test_an_index_of_too_many_objects_is_refused(monkeypatch):
    encoded = encode_index(entries(3))
    monkeypatch.setattr(limits, "MAX_OBJECTS", 2)
    assert isinstance(refused(decode_index, encoded), Oversize)


def test_damaged_indexes_raise_only_our_errors():
    raw = encode_index(entries(2))
    for broken in truncated(raw):
        refused(decode_index, broken)
    for broken in ({}, [1], [[1, 2]], [[1, 2, 3]], [[True, 200, header().to_value()]]):
        refused(decode_index, dagcbor.encode(broken))


# --- A whole small pack -------------------------------------------------------------------------


def small_pack(contents=(b"pixels", b"", b"more pixels")):
    """Write a pack with three objects and an index, from the functions alone."""
    pack = bytearray(pack_start(PACK) + sealed(FrameKind.STUDY, STUDY.encode()))
    listed = []
    for number, content in enumerate(contents):
        one = header(f"object {number}", content)
        header_at = len(pack)
        pack += sealed(FrameKind.OBJECT, one.encode())
        listed.append(IndexEntry(header_at, len(pack), one))
        out = bytearray(stored_size(len(content)))
        ObjectCipher(one.key, one.id).seal_into(0, memoryview(content), memoryview(out), last=True)
        pack += out
    return bytes(pack + sealed(FrameKind.INDEX, encode_index(listed)))


def read_pack(pack):
    """Read a pack the way SPEC.md §5.2 says; returns the contents of its objects."""
    name = read_start(pack[:PACK_HEAD])
    place, contents, index = PACK_HEAD, [], None
    while place < len(pack):
        kind, length = read_frame_head(pack[place : place + FRAME_HEAD])
        place += FRAME_HEAD + length
        sealed_header = pack[place - length : place]
        if len(sealed_header) < length:
            raise Malformed("cut")
        opened = open_frame(kind, sealed_header, pack_id=name, study_key=STUDY_KEY)
        if kind is FrameKind.STUDY:
            assert StudyHeader.decode(opened) == STUDY
        elif kind is FrameKind.INDEX:
            index = decode_index(opened)
        else:
            one = ObjectHeader.decode(opened)
            contents.append(read_object(one, pack[place : place + one.stored]))
            place += one.stored
    if index is None:
        raise Malformed("no index")
    return contents


def read_object(one, ciphertext):
    content, hasher = bytearray(one.size), ObjectHash()
    for number in range(chunk_count(one.size)):
        span = chunk_span(one.size, number)
        chunk = memoryview(content)[number * limits.CHUNK :]
        ObjectCipher(one.key, one.id).open_into(
            number,
            memoryview(ciphertext)[span.offset : span.offset + span.length],
            chunk,
            last=number == chunk_count(one.size) - 1,
        )
    hasher.update(content)
    if hasher.digest() != one.hash:
        raise Tampered("hash")
    return bytes(content)


def test_a_whole_pack_reads_back():
    assert read_pack(small_pack()) == [b"pixels", b"", b"more pixels"]


def test_each_changed_byte_of_a_pack_is_caught():
    """Somebody with the disk in hands changes one bit anywhere."""
    for broken in flipped(small_pack()):
        refused(read_pack, broken)


def test_a_pack_cut_anywhere_is_caught():
    for broken in truncated(small_pack()):
        refused(read_pack, broken)


def test_two_objects_cannot_change_places():
    """Ciphertexts of equal length are exchanged behind their headers."""
    pack = small_pack((b"first!", b"second"))
    index = read_index(pack)
    first, second = (slice(one.extent_at, one.extent_at + one.header.stored) for one in index)
    swapped = bytearray(pack)
    swapped[first], swapped[second] = pack[second], pack[first]
    assert isinstance(refused(read_pack, bytes(swapped)), Tampered)


def read_index(pack):
    place = PACK_HEAD
    while True:
        kind, length = read_frame_head(pack[place : place + FRAME_HEAD])
        place += FRAME_HEAD + length
        opened = open_frame(kind, pack[place - length : place], pack_id=PACK, study_key=STUDY_KEY)
        if kind is FrameKind.INDEX:
            return decode_index(opened)
        if kind is FrameKind.OBJECT:
            place += ObjectHeader.decode(opened).stored


def test_damaged_frames_raise_only_our_errors():
    frame = sealed(FrameKind.OBJECT, b"header")

    def reader(raw):
        kind, _ = read_frame_head(raw[:FRAME_HEAD])
        open_frame(kind, raw[FRAME_HEAD:], pack_id=PACK, study_key=STUDY_KEY)

    for broken in damaged(frame):
        if broken[FRAME_HEAD:] != frame[FRAME_HEAD:] or broken[0] != frame[0]:
            refused(reader, broken)
