"""Pairing two nodes that cannot reach each other, by two files (SPEC.md §3.11).

    inviter                                   guest
      │  file: what it says                     │
      │ ───────────── on any way ──────────────►│  shows the words
      │  file: what it says, and to which file  │
      │ ◄──────────── on any way ───────────────│
      ▼ shows the words

Nobody commits to anything here, so whoever carries the files may try what he says until the words
on both sides agree. Therefore they are twice as many words as on a line, and each try costs the
work of Argon2id.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from nacl import pwhash

from undisc_protocol import dagcbor, limits
from undisc_protocol.dagcbor import DIGEST_SIZE
from undisc_protocol.did import fingerprint_words
from undisc_protocol.errors import BadFields, LocalProtocolError, RemoteProtocolError
from undisc_protocol.fields import Fields
from undisc_protocol.keys import KEY_SIZE
from undisc_protocol.pairing import Said, read_said, say

FILE_WORDS: Final = 8  # 88 bits: to make both sides agree takes 2^44 times the work of Argon2id
MAGIC: Final = "undisc pairing 1"
_DOMAIN: Final = b"undisc/v1/pairing-file"
_SALT: Final = sha256(_DOMAIN).digest()[: pwhash.argon2id.SALTBYTES]


@dataclass(frozen=True, slots=True)
class PairingFile:
    """A pairing file that was read.

    Attributes:
        raw: Its bytes.
        said: What its node says, verified.
        answers: SHA-256 of the file that it answers; None for the first one.
    """

    raw: bytes
    said: Said
    answers: bytes | None

    @property
    def hash(self) -> bytes:
        """SHA-256 of all its bytes, 32 bytes."""
        return sha256(self.raw).digest()


def write_pairing_file(
    document: bytes, scopes: Collection[str], *, nonce: bytes, answers: bytes | None
) -> bytes:
    """Write a pairing file.

    Args:
        document: This node's document.
        scopes: What it lets the other side do.
        nonce: `pairing.NONCE` fresh random bytes.
        answers: `PairingFile.hash` of the file that this one answers, or None.

    Raises:
        LocalProtocolError: Nobody could read it.
    """
    raw = dagcbor.encode(
        {"undisc": MAGIC, "said": say(document, scopes, nonce), "answers": answers}
    )
    try:
        _fields(raw)
    except RemoteProtocolError as problem:
        raise LocalProtocolError(f"no pairing file can be made: {problem}") from problem
    return raw


def read_pairing_file(raw: bytes, *, now: int) -> PairingFile:
    """Read and verify a pairing file.

    Args:
        raw: Its bytes.
        now: The time now, seconds since 1970.

    Raises:
        Oversize: Too many bytes.
        Malformed: Not canonical bytes.
        BadFields: Not exactly a pairing file.
        RemoteProtocolError: As `pairing.read_said`.
    """
    fields = _fields(raw)
    said = read_said(fields.sized("said", most=limits.MAX_PAIRING), now=now)
    return PairingFile(raw, said, fields.optional_fixed("answers", DIGEST_SIZE))


def _fields(raw: bytes) -> Fields:
    decoded = dagcbor.decode(raw, limit=limits.MAX_PAIRING)
    fields = Fields(decoded, "a pairing file", {"undisc", "said", "answers"})
    if fields.raw("undisc") != MAGIC:
        raise BadFields("this is not a pairing file of this version")
    fields.optional_fixed("answers", DIGEST_SIZE)
    return fields


def file_words(inviter: bytes, guest: bytes) -> tuple[str, ...]:
    """Return the words of two pairing files; takes about a second and 256 MiB.

    Args:
        inviter: The first file's bytes.
        guest: The bytes of the file that answers it.
    """
    said = sha256(_DOMAIN + b"\x00" + sha256(guest).digest() + sha256(inviter).digest()).digest()
    hardened = pwhash.argon2id.kdf(
        KEY_SIZE,
        said,
        _SALT,
        opslimit=pwhash.argon2id.OPSLIMIT_MODERATE,
        memlimit=pwhash.argon2id.MEMLIMIT_MODERATE,
    )
    return fingerprint_words(hardened, FILE_WORDS)
