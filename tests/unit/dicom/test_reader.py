"""The reader gets the facts of every real object, and survives every made-up one."""

from __future__ import annotations

import io
import time
import zlib
from contextlib import contextmanager

import pydicom
import pytest

from support.dicom_files import (
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    SC,
    UNSTORABLE,
    data_set,
    explicit,
    explicit_data_set,
    implicit,
    pydicom_files,
    storable_files,
)
from undisc_node.dicom.part10 import compose_part10
from undisc_node.dicom.reader import MAX_INFLATED, FactReader
from undisc_node.dicom.sources import BytesSource, FileSource
from undisc_node.services.errors import Invalid

READER = FactReader()


def file_of(body: bytes, syntax: str = IMPLICIT) -> BytesSource:
    head = compose_part10(sop_class=SC, sop_uid="1.2.3.4", transfer_syntax=syntax)
    return BytesSource(head, body)


def refusal(source: BytesSource) -> str:
    with pytest.raises(Invalid) as caught:
        READER.facts(source)
    return caught.value.reason


# --- Real files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(UNSTORABLE))
def test_unstorable_files_of_the_test_set_are_refused_with_their_reason(name):
    with pytest.raises(Invalid) as caught:
        READER.facts(FileSource(pydicom_files()[name]))
    assert caught.value.reason == UNSTORABLE[name]


@pytest.mark.filterwarnings("ignore")  # pydicom warns about oddities of its test files
@pytest.mark.parametrize("name", sorted(storable_files()))
def test_every_other_file_of_the_test_set_reads_as_pydicom_reads_it(name):
    path = storable_files()[name]
    facts = READER.facts(FileSource(path))
    theirs = pydicom.dcmread(path, force=True, stop_before_pixels=True)

    def text(keyword):
        return str(theirs.get(keyword) or "").strip()

    assert facts.study_uid == text("StudyInstanceUID")
    assert facts.series_uid == text("SeriesInstanceUID")
    assert facts.sop_uid == text("SOPInstanceUID")
    assert facts.sop_class == str(theirs.SOPClassUID)
    assert facts.patient.name == text("PatientName").rstrip("=^ ")
    assert facts.patient.id == text("PatientID")
    assert facts.patient.birth_date == text("PatientBirthDate")
    assert facts.patient.sex == text("PatientSex")
    assert facts.study_date == text("StudyDate")
    assert facts.study_time == text("StudyTime")
    assert facts.accession == text("AccessionNumber")
    assert facts.description == text("StudyDescription")
    assert facts.modality == text("Modality")
    assert facts.number == int(theirs.get("InstanceNumber") or 0)


def test_the_test_set_is_the_one_these_tests_were_written_for():
    assert len(pydicom_files()) == 197
    assert len(storable_files()) == 163


# --- Files without a frame ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "syntax"), [(data_set(), IMPLICIT), (explicit_data_set(), EXPLICIT)]
)
def test_a_bare_data_set_is_read_as_what_it_looks_like(body, syntax):
    facts = READER.facts(BytesSource(body))
    assert facts.transfer_syntax == syntax
    assert (facts.study_uid, facts.patient.name, facts.number) == ("1.2.3", "DOE^JANE", 7)


def test_meta_information_without_preamble_is_found():
    facts = READER.facts(BytesSource(file_of(b"").head[132:] + data_set()))
    assert facts.sop_uid == "1.2.3.4"


def test_a_file_whose_elements_are_not_as_its_meta_information_says_is_still_read():
    assert READER.facts(file_of(data_set(), EXPLICIT)).patient.id == "42"
    assert READER.facts(file_of(explicit_data_set(), IMPLICIT)).patient.id == "42"


@pytest.mark.parametrize(
    "body", [b"", b"\x02", b"GIF89a" + bytes(200), b"\x7fELF" + bytes(300), bytes(500)]
)
def test_something_else_is_not_dicom(body):
    assert refusal(BytesSource(body)) == "not_dicom"


def test_the_prefix_alone_is_not_enough():
    assert refusal(BytesSource(bytes(128) + b"DICM")) == "no_study_uid"


# --- What must be there -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["study_uid", "series_uid", "sop_uid", "sop_class"])
def test_an_object_without_an_identifier_is_refused(name):
    assert refusal(file_of(data_set(**{name: None}))) == f"no_{name}"
    assert refusal(file_of(data_set(**{name: b"\0\0"}))) == f"no_{name}"


@pytest.mark.parametrize(
    "uid", [b"../../etc/passwd", b"1..2", b".1", b"1.", b"1." + b"2" * 63, b"1.2\\1.3", b"1.\xb2"]
)
def test_what_is_not_a_uid_is_refused(uid):
    assert refusal(file_of(data_set(study_uid=uid))) == "bad_uid"


@pytest.mark.parametrize("uid", [b"1.2.03", b"1.2 ", b"1.2\0", b"1." + b"2" * 62])
def test_what_real_devices_write_is_a_uid(uid):
    assert READER.facts(file_of(data_set(study_uid=uid))).study_uid == uid.decode().strip(" \0")


def test_two_patients_in_one_object_are_refused():
    """Two programs would show the image under two names."""
    second = implicit(0x00100020, b"43")
    body = data_set().replace(second.replace(b"43", b"42"), second.replace(b"43", b"42") + second)
    assert refusal(file_of(body)) == "bad_order"


# --- Texts --------------------------------------------------------------------------------------


