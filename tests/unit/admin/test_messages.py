"""`undisc messages`, and how a patient's link gets to the patient."""

from __future__ import annotations

import json

from support import fake_messages as fake


def test_messages_are_listed_with_what_stands_in_their_way(undisc):
    done = undisc("messages", "list")
    assert "mail_refused" in done.stdout
    assert "hint: see what to do about one" in done.stderr
    shown = undisc("messages", "show", "0a1b")
    assert "jane@example.org" in shown.stdout
    assert "undisc messages retry 0a1b" in shown.stderr


def test_a_message_is_sent_again_or_not_at_all(undisc, node):
    assert undisc("messages", "retry", "0a1b", "--again").exit_code == 0
    assert json.loads(node.asked[-1].body) == {"again": True}
    assert "is not sent" in undisc("messages", "cancel", "0a1b", "--yes").stderr


def test_a_test_message_needs_one_place(undisc, node):
    assert undisc("messages", "test").exit_code == 2
    done = undisc("messages", "test", "--email", "admin@practice.example")
    assert "not among the spam" in done.stderr
    assert json.loads(node.asked[-1].body) == {
        "channel": "email", "to": "admin@practice.example", "language": "en"
    }  # fmt: skip


def test_addresses_are_asked_for_and_the_warning_is_read_first(undisc, node):
    typed = "jane@example.org\n+1 415 555 0132\nyes\nyes\n"
    done = undisc("visits", "contacts", "51de", "--choose", typed=typed)
    assert done.exit_code == 0
    assert "not encrypted" in done.stderr
    assert json.loads(node.asked[-1].body) == {
        "emails": ["jane@example.org"],
        "numbers": ["+1 415 555 0132"],
        "print": True,
        "warning_accepted": True,
    }
    assert "jane@example.org" in undisc("visits", "contacts", "51de").stdout


def test_paper_alone_needs_no_warning(undisc, node):
    done = undisc("visits", "contacts", "51de", "--choose", typed="\n\nyes\n")
    assert "not encrypted" not in done.stderr
    assert json.loads(node.asked[-1].body)["warning_accepted"] is False


def test_contacts_come_from_a_file_too(undisc, node):
    undisc("visits", "contacts", "51de", "--facts", "-", typed='{"print": true}')
    assert json.loads(node.asked[-1].body) == {"print": True}
    bad = undisc("visits", "contacts", "51de", "--facts", "-", typed="[]")
    assert bad.exit_code != 0
    assert "deliver-links" in bad.stderr


def test_a_sheet_is_written_where_it_was_asked_for_and_not_over_anything(undisc, tmp_path):
    path = tmp_path / "jane.pdf"
    assert undisc("visits", "print", "51de", "--out", str(path)).exit_code == 0
    assert path.read_bytes() == fake.SHEET
    assert undisc("visits", "print", "51de", "--out", str(path)).exit_code != 0
    assert undisc("visits", "print", "51de", "--out", str(path), "--force").exit_code == 0
