"""The texts that people are shown before they decide: one file for each language.

A file is named after its language and begins with the day on which it was written, then an empty
line, then the words. A changed word is a new day: what somebody once agreed to is kept in the
catalog, beside their decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from importlib import resources

from undisc_node.services.consent_rows import ConsentText

_ENDING = ".txt"


class PackagedTexts:
    """The texts that came with this version: implements `ports.ConsentTexts`."""

    def languages(self) -> Sequence[str]:
        """List the languages that there are."""
        names = (entry.name for entry in resources.files(__name__).iterdir())
        return sorted(name.removesuffix(_ENDING) for name in names if name.endswith(_ENDING))

    def get(self, language: str) -> ConsentText | None:
        """Return the text that is shown now in a language."""
        if language not in self.languages():
            return None  # the name goes into a path only after this
        whole = resources.files(__name__).joinpath(language + _ENDING).read_text("utf-8")
        version, _, text = whole.partition("\n\n")
        return ConsentText(sha256(text.encode()).digest(), language, version.strip(), text)
