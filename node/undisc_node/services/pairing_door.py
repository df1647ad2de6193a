"""The inviter's side of a pairing on a line: answers what guests send (SPEC.md §3.10).

Strangers may call here. Whoever has not seen an invitation gets one answer, whatever he sends, and
nothing is written for him.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from threading import Lock
from typing import Final

from undisc_node.services.auditing import Refusals
from undisc_node.services.errors import Conflict
from undisc_node.services.pairing_book import PairingBook, has_expired
from undisc_node.services.pairing_rows import PairingRow, PairingState
from undisc_node.services.ports import Entropy, Records, Reply
from undisc_node.services.replying import reply_to
from undisc_protocol.errors import Busy, CannotOpen, NoInvitation, RemoteProtocolError
from undisc_protocol.invitation import PairingSecret
from undisc_protocol.keys import SEAL_NONCE, SignKey
from undisc_protocol.pairing import (
    PairingRequest,
    Role,
    Step,
    commit_to,
    make_reply,
    open_request,
    read_request,
    read_said,
)

_WRONG_A_MINUTE: Final = 120  # requests for unknown invitations that are answered; more are put off
_MINUTE_MS: Final = 60_000


class PairingDoor:
    """Answers guests.

    Args:
        book: Keeps pairings.
        refusals: Counts what was refused.
        entropy: Nonces.
        key: The node key, for refusals.
    """

    def __init__(
        self, *, book: PairingBook, refusals: Refusals, entropy: Entropy, key: SignKey
    ) -> None:
        self._book = book
        self._refusals = refusals
        self._entropy = entropy
        self._key = key
        self._wrong: deque[int] = deque(maxlen=_WRONG_A_MINUTE)
        self._lock = Lock()

    def answer(self, body: bytes) -> Reply:
        """Answer a guest; never raises for what a stranger sent."""
        return reply_to(
            body,
            self._answer,
            key=self._key,
            clock=self._book.clock,
            refusals=self._refusals,
            busy="the node cannot pair at the moment",
        )

    def _answer(self, body: bytes) -> bytes:
        request = read_request(body)
        with self._book.catalog.look() as records:
            row = records.pairings.of_handle(request.handle)
        secret = row.secret if row is not None and row.role is Role.INVITER else None
        if row is None or secret is None:
            raise self._unknown()
        try:
            content = open_request(secret, request)
        except CannotOpen:
            raise self._unknown() from None
        steps = {Step.COMMIT: self._commit, Step.REVEAL: self._reveal, Step.VERDICT: self._verdict}
        told = steps[request.step](row, content)
        return self._seal(secret, request, told)

    def _unknown(self) -> RemoteProtocolError:
        """Return the one refusal for whoever has not seen an invitation."""
        now_ms = self._book.clock.now_ms()
        with self._lock:
            full = len(self._wrong) == _WRONG_A_MINUTE
            if full and now_ms - self._wrong[0] < _MINUTE_MS:
                return Busy("too many requests for invitations that are not known")
            self._wrong.append(now_ms)
        return NoInvitation("no such invitation, or not any more")

    def _seal(self, secret: PairingSecret, request: PairingRequest, told: bytes | None) -> bytes:
        return make_reply(secret, request.step, told, nonce=self._entropy.random(SEAL_NONCE))

    def _current(self, records: Records, row: PairingRow) -> PairingRow:
        """Return the row as it is now, if it may still go on."""
        current = records.pairings.get(row.id)
        if current is None or not current.state.is_open:
            raise self._unknown()
        if has_expired(current, self._book.clock.now_ms()):
            raise self._unknown()
        return current

    def _commit(self, row: PairingRow, commitment: bytes | None) -> bytes:
        with self._book.catalog.change() as records:
            current = self._current(records, row)
            if current.commitment not in (None, commitment):
                raise self._unknown()
            if current.commitment is None:
                records.pairings.put(replace(current, commitment=commitment))
        return commit_to(Role.INVITER, row.own)

    def _reveal(self, row: PairingRow, said: bytes | None) -> bytes:
        now = self._book.clock.now_ms() // 1000
        try:
            with self._book.catalog.change() as records:
                current = self._current(records, row)
                line = current.line.revealed(said or b"", now=now)
                if current.theirs is None:
                    heard = read_said(said or b"", now=now)
                    self._book.spoken(records, current, heard, said or b"", line.words)
        except (NoInvitation, Busy):
            raise
        except (Conflict, RemoteProtocolError) as problem:
            # Only somebody who has seen the invitation comes here: the try is used up.
            self._book.end(row, PairingState.FAILED, str(problem))
            raise self._unknown() from problem
        return row.own

    def _verdict(self, row: PairingRow, verdict: bytes | None) -> bytes | None:
        if row.theirs is None:
            raise self._unknown()
        if row.state in (PairingState.EXPIRED, PairingState.FAILED):
            raise self._unknown()
        if verdict is not None and row.state.is_open:
            with self._book.catalog.change() as records:
                current = self._current(records, row)
                row = self._book.heard(records, current, verdict)
        return self._book.conclude(row).verdict
