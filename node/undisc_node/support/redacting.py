"""Replaces what names a practice, a person or a machine by placeholders.

The same name gets the same placeholder everywhere in one bundle, so that what belongs together can
still be seen. First everything that is known to be a name is replaced, then whatever looks like an
address: a text may quote one that is not in the settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any, Final

_SHORTEST: Final = 2  # characters; replacing a single letter would spoil every text
_URL: Final = re.compile(r"https?://[^\s\"'<>,;]+")
_MAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_ADDRESS: Final = re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:]+)")
_HEX: Final = re.compile(r"\b[0-9a-f]{24,}\b")
_HARMLESS: Final = frozenset({"0.0.0.0", "127.0.0.1", "::", "::1"})  # noqa: S104 - names nobody


class Redactor:
    """Replaces names, or nothing.

    Args:
        with_names: Replace nothing.
    """

    def __init__(self, *, with_names: bool = False) -> None:
        self._with_names = with_names
        self._known: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def add(self, kind: str, names: Iterable[str]) -> None:
        """Learn names; `kind` is what their placeholders are called."""
        for name in names:
            if len(name) >= _SHORTEST and name not in _HARMLESS:
                self._placeholder(kind, name)

    def text(self, text: str) -> str:
        """Return a text with placeholders in it."""
        if self._with_names:
            return text
        for name in sorted(self._known, key=len, reverse=True):
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", self._known[name], text)
        text = _URL.sub(lambda found: self._placeholder("url", found[0]), text)
        text = _MAIL.sub(lambda found: self._placeholder("mail", found[0]), text)
        text = _HEX.sub(lambda found: self._placeholder("id", found[0]), text)
        return _ADDRESS.sub(self._address, text)

    def value(self, value: Any) -> Any:
        """Return a value of JSON with placeholders in its texts."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(one) for one in value]
        if isinstance(value, dict):
            return {key: self.value(one) for key, one in value.items()}
        return value

    def _address(self, found: re.Match[str]) -> str:
        try:
            ip_address(found[0])
        except ValueError:
            return found[0]  # a time, a version
        return found[0] if found[0] in _HARMLESS else self._placeholder("address", found[0])

    def _placeholder(self, kind: str, name: str) -> str:
        if name not in self._known:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._known[name] = f"<{kind}-{self._counts[kind]}>"
        return self._known[name]
