"""The recovery kit: one printable page that brings a node back (SPEC.md §3.7).

It holds the recovery key, with which the node makes its next identity record, and a copy of the
key-encryption key, without which a backup's studies stay closed. Both are sealed under a
passphrase; whoever finds the page alone has nothing.

    secrets =  node id (32) ‖ recovery key seed (32) ‖ key-encryption key (32)
    body    =  01 ‖ salt (16) ‖ seal(kit key, secrets), bound to 01 ‖ salt
    row     =  35 letters of the body in base32 ‖ 5 check letters
    page    =  words for people, then the rows between two marker lines

The page may be copied by hand: only letters and digits count, their case does not, 0, 1 and 8 are
read as O, I and B, and the check letters say which row was mistyped.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from textwrap import fill, wrap
from typing import Final

from undisc_protocol import keys, limits
from undisc_protocol.did import fingerprint_words
from undisc_protocol.errors import CannotOpen, LocalProtocolError, Malformed, Oversize
from undisc_protocol.fields import UNSHOWABLE

BEGIN: Final = "-----BEGIN UNDISC RECOVERY KIT-----"
END: Final = "-----END UNDISC RECOVERY KIT-----"

_VERSION: Final = b"\x01"
_BODY: Final = (
    len(_VERSION) + keys.KIT_SALT + keys.SEAL_OVERHEAD + 3 * keys.KEY_SIZE
)  # 153 bytes: 245 letters of base32, 7 rows
_GROUP: Final = 5  # letters
_ROW: Final = 7 * _GROUP  # letters of a row without its check
_LINE: Final = 72  # columns of the words for people
_MISREAD: Final = str.maketrans("018", "OIB")
_GAP: Final = r"[\W_]{1,9}"
# Two searches and not one expression around both: that would try every beginning with every rest.
_BEGINS: Final = re.compile(_GAP.join(("BEGIN", "UNDISC", "RECOVERY", "KIT")), re.IGNORECASE)
_ENDS: Final = re.compile(_GAP.join(("END", "UNDISC", "RECOVERY", "KIT")), re.IGNORECASE)

_PAGE: Final = """\
undisc recovery kit
===================

practice   {name}
node id    {words}

{text}

{begin}
{rows}
{end}
"""
_TEXT: Final = """\
Print this page, and keep it where a thief of the server does not find it: a safe, a bank. Keep the
passphrase somewhere else. Then delete the file.

You need both when the server is lost, destroyed or stolen: only with them can another machine take
the place of this node. The rows below may be typed in by hand; spaces, line ends and capital
letters do not matter, and a mistyped row is named.

