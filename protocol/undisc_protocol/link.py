"""The text of a link, and reading it back from a damaged one (SPEC.md §3.2, §3.8).

A link is `https://…/l#<secret>`: the holder's address, and in the fragment, which a browser never
sends, 43 characters of base64url, 32 random bytes. Its key is `keys.link_key(secret)`. Mail
programs write `#` as `%23`, gateways escape that again or wrap the whole in an address of their
own, lines break, and sentences leave a full stop or bracket at the end: all of this is repaired,
anything else refused. A secret never appears in an error.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from undisc_protocol import limits
from undisc_protocol.errors import BadFields, LinkDamaged, LocalProtocolError, Oversize
from undisc_protocol.keys import KEY_SIZE

PATH: Final = "/l"  # of every link, behind the holder's address; short, for the sake of QR codes

_HASH: Final = re.compile(r"#|%(?:25){0,3}23")
_TRAILING: Final = " \t\r\n.,;:!?'\"()[]{}<>*"
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_ADDRESS: Final = rf"(?i:https?)://(?:(?!(?i:https?)://)[\w.~:/\[\]-]){{1,{limits.MAX_URL}}}?"
_LINK: Final = re.compile(rf"({_ADDRESS}){PATH}/?#([A-Za-z0-9_-]{{43}})(?![A-Za-z0-9_-])", re.ASCII)
_PAGE: Final = re.compile(rf"{_ADDRESS}{PATH}/?(?![\w/])", re.ASCII)
_BREAK: Final = re.compile(r"=?[\r\n]+[ \t>|]*")  # of a wrapped, quoted or quoted-printable line
_ESCAPES: Final = 4  # times that gateways in a row may have escaped a link
_PROOFPOINT_2: Final = re.compile(r"/v2/url\?u=([\w.~-]+)", re.ASCII)
_PROOFPOINT_3: Final = re.compile(r"/v3/__(.+?)__;([\w-]*)!", re.ASCII)


@dataclass(frozen=True, slots=True)
class Link:
    """A link that was read.

    Attributes:
        address: Where its holder answers, without a slash at the end.
        secret: 32 bytes, from which its key comes.
    """

    address: str
    secret: bytes

    def __repr__(self) -> str:
        # Whoever has the secret has the link: it must not reach a traceback or a log.
        return f"Link({self.address!r})"


def write_secret(secret: bytes) -> str:
    """Return the fragment of a link: 43 characters.

    Raises:
        LocalProtocolError: Not 32 bytes.
    """
    if len(secret) != KEY_SIZE:
        raise LocalProtocolError("a link's secret has 32 bytes")
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def read_secret(text: str) -> bytes:
    """Return the 32-byte secret of a link, or of its fragment alone.

    Args:
        text: What a person pasted, a browser passed on or a scanner read.

    Raises:
        Oversize: Longer than any link.
        BadFields: No secret in it, or not exactly one spelling of 32 bytes.
    """
    if len(text) > limits.MAX_LINK:
        raise Oversize(f"a link has more than {limits.MAX_LINK} characters")
    fragment = _HASH.split(text)[-1].strip(_TRAILING)
    if not _SECRET.fullmatch(fragment):
        raise BadFields("the link is incomplete: its last part does not have 43 characters")
    return _decoded(fragment)


def _decoded(fragment: str) -> bytes:
    secret = base64.urlsafe_b64decode(fragment + "=")
    if write_secret(secret) != fragment:
        raise BadFields("the link is damaged: its last character cannot be right")
    return secret


def write_link(address: str, secret: bytes) -> str:
    """Return a link as it is handed over.

    Args:
        address: The holder's address, as in its status card.
        secret: 32 random bytes.

    Raises:
        LocalProtocolError: The link could not be read back.
    """
    text = f"{address}{PATH}#{write_secret(secret)}"
    try:
        if read_link(text) == Link(address, secret):
            return text
    except (LinkDamaged, Oversize):
        pass
    raise LocalProtocolError("no link can be made with this address")


def read_link(text: str) -> Link:
    """Return the one link that a text contains, repaired (SPEC.md §3.8).

    Args:
        text: What a person pasted: a link, or a few lines around one.

    Raises:
        Oversize: Longer than any link and what gateways wrap around it.
        LinkDamaged: No whole link in it, or several.
    """
    if len(text) > limits.MAX_LINK:
        raise Oversize(f"a link has more than {limits.MAX_LINK} characters")
    page = False
    for form in _forms(text):
        found = {(match[1], match[2]) for match in _LINK.finditer(form)}
        if len(found) > 1:
            raise LinkDamaged("there is more than one link in the text")
        for address, fragment in found:
            try:
                return Link(address.rstrip("/"), _decoded(fragment))
            except BadFields as problem:
                raise LinkDamaged(str(problem)) from None
        page = page or _PAGE.search(form) is not None
    if page:
        raise LinkDamaged("the link is incomplete: what stands behind # is missing or cut off")
    raise LinkDamaged("this is not a link of undisc")


def _forms(text: str) -> Iterator[str]:
    """Yield a text as it is and with ever more of what happened to it undone."""
    for joined in (text, _BREAK.sub("", text), "".join(text.split())):
        form = joined
        for _ in range(_ESCAPES + 1):
            yield form
            yield from _unwrapped(form)
            form = unquote(form).replace("&#35;", "#").replace("&amp;", "&")


def _unwrapped(form: str) -> Iterator[str]:
    """Undo the two spellings of Proofpoint's URL Defense, which escape in their own ways."""
    for wrapped in _PROOFPOINT_2.finditer(form):
        yield unquote(wrapped[1].replace("_", "/").replace("-", "%"))
    for wrapped in _PROOFPOINT_3.finditer(form):
        try:
            taken = base64.urlsafe_b64decode(wrapped[2] + "=" * (-len(wrapped[2]) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
        pieces = wrapped[1].split("*")
        if len(pieces) == len(taken) + 1:
            yield "".join(map("".join, zip(pieces, [*taken, ""], strict=True)))
