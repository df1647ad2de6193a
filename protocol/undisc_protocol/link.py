"""The text of a link's secret, and reading it back from a damaged link (SPEC.md §3.2).

A link is `https://…/…#<secret>`: 43 characters of base64url, 32 random bytes, in the fragment,
which a browser never sends. Its key is `keys.link_key(secret)`. Mail programs write `#` as `%23`,
gateways escape that again, and sentences leave a full stop or bracket at the end: all of this is
repaired, anything else refused. A secret never appears in an error.
"""

from __future__ import annotations

import base64
import re
from typing import Final

from undisc_protocol import limits
from undisc_protocol.errors import BadFields, LocalProtocolError, Oversize
from undisc_protocol.keys import KEY_SIZE

_HASH: Final = re.compile(r"#|%(?:25){0,3}23")
_TRAILING: Final = " \t\r\n.,;:!?'\"()[]{}<>*"
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")


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
    secret = base64.urlsafe_b64decode(fragment + "=")
    if write_secret(secret) != fragment:
        raise BadFields("the link is damaged: its last character cannot be right")
    return secret