Check today that the page can be read: 'undisc-node kit verify' asks for file and passphrase."""


@dataclass(frozen=True, slots=True)
class Kit:
    """What a recovery kit holds.

    Attributes:
        node_id: Whose kit it is, 32 bytes.
        recovery_seed: Ed25519 seed of the next node key, 32 bytes.
        key_encryption_key: Opens the wrapped study keys, 32 bytes.
    """

    node_id: bytes
    recovery_seed: bytes
    key_encryption_key: bytes

    def __repr__(self) -> str:
        # Secrets must not reach a traceback or a log.
        return f"Kit(node_id={self.node_id.hex()})"


def make_kit(kit: Kit, *, name: str, passphrase: str, salt: bytes, nonce: bytes) -> str:
    """Write a recovery kit.

    Args:
        kit: What it holds.
        name: The practice's name, for the reader; one line.
        passphrase: What protects it; not empty.
        salt: 16 fresh random bytes.
        nonce: 24 fresh random bytes.

    Returns:
        The page: text of at most 72 columns with line feeds.

    Raises:
        LocalProtocolError: Something has the wrong size, or the passphrase is empty.
    """
    secrets = kit.node_id + kit.recovery_seed + kit.key_encryption_key
    if len(secrets) != 3 * keys.KEY_SIZE or len(salt) != keys.KIT_SALT:
        raise LocalProtocolError("a recovery kit holds three values of 32 bytes and a salt of 16")
    if UNSHOWABLE.search(name):
        raise LocalProtocolError("a practice's name on a recovery kit is one line")
    sealed = keys.seal(
        _kit_key(passphrase, salt),
        secrets,
        domain=keys.DOMAIN_KIT,
        bound_to=_VERSION + salt,
        nonce=nonce,
    )
    words = " ".join(fingerprint_words(kit.node_id))
    return _PAGE.format(
        name=name,
        words=("\n" + " " * 11).join(wrap(words, _LINE - 11)),
        text="\n\n".join(fill(text, _LINE) for text in _TEXT.split("\n\n")),
        begin=BEGIN,
        rows="\n".join(_rows(_VERSION + salt + sealed)),
        end=END,
    )


def open_kit(text: str, passphrase: str) -> Kit:
    """Read a recovery kit back.

    Args:
        text: The page, or at least its rows with both marker lines; damage to spaces and line ends
            does not matter.
        passphrase: What the administrator chose.

    Raises:
        Oversize: Far more text than a kit has.
        Malformed: No kit in the text, or a mistyped row; the message says which.
        CannotOpen: Another passphrase.
    """
    body = _body(text)
    salt, sealed = body[1 : 1 + keys.KIT_SALT], body[1 + keys.KIT_SALT :]
    try:
        secrets = keys.unseal(
            _kit_key(passphrase, salt), sealed, domain=keys.DOMAIN_KIT, bound_to=_VERSION + salt
        )
    except CannotOpen:
        error = CannotOpen("the recovery kit does not open with this passphrase")
        error.hint = (
            "try the passphrase again; capital letters, spaces and the keyboard layout count"
        )
        raise error from None
    size = keys.KEY_SIZE
    return Kit(secrets[:size], secrets[size : 2 * size], secrets[2 * size :])


def _kit_key(passphrase: str, salt: bytes) -> bytes:
    if not passphrase:
        raise LocalProtocolError("a recovery kit needs a passphrase")
    # Two keyboards may write the same letter in two ways; NFC makes them one.
    return keys.kit_key(unicodedata.normalize("NFC", passphrase), salt)


def _check(number: int, letters: str) -> str:
    """Return the check letters of row `number` (from 1)."""
    digest = sha256(f"{number}:{letters}".encode(errors="replace")).digest()
    return base64.b32encode(digest)[:_GROUP].decode()


def _rows(body: bytes) -> Iterator[str]:
    letters = base64.b32encode(body).decode().rstrip("=")
    for start in range(0, len(letters), _ROW):
        row = letters[start : start + _ROW]
        yield " ".join(wrap(row + _check(start // _ROW + 1, row), _GROUP))


def _body(text: str) -> bytes:
    if len(text) > limits.MAX_KIT:
        raise Oversize("the text is far longer than a recovery kit")
    begins = _BEGINS.search(text)
    ends = begins and _ENDS.search(text, begins.end())
    if begins is None or ends is None:
        raise Malformed(f"no recovery kit between '{BEGIN}' and '{END}'")
    typed = re.sub(r"[\W_]", "", text[begins.end() : ends.start()]).upper().translate(_MISREAD)
    letters = []
    for start in range(0, len(typed), _ROW + _GROUP):
        row, check = typed[start : start + _ROW], typed[start + _ROW : start + _ROW + _GROUP]
        number = start // (_ROW + _GROUP) + 1
        if check != _check(number, row):
            raise _mistyped(number)
        letters.append(row)
    joined = "".join(letters)
    try:
        body = base64.b32decode(joined + "=" * (-len(joined) % 8))
    except ValueError:  # also for letters outside ASCII, whose check letters fit
        raise Malformed("the rows of the recovery kit are not what was printed") from None
    if len(body) != _BODY or body[:1] != _VERSION:
        raise Malformed("the recovery kit is incomplete, or from another version of undisc")
    return body


def _mistyped(number: int) -> Malformed:
    error = Malformed(f"row {number} of the recovery kit is not as it was printed")
    error.hint = "compare that row with the page, letter by letter; each row ends with a check"
    return error
