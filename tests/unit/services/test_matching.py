"""Who is the same person, and who only looks like it."""

import pytest

from undisc_node.services.matching import differences, distinct, match, match_number
from undisc_node.services.model import Patient

JANE = Patient("Doe^Jane", "OUT-7", "", "19700102", "F")
LOCAL = Patient("DOE^JANE", "L-1", "HOSP", "19700102", "F")


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("DOE^JANE", True),
        ("Doe^Jane^Mary^Dr", True),
        ("Doe^Jane Mary", True),
        ("Dóe^Jané", True),
        ("doe ^jane", True),
        ("Doe^Jane=ドウ^ジェーン", True),
        ("Doe^John", False),
        ("Doe", False),
        ("Jane^Doe", False),
        ("", False),
    ],
)
def test_a_name_is_the_same_in_any_spelling_that_its_bearer_would_use(name, same):
    local = Patient(name, "L-1", "", "19700102", "F")

    assert (differences(local, [JANE]) == ()) is same


def test_what_is_missing_is_never_taken_for_the_same():
    assert differences(LOCAL, [Patient("Doe^Jane", "OUT-7")]) == ("birth date",)
    assert differences(LOCAL, [Patient("", "OUT-7", "", "19700102")]) == ("name",)
    assert differences(Patient("", "L-1"), [JANE]) == ("name", "birth date")


def test_only_man_and_woman_contradict_each_other():
    other = Patient("Doe^Jane", "L-1", "", "19700102", "M")
    unknown = Patient("Doe^Jane", "L-1", "", "19700102", "O")

    assert differences(other, [JANE]) == ("sex",)
    assert differences(unknown, [JANE]) == ()


def test_exactly_one_who_fits_is_certain():
    twin = Patient("Doe^Joan", "L-2", "HOSP", "19700102", "F")

    found = match([JANE], [twin, LOCAL])

    assert found.local == LOCAL
    assert found.certain
    assert found.candidates == (LOCAL, twin)


def test_two_who_fit_are_a_question():
    again = Patient("Doe^Jane", "L-9", "HOSP", "19700102", "F")

    found = match([JANE], [LOCAL, again])

    assert found.local is None
    assert not found.certain


def test_a_study_with_two_patients_is_a_question_whoever_fits():
    found = match([JANE, Patient("Roe^John", "OUT-8", "", "19650304", "M")], [LOCAL])

    assert not found.certain
    assert "patients" in found.differs


def test_a_typed_number_is_compared_and_an_unknown_one_is_said():
    number = Patient(id="L-1", issuer="HOSP")

    assert match_number([JANE], number, [LOCAL]).certain
    assert match_number([JANE], number, []).differs == ("number",)
    other = Patient("Roe^John", "L-1", "HOSP", "19650304", "M")
    assert match_number([JANE], number, [other]).differs == ("name", "birth date", "sex")


def test_spellings_of_one_person_are_shown_once():
    assert distinct([JANE, Patient("DOE^JANE", "OUT-7", "", "19700102", "F")]) == (JANE,)
    assert len(distinct([JANE, LOCAL])) == 2
