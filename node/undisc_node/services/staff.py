"""Accounts of the practice's own people: add, list, disable, reset, and signing in.

A password is hashed slowly on purpose. A viewer sends it with every request, so a success is
remembered for a minute, as a keyed hash in memory; every use of it still looks at the row, so a
disabled account ends at once. Hashing happens one at a time, which bounds its memory, and guessing
is braked by name.
"""

from __future__ import annotations

import hmac
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from threading import Lock
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import Conflict, Invalid, NotFound, NotSignedIn, TooManyAttempts
from undisc_node.services.ports import Catalog, Clock, Entropy, Records
from undisc_node.services.staff_rows import Role, StaffMember
from undisc_protocol import passwords

MIN_PASSWORD: Final = 12  # characters; NIST SP 800-63B-4 §3.1.1.2 asks for 15 without a 2nd factor,
# which front desks answer with notes under keyboards; guessing here is braked
MAX_PASSWORD: Final = 256  # characters
MAX_NAME: Final = 64  # characters
REMEMBERED_MS: Final = 60_000  # a success; the longest that a changed password could be unnoticed
# is none, as the row is looked at, so this only bounds how long its hash lies in memory
MAX_REMEMBERED: Final = 256  # successes
FREE_ATTEMPTS: Final = 5  # wrong passwords in a row before waiting begins
FIRST_WAIT_MS: Final = 2_000  # doubles with every further wrong one
LONGEST_WAIT_MS: Final = 15 * 60_000
MAX_GUESSED: Final = 4_096  # names whose attempts are counted
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]*")


@dataclass(frozen=True, slots=True)
class _Guessed:
    """Wrong passwords for one name."""

    wrong: int
    until_ms: int


