"""An outside study gets the local identity; what it said before is kept, and all else untouched."""

from __future__ import annotations

import zlib
from io import BytesIO

import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataelem import RawDataElement
from pydicom.sequence import Sequence
from pydicom.uid import UID

from support.clock import START_MS
from support.dicom_files import (
    DEFLATED,
    IMPLICIT,
    SC,
    data_set,
    explicit_data_set,
    storable_files,
)
from undisc_node.dicom.coercing import HeaderCoercer
from undisc_node.dicom.part10 import compose_part10
from undisc_node.dicom.reader import FactReader
from undisc_node.dicom.sources import BytesSource, FileSource
from undisc_node.services.archive_model import Coercion
from undisc_node.services.errors import Invalid
from undisc_node.services.model import Patient

LOCAL = Patient("Doe^Jane", "L-1", "HOSP", "19700102", "F")
COERCION = Coercion(LOCAL, "A-9", "Practice A", "Practice B", START_MS)
CHANGED = {
    0x00080005, 0x00080015, 0x00080050, 0x00080051, 0x00100010, 0x00100020, 0x00100021,
    0x00100024, 0x00100030, 0x00100040, 0x00380010, 0x00380014, 0x00400275, 0x04000561,
    0x04000600,
}  # fmt: skip
BIG = "1.2.840.10008.1.2.2"


class OnlyForward:
    """A source that cannot be sought in, and gives little at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def open(self):
        stream = BytesIO(self._data)
        stream.seek = None
        return stream


def coerced(data: bytes, coercion: Coercion = COERCION) -> bytes:
    made = HeaderCoercer().coerce(BytesSource(data), coercion)
    with made.open() as stream:
        result = stream.read()
    assert len(result) == made.size
    return result


def file(body: bytes, syntax: str = IMPLICIT) -> bytes:
    return compose_part10(sop_class=SC, sop_uid="1.2.3.4", transfer_syntax=syntax) + body


def with_elements(syntax: str = IMPLICIT, **elements: object) -> bytes:
    """Make a file of pydicom's making."""
    found = dcmread(BytesIO(file(data_set())))
    for name, value in elements.items():
        setattr(found, name, value)
    found.file_meta.TransferSyntaxUID = UID(syntax)
    into = BytesIO()
    dcmwrite(into, found, implicit_vr=syntax == IMPLICIT, little_endian=syntax != BIG)
    return into.getvalue()


def before(found: Dataset, item: int = -1) -> Dataset:
    return found.OriginalAttributesSequence[item].ModifiedAttributesSequence[0]


def test_the_local_identity_is_in_front_and_the_outside_one_in_the_sequence():
    found = dcmread(BytesIO(coerced(file(data_set(description=b"CT head")))))

    assert (found.PatientID, found.PatientName, found.IssuerOfPatientID) == (
        "L-1",
        "Doe^Jane",
        "HOSP",
    )
    assert (found.PatientBirthDate, found.PatientSex) == ("19700102", "F")
    assert found.AccessionNumber == "A-9"
    assert found[0x04000600].value == "IMPORTED"
    assert found.StudyDescription == "CT head"
    assert found.StudyInstanceUID == "1.2.3"
    assert found.SOPInstanceUID == "1.2.3.4"
    item = found.OriginalAttributesSequence[0]
    assert item.ReasonForTheAttributeModification == "COERCE"
    assert item.SourceOfPreviousValues == "Practice A"
    assert item.ModifyingSystem == "Practice B"
    assert item.AttributeModificationDateTime == found.InstanceCoercionDateTime
    assert found.InstanceCoercionDateTime.endswith("+0000")
    assert (before(found).PatientID, before(found).PatientName) == ("42", "DOE^JANE")


def test_what_was_absent_is_kept_as_an_empty_value():
    """PS3.3 §C.12.1.1.9: so that somebody can see that it was absent, not forgotten."""
    kept = before(dcmread(BytesIO(coerced(file(data_set())))))

    assert "IssuerOfPatientID" in kept
    assert kept.IssuerOfPatientID in (None, "")
    assert "PatientBirthDate" in kept
    assert kept[0x04000600].value in (None, "")


@pytest.mark.parametrize("syntax", [IMPLICIT, "1.2.840.10008.1.2.1", BIG])
def test_items_of_earlier_coercions_stay(syntax):
    earlier = Dataset()
    earlier.ReasonForTheAttributeModification = "CORRECT"
    earlier.SourceOfPreviousValues = "somebody else"
    earlier.ModifiedAttributesSequence = Sequence([Dataset()])
    earlier.ModifiedAttributesSequence[0].PatientID = "OLDER"
    data = with_elements(syntax, OriginalAttributesSequence=Sequence([earlier]))

    found = dcmread(BytesIO(coerced(data)))

    assert [one.ReasonForTheAttributeModification for one in found.OriginalAttributesSequence] == [
        "CORRECT",
        "COERCE",
    ]
    assert before(found, 0).PatientID == "OLDER"
    assert before(found, 1).PatientID == "42"


