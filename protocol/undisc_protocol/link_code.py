"""The code beside a link: what a person types where a link cannot be clicked (SPEC.md §3.8).

    K7QF-0M2X-9WTB

It is a handle: the holder looks it up, with an attempt limit of its own. It is never a key: nothing
is derived from it, and whoever guesses one still meets the protection of the link it stands for.
Eleven characters are random, 55 bits; the twelfth checks them, so that every single mistyped
character and every two swapped ones are noticed before anything is sent.
"""

from __future__ import annotations

import re
from typing import Final

from undisc_protocol.errors import LinkDamaged, LocalProtocolError

CODE_RANDOM: Final = 7  # bytes to draw; the highest 55 bits are used
CODE_LENGTH: Final = 12  # characters without hyphens
MAX_TYPED: Final = 64  # characters that are looked at: nobody types more around a code

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U
_VALUES: Final = {character: value for value, character in enumerate(_ALPHABET)}
_MISREAD: Final = str.maketrans("OIL", "011")
_BETWEEN: Final = re.compile(r"[\s.\-\u2010-\u2015\u2212]+")
_POLYNOMIAL: Final = 0b100101  # x^5 + x^2 + 1, primitive over GF(2)


def write_code(drawn: bytes) -> str:
    """Return the code of random bytes, in three groups of four.

    Args:
        drawn: `CODE_RANDOM` random bytes.

    Raises:
        LocalProtocolError: Another number of bytes.
    """
    if len(drawn) != CODE_RANDOM:
        raise LocalProtocolError(f"a code is made of {CODE_RANDOM} random bytes")
    number = int.from_bytes(drawn, "big") >> 1
    values = [number >> 5 * place & 31 for place in reversed(range(CODE_LENGTH - 1))]
    text = "".join(_ALPHABET[value] for value in (*values, _check(values)))
    return "-".join(text[start : start + 4] for start in range(0, CODE_LENGTH, 4))


def read_code(text: str) -> str:
    """Return a typed code in its one spelling.

    Small letters, spaces, dashes and dots do not matter; O is read as 0, I and L as 1.

    Raises:
        LinkDamaged: Not twelve characters of a code, or one of them is mistyped.
    """
    typed = _BETWEEN.sub("", text[: MAX_TYPED + 1].upper()).translate(_MISREAD)
    values = [_VALUES[character] for character in typed if character in _VALUES]
    if len(text) > MAX_TYPED or not len(values) == len(typed) == CODE_LENGTH:
        raise LinkDamaged(f"a code has {CODE_LENGTH} letters and digits")
    if _check(values[:-1]) != values[-1]:
        raise LinkDamaged("the code has a typing mistake")
    return "-".join(typed[start : start + 4] for start in range(0, CODE_LENGTH, 4))


def _check(values: list[int]) -> int:
    """Return the sum of the values, each weighted with another power of x, in GF(32)."""
    total = 0
    for value in values:
        total = _doubled(total ^ value)
    return total


def _doubled(value: int) -> int:
    value <<= 1
    return value ^ _POLYNOMIAL if value & 32 else value
