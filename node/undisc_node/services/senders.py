"""Who may send, as the administrator sees and decides it: list, add, trust, remove, echo."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from ipaddress import ip_network
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.callers import normal_address
from undisc_node.services.errors import Conflict, Invalid, NotFound
from undisc_node.services.known_senders import KnownSenders, RefusedCaller
from undisc_node.services.letting_in import LetIn, LettingIn
from undisc_node.services.model import InstanceFacts
from undisc_node.services.ports import Catalog, Clock
from undisc_node.services.sender_model import (
    FINGERPRINT,
    Quarantined,
    Sender,
    SenderCounts,
    SenderState,
)

MAX_SENDERS: Final = 1_024  # each is compared with every caller; a hospital has some hundred
MAX_LOOKED_INTO: Final = 50  # studies in quarantine of which `show` says what they are
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@:-]{0,63}")
_TITLE: Final = re.compile(r"[\x20-\x5b\x5d-\x7e]{1,16}")  # PS3.5 §6.2, AE
_HIGHEST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderWish:
    """How an administrator describes a sender; None leaves a thing as it is.

    Attributes:
        name: What it shall be called.
        address: IP address or network; empty for any.
        ae_title: The only AE title that it may use; empty for any.
        certificate: Its client certificate, a PEM or DER file; empty for none.
        fingerprint: SHA-256 of the certificate, as hex, with or without colons; empty for none.
        may_query: Whether it may search and retrieve.
        quota: Bytes that its studies may have; 0 for what the settings say.
        port: TCP port on which it takes calls itself.
    """

    name: str | None = None
    address: str | None = None
    ae_title: str | None = None
    certificate: bytes | None = None
    fingerprint: str | None = None
    may_query: bool | None = None
    quota: int | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class SenderStatus:
    """A sender, and what came of it.

    Attributes:
        sender: The row.
        counts: What came of it.
        quarantined: What is kept of it in quarantine, oldest first.
    """

    sender: Sender
    counts: SenderCounts
    quarantined: Sequence[Quarantined] = ()


class Senders:
    """Administers senders.

    Args:
        catalog: Rows.
        known: Who may send now; told of each change.
        letting_in: Empties the quarantine.
        journal: The log.
        clock: Time.
        read_certificate: Reads a PEM or DER file, returns DER; raises `Invalid`.
        call: Sends a C-ECHO to an address and port, with an AE title to call; raises `ServiceError`
            when nobody answers.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        known: KnownSenders,
        letting_in: LettingIn,
        journal: Journal,
        clock: Clock,
        read_certificate: Callable[[bytes], bytes],
        call: Callable[[str, int, str], None],
    ) -> None:
        self._catalog = catalog
        self._known = known
        self._letting_in = letting_in
        self._journal = journal
        self._clock = clock
        self._read_certificate = read_certificate
        self._call = call

    def list(self, *, removed: bool = False) -> Sequence[SenderStatus]:
        """List senders: those that wait first, then those in the settings, then by name."""
        self._known.flush()
        self._known.reload()  # strangers get their rows with their first object
        with self._catalog.look() as records:
            counts = {one.name: one for one in records.senders.counts()}
            kept = records.senders.quarantined()
        shown = [one for one in self._known.all() if removed or one.state is not _REMOVED]
        shown.sort(key=lambda one: one.state is not SenderState.PENDING)
        return [
            SenderStatus(
                one,
                counts.get(one.name, SenderCounts(one.name)),
                tuple(row for row in kept if row.sender == one.name),
            )
            for one in shown
        ]

    def refused(self) -> Sequence[RefusedCaller]:
        """Return who was refused since the start, the newest first."""
        return self._known.refused()

    def quarantines(self) -> bool:
        """Tell whether unknown senders are kept in quarantine, and not refused."""
        return self._known.quarantine

    def find(self, name: str) -> SenderStatus:
        """Return a sender by its name, also a removed one.

        Raises:
            NotFound: There is none.
        """
        found = [one for one in self.list(removed=True) if one.sender.name == name]
        if not found:
            raise NotFound(
                "no sender has that name", code="no_sender", hint="undisc senders list shows them"
            )
        return found[0]

    def look(self, status: SenderStatus) -> Sequence[tuple[Quarantined, InstanceFacts | None]]:
        """Return what the first studies of a sender in quarantine are.

        Raises:
            Damaged: Stored bytes do not authenticate.
        """
        return [(row, self._letting_in.look(row)) for row in status.quarantined[:MAX_LOOKED_INTO]]

    def add(self, wish: SenderWish, actor: str) -> SenderStatus:
        """Let somebody send from now on.

        Raises:
            Invalid: Something of the wish cannot be used.
            Conflict: There is one by that name, or there are too many.
        """
        sender = self._wished(Sender(""), wish)
        with self._catalog.change() as records:
            known = records.senders.get(sender.name)
            if self._is_configured(sender.name) or (known and known.state is not _REMOVED):
                raise Conflict(
                    f"there is a sender called '{sender.name}' already",
                    code="sender_exists",
                    hint="choose another name, or change it: undisc senders trust NAME --help",
                )
            if len(records.senders.list()) >= MAX_SENDERS:
                raise Conflict(f"there are {MAX_SENDERS} senders already", code="too_many")
            records.senders.put(sender)
            self._journal.note(
                records, "sender.added", who=auditing.user(actor), detail=_pins(sender)
            )
        self._known.reload()
        return self.find(sender.name)

    def trust(self, name: str, wish: SenderWish, actor: str) -> tuple[SenderStatus, LetIn]:
        """Trust an unknown or removed sender, or change a trusted one; let in what it sent.

        Args:
            name: Its name.
            wish: What to change about it, also its name.
            actor: Who decided.

        Raises:
            NotFound: There is none.
            Invalid: Something of the wish cannot be used.
            Conflict: It stands in the settings, or the new name is taken.
        """
        self._refuse_configured(name)
        with self._catalog.change() as records:
            known = records.senders.get(name)
            if known is None:
                raise NotFound(
                    "no sender has that name",
                    code="no_sender",
                    hint="undisc senders list shows them; add makes a new one",
                )
            trusted = self._wished(replace(known, state=SenderState.TRUSTED), wish)
            if trusted.name != name:
                if self._is_configured(trusted.name) or records.senders.get(trusted.name):
                    raise Conflict(
                        f"there is a sender called '{trusted.name}' already", code="sender_exists"
                    )
                counts = [one for one in records.senders.counts() if one.name == name]
                records.senders.forget(name)
                for one in counts:
                    records.senders.count(replace(one, name=trusted.name))
            records.senders.put(trusted)
            self._journal.note(
                records,
                "sender.trusted",
                who=auditing.user(actor),
                detail={**_pins(trusted), "before": name},
            )
        self._known.reload()
        done = self._letting_in.let_in(name, trusted.name, actor)
        return self.find(trusted.name), done

    def remove(self, name: str, actor: str) -> tuple[SenderStatus, LetIn]:
        """Refuse a sender from now on, and erase what it has in quarantine; its studies stay.

        Raises:
            NotFound: There is none.
            Conflict: It stands in the settings.
        """
        self._refuse_configured(name)
        with self._catalog.change(vital=True) as records:
            known = records.senders.get(name)
            if known is None:
                raise NotFound(
                    "no sender has that name",
                    code="no_sender",
                    hint="undisc senders list shows them",
                )
            records.senders.put(replace(known, state=_REMOVED, may_query=False))
            self._journal.note(
                records, "sender.removed", who=auditing.user(actor), detail=_pins(known)
            )
        self._known.reload()
        done = self._letting_in.erase(name, actor, "the sender was removed")
        return self.find(name), done

    def echo(self, name: str, port: int = 0) -> SenderStatus:
        """Ask a sender whether it answers (C-ECHO).

        Args:
            name: Its name.
            port: Its TCP port; 0 for the one that is known.

        Raises:
            NotFound: There is none.
            Invalid: Its address is a network, or its port is not known.
            Unavailable: It does not answer.
            Refused: It does not let us in.
        """
        found = self.find(name)
        sender, port = found.sender, port or found.sender.port
        if not sender.address or "/" in sender.address:
            raise Invalid(
                "this sender has no single address to call",
                code="no_address",
                hint="give it one: undisc senders trust NAME --address ADDRESS",
            )
        if not 0 < port <= _HIGHEST_PORT:
            raise Invalid(
                "on which port this sender takes calls is not known",
                code="no_port",
                hint="say it: undisc senders echo NAME --port 104",
            )
        self._call(sender.address, port, sender.ae_title or "ANY-SCP")
        return found

    def _is_configured(self, name: str) -> bool:
        return any(one.name == name for one in self._known.configured)

    def _refuse_configured(self, name: str) -> None:
        if self._is_configured(name):
            raise Conflict(
                "this sender stands in undisc.toml",
                code="in_settings",
                hint="change it there under [[dicom.senders]], and restart the node",
            )

    def _wished(self, sender: Sender, wish: SenderWish) -> Sender:
        """Return a sender as it is wished; pinned to an address or a certificate."""
        certificate, fingerprint = sender.certificate, sender.fingerprint
        if wish.fingerprint is not None:
            certificate, fingerprint = b"", _fingerprint(wish.fingerprint)
        if wish.certificate is not None:
            certificate = self._read_certificate(wish.certificate) if wish.certificate else b""
            shown = sha256(certificate).digest() if certificate else b""
            if wish.fingerprint and fingerprint != shown:
                raise Invalid(
                    "the certificate does not have that fingerprint",
                    code="bad_certificate",
                    hint="compare both with whoever looks after the sender",
                )
            fingerprint = shown
        made = replace(
            sender,
            name=_name(sender.name if wish.name is None else wish.name),
            address=sender.address if wish.address is None else _address(wish.address),
            ae_title=sender.ae_title if wish.ae_title is None else _title(wish.ae_title),
            fingerprint=fingerprint,
            certificate=certificate,
            may_query=sender.may_query if wish.may_query is None else wish.may_query,
            quota=sender.quota if wish.quota is None else wish.quota,
            port=sender.port if wish.port is None else wish.port,
            added_ms=sender.added_ms or self._clock.now_ms(),
        )
        if not made.address and not made.fingerprint:
            raise Invalid(
                "a sender is known by its address or its certificate, never by its AE title alone",
                code="not_pinned",
                hint="--address 10.1.2.3, or --certificate FILE",
            )
        return made