def test_the_order_and_visit_of_the_other_house_go_into_the_sequence():
    """Their accession number would lead to somebody else's order here."""
    request = Dataset()
    request.RequestedProcedureID = "RP-1"
    data = with_elements(
        "1.2.840.10008.1.2.1", AdmissionID="V-7", RequestAttributesSequence=Sequence([request])
    )

    found = dcmread(BytesIO(coerced(data)))

    assert "RequestAttributesSequence" not in found
    assert "AdmissionID" not in found
    assert before(found).RequestAttributesSequence[0].RequestedProcedureID == "RP-1"
    assert before(found).AdmissionID == "V-7"


def test_the_same_identity_again_changes_nothing():
    """A study that is sent twice is sent with the same bytes."""
    once = coerced(file(data_set()))

    assert coerced(once)[132:] == once[132:]


def test_a_name_beyond_ascii_makes_an_ascii_object_utf_8():
    coercion = Coercion(Patient("Müller^Åsa", "L-1"), "", "Практика", "Klinik Süd", START_MS)

    found = dcmread(BytesIO(coerced(file(data_set()), coercion)))

    assert found.SpecificCharacterSet == "ISO_IR 192"
    assert str(found.PatientName) == "Müller^Åsa"
    assert found.OriginalAttributesSequence[0].ModifyingSystem == "Klinik Süd"
    assert found.OriginalAttributesSequence[0].SourceOfPreviousValues == "Практика"
    assert "SpecificCharacterSet" in before(found)


def test_a_name_that_the_object_cannot_spell_loses_its_marks_only():
    data = file(data_set(character_set=b"ISO_IR 100", name=b"M\xfcller^\xc5sa"))
    coercion = Coercion(Patient("Dvořák^Zoë", "L-1"), "", "A", "B", START_MS)

    found = dcmread(BytesIO(coerced(data, coercion)))

    assert str(found.PatientName) == "Dvorak^Zoe"
    assert str(before(found).PatientName) == "Müller^Åsa"


def test_a_value_that_the_archive_does_not_know_stays():
    data = with_elements(PatientBirthDate="19700102", PatientSex="F")

    found = dcmread(BytesIO(coerced(data, Coercion(Patient("", "L-1"), "", "A", "B", START_MS))))

    assert (found.PatientName, found.PatientBirthDate, found.PatientSex) == (
        "DOE^JANE",
        "19700102",
        "F",
    )


def test_a_deflated_object_stays_deflated():
    plain = explicit_data_set()
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    data = file(packer.compress(plain) + packer.flush(), DEFLATED)

    found = dcmread(BytesIO(coerced(data)))

    assert found.file_meta.TransferSyntaxUID == DEFLATED
    assert found.PatientID == "L-1"
    assert before(found).PatientID == "42"


def test_a_stranger_s_preamble_goes_to_no_archive():
    data = b"MZ" + bytes(126) + file(data_set())[128:]

    assert coerced(data)[:128] == bytes(128)


def test_what_follows_the_header_is_passed_through_a_piece_at_a_time():
    """A large header is read as far as it goes, and a source only ever forwards."""
    private = b"\x09\x00\x10\x10" + (700_000).to_bytes(4, "little") + bytes(700_000)
    pixels = b"\xe0\x7f\x10\x00" + (5_000_000).to_bytes(4, "little") + b"\x07" * 5_000_000
    body = data_set()
    at = body.index(b"\x10\x00\x10\x00")
    data = file(body[:at] + private + body[at:] + pixels)

    made = HeaderCoercer().coerce(OnlyForward(data), COERCION)
    with made.open() as stream:
        result = stream.read()

    assert result.endswith(pixels)
    assert private in result
    assert len(result) == made.size
    assert dcmread(BytesIO(result)).PatientID == "L-1"


def test_an_object_that_ends_in_its_header_is_refused():
    data = file(data_set())

    with pytest.raises(Invalid):
        coerced(data[:-3])


@pytest.mark.filterwarnings("ignore:Expected explicit VR")  # one file says so and is not
@pytest.mark.parametrize("name", sorted(storable_files()))
def test_every_object_of_the_library_s_set_keeps_all_that_was_not_to_change(name):
    """What is not coerced reads the same, and what follows the header is the same bytes."""
    source = FileSource(storable_files()[name])
    original = source.path.read_bytes()
    facts = FactReader().facts(source)

    result = coerced(original)

    new = FactReader().facts(BytesSource(result))
    assert (new.sop_uid, new.series_uid, new.study_uid) == (
        facts.sop_uid,
        facts.series_uid,
        facts.study_uid,
    )
    assert new.transfer_syntax == facts.transfer_syntax
    assert (new.patient.id, new.patient.name, new.accession) == ("L-1", "Doe^Jane", "A-9")
    then, now = dcmread(source.path, force=True), dcmread(BytesIO(result), force=True)
    for tag in then.keys() - CHANGED:
        assert now.get_item(tag).value == then.get_item(tag).value
    raw = [then.get_item(tag) for tag in then.keys() if tag > 0x04000600]  # noqa: SIM118
    behind = [one.value_tell for one in raw if isinstance(one, RawDataElement)]
    if behind and facts.transfer_syntax != DEFLATED:
        tail = len(original) - min(behind)
        assert result[-tail:] == original[-tail:]
    assert {*now.keys()} - {*then.keys()} <= CHANGED
