"""What messages say: one file for each language, filled with the facts of one message.

A paragraph with a fact that is empty is left out, so that nobody reads "call: ". What a practice or
a member of staff is called is somebody's input: in HTML it is escaped.
"""

from __future__ import annotations

import html
import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

from undisc_node.services.message_rows import Facts, MessageKind, Words

FALLBACK: Final = "en"
_TEXTS: Final = "texts"
_BREAKS: Final = str.maketrans("\r\n", "  ")  # nothing that is filled in begins a new header


@dataclass(frozen=True, slots=True)
class Language:
    """The texts of one language.

    Attributes:
        tag: BCP 47 tag.
        texts: As the file says.
    """

    tag: str
    texts: Mapping[str, Any]

    def day(self, seconds: int) -> str:
        """Write a day; empty for 0."""
        if not seconds:
            return ""
        moment = datetime.fromtimestamp(seconds, UTC)
        facts = self.texts["facts"]
        return str(
            facts["day"].format(
                day=moment.day, month=facts["months"][moment.month - 1], year=moment.year
            )
        )

    def values(self, facts: Facts) -> dict[str, str]:
        """Return what is filled into texts, by the names in braces."""
        found = {
            "practice": facts.practice,
            "phone": facts.phone,
            "link": facts.link,
            "page": facts.page,
            "code": facts.code,
            "ends": self.day(facts.ends),
            "staff": facts.staff,
            "reference": facts.reference,
            "pin": str(self.texts["facts"]["pin"]) if facts.pin else "",
        }
        return {name: value.translate(_BREAKS) for name, value in found.items()}


def languages() -> list[str]:
    """List the languages there are."""
    folder = files(__package__).joinpath(_TEXTS)
    return sorted(
        one.name.removesuffix(".toml") for one in folder.iterdir() if one.name.endswith(".toml")
    )


@cache
def language(tag: str) -> Language:
    """Return a language, or the nearest one that is there: `es-MX` is told in `es`."""
    known = languages()
    for wanted in (tag.lower(), tag.lower().partition("-")[0], FALLBACK):
        if wanted in known:
            text = files(__package__).joinpath(_TEXTS, f"{wanted}.toml").read_text("utf-8")
            return Language(wanted, tomllib.loads(text))
    raise AssertionError("the fallback language is part of the package")


class PackagedWording:
    """Implements `ports.WordsMessages` with the files of this package."""

    def words(self, kind: MessageKind, tag: str, facts: Facts) -> Words:
        """Return a message in a language."""
        spoken = language(tag)
        values = spoken.values(facts)
        mail = spoken.texts["mail"][kind.value]
        paragraphs = [one for one in mail["paragraphs"] if _is_said(one, values)]
        return Words(
            subject=_filled(mail["subject"], values),
            text="\n\n".join(_filled(one, values) for one in paragraphs) + "\n",
            html=_html(spoken.tag, paragraphs, values),
            short=_filled(spoken.texts["text"][kind.value], values),
        )


def _named(text: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(text) if name]


def _is_said(paragraph: str, values: Mapping[str, str]) -> bool:
    """Tell whether everything is known that a paragraph is about; a PIN is only an addition."""
    return all(values[name] for name in _named(paragraph) if name != "pin")


def _filled(text: str, values: Mapping[str, str]) -> str:
    return text.format_map(values).strip()


def _html(tag: str, paragraphs: list[str], values: Mapping[str, str]) -> str:
    safe = {name: html.escape(value) for name, value in values.items()}
    safe["link"] = f'<a href="{safe["link"]}">{safe["link"]}</a>'
    body = "\n".join(f"<p>{_filled(html.escape(one, quote=False), safe)}</p>" for one in paragraphs)
    return (
        f'<!doctype html>\n<html lang="{tag}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"></head>\n'
        f'<body style="font:16px/1.5 sans-serif;max-width:36em">\n{body}\n</body></html>\n'
    )
