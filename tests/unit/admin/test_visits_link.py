"""A patient's link at the counter: shown with its code, a drawn PIN once, and what to do then."""

from __future__ import annotations

from support import fake_consents as rows


def test_the_link_is_the_only_answer_and_the_rest_goes_beside_it(undisc):
    shown = undisc("visits", "link", "51de", "--no-qr")
    assert shown.stdout == rows.HANDOUT["link"] + "\n"
    assert "K7QF-0M2X-9WTB" in shown.stderr
    assert "PIN: 471100 - it is shown only this once" in shown.stderr
    assert "on another way than the link" in shown.stderr


def test_a_new_link_is_asked_for_twice(undisc, node):
    undisc("visits", "link", "51de", "--new", "--yes", "--no-qr")
    assert node.asked[-1].json["new"]


def test_a_pin_from_a_file_is_not_repeated(undisc, tmp_path):
    (tmp_path / "pin").write_text("4711 blue\n")
    shown = undisc("visits", "pin", "51de", "--pin-file", str(tmp_path / "pin"))
    assert "4711 blue" not in shown.stdout + shown.stderr


def test_how_a_patient_gets_in(undisc):
    shown = undisc("visits", "access", "51de")
    assert shown.stdout == "link: made, not claimed yet\nPIN: set, 2 of 5 wrong\n"


def test_what_a_patient_shared_is_ended_on_their_word(undisc, node):
    shown = undisc("visits", "shares", "51de")
    assert "Dr. Ann" in shown.stdout
    assert "opened    Ann Smith" in shown.stdout
    undisc("visits", "revoke", "51de", "--share", "5B77", "--yes")
    assert node.asked[-1].json == {"share": "5b770000" + "0" * 24}
    assert undisc("visits", "revoke", "51de", "--share", "99", "--yes").exit_code != 0
    undisc("visits", "revoke", "51de", "--yes")
    assert node.asked[-1].json == {}


def test_a_patient_is_told_of_each_use_because_they_want_it(undisc, node):
    shown = undisc("visits", "notices", "51de", "--on")
    assert node.asked[-1].json == {"wanted": True}
    assert "the patient is told of each use" in shown.stderr
    assert "no address to which it could go: undisc visits contacts 51de" in shown.stderr
    undisc("visits", "notices", "51de", "--off")
    assert node.asked[-1].json == {"wanted": False}
    assert undisc("visits", "notices", "51de").exit_code == 2
