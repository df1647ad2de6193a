"""Signing in at the desk: name and password, then a one-time code; and signing off.

    (nobody) ── password right ──▶ code ── code right ──▶ in
                        │                                  ▲
                        └─ no authenticator yet ─▶ enrol ──┘  first code right

Each step makes a new session with a new secret, so that a cookie somebody planted or saw before is
worth nothing afterwards. A session is a row: a disabled account, a new password or a removed
authenticator ends it with the next request.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from undisc_node.services import auditing, totp
from undisc_node.services.auditing import Journal
from undisc_node.services.desk_rows import Passkey, SecondFactor, StaffSession, Stage
from undisc_node.services.errors import NotSignedIn, Refused
from undisc_node.services.ports import Catalog, Clock, Entropy, Records
from undisc_node.services.staff import Staff
from undisc_node.services.staff_rows import StaffMember
from undisc_protocol.errors import CannotOpen
from undisc_protocol.keys import SEAL_NONCE, keep_authenticator, kept_authenticator

SECRET: Final = 32  # bytes of a cookie's secret
_MINUTE_MS: Final = 60_000
BETWEEN_MS: Final = 5 * _MINUTE_MS  # from password to code; an enrolment takes two or three minutes
LONGEST_MS: Final = 12 * 60 * _MINUTE_MS  # a working day; then everybody signs in again
WRITTEN_MS: Final = 30_000  # how exactly it is kept when a session was last used
MAX_WRONG: Final = 5  # wrong codes until the password is asked for again
MAX_SESSIONS: Final = 8  # of one person at once; the oldest ends


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A step that was done.

    Attributes:
        secret: Text of the cookie for the browser.
        session: The row.
    """

    secret: str
    session: StaffSession

    def __repr__(self) -> str:
        return f"SignedIn(name={self.session.name!r}, stage={self.session.stage!s})"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator has to be told.

    Attributes:
        address: For its QR code.
        text: The secret, to type.
    """

    address: str
    text: str

    def __repr__(self) -> str:
        return "Enrolment()"


class SigningIn:
    """Signs the practice's people in and off.

    Args:
        catalog: Rows.
        staff: Compares passwords, and brakes guessing.
        journal: The log.
        clock: Time.
        entropy: Secrets.
        sealing_key: The key-encryption key: it seals what authenticators were told.
        practice: Our name, as authenticators show it.
        idle_ms: After so long without a request a session ends.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        staff: Staff,
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
        sealing_key: bytes,
        practice: str,
        idle_ms: int,
    ) -> None:
        self._catalog = catalog
        self._staff = staff
        self._journal = journal
        self._clock = clock
        self._entropy = entropy
        self._sealing_key = sealing_key
        self._practice = practice
        self._idle_ms = idle_ms

    def begin(self, name: str, password: str, earlier: str = "") -> SignedIn:
        """Check name and password.

        Args:
            name: As typed.
            password: As typed.
            earlier: Text of the browser's cookie; that session ends.

        Raises:
            NotSignedIn: They are nobody's.
            TooManyAttempts: Wrong ones were tried a moment ago.
        """
        member = self._staff.sign_in(name.strip(), password)
        with self._catalog.change() as records:
            self._end(records, earlier)
            factor = records.desk.factor(member.name)
            if factor is None or factor.confirmed_ms is None:
                return self._make(records, member.name, Stage.ENROL)
            return self._make(records, member.name, Stage.CODE)

    def enrolment(self, session: StaffSession) -> Enrolment:
        """Return what an authenticator has to be told; the same until its first code was right.

        Raises:
            Refused: There is one already.
        """
        with self._catalog.change() as records:
            factor = records.desk.factor(session.name)
            if session.stage is not Stage.ENROL or (factor and factor.confirmed_ms is not None):
                raise Refused("an authenticator is known already", code="enrolled")
            secret = self._opened(factor) if factor else None
            if secret is None:
                secret = self._entropy.random(totp.SECRET)
                sealed = keep_authenticator(
                    self._sealing_key,
                    secret,
                    name=session.name,
                    nonce=self._entropy.random(SEAL_NONCE),
                )
                records.desk.put_factor(SecondFactor(session.name, sealed, 0, None))
        address = totp.address(secret, account=session.name, issuer=f"{self._practice} (undisc)")
        return Enrolment(address, totp.written(secret))

    def finish(self, secret: str, typed: str) -> SignedIn:
        """Check a one-time code; the first one also confirms an authenticator.

        Raises:
            NotSignedIn: The password has to be given again.
            Refused: The code is wrong; another can be tried.
            TooManyAttempts: Wrong ones were tried a moment ago, here or elsewhere.
        """
        session = self.session_of(secret)
        if session is None or session.stage is Stage.IN:
            raise _again()
        self._staff.brake_code(session.name)
        with self._catalog.look() as records:
            factor = records.desk.factor(session.name)
        opened = self._opened(factor) if factor else None
        if opened is None:
            raise _again()
        step = totp.step_of(opened, typed, self._clock.now_ms())
        if step is not None and (signed := self._accept(session, step)) is not None:
            self._staff.forget_wrong_codes(session.name)
            return signed
        self._staff.count_wrong_code(session.name)
        self._count_wrong(session)
        raise Refused("the code is not right", code="wrong_code", hint="wait for the next one")

    def with_passkey(self, secret: str, passkey: Passkey, count: int) -> SignedIn:
        """Sign in somebody whose passkey was checked; the session of the cookie ends.

        Args:
            secret: Text of the browser's cookie.
            passkey: The passkey, as it was when its answer was checked.
            count: How often it says it was used.

        Raises:
            NotSignedIn: The account was disabled, or the passkey removed meanwhile.
        """
        with self._catalog.change() as records:
            known, member = records.desk.passkey(passkey.id), records.staff.get(passkey.name)
            if known != passkey or member is None or member.disabled_ms is not None:
                raise _again()
            records.desk.put_passkey(replace(known, count=count, used_ms=self._clock.now_ms()))
            self._end(records, secret)
            return self._come_in(records, passkey.name)

    def session_of(self, secret: str, *, use: bool = True) -> StaffSession | None:
        """Return whose browser that is, or None; a use keeps it from idling.

        Args:
            secret: Text of its cookie.
            use: Whether somebody did something with it.
        """
        found = _id_of(secret)
        if found is None:
            return None
        now_ms = self._clock.now_ms()
        with self._catalog.look() as records:
            session = records.desk.session(found)
            member = records.staff.get(session.name) if session else None
        if session is None or not self._is_alive(session, member, now_ms):
            return None
        if use and session.stage is Stage.IN and now_ms - session.seen_ms >= WRITTEN_MS:
            session = replace(session, seen_ms=now_ms)
            with self._catalog.change() as records:
                if records.desk.session(found) is not None:
                    records.desk.put_session(session)
        return session

    def member(self, session: StaffSession) -> StaffMember:
        """Return the account of a session.

        Raises:
            NotSignedIn: It is gone.
        """
        with self._catalog.look() as records:
            member = records.staff.get(session.name)
        if member is None or member.disabled_ms is not None:
            raise _again()
        return member

    def sign_off(self, secret: str) -> None:
        """End a session; again changes nothing."""
        with self._catalog.change() as records:
            session = self._end(records, secret)
            if session is not None and session.stage is Stage.IN:
                self._note(records, "staff.signed_off", session.name)

    def forget(self) -> int:
        """Remove rows of sessions that are over, and what was asked long ago; return how many."""
        now_ms = self._clock.now_ms()
        with self._catalog.change() as records:
            return records.desk.forget(now_ms, now_ms - 24 * 60 * _MINUTE_MS)

    # --- Within ---------------------------------------------------------------------------------

    def _accept(self, session: StaffSession, step: int) -> SignedIn | None:
        now_ms = self._clock.now_ms()
        with self._catalog.change() as records:
            known = records.desk.session(session.id)
            if known is None:
                raise _again()
            if not records.desk.use_step(session.name, step):
                return None
            factor = records.desk.factor(session.name)
            if factor is not None and factor.confirmed_ms is None:
                records.desk.put_factor(replace(factor, confirmed_ms=now_ms))
                self._note(records, "staff.enrolled", session.name)
            records.desk.end_session(session.id)
            return self._come_in(records, session.name)

    def _come_in(self, records: Records, name: str) -> SignedIn:
        for old in records.desk.sessions(name)[MAX_SESSIONS - 1 :]:
            records.desk.end_session(old.id)
        self._note(records, "staff.signed_in", name)
        return self._make(records, name, Stage.IN)

    def _make(self, records: Records, name: str, stage: Stage) -> SignedIn:
        secret = self._entropy.random(SECRET)
        now_ms = self._clock.now_ms()
        lasts = LONGEST_MS if stage is Stage.IN else BETWEEN_MS
        session = StaffSession(sha256(secret).digest(), name, stage, now_ms, now_ms, now_ms + lasts)
        records.desk.put_session(session)
        return SignedIn(base64.urlsafe_b64encode(secret).decode().rstrip("="), session)

    def _end(self, records: Records, secret: str) -> StaffSession | None:
        found = _id_of(secret)
        session = records.desk.session(found) if found else None
        if session is not None:
            records.desk.end_session(session.id)
        return session

    def _is_alive(self, session: StaffSession, member: StaffMember | None, now_ms: int) -> bool:
        if member is None or member.disabled_ms is not None:
            return False
        if member.changed_ms > session.created_ms:
            return False  # somebody gave them another password
        idle_ms = self._idle_ms if session.stage is Stage.IN else BETWEEN_MS
        return now_ms < session.until_ms and now_ms - session.seen_ms < idle_ms

    def _count_wrong(self, session: StaffSession) -> None:
        with self._catalog.change() as records:
            known = records.desk.session(session.id)
            if known is None:
                raise _again()
            if known.wrong + 1 >= MAX_WRONG:
                records.desk.end_session(known.id)
                ended = True
            else:
                records.desk.put_session(replace(known, wrong=known.wrong + 1))
                ended = False
        if ended:
            raise _again()

    def _opened(self, factor: SecondFactor) -> bytes | None:
        """Open the secret of an authenticator; None when it was sealed with another key."""
        try:
            return kept_authenticator(self._sealing_key, factor.sealed, name=factor.name)
        except CannotOpen:
            return None

    def _note(self, records: Records, kind: str, name: str) -> None:
        self._journal.note(records, kind, who=auditing.user(name), detail={"name": name})


def _id_of(secret: str) -> bytes | None:
    try:
        raw = base64.b64decode(secret + "=" * (-len(secret) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return sha256(raw).digest() if len(raw) == SECRET else None


def _again() -> NotSignedIn:
    return NotSignedIn("sign in again", hint="the desk asks for name, password and code")
