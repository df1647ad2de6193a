"""What the desk keeps, in memory; part of `support.memory_catalog`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from support.memory_tables import Part
from undisc_node.services.desk_rows import (
    Ask,
    Channel,
    Passkey,
    SecondFactor,
    Signature,
    StaffSession,
    VisitPin,
)
from undisc_node.services.errors import Conflict


class Desk(Part):
    def session(self, session: bytes) -> StaffSession | None:
        return self._now.staff_sessions.get(session)

    def sessions(self, name: str) -> Sequence[StaffSession]:
        found = [one for one in self._now.staff_sessions.values() if one.name == name]
        return sorted(found, key=lambda one: (-one.created_ms, one.id))

    def put_session(self, session: StaffSession) -> None:
        if session.name not in self._new.staff:
            raise Conflict("nobody of that name")
        self._new.staff_sessions[session.id] = session

    def end_session(self, session: bytes) -> None:
        self._new.staff_sessions.pop(session, None)

    def end_sessions(self, name: str) -> int:
        found = [one.id for one in self.sessions(name)]
        for session in found:
            self.end_session(session)
        return len(found)

    def factor(self, name: str) -> SecondFactor | None:
        return self._now.staff_factors.get(name)

    def put_factor(self, factor: SecondFactor) -> None:
        self._new.staff_factors[factor.name] = factor

    def drop_factor(self, name: str) -> None:
        self._new.staff_factors.pop(name, None)

    def use_step(self, name: str, step: int) -> bool:
        known = self._new.staff_factors.get(name)
        if known is None or known.last_step >= step:
            return False
        self._new.staff_factors[name] = replace(known, last_step=step)
        return True

    def passkey(self, passkey: bytes) -> Passkey | None:
        return self._now.staff_passkeys.get(passkey)

    def passkeys(self, name: str) -> Sequence[Passkey]:
        found = [one for one in self._now.staff_passkeys.values() if one.name == name]
        return sorted(found, key=lambda one: (one.created_ms, one.id))

    def put_passkey(self, passkey: Passkey) -> None:
        if passkey.name not in self._new.staff:
            raise Conflict("nobody of that name")
        self._new.staff_passkeys[passkey.id] = passkey

    def drop_passkey(self, passkey: bytes) -> None:
        self._new.staff_passkeys.pop(passkey, None)

    def drop_passkeys(self, name: str) -> int:
        found = [one.id for one in self.passkeys(name)]
        for passkey in found:
            self.drop_passkey(passkey)
        return len(found)

    def ask(self, ask: bytes) -> Ask | None:
        return self._now.asks.get(ask)

    def ask_by_handle(self, handle: bytes) -> Ask | None:
        return next((one for one in self._now.asks.values() if handle == one.handle != b""), None)

    def ask_by_session(self, session: bytes) -> Ask | None:
        return next((one for one in self._now.asks.values() if session == one.session != b""), None)

    def asks(self, since_ms: int) -> Sequence[Ask]:
        found = [one for one in self._now.asks.values() if one.created_ms >= since_ms]
        return sorted(found, key=lambda one: (-one.created_ms, one.id))

    def put_ask(self, ask: Ask) -> None:
        self._new.asks[ask.id] = ask

    def forget(self, now_ms: int, asked_ms: int) -> int:
        over = [one.id for one in self._new.staff_sessions.values() if one.until_ms <= now_ms]
        asked = [one.id for one in self._new.asks.values() if one.created_ms < asked_ms]
        for session in over:
            del self._new.staff_sessions[session]
        for ask in asked:
            del self._new.asks[ask]
        return len(over) + len(asked)


class Wishes(Part):
    def pin(self, visit: bytes) -> VisitPin | None:
        return self._now.visit_pins.get(visit)

    def put_pin(self, pin: VisitPin) -> None:
        if pin.visit not in self._new.visits:
            raise Conflict("no such visit")
        self._new.visit_pins[pin.visit] = replace(pin, attempts=0)

    def take_attempt(self, visit: bytes) -> bool:
        known = self._new.visit_pins.get(visit)
        if known is None or known.attempts >= known.max_attempts:
            return False
        self._new.visit_pins[visit] = replace(known, attempts=known.attempts + 1)
        return True

    def give_back(self, visit: bytes) -> None:
        known = self._new.visit_pins.get(visit)
        if known is not None and known.attempts:
            self._new.visit_pins[visit] = replace(known, attempts=known.attempts - 1)

    def reopen(self, visit: bytes) -> None:
        known = self._new.visit_pins.get(visit)
        if known is not None:
            self._new.visit_pins[visit] = replace(known, attempts=0)

    def channels(self, visit: bytes) -> Sequence[Channel]:
        found = [one for one in self._now.visit_channels.values() if one.visit == visit]
        return sorted(found, key=lambda one: one.kind)

    def put_channel(self, channel: Channel) -> None:
        if channel.visit not in self._new.visits:
            raise Conflict("no such visit")
        self._new.visit_channels[channel.visit, channel.kind] = channel

    def drop_channel(self, visit: bytes, kind: str) -> None:
        self._new.visit_channels.pop((visit, kind), None)

    def signature(self, consent: bytes) -> Signature | None:
        return self._now.consent_signatures.get(consent)

    def add_signature(self, signature: Signature) -> None:
        known = signature.consent in self._new.consent_signatures
        if known or signature.consent not in self._new.consents:
            raise Conflict("it is signed already, or there is no such consent")
        self._new.consent_signatures[signature.consent] = signature
