"""`undisc queue`: what waits, both sides of it, and the decision."""

from __future__ import annotations

from support.fake_admin_rows import QUEUE_ROW


def test_the_list_shows_what_is_different(undisc):
    done = undisc("queue", "list")

    assert "4e5f6a7b" in done.stdout
    assert "patient id: P-1 → P-9" in done.stdout
    assert "undisc queue show" in done.stderr


def test_one_is_shown_side_by_side_with_the_commands_that_decide(undisc):
    done = undisc("queue", "show", "4e5f")

    line = next(line for line in done.stdout.splitlines() if line.startswith("patient id"))
    assert line.split() == ["patient", "id", "P-1", "P-9", "differs"]
    same = next(line for line in done.stdout.splitlines() if line.startswith("name"))
    assert "differs" not in same
    assert "undisc queue resolve 4e5f6a7b apply" in done.stderr


def test_facts_with_one_side_need_no_table(undisc, node):
    facts = [{"name": "accession", "here": "A-77", "there": None}]
    node.say("GET", "queue/4e5f", {"row": {**QUEUE_ROW, "facts": facts}, "decisions": []})

    done = undisc("queue", "show", "4e5f")

    assert "accession  A-77" in done.stdout
    assert "HERE" not in done.stdout


def test_a_decision_is_asked_for_and_sent(undisc, node):
    done = undisc("queue", "resolve", "4e5f", "apply", typed="y\n")

    assert done.exit_code == 0
    assert "take over the identity as it came" in done.stderr
    assert node.asked[-1].json == {"decision": "apply", "value": ""}


def test_a_value_goes_along(undisc, node):
    undisc("queue", "resolve", "4e5f", "attach", "77ab", "--yes")

    assert node.asked[-1].json == {"decision": "attach", "value": "77ab"}


def test_names_from_outside_cannot_move_the_cursor(undisc, node):
    facts = [{"name": "name", "here": "Doe^\x1b[2JJane", "there": "\u202eenaJ"}]
    shown = {"row": {**QUEUE_ROW, "facts": facts}, "decisions": []}
    node.say("GET", "queue/4e5f", shown)
    node.say("GET", "queue", {"queue": [shown["row"]]})

    output = undisc("queue", "show", "4e5f").stdout + undisc("queue", "list").stdout

    assert "\x1b" not in output
    assert "\u202e" not in output


def test_a_study_shows_its_reports_and_who_was_told(undisc):
    done = undisc("studies", "show", "3f2a")

    line = next(line for line in done.stdout.splitlines() if line.startswith("CT head"))
    assert "final" in line
    assert "2026-11-26" in line
    assert "Riverside Radiology was told of what was added" in done.stdout
    assert "is to be told of the patient's corrected identity, after 3 tries" in done.stdout
    assert "Riverside Radiology was told of the end of a permission, and answered" in done.stdout
    assert "it keeps its copy: somebody was treated by it; a copy went on from there" in done.stdout


def test_the_day_list_shows_time_patient_and_procedure(undisc, node):
    done = undisc("orders", "list", "--from", "2026-11-24", "--text", "A-77")

    assert "2026-11-24 10:15  A-77" in done.stdout
    assert "CT head" in done.stdout
    assert node.asked[-1].query == {"first": "2026-11-24", "text": "A-77", "limit": "500"}


def test_a_worklist_that_does_not_answer_is_named_with_the_list(undisc, node):
    problem = {"at": "2026-11-24T06:00:00Z", "orders": 0, "problem": "worklist_unreachable: no"}
    node.say("GET", "orders", {"orders": [], "worklist": problem})

    assert "worklist_unreachable: no" in undisc("orders", "list").stderr
