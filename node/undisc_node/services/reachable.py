"""E-mail addresses and telephone numbers as people type them: checked when they are entered.

A wrong one is found here, while the patient is still at the counter, as far as its form can tell.
Whether somebody reads there, only a delivery tells.
"""

from __future__ import annotations

import re
from typing import Final

from undisc_node.services.errors import Invalid

MAX_EMAIL: Final = 254  # characters; RFC 5321 §4.5.3.1.3 with its brackets taken off
_MAX_LOCAL: Final = 64  # characters before the @; RFC 5321 §4.5.3.1.1
# The dot-atom of RFC 5322 §3.2.3 and letters of other scripts (RFC 6531); quoted forms are not used
# by people, and hide mistakes.
_LOCAL: Final = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*")
_LABEL: Final = re.compile(r"[^\W_]([\w-]{0,61}[^\W_])?")
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164 §6: at most 15 digits
_PUNCTUATION: Final = str.maketrans("", "", " \u00a0-./()")
# Endings that people mistype most, and that are no domain at all.
_SLIPS: Final = {"gmial.com", "gmai.com", "gamil.com", "hotmial.com", "yaho.com", "outlok.com"}


def email(typed: str) -> str:
    """Return an e-mail address as it is used.

    Raises:
        Invalid: It cannot be one.
    """
    text = typed.strip()
    local, at, domain = text.rpartition("@")
    labels = domain.lower().split(".")
    usable = (
        bool(at)
        and len(text) <= MAX_EMAIL
        and len(local) <= _MAX_LOCAL
        and _LOCAL.fullmatch(local)
        and len(labels) > 1
        and all(_LABEL.fullmatch(label) and "_" not in label for label in labels)
        and not labels[-1].isdecimal()
    )
    if not usable or domain.lower() in _SLIPS:
        raise Invalid(
            "this is no e-mail address that anybody can be reached at",
            code="bad_email",
            hint="such as jane.doe@example.org; look at what is behind the @",
        )
    return f"{local}@{domain.lower()}"


def telephone(typed: str, calling_code: str = "") -> str:
    """Return a telephone number as `+` and digits (E.164).

    Args:
        typed: As typed; blanks, brackets, dots, slashes and dashes do not count.
        calling_code: What is put in front of a number without one, such as `+1`; empty: nothing.

    Raises:
        Invalid: It cannot be one.
    """
    text = typed.strip().translate(_PUNCTUATION)
    if text.startswith("00"):
        text = f"+{text[2:]}"
    elif not text.startswith("+") and calling_code:
        text = calling_code + text.removeprefix("0")
    if not _NUMBER.fullmatch(text):
        raise Invalid(
            "this is no telephone number that a message can be sent to",
            code="bad_telephone",
            hint="with the country in front, such as +1 206 555 0100",
        )
    return text
