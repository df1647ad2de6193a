"""Every sentence of the pages is in every language, with the same names in it."""

from __future__ import annotations

import io
import re
from importlib import resources

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po

from undisc_node.web.pages.languages import Languages
from undisc_node.web.pages.rendering import person_name

ROOT = resources.files("undisc_node.web")
NAMES = re.compile(r"%\((\w+)\)s")


def _walk(folder):
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry)
        else:
            yield entry


def messages():
    """Return every message that templates and modules of the pages mark for translation."""
    found = set()
    options = {"silent": "false", "trimmed": "true"}
    for entry in _walk(ROOT):
        if entry.name.endswith(".html"):
            method, options_ = "jinja2.ext:babel_extract", options
        elif entry.name.endswith(".py"):
            method, options_ = "python", {}
        else:
            continue
        keywords = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
        source = io.BytesIO(entry.read_bytes())
        for _, message, _, _ in extract(method, source, keywords, options=options_):
            parts = message if isinstance(message, tuple) else (message,)
            found.add(parts[0])
    return found


def catalog(tag):
    source = ROOT.joinpath("pages", "locales", f"{tag}.po").read_bytes()
    return read_po(io.BytesIO(source), locale=tag)


OTHERS = [tag for tag in Languages().names if tag != "en"]


def test_spanish_is_there():
    assert OTHERS == ["es"]
    assert Languages().own_names() == {"en": "English", "es": "Español"}


@pytest.mark.parametrize("tag", OTHERS)
def test_every_message_is_translated_and_none_is_left_over(tag):
    """New text in a template? Add it to locales/*.po."""
    known = {
        (one.id[0] if isinstance(one.id, tuple) else one.id)
        for one in catalog(tag)
        if one.id
        and one.string
        and all(one.string if isinstance(one.string, tuple) else [one.string])
        and not one.fuzzy
    }
    wanted = messages()
    assert len(wanted) > 15
    assert sorted(wanted - known) == []
    assert sorted(known - wanted) == []


@pytest.mark.parametrize("tag", OTHERS)
def test_a_translation_has_the_names_of_its_original(tag):
    wrong = []
    for one in catalog(tag):
        originals = one.id if isinstance(one.id, tuple) else (one.id,)
        translations = one.string if isinstance(one.string, tuple) else (one.string,)
        names = set(NAMES.findall(originals[-1]))
        wrong += [text for text in translations if one.id and set(NAMES.findall(text)) - names]
        if set(NAMES.findall(translations[-1])) != names:
            wrong.append(translations[-1])
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Doe^Jane", "Jane Doe"),
        ("Müller^Änne^M^Dr.^PhD", "Dr. Änne M Müller PhD"),
        ("Yamada^Tarou=山田^太郎", "Tarou Yamada"),
        ("=山田^太郎", "太郎 山田"),
        ("", ""),
        ("Doe", "Doe"),
        ("a^b^c^d^e^f", "d b c a e"),
    ],
)
def test_a_name_is_shown_as_people_write_it(name, shown):
    assert person_name(name) == shown
