"""`undisc pacs`."""

import json

import pytest

from support import fake_archives as fake
from support.fake_admin_rows import PEER_ID, STUDY_DETAIL
from undisc_admin.errors import ExitCode


def test_adding_says_what_to_do_next(undisc, node):
    done = undisc("pacs", "add", "main", "--dimse", "ORTHANC@10.1.2.3:4242", "--fetched")

    assert done.exit_code == 0
    assert json.loads(node.asked[-1].body) == {
        "name": "main",
        "dimse": "ORTHANC@10.1.2.3:4242",
        "url": "",
        "calling_ae": "",
        "credentials": "",
        "retrieve": "",
        "takes_fetched": True,
        "issuer": "",
    }
    assert "undisc pacs echo main" in done.stderr
    assert "undisc senders add" in done.stderr


@pytest.mark.parametrize("options", [[], ["--dimse", "A@b:1", "--dicomweb", "https://x"]])
def test_an_archive_has_exactly_one_kind_of_address(undisc, node, options):
    done = undisc("pacs", "add", "main", *options)

    assert done.exit_code == ExitCode.USAGE
    assert node.asked == []


def test_archives_are_listed_with_their_addresses(undisc, node):
    web = {**fake.PACS_ROW, "name": "web", "url": "https://p/dicom-web", "retrieve": "wado"}
    node.say("GET", "pacs", {"pacs": [fake.PACS_ROW, web]})

    done = undisc("pacs", "list")

    assert "ORTHANC@10.1.2.3:4242" in done.stdout
    assert "https://p/dicom-web" in done.stdout


def test_an_archive_that_answers_is_told_with_its_delay(undisc):
    assert "answers, after 12 ms" in undisc("pacs", "echo", "main").stderr


def test_removing_asks_first(undisc, node):
    assert undisc("pacs", "remove", "main", typed="n\n").exit_code == ExitCode.FAILED
    assert node.asked == []
    assert undisc("pacs", "remove", "main", typed="y\n").exit_code == 0


def test_a_pull_shows_what_there_is_and_brings_what_is_missing(undisc, node):
    whole = {**fake.CANDIDATE, "uid": "1.2.4", "here": 12, "complete": True}
    node.say("POST", "pulls/look", {"pacs": "main", "studies": [fake.CANDIDATE, whole]})
    node.say("POST", "pulls", {"pull": {**fake.PULL_ROW, "state": "running"}})

    done = undisc("studies", "pull", "--patient", "P-1")

    assert done.exit_code == 0
    assert "CT head" in done.stdout
    assert "pulled 1 study, 12 images, 5.0 MB" in done.stderr
    assert json.loads(node.asked[1].body) == {"pacs": "main", "studies": ["1.2.3"]}


def test_a_dry_run_brings_nothing(undisc, node):
    done = undisc("studies", "pull", "--accession", "A-7", "--dry-run")

    assert done.exit_code == 0
    assert node.calls() == [("POST", "pulls/look")]


def test_a_pull_that_broke_off_fails_with_what_to_do(undisc, node):
    problem = {"code": "incomplete", "message": "9 of 12 images did not come", "hint": ""}
    node.say("POST", "pulls", {"pull": {**fake.PULL_ROW, "state": "failed", "problem": problem}})

    done = undisc("studies", "pull", "--study", "1.2.3", "--json")

    assert done.exit_code == ExitCode.UNAVAILABLE
    assert json.loads(done.stdout)["pull"]["problem"] == problem
    assert "9 of 12 images did not come" in done.stderr
    assert "hint: repeat" in done.stderr


def test_ctrl_c_ends_the_pull_at_the_node(undisc, node):
    node.say("POST", "pulls", {"pull": {**fake.PULL_ROW, "state": "running"}})

    def interrupt(_seconds):
        raise KeyboardInterrupt

    done = undisc("studies", "pull", "--patient", "P-1", sleep=interrupt)

    assert done.exit_code == ExitCode.INTERRUPTED
    assert node.calls()[-1] == ("POST", f"pulls/{fake.PULL_ROW['id']}/cancel")


def test_a_push_shows_both_sides_and_sends_what_it_showed(undisc, node):
    done = undisc("studies", "push", "3f2a", "--to", "main", "--accession", "A-7")

    assert done.exit_code == 0
    assert "in the study" in done.stdout
    assert "OUT-7" in done.stdout
    assert "12 of 12 images are in the PACS main under L-1, 12 of them confirmed" in done.stderr
    assert json.loads(node.asked[1].body) == {
        "pacs": "main",
        "patient": "L-1",
        "accession": "A-7",
        "accept": False,
    }


def test_a_difference_is_asked_about_and_a_no_sends_nothing(undisc, node):
    differs = ["name", "birth date"]
    node.say("POST", "studies/3f2a/deliveries/look", {**fake.MATCH, "differs": differs})

    done = undisc("studies", "push", "3f2a", "--patient", "L-1", typed="n\n")

    assert done.exit_code == ExitCode.FAILED
    assert "name and birth date differ. Send it as L-1 all the same?" in done.stderr
    assert len(node.asked) == 1


def test_without_a_certain_patient_nothing_is_sent(undisc, node):
    nobody = {**fake.MATCH, "local": None, "candidates": [fake.DELIVERY_ROW["patient"]]}
    node.say("POST", "studies/3f2a/deliveries/look", nobody)

    done = undisc("studies", "push", "3f2a")

    assert done.exit_code == ExitCode.CONFLICT
    assert "perhaps here" in done.stdout
    assert "--patient ID" in done.stderr
    assert len(node.asked) == 1


def test_a_delivery_that_waits_says_when_it_is_tried_again(undisc, node):
    problem = {"code": "no_association", "message": "it is away", "hint": ""}
    waits = {"state": "waiting", "problem": problem, "next": "2026-11-24T05:31:33Z"}
    node.say("POST", "studies/3f2a/deliveries", {"delivery": {**fake.DELIVERY_ROW, **waits}})

    done = undisc("studies", "push", "3f2a")

    assert done.exit_code == ExitCode.UNAVAILABLE
    assert "it is away" in done.stderr
    assert "tries again by itself" in done.stderr


def test_a_study_says_in_which_pacs_it_is_and_by_which_name_its_peer_goes(undisc, node):
    study = {**STUDY_DETAIL["study"], "sender": f"peer:{PEER_ID}"}
    step = {"peer": PEER_ID, "peer_name": "Riverside Radiology", "at": "2026-11-24T16:00:00Z"}
    half = {**fake.DELIVERY_ROW, "state": "waiting", "handed_over": 3}
    detail = {**STUDY_DETAIL, "study": study, "provenance": [step]}
    node.say("GET", "studies/3f2a", {**detail, "deliveries": [fake.DELIVERY_ROW, half]})

    shown = undisc("studies", "show", "3f2a").stdout

    assert "12 of 12 in the PACS main under L-1\n" in shown
    assert "3 of 12 in the PACS main under L-1, waiting\n" in shown
    assert "peer:Riverside Radiology\n" in shown
    assert PEER_ID not in shown.split("SERIES")[0]