class Staff:
    """Looks after the accounts and says who signs in.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
        entropy: Salts.
        passes: Cost of a password's hash; less in tests only.
        memory: Likewise, in bytes.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
        passes: int = passwords.PASSES,
        memory: int = passwords.MEMORY,
    ) -> None:
        self._catalog = catalog
        self._journal = journal
        self._clock = clock
        self._entropy = entropy
        self._passes, self._memory = passes, memory
        self._key = entropy.random(32)  # what is remembered means nothing outside this process
        self._known: OrderedDict[bytes, tuple[bytes, int]] = OrderedDict()
        self._guessed: OrderedDict[str, _Guessed] = OrderedDict()
        self._lock = Lock()
        self._hashing = Lock()

    def add(self, name: str, role: Role, password: str, actor: str) -> StaffMember:
        """Make an account.

        Raises:
            Invalid: The name or the password cannot be used.
            Conflict: The name is taken.
        """
        if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
            raise Invalid(
                f"a name has up to {MAX_NAME} lower-case letters, digits and . _ - @",
                code="bad_name",
            )
        now_ms = self._clock.now_ms()
        made = self._with_password(
            StaffMember(name, role, b"", b"", 0, 0, now_ms, now_ms), password, now_ms
        )
        with self._catalog.change() as records:
            if records.staff.get(name) is not None:
                raise Conflict(
                    "there is an account of that name already",
                    code="name_taken",
                    hint=f"give it a new password: undisc staff reset {name}",
                )
            records.staff.put(made)
            self._journal.note(
                records,
                "staff.added",
                who=auditing.user(actor),
                detail={"name": name, "role": str(role)},
            )
        return made

    def list(self) -> Sequence[StaffMember]:
        """List all accounts by name."""
        with self._catalog.look() as records:
            return records.staff.list()

    def disable(self, name: str, actor: str) -> StaffMember:
        """Let somebody sign in no more, from the next request on.

        Raises:
            NotFound: No such account.
            Conflict: It is the last administrator's.
        """
        with self._catalog.change() as records:
            member = records.staff.get(name)
            if member is None:
                raise _unknown()
            if member.disabled_ms is not None:
                return member
            changed = replace(member, disabled_ms=self._clock.now_ms())
            records.staff.put(changed)
            records.desk.end_sessions(name)
            self._note(records, "staff.disabled", name, actor)
        return changed

    def reset(self, name: str, password: str, actor: str) -> StaffMember:
        """Give somebody a new password; a disabled account can be used again.

        Their sessions end, their passkeys are forgotten, and at the desk they set up their
        authenticator anew.

        Raises:
            NotFound: No such account.
            Invalid: The password cannot be used.
        """
        with self._catalog.look() as records:
            member = records.staff.get(name)
        if member is None:
            raise _unknown()
        changed = self._with_password(member, password, self._clock.now_ms())
        with self._catalog.change() as records:
            records.staff.put(changed)
            records.desk.end_sessions(name)
            records.desk.drop_factor(name)
            records.desk.drop_passkeys(name)
            self._note(records, "staff.reset", name, actor)
        with self._lock:
            self._guessed.pop(name, None)
            self._guessed.pop(_code_of(name), None)
        return changed

    def sign_in(self, name: str, password: str) -> StaffMember:
        """Return whose name and password these are.

        Raises:
            NotSignedIn: Nobody's.
            TooManyAttempts: Wrong passwords were tried for this name a moment ago.
        """
        name = name.lower()
        with self._catalog.look() as records:
            member = records.staff.get(name) if len(name) <= MAX_NAME else None
        mark = hmac.digest(self._key, f"{name}\n{password}".encode("utf-8", "replace"), sha256)
        if member is not None and self._remembers(mark, member):
            return _allowed(member)
        with self._hashing:
            # Thirty requests of one viewer wait here; the first of them did the work for all.
            if member is not None and self._remembers(mark, member):
                return _allowed(member)
            self._brake(name)
            if not self._is_right(member, password):
                self._count_wrong(name)
                raise _wrong()
        assert member is not None  # noqa: S101 - for the type checker
        _allowed(member)
        with self._lock:
            self._guessed.pop(name, None)
            self._known[mark] = (member.hash, self._clock.now_ms() + REMEMBERED_MS)
            while len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)
        return member

    def brake_code(self, name: str) -> None:
        """Make somebody wait who gave wrong one-time codes.

        Raises:
            TooManyAttempts: A moment ago.
        """
        self._brake(_code_of(name))

    def count_wrong_code(self, name: str) -> None:
        """Count a wrong one-time code, whichever browser it came from."""
        self._count_wrong(_code_of(name))

    def forget_wrong_codes(self, name: str) -> None:
        """Count anew after a right one."""
        with self._lock:
            self._guessed.pop(_code_of(name), None)

    def _is_right(self, member: StaffMember | None, password: str) -> bool:
        """Compare; takes as long for a name that nobody has."""
        if len(password) > MAX_PASSWORD:
            return False
        kept = member or StaffMember(
            "", Role.DESK, bytes(passwords.SALT), b"", self._passes, self._memory, 0, 0
        )
        found = passwords.hash_password(password, kept.salt, passes=kept.passes, memory=kept.memory)
        return member is not None and passwords.same(found, kept.hash)

    def _remembers(self, mark: bytes, member: StaffMember) -> bool:
        with self._lock:
            found = self._known.get(mark)
            if found is None:
                return False
            password_hash, until_ms = found
            if self._clock.now_ms() >= until_ms or not passwords.same(password_hash, member.hash):
                del self._known[mark]
                return False
            return True

    def _brake(self, name: str) -> None:
        with self._lock:
            guessed = self._guessed.get(name)
        if guessed is not None and (left := guessed.until_ms - self._clock.now_ms()) > 0:
            raise TooManyAttempts(
                "too many wrong passwords or codes for this name",
                hint=f"wait {left // 1000 + 1} seconds, or ask an administrator for"
                " 'undisc staff reset'",
            )

    def _count_wrong(self, name: str) -> None:
        with self._lock:
            earlier = self._guessed.pop(name, None)
            wrong = (earlier.wrong if earlier else 0) + 1
            wait = 0
            if wrong >= FREE_ATTEMPTS:
                doublings = min(wrong - FREE_ATTEMPTS, 16)
                wait = min(FIRST_WAIT_MS << doublings, LONGEST_WAIT_MS)
            self._guessed[name] = _Guessed(wrong, self._clock.now_ms() + wait)
            while len(self._guessed) > MAX_GUESSED:
                self._guessed.popitem(last=False)

    def _with_password(self, member: StaffMember, password: str, now_ms: int) -> StaffMember:
        if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
            raise Invalid(
                f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters",
                code="bad_password",
                hint="four or five words that have nothing to do with each other are good",
            )
        salt = self._entropy.random(passwords.SALT)
        with self._hashing:
            kept = passwords.hash_password(password, salt, passes=self._passes, memory=self._memory)
        return replace(
            member,
            salt=salt,
            hash=kept,
            passes=self._passes,
            memory=self._memory,
            changed_ms=now_ms,
            disabled_ms=None,
        )

    def _note(self, records: Records, kind: str, name: str, actor: str) -> None:
        self._journal.note(records, kind, who=auditing.user(actor), detail={"name": name})


def _code_of(name: str) -> str:
    """Return under what wrong codes are counted; no account has such a name."""
    return f"{name} code"


def _allowed(member: StaffMember) -> StaffMember:
    if member.disabled_ms is not None:
        raise _wrong()
    return member


def _wrong() -> NotSignedIn:
    return NotSignedIn(
        "name and password do not belong to an account",
        hint="an administrator makes one with 'undisc staff add NAME'",
    )


def _unknown() -> NotFound:
    return NotFound("there is no account of that name", hint="undisc staff list")
