"""The recovery kit (SPEC.md §3.7)."""

import re
import unicodedata
from base64 import b32encode
from hashlib import sha256

import pytest

from support.damage import refused
from support.parties import label
from undisc_protocol import keys, limits
from undisc_protocol.did import fingerprint_words
from undisc_protocol.errors import CannotOpen, LocalProtocolError, Malformed, Oversize
from undisc_protocol.kit import BEGIN, END, Kit, make_kit, open_kit

KIT = Kit(label("node"), label("recovery"), label("wrapping"))
PASSPHRASE = "fünf Wörter für den Tresor"


@pytest.fixture(scope="module")
def page():
    return made()


def made(**changes):
    arguments = {
        "name": "Radiologie am Ring",
        "passphrase": PASSPHRASE,
        "salt": label("salt", keys.KIT_SALT),
        "nonce": label("nonce", keys.SEAL_NONCE),
    }
    return make_kit(KIT, **arguments | changes)


@pytest.fixture
def cheap(monkeypatch):
    """Replace the slow passphrase hash where a test is about everything else."""
    monkeypatch.setattr(keys, "kit_key", lambda passphrase, salt: label(passphrase + salt.hex()))


def test_a_kit_opens_with_its_passphrase(page):
    """Through the real Argon2id, as on the day it is needed."""
    assert open_kit(page, PASSPHRASE) == KIT


def test_the_page_tells_a_person_what_it_is(page):
    assert "Radiologie am Ring" in page
    assert " ".join(fingerprint_words(KIT.node_id)) in re.sub(r"\s+", " ", page)
    assert "passphrase" in page
    assert all(len(line) <= 72 for line in page.split("\n"))
    assert page.isprintable() or page.replace("\n", "").isprintable()


def test_another_passphrase_is_one_clear_sentence(cheap):
    with pytest.raises(CannotOpen) as caught:
        open_kit(made(), "another")
    assert str(caught.value) == "the recovery kit does not open with this passphrase"
    assert "passphrase" in caught.value.hint
    assert CannotOpen.hint != caught.value.hint


def test_the_same_passphrase_typed_on_another_keyboard_opens_it(cheap):
    """One keyboard writes ü as one character, another as u and two dots."""
    assert open_kit(made(), unicodedata.normalize("NFD", PASSPHRASE)) == KIT


@pytest.mark.parametrize(
    "copied",
    [
        lambda page: page.replace("\n", "\r\n"),
        lambda page: page.replace("\n", "\r"),
        lambda page: "> " + page.replace("\n", "\n> "),
        lambda page: page.replace(" ", "\u00a0").replace("\n", "\u2028"),
        lambda page: re.sub(r"\s+", " ", page),
        str.lower,
        lambda page: page[page.index(BEGIN) :],
        lambda page: "\ufeff" + page + "\n\nsent from a telephone\n",
        lambda page: "-".join(page.split(" ")),
        lambda page: page.replace("-----", ""),
        lambda page: page.replace("--", "\u2014"),
    ],
    ids=[
        "CRLF",
        "CR",
        "quoted",
        "odd spaces",
        "one line",
        "small letters",
        "rows only",
        "more text around",
        "hyphens",
        "markers without dashes",
        "long dashes",
    ],
)
def test_a_page_that_was_copied_badly_still_opens(cheap, copied):
    assert open_kit(copied(made()), PASSPHRASE) == KIT


def test_letters_that_look_like_digits_are_read_as_meant(cheap):
    page = made()
    head, rows = page.split(BEGIN)
    rows, tail = rows.split(END)
    misread = rows.translate(str.maketrans("OIB", "018"))
    assert misread != rows
    assert open_kit(head + BEGIN + misread + END + tail, PASSPHRASE) == KIT


def test_a_mistyped_row_is_named(cheap):
    """Each single wrong letter is found, and the message says in which row."""
    page = made()
    start, stop = page.index(BEGIN) + len(BEGIN), page.index(END)
    for place in range(start, stop):
        letter = page[place]
        if letter.isspace():
            continue
        wrong = page[:place] + ("A" if letter != "A" else "C") + page[place + 1 :]
        row = page[start:place].count("\n")
        got = refused(lambda text: open_kit(text, PASSPHRASE), wrong)
        assert isinstance(got, Malformed)
        assert f"row {row} " in str(got)


def test_a_missing_letter_or_row_is_found(cheap):
    page = made()
    rows = page[page.index(BEGIN) + len(BEGIN) : page.index(END)].strip().split("\n")
    for wrong in (
        rows[:-1],
        rows[1:],
        [rows[1], rows[0], *rows[2:]],
        [*rows, rows[-1]],
        [rows[0][1:], *rows[1:]],
        [],
        ["1234 5678"],
        ["ÄÖÜßſ"],
    ):
        text = "\n".join([BEGIN, *wrong, END])
        assert isinstance(refused(lambda kit: open_kit(kit, PASSPHRASE), text), Malformed)


@pytest.mark.parametrize("letter", ["\u00c4", "\u00b2", "9", "\ud800"])
def test_a_letter_that_is_none_is_refused_though_its_check_fits(cheap, letter):
    """Somebody makes a text that passes every check but holds what base32 does not have."""
    row = letter * 35
    check = b32encode(sha256(f"1:{row}".encode(errors="replace")).digest())[:5].decode()
    text = f"{BEGIN}\n{row}{check}\n{END}"
    assert isinstance(refused(lambda kit: open_kit(kit, PASSPHRASE), text), Malformed)


def test_text_without_a_kit_is_refused(cheap):
    page = made()
    for text in ("", "not a kit", BEGIN, page[: page.index(END)], END + BEGIN):
        got = refused(lambda kit: open_kit(kit, PASSPHRASE), text)
        assert isinstance(got, Malformed)
        assert "no recovery kit" in str(got)
    assert isinstance(
        refused(lambda kit: open_kit(kit, PASSPHRASE), "x" * (limits.MAX_KIT + 1)), Oversize
    )


def test_what_cannot_be_a_kit_is_our_own_mistake(cheap):
    for changes in ({"passphrase": ""}, {"salt": b"short"}, {"name": "two\nlines"}):
        with pytest.raises(LocalProtocolError):
            made(**changes)
    with pytest.raises(LocalProtocolError):
        make_kit(Kit(b"", b"", b""), name="", passphrase="x", salt=bytes(16), nonce=bytes(24))
    with pytest.raises(LocalProtocolError):
        open_kit(made(), "")


def test_no_secret_is_in_what_python_shows_of_a_kit(page):
    assert label("recovery").hex() not in repr(KIT)
    assert repr(label("recovery")) not in repr(KIT)
    assert "recovery_seed" not in repr(KIT)
