"""Ports to what the desk keeps: sessions, what is being asked, and what patients wished."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from undisc_node.services.desk_rows import (
    Ask,
    Channel,
    Passkey,
    SecondFactor,
    Signature,
    StaffSession,
    VisitPin,
)


class DeskRecords(Protocol):
    """Who is signed in at the desk, and what patients are being asked."""

    def session(self, session: bytes) -> StaffSession | None:
        """Return a session by its id, or None."""

    def sessions(self, name: str) -> Sequence[StaffSession]:
        """List somebody's sessions, newest first."""

    def put_session(self, session: StaffSession) -> None:
        """Insert or replace by id."""

    def end_session(self, session: bytes) -> None:
        """Remove a session; again changes nothing."""

    def end_sessions(self, name: str) -> int:
        """Remove all of somebody's sessions; return how many there were."""

    def factor(self, name: str) -> SecondFactor | None:
        """Return somebody's authenticator, or None."""

    def put_factor(self, factor: SecondFactor) -> None:
        """Insert or replace by name."""

    def drop_factor(self, name: str) -> None:
        """Forget somebody's authenticator; again changes nothing."""

    def use_step(self, name: str, step: int) -> bool:
        """Use a time step up; False, and nothing changes, when it or a later one was used."""

    def passkey(self, passkey: bytes) -> Passkey | None:
        """Return a passkey by its id, or None."""

    def passkeys(self, name: str) -> Sequence[Passkey]:
        """List somebody's passkeys, oldest first."""

    def put_passkey(self, passkey: Passkey) -> None:
        """Insert or replace by id."""

    def drop_passkey(self, passkey: bytes) -> None:
        """Forget a passkey; again changes nothing."""

    def drop_passkeys(self, name: str) -> int:
        """Forget all passkeys of somebody; return how many there were."""

    def ask(self, ask: bytes) -> Ask | None:
        """Return what is asked by its id, or None."""

    def ask_by_handle(self, handle: bytes) -> Ask | None:
        """Return what a handle opens, or None."""

    def ask_by_session(self, session: bytes) -> Ask | None:
        """Return what a browser was opened for, or None."""

    def asks(self, since_ms: int) -> Sequence[Ask]:
        """List what was asked since then, newest first."""

    def put_ask(self, ask: Ask) -> None:
        """Insert or replace by id."""

    def forget(self, now_ms: int, asked_ms: int) -> int:
        """Remove sessions that are over and what was asked before a time; return how many."""


class WishRecords(Protocol):
    """What patients wished about their visits: a PIN, ways of delivery; and their signatures."""

    def pin(self, visit: bytes) -> VisitPin | None:
        """Return the PIN of a visit, or None."""

    def put_pin(self, pin: VisitPin) -> None:
        """Set the PIN of a visit; replaces an earlier one, and attempts begin anew."""

    def take_attempt(self, visit: bytes) -> bool:
        """Count an attempt at a PIN; False, and nothing is counted, when all are used up."""

    def give_back(self, visit: bytes) -> None:
        """Take the count of an attempt back that turned out to be right."""

    def reopen(self, visit: bytes) -> None:
        """Let attempts begin anew."""

    def channels(self, visit: bytes) -> Sequence[Channel]:
        """List the ways in which a patient wants the link, by kind."""

    def put_channel(self, channel: Channel) -> None:
        """Insert or replace by visit and kind."""

    def drop_channel(self, visit: bytes, kind: str) -> None:
        """Remove a way; again changes nothing."""

    def signature(self, consent: bytes) -> Signature | None:
        """Return the drawn signature of a consent, or None."""

    def add_signature(self, signature: Signature) -> None:
        """Keep a signature; it is never replaced.

        Raises:
            Conflict: There is one already, or no such consent.
        """
