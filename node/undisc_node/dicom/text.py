"""Text values: character sets (PS3.3 §C.12.1.1.2), and what may be shown and stored.

Decoding never fails and never warns: a byte that its character set does not know becomes U+FFFD,
because an image must not be lost for a misspelt name.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from pydicom import charset

MAX_TEXT: Final = 256  # characters kept of a value; the pack and the catalog hold no more
MAX_UID: Final = 64  # characters (PS3.5 §9.1)

_DEFAULT = charset.default_encoding
_ESCAPE = b"\x1b"
_FRAGMENTS = re.compile(rb"[^\x1b]+|\x1b[^\x1b]*")
_NAME_DELIMITERS = re.compile(
    rb"[\\^=\r\n\t\f]"
)  # each returns to the first set (PS3.5 §6.1.2.5.3)
_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_UNSEEN = frozenset(("Cc", "Cs", "Zl", "Zp"))  # control characters, surrogates, line separators
_LINES = frozenset("\r\n\f\t")  # what a text of several lines may have (PS3.5 §6.1.3)
# Direction overrides let one name look like another; they carry no meaning in a DICOM value.
_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def character_sets(value: bytes) -> tuple[str, ...]:
    """Return Python's names of the sets in a Specific Character Set value; never empty."""
    terms = value.decode("ascii", "replace").strip(" \0").split("\\")
    return tuple(_codec(term) for term in terms)


def decode(value: bytes, sets: tuple[str, ...]) -> str:
    """Decode a text value and make it safe to keep.

    Args:
        value: The raw value.
        sets: What `character_sets` returned for the object.

    Returns:
        At most `MAX_TEXT` characters without control characters and surrounding space.
    """
    return clean(decode_whole(value, sets))


def decode_whole(value: bytes, sets: tuple[str, ...]) -> str:
    """Decode a text value of any length, with all that is in it; `sets` as for `decode`."""
    if _ESCAPE in value:
        return "".join(_decode_fragment(part, sets) for part in _FRAGMENTS.findall(value))
    return value.decode(sets[0], "replace")


def visible(text: str) -> str:
    """Drop the control characters and direction overrides of a text, but keep its lines."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        for character in text
        if character in _LINES
        or (unicodedata.category(character) not in _UNSEEN and character not in _OVERRIDES)
    )


def clean(text: str) -> str:
    """Drop control characters and direction overrides, trim, and cut at `MAX_TEXT`."""
    if len(text) <= MAX_TEXT and text.isascii() and text.isprintable():
        return text.strip()  # most texts are
    kept = "".join(
        character
        for character in text[: 4 * MAX_TEXT]
        if unicodedata.category(character) not in _UNSEEN and character not in _OVERRIDES
    )
    return kept.strip()[:MAX_TEXT].rstrip()


def read_uid(value: bytes) -> str | None:
    """Return a UID without its padding, or None when it is not one (PS3.5 §9.1).

    More lenient than the standard in two ways that real objects need: a component may start with
    a zero, and the padding may be spaces.
    """
    text = value.rstrip(b"\0 ").decode("ascii", "replace")
    return text if is_uid(text) else None


def is_uid(text: str) -> bool:
    """Tell whether a text is a UID: digits in components, at most 64 characters."""
    return len(text) <= MAX_UID and _UID.fullmatch(text) is not None


def _codec(term: str) -> str:
    """Translate one defined term; common misspellings are understood, unknown ones are Latin 1."""
    spelt = term.strip().replace("-", "_").replace("ISO 2022_IR", "ISO 2022 IR")
    for candidate in (spelt, spelt.replace("ISO IR", "ISO_IR"), spelt.replace("_", " ")):
        if candidate in charset.python_encoding:
            return charset.python_encoding[candidate]
    return _DEFAULT


def _decode_fragment(part: bytes, sets: tuple[str, ...]) -> str:
    """Decode what follows one escape sequence, up to the next (ISO 2022)."""
    if not part.startswith(_ESCAPE):
        return part.decode(sets[0], "replace")
    length = 4 if part.startswith((b"\x1b$(", b"\x1b$)")) else 3
    codec = charset.CODES_TO_ENCODINGS.get(part[:length])
    if codec is None:
        return part[1:].decode(sets[0], "replace")
    if codec in charset.handled_encodings:
        return part.decode(codec, "replace")  # Python's codec wants the escape sequence
    rest = part[length:]
    delimiter = _NAME_DELIMITERS.search(rest)
    if delimiter is None:
        return rest.decode(codec, "replace")
    split_at = delimiter.start()
    return rest[:split_at].decode(codec, "replace") + rest[split_at:].decode(sets[0], "replace")
