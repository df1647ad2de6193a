"""What people read: whole sentences in every language, nothing smuggled in, no patient."""

from __future__ import annotations

import dataclasses
import string
import tomllib
from importlib.resources import files

import pytest

from undisc_node.notify import wording
from undisc_node.services.message_rows import Facts, MessageKind

FACTS = Facts(
    practice="Río & Söhne <b>",
    phone="+1 206 555 0100",
    link="https://a.example/l#" + "A" * 43,
    page="https://a.example/l",
    code="K7QF-0M2X-9WTB",
    ends=1_826_000_000,
    staff="Dr A. Smith",
    reference="8d10",
    pin=True,
)


def shape(value):
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return len(value)
    return sorted(name for _, name, _, _ in string.Formatter().parse(value) if name)


def test_every_language_says_everything():
    texts = {
        tag: tomllib.loads(
            files("undisc_node.notify").joinpath("texts", f"{tag}.toml").read_text("utf-8")
        )
        for tag in wording.languages()
    }
    assert set(texts) >= {"en", "es"}
    for tag, text in texts.items():
        assert shape(text) == shape(texts["en"]), tag
        assert set(text["mail"]) == set(text["text"]) == set(MessageKind)


@pytest.mark.parametrize("kind", MessageKind)
@pytest.mark.parametrize("tag", ["en", "es"])
def test_every_message_can_be_written(kind, tag):
    words = wording.PackagedWording().words(kind, tag, FACTS)
    for text in (words.subject, words.text, words.html, words.short):
        assert text.strip()
        assert "{" not in text.replace("{ ", "")
    assert "\n" not in words.subject
    assert "Río & Söhne <b>" not in words.html


def test_html_is_escaped_and_the_link_can_be_clicked():
    words = wording.PackagedWording().words(MessageKind.LINK, "en", FACTS)
    assert "Río &amp; Söhne &lt;b&gt;" in words.html
    assert f'<a href="{FACTS.link}">{FACTS.link}</a>' in words.html
    assert FACTS.link in words.text.splitlines()  # alone on its line, so that no program cuts it
    assert "November 12, 2027" in words.text
    assert "PIN that you chose" in words.text


def test_what_is_not_known_is_not_said():
    bare = dataclasses.replace(FACTS, phone="", pin=False)
    words = wording.PackagedWording().words(MessageKind.LINK, "en", bare)
    assert "Questions?" not in words.text
    assert "PIN" not in words.text


def test_a_language_of_a_country_is_told_in_the_language_and_an_unknown_one_in_english():
    word = wording.PackagedWording()
    assert "Sus imágenes" in word.words(MessageKind.LINK, "es-MX", FACTS).subject
    assert "Your images" in word.words(MessageKind.LINK, "tlh", FACTS).subject


def test_nothing_filled_in_begins_a_new_header():
    evil = dataclasses.replace(FACTS, practice="A\r\nBcc: all@example.org")
    words = wording.PackagedWording().words(MessageKind.TEST, "en", evil)
    assert "\r" not in words.subject + words.short
    assert "\n" not in words.subject + words.short