def test_texts_lose_control_characters_and_direction_overrides():
    facts = READER.facts(
        file_of(data_set(character_set=b"ISO_IR 192", name="DOE\0\x1b[31m^\u202eJANE\x07".encode()))
    )
    assert facts.patient.name == "DOE[31m^JANE"


def test_long_texts_are_cut():
    facts = READER.facts(file_of(data_set(description=b"x" * 9_000)))
    assert facts.description == "x" * 256


@pytest.mark.parametrize("number", [b"abc", b"", b"99999999999", b"1.5", b"\xff"])
def test_an_instance_number_that_is_none_counts_as_zero(number):
    assert READER.facts(file_of(data_set(number=number))).number == 0


# --- Attacks ------------------------------------------------------------------------------------


def test_a_deflate_bomb_is_refused_without_inflating_it():
    """A small file that would become 128 MiB (the library alone would inflate all of it)."""
    bomb = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    head = explicit(0x00080005, b"CS", b"ISO_IR 100")
    head += b"\x09\x00\x10\x00OB\0\0" + (2**27).to_bytes(4, "little")
    packed = bomb.compress(head) + b"".join(bomb.compress(bytes(2**20)) for _ in range(128))
    started = time.perf_counter()
    assert refusal(file_of(packed + bomb.flush(), DEFLATED)) == "too_deflated"
    assert time.perf_counter() - started < 0.5


def test_a_deflated_object_is_read_up_to_the_bound_only():
    pixels = b"\xe0\x7f\x10\x00OW\0\0" + (16 * MAX_INFLATED).to_bytes(4, "little")
    body = explicit_data_set() + pixels
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(body + bytes(16 * MAX_INFLATED)) + packer.flush()
    assert READER.facts(file_of(packed, DEFLATED)).patient.name == "DOE^JANE"


def test_damaged_deflated_data_are_refused():
    assert refusal(file_of(b"\xff\xff\xff\xff", DEFLATED)) == "truncated"


@pytest.mark.parametrize("depth", [200, 100_000])
def test_nested_sequences_do_not_overflow_the_stack(depth):
    level = b"\x09\x00\x10\x00" + b"\xff" * 4 + b"\xfe\xff\x00\xe0" + b"\xff" * 4
    assert refusal(file_of(implicit(0x00080005, b"") + level * depth)) == "too_complex"


def test_believable_nesting_is_read():
    opening = b"\x09\x00\x10\x00" + b"\xff" * 4 + b"\xfe\xff\x00\xe0" + b"\xff" * 4
    closing = b"\xfe\xff\x0d\xe0" + bytes(4) + b"\xfe\xff\xdd\xe0" + bytes(4)
    before, after = data_set().split(implicit(0x00100010, b"DOE^JANE"))
    nested = opening * 20 + implicit(0x00090011, b"x") + closing * 20
    body = before + nested + implicit(0x00100010, b"DOE^JANE") + after
    assert READER.facts(file_of(body)).patient.name == "DOE^JANE"


def test_a_million_elements_are_refused():
    assert refusal(file_of(implicit(0x00080001, b"") * 1_000_000)) == "too_complex"


@pytest.mark.parametrize("length", [0x7FFFFFFF, 0xFFFFFFFE, 100])
def test_a_length_beyond_the_end_is_refused(length):
    body = implicit(0x00080005, b"")[:4] + length.to_bytes(4, "little") + b"short"
    assert refusal(file_of(body)) == "truncated"


def test_every_cut_of_an_object_is_refused_or_read_and_nothing_else():
    whole = file_of(explicit_data_set(), EXPLICIT)
    everything = whole.head + bytes(whole.body)
    number = len(explicit(0x00200013, b"IS", b"7"))  # may be absent, so a cut before it is whole
    for end in set(range(len(everything))) - {len(everything) - number}:
        with pytest.raises(Invalid):
            READER.facts(BytesSource(everything[:end]))
    assert READER.facts(BytesSource(everything[:-number])).number == 0
    assert READER.facts(BytesSource(everything)).number == 7


def test_every_changed_byte_of_an_object_is_refused_or_read_and_nothing_else():
    """No input makes the reader fail in another way than it promises."""
    whole = file_of(explicit_data_set(character_set=b"ISO 2022 IR 87\\ISO 2022 IR 13"), EXPLICIT)
    everything = whole.head + bytes(whole.body)
    refused = 0
    for at in range(128, len(everything)):
        for value in (0x00, 0x1B, 0x7F, 0xFF, everything[at] ^ 1):
            changed = everything[:at] + bytes([value]) + everything[at + 1 :]
            try:
                READER.facts(BytesSource(changed))
            except Invalid:
                refused += 1
    assert refused > 500


def test_refusals_hold_nothing_of_the_object():
    for body in (data_set(study_uid=b"SECRET"), data_set(study_uid=None), data_set()[:70]):
        with pytest.raises(Invalid) as caught:
            READER.facts(file_of(body))
        assert not {"SECRET", "DOE", "42"} & set(str(caught.value).replace("^", " ").split())


class CountingSource:
    """A source that tells how much of it was read."""

    def __init__(self, data: bytes) -> None:
        self.stream = io.BytesIO(data)
        self.size = len(data)

    @contextmanager
    def open(self):
        self.stream.seek(0)
        yield self.stream


def test_pixel_data_are_never_read():
    source = file_of(data_set())
    pixels = b"\xe0\x7f\x10\x00" + (2**20).to_bytes(4, "little") + bytes(2**20)
    counting = CountingSource(source.head + bytes(source.body) + pixels)
    READER.facts(counting)
    assert counting.stream.tell() <= len(source.head) + len(source.body) + 8
