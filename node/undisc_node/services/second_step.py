"""The second step of a link: a one-time code to the contact that the patient has named.

Both doors stand behind it, the browser's (SPEC.md §6.13) and the one between nodes (§6.12). A code
belongs to a link and a contact, not to a door: what a browser had sent opens for a node as well.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from undisc_node.services.errors import MayBeSent, ServiceError, Unavailable
from undisc_node.services.one_time_codes import OneTimeCodes
from undisc_node.services.patient_rows import PatientShare
from undisc_node.services.ports import Records
from undisc_protocol.did import Did

SendCode = Callable[[str, str, str], None]
"""Sends a one-time code: to which address or number, the code, in which language."""


class SecondStep:
    """Sends and checks one-time codes.

    Args:
        codes: Makes and checks them.
        send_code: Sends one, or None where this node sends nothing.
    """

    def __init__(self, *, codes: OneTimeCodes, send_code: SendCode | None) -> None:
        self._codes = codes
        self._send_code = send_code

    @property
    def sends(self) -> bool:
        """Whether codes can be sent at all."""
        return self._send_code is not None

    def send(self, contact: str, context: bytes, language: str) -> None:
        """Send a code; an earlier one for the same ends.

        Args:
            contact: Where it goes.
            context: What it is for.
            language: In which the message is written.

        Raises:
            Unavailable: Nothing can be sent now.
            TooManyAttempts: One was just sent, or too many today.
        """
        if self._send_code is None:
            raise Unavailable("this node cannot send codes at the moment", code="channel_not_set")
        made = self._codes.issue(context)
        try:
            self._send_code(contact, made.code, language)
        except MayBeSent:
            raise
        except ServiceError:
            self._codes.withdraw(context)  # nobody has it, so the next need not wait for it
            raise

    def check(self, context: bytes, code: str) -> None:
        """Use a code up.

        Raises:
            ServiceError: As `OneTimeCodes.check`.
        """
        self._codes.check(context, code)


def asking_share(records: Records, link: Did) -> PatientShare | None:
    """Return what a patient has shared with a link, if it asks for a code."""
    shared = next(iter(records.patients.shares_to(link)), None)
    return shared if shared is not None and shared.contact else None


def context_of_share(shared: PatientShare) -> bytes:
    """Return what a one-time code is good for: this link, and this contact."""
    return sha256(f"open {shared.audience} {shared.contact}".encode()).digest()


def context_of_visit(visit: bytes, contact: str) -> bytes:
    """Return what a one-time code to the patient is good for: this visit, and this contact."""
    return sha256(f"claim {visit.hex()} {contact}".encode()).digest()


def language_of(records: Records, visit: bytes) -> str:
    """Return the language that a patient has chosen for messages, else that they were asked in."""
    for channel in records.wishes.channels(visit):
        if channel.address:
            return channel.language
    row = records.visits.get(visit)
    consent = records.consents.get(row.consent) if row else None
    return consent.statement.language if consent else "en"
