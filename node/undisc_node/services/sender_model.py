"""Who may send images to this node, as rows: see `services.senders` and `services.callers`.

An AE title is a claim that any program can make. A sender is known by what a stranger has to work
for: its source address, or the key of a client certificate. A title narrows that further, and never
widens it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

FINGERPRINT: Final = 32  # bytes of a SHA-256

SENDER: Final = "dicom:"
"""Beginning of what a known sender is called beside its studies; its name follows."""

STRANGER: Final = "stranger:"
"""Beginning of what an unknown one is called beside objects in quarantine; its name follows.

It stands in the sealed header of each such object, so that packs alone tell what nobody has let in.
"""


class SenderState(StrEnum):
    """How far a sender is trusted."""

    PENDING = "pending"  # unknown: what it sends is kept in quarantine
    TRUSTED = "trusted"
    REMOVED = "removed"  # refused, also where unknown ones are kept in quarantine


@dataclass(frozen=True, slots=True)
class Sender:
    """A modality, archive or workstation that may send, waits to be let in, or is turned away.

    At least one of address and fingerprint is given.

    Attributes:
        name: What it is called in the log and beside its studies.
        address: Its IP address, or a network such as `10.1.2.0/24`; empty for any, with a
            certificate.
        ae_title: The only AE title it may use, or empty for any.
        fingerprint: SHA-256 of its client certificate (DER), 32 bytes; empty when none is asked
            for.
        certificate: The certificate itself, DER; empty when only its fingerprint is known.
        state: How far it is trusted.
        may_query: Whether it may search and retrieve (C-FIND, C-MOVE, C-GET), not only send.
        quota: Bytes that its studies may have; 0 for what the settings say.
        added_ms: Since when it is known.
        port: TCP port on which it takes calls itself; 0 when it is not known.
        from_settings: Whether it stands in `undisc.toml`, and not in the catalog.
    """

    name: str
    address: str = ""
    ae_title: str = ""
    fingerprint: bytes = b""
    certificate: bytes = b""
    state: SenderState = SenderState.TRUSTED
    may_query: bool = False
    quota: int = 0
    added_ms: int = 0
    port: int = 0
    from_settings: bool = False


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever opened an association with us: what can be told of them.

    Attributes:
        name: The sender's name.
        state: `trusted`, or `pending` for one whose objects are kept in quarantine.
        address: Where the connection comes from.
        ae_title: What it calls itself.
        fingerprint: SHA-256 of the certificate that it showed; empty for none.
        may_query: Whether it may search and retrieve.
    """

    name: str
    state: SenderState
    address: str
    ae_title: str
    fingerprint: bytes = b""
    may_query: bool = False

    @property
    def sender(self) -> str:
        """What it is called beside what it sends, as in `Study.sender`."""
        return f"{SENDER if self.state is SenderState.TRUSTED else STRANGER}{self.name}"


@dataclass(frozen=True, slots=True)
class SenderCounts:
    """What came of a sender. Written every half minute, so a crash may lose the newest.

    Attributes:
        name: The sender.
        seen_ms: When it last called; None for never.
        objects: Objects of it that were stored.
        size: Bytes of these.
        refused: Objects of it that were refused.
    """

    name: str
    seen_ms: int | None = None
    objects: int = 0
    size: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Quarantined:
    """What is kept in quarantine of one sender and one study.

    It lies in a study of its own, which nobody sees: held, without patient, and under a UID that
    nobody can guess. So it touches no study of this node, whatever it says it belongs to.

    Attributes:
        study: Id of that study.
        sender: The sender's name.
        uid: Study Instance UID that its objects name.
        objects: How many.
        size: Bytes as received.
        since_ms: When the first came.
    """

    study: bytes
    sender: str
    uid: str
    objects: int
    size: int
    since_ms: int
