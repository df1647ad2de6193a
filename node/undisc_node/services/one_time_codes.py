"""One-time codes: six digits that show that somebody reads what is sent to an address.

A try is counted, durably, before it is compared, so no number of parallel guesses and no crash
gives more than five for a code; and only a few codes are made for one purpose in a day, so that
nobody gets more guesses by asking for new ones, and nobody's telephone is flooded. A code works
once. What it is for is a context of 32 bytes that the caller chooses, such as a hash of the link,
the browser session and the address: a code never fits another context.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from undisc_node.services.code_rows import CodeRow
from undisc_node.services.errors import Conflict, Invalid, Refused, TooManyAttempts
from undisc_node.services.ports import Catalog, Clock, Entropy, Records
from undisc_protocol.keys import DOMAIN_CODE, derive

DIGITS: Final = 6  # with 25 guesses in a day, one in 40,000 finds a code
LIFETIME_MS: Final = 10 * 60_000  # until a message has arrived and was typed
TRIES: Final = 5  # of one code
JUST_SENT: Final = "code_just_sent"
PAUSE_MS: Final = 30_000  # between two codes for the same: the first may still be on its way
A_DAY: Final = 5  # codes for the same in 24 hours
KEPT_MS: Final = 86_400_000  # for which codes are counted; older ones can be forgotten
_SALT: Final = 16  # bytes
_CONTEXT: Final = 32  # bytes
_DRAWN: Final = 8  # bytes for a number below a million: its bias is 2**-44
_SPACES: Final = str.maketrans("", "", " \u00a0-")


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """A new code, to be sent at once; it is kept nowhere.

    Attributes:
        code: Six digits.
        expires_ms: Until when it is good.
    """

    code: str = field(repr=False)
    expires_ms: int


class OneTimeCodes:
    """Makes and checks one-time codes.

    Args:
        catalog: Rows.
        clock: Time.
        entropy: Codes and salts.
        node_seed: Seed of the node key: who finds a copy of the catalog cannot try all codes.
    """

    def __init__(
        self, *, catalog: Catalog, clock: Clock, entropy: Entropy, node_seed: bytes
    ) -> None:
        self._catalog = catalog
        self._clock = clock
        self._entropy = entropy
        self._key = derive(node_seed, DOMAIN_CODE)

    def issue(self, context: bytes) -> IssuedCode:
        """Make a code; an earlier one for the same context ends.

        Args:
            context: What it is for, 32 bytes.

        Raises:
            TooManyAttempts: `code_just_sent` or `too_many_codes`.
        """
        _check(context)
        now_ms = self._clock.now_ms()
        number = int.from_bytes(self._entropy.random(_DRAWN), "big") % 10**DIGITS
        code, salt = f"{number:0{DIGITS}d}", self._entropy.random(_SALT)
        with self._catalog.change() as records:
            known = records.codes.get(context)
            since_ms, made = _so_far(known, now_ms)
            records.codes.put(
                CodeRow(
                    context=context,
                    salt=salt,
                    mac=self._mac(context, salt, code),
                    made_ms=now_ms,
                    expires_ms=now_ms + LIFETIME_MS,
                    tries=0,
                    used=False,
                    since_ms=since_ms,
                    made=made + 1,
                )
            )
        return IssuedCode(code, now_ms + LIFETIME_MS)

    def withdraw(self, context: bytes) -> None:
        """End a code that could not be sent; it still counts as one of the day."""
        _check(context)
        with self._catalog.change() as records:
            known = records.codes.get(context)
            if known is not None:
                records.codes.use(context, known.salt)

    def check(self, context: bytes, typed: str) -> None:
        """Accept the code of a context, once.

        Args:
            context: What it is for, 32 bytes.
            typed: As typed; spaces and hyphens do not matter.

        Raises:
            Invalid: `bad_code`: not six digits; nothing is counted.
            Conflict: `no_code`: none was made, or it is over or was used.
            TooManyAttempts: `code_tries_used_up`.
            Refused: `wrong_code`, with the number of tries that are left.
        """
        _check(context)
        code = typed.translate(_SPACES)
        if len(code) != DIGITS or not (code.isascii() and code.isdigit()):
            raise Invalid(f"a code has {DIGITS} digits", code="bad_code")
        row = self._counted(context)
        if not hmac.compare_digest(row.mac, self._mac(context, row.salt, code)):
            left = TRIES - row.tries
            raise Refused(
                "the code is not right",
                code="wrong_code",
                hint=f"tries left: {left}" if left else "ask for a new code",
            )
        with self._catalog.change() as records:
            if not records.codes.use(context, row.salt):
                raise _no_code()  # another request with the same code was quicker

    def _counted(self, context: bytes) -> CodeRow:
        """Count a try before it is compared; return the row with it."""
        with self._catalog.change() as records:
            row = self._live(records, context)
            if not records.codes.take_try(context, TRIES):
                raise TooManyAttempts(
                    "too many wrong codes were typed",
                    code="code_tries_used_up",
                    hint="ask for a new code",
                )
            return records.codes.get(context) or row

    def _live(self, records: Records, context: bytes) -> CodeRow:
        row = records.codes.get(context)
        if row is None or row.used or row.expires_ms <= self._clock.now_ms():
            raise _no_code()
        return row

    def _mac(self, context: bytes, salt: bytes, code: str) -> bytes:
        return hmac.digest(self._key, context + salt + code.encode(), sha256)


def _so_far(known: CodeRow | None, now_ms: int) -> tuple[int, int]:
    """Return since when codes for a context are counted, and how many there were.

    Raises:
        TooManyAttempts: No further one may be made now.
    """
    if known is None or now_ms >= known.since_ms + KEPT_MS:
        return now_ms, 0
    if not known.used and now_ms < known.made_ms + PAUSE_MS:
        raise TooManyAttempts(
            "a code was sent a moment ago",
            code=JUST_SENT,
            hint="wait half a minute; messages can take a while",
        )
    if known.made >= A_DAY:
        raise TooManyAttempts(
            "too many codes were asked for today",
            code="too_many_codes",
            hint="try again tomorrow, or ask the practice",
        )
    return known.since_ms, known.made


def _no_code() -> Conflict:
    return Conflict(
        "there is no code that could be right: it is over, or was used",
        code="no_code",
        hint="ask for a new code",
    )


def _check(context: bytes) -> None:
    if len(context) != _CONTEXT:
        raise ValueError("what a code is for has 32 bytes")
