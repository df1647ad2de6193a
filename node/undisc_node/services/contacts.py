"""Ways to reach a person: how addresses and numbers are checked when they are entered, and shown.

An address that cannot be one is refused while whoever typed it is still there. Whether somebody
reads what arrives under it, nobody can check.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from undisc_node.services.errors import Invalid

_LONGEST_ADDRESS: Final = 254  # characters; RFC 5321 §4.5.3.1.3, without the angle brackets
_LONGEST_LOCAL: Final = 64  # characters; RFC 5321 §4.5.3.1.1
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"  # RFC 5322 §3.2.3
_LOCAL: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")  # RFC 1035 §2.3.1
_LOCALHOST: Final = "localhost"
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164: at most 15 digits
_BETWEEN_DIGITS: Final = re.compile(r"[\s().\-/\u00a0\u2010-\u2015]+")
_SHOWN: Final = 2  # characters of an address, or digits of a number, that are shown


class Channel(StrEnum):
    """How something reaches a person."""

    EMAIL = "email"
    TEXT = "text"  # a text message
    PRINT = "print"  # a sheet of paper, handed over


@dataclass(frozen=True, slots=True)
class Contact:
    """One way to reach one person.

    Attributes:
        channel: How.
        to: Address or number in its one spelling; empty for a sheet of paper.
    """

    channel: Channel
    to: str = field(repr=False)  # who it is, so it stays out of logs

    @property
    def masked(self) -> str:
        """As it may be shown to somebody who need not know it: `j•••@example.org`."""
        if self.channel is Channel.EMAIL:
            local, _, domain = self.to.rpartition("@")
            return f"{local[:1]}•••@{domain}"
        return f"{self.to[:3]}•••{self.to[-_SHOWN:]}" if self.to else ""


def read_contact(channel: Channel, typed: str) -> Contact:
    """Return a way to reach somebody as it was typed.

    Raises:
        Invalid: It cannot be one; the message does not repeat it.
    """
    match channel:
        case Channel.EMAIL:
            return Contact(channel, _address(typed.strip()))
        case Channel.TEXT:
            return Contact(channel, _number(typed.strip()))
        case Channel.PRINT:
            return Contact(channel, "")


def _address(typed: str) -> str:
    local, at, domain = typed.rpartition("@")
    if not at or not local or not domain:
        raise _bad_address("it has a name, an @ and a domain: name@example.org")
    if not local.isascii():
        raise _bad_address("letters with accents before the @ do not work with every mail server")
    if len(local) > _LONGEST_LOCAL or not _LOCAL.fullmatch(local):
        raise _bad_address("what stands before the @ has a character that cannot be there")
    try:
        spelt = domain.encode("idna").decode().lower()
    except UnicodeError:
        raise _bad_address("what stands behind the @ is no domain") from None
    labels = spelt.split(".")
    is_domain = all(_LABEL.fullmatch(label) for label in labels)
    if not is_domain or (len(labels) < 2 and spelt != _LOCALHOST) or labels[-1].isdigit():  # noqa: PLR2004
        raise _bad_address("what stands behind the @ is no domain")
    address = f"{local}@{spelt}"
    if len(address) > _LONGEST_ADDRESS:
        raise _bad_address(f"it has more than {_LONGEST_ADDRESS} characters")
    return address


def _bad_address(why: str) -> Invalid:
    return Invalid("that cannot be an e-mail address", code="bad_email_address", hint=why)


def _number(typed: str) -> str:
    number = _BETWEEN_DIGITS.sub("", typed)
    if number.startswith("00"):
        number = f"+{number[2:]}"
    if not _NUMBER.fullmatch(number):
        raise Invalid(
            "that cannot be a telephone number",
            code="bad_number",
            hint="begin with + and the country: +1 415 555 0132",
        )
    return number
