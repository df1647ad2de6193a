"""Addresses and numbers are checked while whoever typed them is still there."""

from __future__ import annotations

import pytest

from undisc_node.services.contacts import Channel, Contact, read_contact
from undisc_node.services.errors import Invalid


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" jane@example.org ", "jane@example.org"),
        ("Jane.Doe+mri@Example.ORG", "Jane.Doe+mri@example.org"),
        ("o'hara@example.org", "o'hara@example.org"),
        ("jane@bücher.example", "jane@xn--bcher-kva.example"),
        ("root@localhost", "root@localhost"),
    ],
)
def test_an_address_has_one_spelling(typed, kept):
    assert read_contact(Channel.EMAIL, typed) == Contact(Channel.EMAIL, kept)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "jane",
        "jane@",
        "@example.org",
        "jane@example",
        "jane doe@example.org",
        "jane..doe@example.org",
        "jane@example..org",
        "jane@-example.org",
        "jane@[127.0.0.1]",
        "jane@10.0.0.1",
        "jane@example.org\nBcc: all@example.org",
        "jane@example.org,joe@example.org",
        "Jane <jane@example.org>",
        "jäne@example.org",
        f"{'j' * 65}@example.org",
        f"jane@{'a.' * 130}org",
    ],
)
def test_what_cannot_be_an_address_is_refused_without_repeating_it(typed):
    with pytest.raises(Invalid) as problem:
        read_contact(Channel.EMAIL, typed)
    assert problem.value.reason == "bad_email_address"
    assert "jane" not in f"{problem.value} {problem.value.hint}"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("+1 (415) 555-0132", "+14155550132"),
        ("0034 612 345 678", "+34612345678"),
        ("+49.151/2345678", "+491512345678"),
    ],
)
def test_a_number_is_kept_as_e164(typed, kept):
    assert read_contact(Channel.TEXT, typed).to == kept


@pytest.mark.parametrize(
    "typed",
    ["", "415 555 0132", "+0155501", "+1", "+12345678901234567", "+1415555O132", "+٣٤٦١٢٣٤٥٦٧٨"],
)
def test_what_cannot_be_a_number_is_refused(typed):
    with pytest.raises(Invalid, match="telephone number"):
        read_contact(Channel.TEXT, typed)


def test_a_contact_can_be_shown_without_telling_it():
    assert read_contact(Channel.EMAIL, "jane@example.org").masked == "j•••@example.org"
    assert read_contact(Channel.TEXT, "+14155550132").masked == "+14•••32"
    assert "jane" not in repr(read_contact(Channel.EMAIL, "jane@example.org"))
