"""One-time codes are those of RFC 6238, and a little drift of clocks is forgiven."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from undisc_node.services import totp

SECRET = b"12345678901234567890"  # RFC 6238, appendix B


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_vectors_of_the_standard(seconds, code):
    """The appendix has eight digits; ours are their last six."""
    assert totp.code_at(SECRET, seconds // 30) == code[-6:]
    assert totp.step_of(SECRET, code[-6:], seconds * 1000) == seconds // 30


@pytest.mark.parametrize(
    ("drift", "is_right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_the_code_before_and_after_are_accepted_and_no_other(drift, is_right):
    now = 1_000_000
    typed = totp.code_at(SECRET, now + drift)
    assert (totp.step_of(SECRET, typed, now * 30_000) is not None) == is_right


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "\ud800"])
def test_what_is_no_code_is_wrong(typed):
    assert totp.step_of(SECRET, typed, 59_000) is None


def test_spaces_do_not_count():
    assert totp.step_of(SECRET, " 287 082 ", 59_000) == 1


def test_an_app_reads_everything_from_the_address():
    asked = urlsplit(totp.address(SECRET, account="anna", issuer="Praxis Süd (undisc)"))
    assert (asked.scheme, asked.netloc) == ("otpauth", "totp")
    values = parse_qs(asked.query)
    assert values["secret"] == [totp.written(SECRET).replace(" ", "")]
    assert values["issuer"] == ["Praxis Süd (undisc)"]
    assert " " not in asked.path + asked.query
