"""Addresses and numbers are checked while the patient is still at the counter."""

from __future__ import annotations

import pytest

from undisc_node.services import reachable
from undisc_node.services.errors import Invalid


@pytest.mark.parametrize(
    ("typed", "used"),
    [
        (" Jane.Doe+scan@Example.ORG ", "Jane.Doe+scan@example.org"),
        ("o'neill@sub.example.co.uk", "o'neill@sub.example.co.uk"),
        ("josé@correo.example", "josé@correo.example"),
    ],
)
def test_an_address_is_used_as_it_is_meant(typed, used):
    assert reachable.email(typed) == used


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "jane",
        "jane@",
        "@example.org",
        "jane@example",
        "jane doe@example.org",
        "jane@exa mple.org",
        "jane..doe@example.org",
        ".jane@example.org",
        "jane@-example.org",
        "jane@example.org.",
        "jane@127.0.0.1",
        "jane@gmial.com",
        "a@b@example.org",
        "jane@example.org\nBcc: all@example.org",
        "jane@example.org>",
        "x" * 65 + "@example.org",
        "x@" + "y" * 64 + ".org",
        f"x@{'y.' * 130}org",
    ],
)
def test_what_cannot_be_an_address_is_refused(typed):
    with pytest.raises(Invalid) as caught:
        reachable.email(typed)
    assert caught.value.reason == "bad_email"


@pytest.mark.parametrize(
    ("typed", "code", "used"),
    [
        ("+1 (206) 555-0100", "", "+12065550100"),
        ("0034 600 123 456", "", "+34600123456"),
        ("0711 / 123 456", "+49", "+49711123456"),
        ("206.555.0100", "+1", "+12065550100"),
        ("+34600123456", "+1", "+34600123456"),
    ],
)
def test_a_number_is_used_with_its_country(typed, code, used):
    assert reachable.telephone(typed, code) == used


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "206 555 0100",
        "+",
        "+0123456789",
        "+1",
        "+1234567890123456",
        "+12ab345678",
        "+١٢٣٤٥٦٧٨٩",
    ],
)
def test_what_cannot_be_a_number_is_refused(typed):
    with pytest.raises(Invalid) as caught:
        reachable.telephone(typed)
    assert caught.value.reason == "bad_telephone"
