"""What an arrival means: every row of the table in `deciding`, and who counts as one patient."""

from dataclasses import replace
from io import BytesIO

import pytest

from support import samples
from support.memory_reader import JANE, JOHN, MemoryReader, instance
from undisc_node.services.contents import StudyContents
from undisc_node.services.deciding import (
    HOLD_IDENTITY,
    Arrival,
    Decision,
    completed,
    decide,
    same_patient,
)
from undisc_node.services.model import Pack, PackRole, Patient
from undisc_node.services.ports import Stored
from undisc_protocol.pack import ObjectHeader, hash_object

STUDY = samples.study(patient=JANE)
PACK = Pack(samples.name("pack", 16), STUDY.id, PackRole.MAIN, 1, None)


def arrival(sender="dicom:CT1", **facts):
    source = instance(**facts)
    return Arrival(
        source,
        MemoryReader().facts(source),
        hash_object(BytesIO(source.content)),
        sender,
        samples.START_MS,
    )


def holding(*arrived, role=PackRole.MAIN):
    """Contents after arrivals, in order."""
    contents = StudyContents()
    for number, one in enumerate(arrived):
        header = ObjectHeader(
            id=samples.name(f"object {number}", 16),
            key=bytes(32),
            codec="raw",
            size=one.source.size,
            hash=one.hash,
            series_uid=one.facts.series_uid,
            sop_uid=one.facts.sop_uid,
            sop_class=one.facts.sop_class,
            syntax=one.facts.transfer_syntax,
            modality="CT",
            number=1,
            sender=one.sender,
            replaces=None,
            at_ms=one.at_ms,
        )
        contents = contents.extended(replace(PACK, role=role), [Stored(header, 0)])
    return contents


def test_an_unknown_instance_is_stored():
    new = arrival()
    assert decide(new, STUDY, StudyContents()) == Decision("stored", growth=new.source.size)


def test_the_same_bytes_again_are_a_duplicate_whoever_sends_them():
    here = holding(arrival())
    assert decide(arrival(), STUDY, here) == Decision("duplicate")
    assert decide(arrival(sender="import"), STUDY, here) == Decision("duplicate")


def test_other_bytes_from_the_same_sender_supersede():
    """A corrected instance: it names what it replaces, and the size follows."""
    here, new = holding(arrival(size=100)), arrival(version="corrected", size=250)
    old = here.current[new.facts.sop_uid].stored.header
    assert decide(new, STUDY, here) == Decision("superseded", replaces=old.id, growth=150)


def test_other_bytes_from_another_sender_wait():
    """Attack: somebody else on the network sends other images under a known UID."""
    decision = decide(arrival("dicom:CT2", version="forged"), STUDY, holding(arrival()))
    assert (decision.status, decision.reason) == (
        "waiting",
        "another sender holds a different version",
    )


def test_another_patients_identity_waits_even_when_the_uid_is_new():
    decision = decide(arrival(patient=JOHN), STUDY, StudyContents())
    assert decision == Decision("waiting", HOLD_IDENTITY)


def test_another_patients_identity_waits_even_from_the_same_sender():
    """A correction cannot bring the images of somebody else."""
    decision = decide(arrival(patient=JOHN), STUDY, holding(arrival()))
    assert decision == Decision("waiting", HOLD_IDENTITY)


def test_accepted_bytes_of_another_identity_are_a_duplicate_and_hold_nothing():
    """A modality repeats what a person has accepted: the study is not stopped a second time."""
    accepted = holding(arrival(), arrival(number=2, patient=JOHN))
    assert decide(arrival(number=2, patient=JOHN), STUDY, accepted) == Decision("duplicate")


@pytest.mark.parametrize(
    "again",
    [arrival("dicom:CT2", version="other"), arrival("dicom:CT2", patient=JOHN)],
    ids=["conflict", "identity"],
)
def test_what_waits_already_is_a_duplicate(again):
    """A sender that repeats itself does not fill the disk."""
    waiting = holding(again, role=PackRole.WAITING)
    contents = replace(holding(arrival()), waiting=waiting.waiting)
    decision = decide(again, STUDY, contents)
    assert (decision.status, decision.reason) == (
        "duplicate",
        "it is already waiting for the administrator",
    )


def test_another_version_of_what_waits_waits_too():
    first, second = (arrival("dicom:CT2", version=text) for text in ("one", "two"))
    waiting = holding(first, role=PackRole.WAITING)
    contents = replace(holding(arrival()), waiting=waiting.waiting)
    assert decide(second, STUDY, contents).status == "waiting"


def test_a_superseded_version_that_comes_again_becomes_current():
    """A sender may take a correction back: its newest word counts."""
    old, new = arrival(), arrival(version="corrected")
    here = holding(old, new)
    decision = decide(old, STUDY, here)
    current = here.current[new.facts.sop_uid].stored.header
    assert (decision.status, decision.replaces) == ("superseded", current.id)


# --- One patient or two ---------------------------------------------------------------------------

SAME = [
    Patient("DOE^JANE", "P-100", "hospital", "19700102", "F"),
    Patient("Doe^Jane^^^", "P-100", "hospital", "19700102", "F"),
    Patient(" Doe ^ Jane ", " P-100 ", "hospital ", "19700102"),
    Patient("Doe^Jane"),
    Patient("Doe^Jane", "P-100", "", "", "M"),  # sex is often wrong, and nobody's identity
]
OTHER = [
    Patient("Doe^John", "P-100", "hospital", "19700102", "F"),
    Patient("", "P-100", "hospital", "19700102", "F"),
    Patient("Doe^Jane", "P-101", "hospital", "19700102", "F"),
    Patient("Doe^Jane", "P-100", "clinic", "19700102", "F"),
    Patient("Doe^Jane", "P-100", "hospital", "19700103", "F"),
    Patient("Doe^Jane", "p-100", "hospital", "19700102", "F"),  # identifiers have a case
    Patient("Do^eJane", "P-100", "hospital", "19700102", "F"),
]


@pytest.mark.parametrize("patient", SAME, ids=repr)
def test_one_person_written_otherwise(patient):
    assert same_patient(JANE, patient)
    assert same_patient(patient, JANE)


@pytest.mark.parametrize("patient", OTHER, ids=repr)
def test_another_person(patient):
    assert not same_patient(JANE, patient)
    assert not same_patient(patient, JANE)


def test_an_accent_may_be_one_character_or_two():
    """Systems write ü in two ways; it is one name."""
    assert same_patient(Patient("M\u00fcller^Anna"), Patient("MU\u0308LLER^ANNA"))


def test_an_identity_is_completed_and_never_changed():
    bare = Patient("Doe^Jane", "", " ", "19700102", "")
    assert completed(bare, JANE) == JANE
    assert completed(JANE, replace(JANE, id="", sex="M")) == JANE


def test_two_people_cannot_both_hide_behind_an_instance_without_identifier():
    """Each agrees with the bare identity, but not with the other."""
    bare, one, two = (Patient("Doe^Jane", identifier) for identifier in ("", "P-1", "P-2"))
    assert same_patient(bare, one)
    assert same_patient(bare, two)
    assert not same_patient(completed(bare, one), two)
