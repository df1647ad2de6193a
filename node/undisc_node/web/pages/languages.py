"""The languages of pages: `locales/es.po` is one, English is what the templates say.

Catalogs are read when a listener is made, so that there is no compiled copy that can be out of
date, in a wheel as in a work tree. A further language is a further file; tests say what it lacks.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Final

from babel import Locale, negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

SOURCE: Final = "en"
"""The language that templates are written in."""
_ENDING: Final = ".po"
_LONGEST_HEADER: Final = 256  # characters of Accept-Language that are read; browsers send 20 to 60


class Languages:
    """Every catalog of this version.

    Attributes:
        names: Tags of the languages, the source first.
    """

    def __init__(self) -> None:
        self._catalogs: dict[str, NullTranslations] = {SOURCE: NullTranslations()}
        folder = resources.files(__package__).joinpath("locales")
        for entry in sorted(folder.iterdir(), key=lambda one: one.name):
            if entry.name.endswith(_ENDING):
                tag = entry.name.removesuffix(_ENDING)
                self._catalogs[tag] = _compiled(entry.read_bytes(), tag)
        self.names: Sequence[str] = tuple(self._catalogs)

    def catalog(self, language: str) -> NullTranslations:
        """Return the catalog of a language; the source's for one that is not there."""
        return self._catalogs.get(language, self._catalogs[SOURCE])

    def choose(self, accepted: str) -> str:
        """Return the language of ours that an Accept-Language header likes best."""
        preferred = [tag for _, tag in sorted(_weighed(accepted), key=lambda one: -one[0])]
        found = negotiate_locale(preferred, list(self.names), sep="-")
        return found if found in self._catalogs else SOURCE

    def own_names(self) -> Mapping[str, str]:
        """Return each language's name in itself, for people who look for theirs."""
        shown = {tag: Locale.parse(tag, sep="-").get_display_name(tag) for tag in self.names}
        return {tag: (name or tag)[:1].upper() + (name or tag)[1:] for tag, name in shown.items()}


def _compiled(source: bytes, tag: str) -> NullTranslations:
    catalog = read_po(io.BytesIO(source), locale=tag.replace("-", "_"))
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return Translations(compiled)


def _weighed(header: str) -> list[tuple[float, str]]:
    """Read an Accept-Language header (RFC 9110 §12.5.4); what cannot be read is left out."""
    found = []
    for part in header[:_LONGEST_HEADER].split(","):
        tag, _, weight = part.partition(";q=")
        try:
            quality = float(weight) if weight.strip() else 1.0
        except ValueError:
            continue
        if tag.strip().replace("-", "").isalnum() and quality > 0:
            found.append((quality, tag.strip()))
    return found