_REMOVED: Final = SenderState.REMOVED


def _pins(sender: Sender) -> dict[str, str | int]:
    """Say in the log how a sender is known."""
    return {
        "sender": sender.name,
        "address": sender.address,
        "ae_title": sender.ae_title,
        "fingerprint": sender.fingerprint.hex(),
        "may_query": int(sender.may_query),
    }


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise Invalid(
            "a sender is called by 1 to 64 letters, digits, spaces, dots, dashes, underscores,"
            " colons or @",
            code="bad_name",
        )
    return text


def _address(text: str) -> str:
    if not text:
        return ""
    try:
        return str(ip_network(text)) if "/" in text else str(normal_address(text))
    except ValueError:
        raise Invalid(
            "a sender's address is an IP address or a network",
            code="bad_address",
            hint="write 10.1.2.3, or 10.1.2.0/24 with zeros at the end",
        ) from None


def _title(text: str) -> str:
    title = text.strip()
    if title and not _TITLE.fullmatch(title):
        raise Invalid("an AE title has 1 to 16 ASCII characters and no backslash")
    return title


def _fingerprint(text: str) -> bytes:
    try:
        made = bytes.fromhex(text.replace(":", ""))
    except ValueError:
        made = b"?"
    if len(made) not in (0, FINGERPRINT):
        raise Invalid(
            "a fingerprint is the SHA-256 of a certificate: 64 hex digits",
            code="bad_fingerprint",
            hint="openssl x509 -in FILE -noout -fingerprint -sha256",
        )
    return made
