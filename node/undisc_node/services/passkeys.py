"""Passkeys of staff: a key that their device keeps, in the place of password and one-time code.

A passkey signs for one site, and only after its device knows who holds it (fingerprint, PIN), so it
is both steps in one, and cannot be typed into a page of somebody else. What it signs is a challenge
that this node drew for this browser; each is good once and for a few minutes. Reading what
authenticators say is a library's business, behind `ReadsPasskeys` (ADR 0035).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256
from threading import Lock
from typing import Final, NamedTuple, Protocol

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.desk_rows import Passkey
from undisc_node.services.errors import Conflict, NotFound, Refused
from undisc_node.services.ports import Catalog, Clock, Entropy
from undisc_node.services.signing_in import SignedIn, SigningIn

CHALLENGE: Final = 32  # random bytes; WebAuthn level 3 §13.4.3 asks for at least 16
LASTS_MS: Final = 5 * 60_000  # for somebody who looks for their security key
MAX_PASSKEYS: Final = 10  # of one person: their devices
MAX_LABEL: Final = 64  # characters
_MAX_OPEN: Final = 1_024  # challenges at once; the oldest is forgotten


class Site(NamedTuple):
    """For which site a passkey signs.

    Attributes:
        host: The host in the address: the relying party's id.
        origin: The address as browsers write it, such as `https://desk.example`.
    """

    host: str
    origin: str


class Read(NamedTuple):
    """What an authenticator said, as far as it was checked.

    Attributes:
        id: The credential's id.
        key: Its public key (COSE).
        uses: How often it says it was used; 0 for those that do not count.
    """

    id: bytes
    key: bytes
    uses: int


class ReadsPasskeys(Protocol):
    """Asks authenticators, and checks what they answer; refuses with `bad_passkey`."""

    def ask_new(
        self, site: Site, practice: str, name: str, challenge: bytes, known: Sequence[bytes]
    ) -> str:
        """Return what a browser is given to make a passkey, as JSON."""

    def ask(self, site: Site, challenge: bytes) -> str:
        """Return what a browser is given to use one, as JSON."""

    def read_new(self, answer: str, site: Site, challenge: bytes) -> Read:
        """Check a new one; its holder was verified."""

    def id_of(self, answer: str) -> bytes:
        """Return which passkey answers; nothing is checked."""

    def read(self, answer: str, site: Site, challenge: bytes, known: Passkey) -> int:
        """Check an answer by its key; return how often it was used."""


class Passkeys:
    """Keeps passkeys, and signs people in with them.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
        entropy: Challenges.
        reader: Talks to authenticators.
        signing_in: Makes sessions.
        practice: Our name, as browsers show it.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
        reader: ReadsPasskeys,
        signing_in: SigningIn,
        practice: str,
    ) -> None:
        self._catalog = catalog
        self._journal = journal
        self._clock = clock
        self._entropy = entropy
        self._reader = reader
        self._signing_in = signing_in
        self._practice = practice
        self._open: OrderedDict[bytes, tuple[bytes, int]] = OrderedDict()
        self._lock = Lock()

    def list(self, name: str) -> Sequence[Passkey]:
        """List somebody's passkeys, oldest first."""
        with self._catalog.look() as records:
            return records.desk.passkeys(name)

    # --- Setting up -------------------------------------------------------------------------------

    def ask_new(self, name: str, secret: str, site: Site) -> str:
        """Return what the browser of somebody who is signed in needs to make a passkey."""
        known = [one.id for one in self.list(name)]
        challenge = self._draw(f"new {secret}")
        return self._reader.ask_new(site, self._practice, name, challenge, known)

    def add(self, name: str, secret: str, answer: str, label: str, site: Site) -> Passkey:
        """Keep a new passkey.

        Raises:
            Refused: `bad_passkey`: it is none of this site, or was asked for too long ago.
            Conflict: It is known, or there are too many.
        """
        read = self._reader.read_new(answer, site, self._taken(f"new {secret}"))
        made = Passkey(
            id=read.id,
            name=name,
            label=label.strip()[:MAX_LABEL] or "passkey",
            key=read.key,
            count=read.uses,
            created_ms=self._clock.now_ms(),
            used_ms=None,
        )
        with self._catalog.change() as records:
            if records.desk.passkey(made.id) is not None:
                raise Conflict("this passkey is known already", code="passkey_known")
            if len(records.desk.passkeys(name)) >= MAX_PASSKEYS:
                raise Conflict("there are too many passkeys", code="too_many")
            records.desk.put_passkey(made)
            self._journal.note(
                records, "staff.passkey_added", who=auditing.user(name), detail={"name": name}
            )
        return made

    def remove(self, name: str, passkey: bytes) -> None:
        """Forget somebody's passkey.

        Raises:
            NotFound: They have no such passkey.
        """
        with self._catalog.change() as records:
            known = records.desk.passkey(passkey)
            if known is None or known.name != name:
                raise NotFound("there is no such passkey")
            records.desk.drop_passkey(passkey)
            self._journal.note(
                records, "staff.passkey_removed", who=auditing.user(name), detail={"name": name}
            )

    # --- Signing in -------------------------------------------------------------------------------

    def ask(self, secret: str, site: Site) -> str:
        """Return what a browser needs to sign in with a passkey."""
        return self._reader.ask(site, self._draw(f"use {secret}"))

    def sign_in(self, secret: str, answer: str, site: Site) -> SignedIn:
        """Sign in with a passkey alone: its device has verified who holds it.

        Raises:
            Refused: `bad_passkey`: unknown, or not signed for this site and this browser.
            NotSignedIn: The account was disabled.
        """
        challenge = self._taken(f"use {secret}")
        with self._catalog.look() as records:
            known = records.desk.passkey(self._reader.id_of(answer))
        if known is None:
            raise bad_passkey()
        count = self._reader.read(answer, site, challenge, known)
        return self._signing_in.with_passkey(secret, known, count)

    # --- Challenges -------------------------------------------------------------------------------

    def _draw(self, what: str) -> bytes:
        challenge = self._entropy.random(CHALLENGE)
        until_ms = self._clock.now_ms() + LASTS_MS
        with self._lock:
            key = sha256(what.encode()).digest()
            self._open.pop(key, None)
            self._open[key] = (challenge, until_ms)
            while len(self._open) > _MAX_OPEN:
                self._open.popitem(last=False)
        return challenge

    def _taken(self, what: str) -> bytes:
        with self._lock:
            challenge, until_ms = self._open.pop(sha256(what.encode()).digest(), (b"", 0))
        if self._clock.now_ms() >= until_ms:
            raise bad_passkey()
        return challenge


def bad_passkey() -> Refused:
    """Refuse a passkey; why is nobody's business who does not hold it."""
    return Refused(
        "this passkey does not open the desk here",
        code="bad_passkey",
        hint="try again, or sign in with your password",
    )
