"""`undisc consents` and `undisc visits`: asked for, shown, taken back, offered."""

from __future__ import annotations

import json

from support.fake_consents import CONSENT_ROW, PATIENT, VISIT_ROW

GIVEN = ("--by", "self", "--language", "es", "--method", "paper", "--witness", "Anna")


def recorded(node):
    (asked,) = [one for one in node.asked if one.method == "POST"]
    return asked.json


def test_the_day_list_knows_the_patient(undisc, node):
    done = undisc("consents", "record", "yes", "--accession", "A-77", *GIVEN, typed="y\n")

    assert done.exit_code == 0
    said = recorded(node)
    assert (said["patient_id"], said["orders"], said["covers"]) == ("P-1", ["A-77"], "visit")
    assert "from the day list" in done.stderr
    assert "undisc visits show 51de0000" in done.stderr
    assert "undisc consents withdraw c0ffee12" in done.stderr


def test_what_nobody_gave_is_asked_for(undisc, node):
    answers = [
        "P-100", "", "Doe^Jane", "1970-01-02",
        "yes", "par", "Max Doe", "passport", "es", "paper", "Anna", "y",
    ]  # fmt: skip
    done = undisc("consents", "record", typed="\n".join(answers) + "\n")

    assert done.exit_code == 0, done.stderr
    said = recorded(node)
    assert (said["decider"], said["decider_name"], said["authority"]) == (
        "parent", "Max Doe", "passport",
    )  # fmt: skip
    assert (said["patient_issuer"], said["birth_date"]) == ("", "1970-01-02")
    assert "record yes of Doe^Jane (P-100), naming nobody?" in done.stderr


def test_nothing_is_recorded_when_nobody_answers(undisc, node):
    done = undisc("consents", "record", "yes", typed="P-100\n")

    assert done.exit_code == 7
    assert "--facts" in done.stderr
    assert all(method == "GET" for method, _ in node.calls())


def test_an_answer_that_fits_nothing_is_asked_again(undisc, node):
    typed = "P-100\n\nDoe^Jane\n1970-01-02\nmaybe\nn\n" + "y\n"
    done = undisc("consents", "record", *GIVEN, typed=typed)

    assert done.exit_code == 0, done.stderr
    assert recorded(node)["decision"] == "no"


def test_no_fact_about_a_patient_is_an_option(undisc):
    """Other users of the machine see command lines."""
    shown = undisc("consents", "record", "--help").stdout
    assert "--name" not in shown
    assert "--birth" not in shown


def test_all_facts_may_come_from_a_file(undisc, node):
    facts = {"decision": "no", "patient_id": "P-1"}
    done = undisc("consents", "record", "--facts", "-", typed=json.dumps(facts))
    assert done.exit_code == 0
    assert recorded(node) == facts
    assert undisc("consents", "record", "--facts", "-", typed="[]").exit_code == 7


def test_a_no_says_what_becomes_of_the_images(undisc, node):
    answer = {"consent": {**CONSENT_ROW, "decision": "no", "ends": None}, "visit": VISIT_ROW}
    node.say("POST", "consents", answer)
    done = undisc("consents", "record", "no", "--accession", "A-77", *GIVEN, "--yes")
    assert "nothing is sent" in done.stderr
    assert "undisc studies leaving" in done.stderr


def test_a_consent_is_shown_with_its_words(undisc):
    done = undisc("consents", "show", "c0ff", "--text")
    assert "the visit of 2026-11-24, orders A-77" in done.stdout
    assert "names Riverside Radiology, who may fetch" in done.stdout
    assert "Sí o no." in done.stdout


def test_a_withdrawal_is_confirmed_and_says_what_ended(undisc, node):
    assert undisc("consents", "withdraw", "c0ff", typed="n\n").exit_code == 1
    done = undisc("consents", "withdraw", "c0ff", "--why", "moved", "--yes")
    assert done.exit_code == 0
    assert node.asked[-1].json == {"why": "moved"}
    assert "Riverside Radiology can fetch study" in done.stderr
    assert "undisc studies show" in done.stderr


def test_the_text_is_printed_for_the_patient(undisc):
    assert undisc("consents", "text", "--language", "es").stdout == "¿Podemos?\n\nSí o no.\n"
    assert "es" in undisc("consents", "text").stdout
    assert undisc("consents", "text", "--language", "xx").exit_code == 3


def test_a_visit_is_shown_with_studies_and_grants(undisc):
    done = undisc("visits", "show", "51de")
    assert "CT head: released 2026-11-24" in done.stdout
    assert "left out by anna" in done.stdout
    assert "Riverside Radiology: grant 8d10" in done.stdout
    assert PATIENT["name"] in undisc("visits", "list").stdout


def test_a_visit_is_released_after_a_question(undisc, node):
    assert undisc("visits", "release", "51de", typed="\n").exit_code == 1
    assert all(method == "GET" for method, _ in node.calls())
    done = undisc("visits", "release", "51de", typed="y\n")
    assert "1 study released now" in done.stderr
    assert "undisc visits offers 51de0000" in done.stderr


def test_offers_are_written_and_never_over_another_file(undisc, tmp_path):
    done = undisc("visits", "offers", "51de")
    assert done.exit_code == 0, done.stderr
    assert [one.name for one in tmp_path.glob("*.undisc-offer")] == [
        "riverside-radiology-3f2a3f2a.undisc-offer"
    ]
    assert undisc("visits", "offers", "51de").exit_code == 6
    assert undisc("visits", "offers", "51de", "--force").exit_code == 0
