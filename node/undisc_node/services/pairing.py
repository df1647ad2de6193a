"""Pairing with another node: invite, accept, compare words, confirm (SPEC.md §3.9 to §3.11).

Only the guest makes connections, so that one of the two may be hidden from the internet; what the
inviter does when a guest calls is in `pairing_door`. Two nodes that cannot reach each other
exchange files.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from undisc_node.services.errors import Conflict, Invalid, Refused
from undisc_node.services.finding import by_prefix
from undisc_node.services.identity import Cards, OwnIdentity
from undisc_node.services.pairing_book import NO, YES, PairingBook, has_expired
from undisc_node.services.pairing_rows import PairingRow, PairingState
from undisc_node.services.peering import SCOPES
from undisc_node.services.ports import Entropy, PeerNetwork, Records
from undisc_protocol import limits
from undisc_protocol.errors import (
    Busy,
    Expired,
    NoInvitation,
    RemoteProtocolError,
    Unreachable,
    WrongAnswer,
)
from undisc_protocol.invitation import (
    Invitation,
    read_invitation,
    secret_of,
    write_invitation,
)
from undisc_protocol.keys import KEY_SIZE, SEAL_NONCE
from undisc_protocol.pairing import (
    NONCE,
    Role,
    Says,
    Step,
    commit_to,
    make_request,
    read_reply,
    read_said,
    say,
    sign_verdict,
)
from undisc_protocol.pairing_file import (
    PairingFile,
    file_words,
    read_pairing_file,
    write_pairing_file,
)
from undisc_protocol.times import check_not_ended

PATH: Final = "/undisc/v1/pairing"
MAX_OPEN: Final = 32  # pairings at once: more than one person can talk about on the phone
_FILE_LIFETIME_MS: Final = 14 * 86_400_000  # a card's; a stick may lie on a desk for some days
_ASK_MS: Final = 2_000  # between two questions whether the other side has decided
_LATE_MS: Final = 60_000  # the same, once the time for it is over


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation that was made.

    Attributes:
        row: The pairing.
        text: What the other side is given; empty by file.
        file: The file for the other side; empty on a line.
    """

    row: PairingRow
    text: str = ""
    file: bytes = b""

    def __repr__(self) -> str:
        # The text holds the token.
        return f"Invited({self.row.id.hex()[:8]})"


class Pairs:
    """Pairs this node with others.

    Args:
        book: Keeps pairings.
        network: Reaches other nodes.
        entropy: Ids, tokens and nonces.
        own: Who we are.
        cards: Makes what we say of ourselves.
    """

    def __init__(
        self,
        *,
        book: PairingBook,
        network: PeerNetwork,
        entropy: Entropy,
        own: OwnIdentity,
        cards: Cards,
    ) -> None:
        self._book = book
        self._network = network
        self._entropy = entropy
        self._own = own
        self._cards = cards

    # --- Begin ------------------------------------------------------------------------------------

    def invite(self, scopes: Sequence[str], *, by_file: bool, actor: str) -> Invited:
        """Invite another node.

        Args:
            scopes: What it may do here, of `SCOPES`.
            by_file: Carry files, for nodes that cannot reach each other.
            actor: Who invites.

        Raises:
            Invalid: Unknown scope.
            Refused: This node has no address at which the other one could come.
            Conflict: Too many pairings are open.
        """
        _check(scopes)
        if by_file:
            return self._invite_by_file(scopes, actor)
        if not self._own.urls:
            raise Refused(
                "this node has no address at which the other one could call",
                code="no_address",
                hint="let the other practice invite, set public.urls, or pair by file: "
                "undisc peers invite --file FILE",
            )
        token = self._entropy.random(KEY_SIZE)
        row = self._row(Role.INVITER, secret_of(token).handle, scopes, actor)
        row = replace(row, key=secret_of(token).key)
        invitation = Invitation(
            node_id=self._own.id,
            urls=self._own.urls[: limits.MAX_INVITATION_URLS],
            token=token,
            expires=row.taken_by_ms // 1000,
        )
        text = write_invitation(invitation)
        with self._book.catalog.change() as records:
            _check_room(records)
            self._book.begin(records, row, "pairing.invited")
        return Invited(row, text=text)

    def accept(self, text: str, scopes: Sequence[str], actor: str) -> PairingRow:
        """Take an invitation up: call the inviter, and learn the words.

        The same invitation again goes on where it stopped.

        Args:
            text: The invitation as it was pasted.
            scopes: What the inviter may do here.
            actor: Who accepts.

        Raises:
            LinkDamaged: No whole invitation.
            Expired: It is over.
            Unreachable: The inviter does not answer; worth a retry.
            NoInvitation: The inviter does not know it, or not any more.
            WrongAnswer: Another node answers than the one that invited.
            RemoteProtocolError: What the inviter says cannot be.
            Conflict: Too many pairings are open, or the inviter is this node or a revoked peer.
        """
        _check(scopes)
        invitation = read_invitation(text)
        if invitation.node_id == self._own.id:
            raise Conflict(
                "this is an invitation of this node itself",
                code="own_address",
                hint="give it to the administrator of the other practice's node",
            )
        now_ms = self._book.clock.now_ms()
        check_not_ended(invitation.expires, of="the invitation", now=now_ms // 1000)
        handle = invitation.secret.handle
        with self._book.catalog.change() as records:
            row = records.pairings.of_handle(handle)
            if row is None:
                _check_room(records)
                row = replace(
                    self._row(Role.GUEST, handle, scopes, actor),
                    key=invitation.secret.key,
                    urls=invitation.urls,
                    expects=invitation.node_id,
                )
                records.pairings.put(row)
        if not row.state.is_open:
            raise NoInvitation("this invitation was used here already")
        return row if row.words else self._speak(row)

    def accept_file(
        self, raw: bytes, scopes: Sequence[str], actor: str
    ) -> tuple[PairingRow, bytes]:
        """Take a pairing file in: another node's invitation, or its answer to ours.

        Returns:
            The pairing, and the file that goes back; empty when none does.

        Raises:
            NoInvitation: It answers no invitation of this node, or one that is over.
            RemoteProtocolError: It is no pairing file, or was changed.
            Conflict: Too many pairings are open, or it is of this node or a revoked peer.
        """
        _check(scopes)
        try:
            read = read_pairing_file(raw, now=self._book.clock.now_ms() // 1000)
        except Expired as problem:
            problem.hint = "ask the other practice for a new file"
            raise
        if read.answers is None:
            return self._answer_file(read, scopes, actor)
        return self._take_answer(read, read.answers), b""

    def _row(self, role: Role, handle: bytes, scopes: Sequence[str], actor: str) -> PairingRow:
        now_ms = self._book.clock.now_ms()
        return PairingRow(
            id=self._entropy.random(16),
            role=role,
            by_file=False,
            state=PairingState.WAITING,
            handle=handle,
            key=None,
            urls=(),
            expects=None,
            scopes=tuple(sorted(set(scopes))),
            own=say(self._cards.document(), scopes, self._entropy.random(NONCE)),
            made_ms=now_ms,
            taken_by_ms=now_ms + limits.INVITATION_LIFETIME * 1000,
            ends_ms=now_ms + limits.PAIRING_LIFETIME * 1000,
            next_ms=now_ms,
            by=actor,
        )

    # --- On a line, as a guest --------------------------------------------------------------------

    def _speak(self, row: PairingRow) -> PairingRow:
        """Commit and reveal; what was answered before is answered again."""
        try:
            line = row.line.committed(
                self._ask(row, Step.COMMIT, commit_to(Role.GUEST, row.own)) or b""
            )
            with self._book.catalog.change() as records:
                row = replace(row, commitment=line.commitment)
                records.pairings.put(row)
            raw = self._ask(row, Step.REVEAL, row.own) or b""
            now = self._book.clock.now_ms() // 1000
            line = line.revealed(raw, now=now)
            said = read_said(raw, now=now)
            if said.document.identity.node_id != row.expects:
                raise WrongAnswer("another node answered than the one that the invitation names")
            with self._book.catalog.change() as records:
                return self._book.spoken(records, row, said, raw, line.words)
        except (Unreachable, Busy):
            raise
        except (Conflict, RemoteProtocolError) as problem:
            self._book.end(row, PairingState.FAILED, str(problem))
            raise

    def _ask(self, row: PairingRow, step: Step, content: bytes | None) -> bytes | None:
        secret = row.secret
        if secret is None:
            raise NoInvitation("this invitation is over")
        body = make_request(secret, step, content, nonce=self._entropy.random(SEAL_NONCE))
        reply = self._network.ask(row.urls, PATH, body, limit=limits.MAX_PAIRING)
        return read_reply(secret, step, reply.body, status=reply.status)

    def go_on(self) -> None:
        """Ask inviters what they decided, end what has expired; call every few seconds."""
        now_ms = self._book.clock.now_ms()
        with self._book.catalog.look() as records:
            rows = records.pairings.unfinished()
        for row in rows:
            if row.role is Role.GUEST and row.words and not row.by_file and row.next_ms <= now_ms:
                self._ask_verdict(row)
        if rows:
            self._book.tidy()

    def _ask_verdict(self, row: PairingRow) -> PairingRow:
        """Tell the inviter what was decided here, and learn what was decided there."""
        now_ms = self._book.clock.now_ms()
        try:
            verdict = self._ask(row, Step.VERDICT, row.verdict)
        except NoInvitation as problem:
            return self._book.end(
                row, PairingState.EXPIRED, f"the other side has ended it: {problem}"
            )
        except RemoteProtocolError:
            verdict = None
        pause = _ASK_MS if now_ms < row.ends_ms else _LATE_MS
        with self._book.catalog.change() as records:
            current = records.pairings.get(row.id)
            if current is None or not current.state.is_open:
                return current or row
            current = replace(current, next_ms=now_ms + pause)
            records.pairings.put(current)
            if verdict is not None:
                try:
                    current = self._book.heard(records, current, verdict)
                except RemoteProtocolError as problem:
                    current = self._book.ended(records, current, PairingState.FAILED, str(problem))
        return self._book.conclude(current)

    # --- By file ----------------------------------------------------------------------------------

    def _invite_by_file(self, scopes: Sequence[str], actor: str) -> Invited:
        file = write_pairing_file(
            self._cards.document(), scopes, nonce=self._entropy.random(NONCE), answers=None
        )
        name = read_pairing_file(file, now=self._book.clock.now_ms() // 1000).hash
        row = self._by_file(self._row(Role.INVITER, name, scopes, actor), file)
        with self._book.catalog.change() as records:
            _check_room(records)
            self._book.begin(records, row, "pairing.invited")
        return Invited(row, file=file)

    @staticmethod
    def _by_file(row: PairingRow, file: bytes) -> PairingRow:
        until_ms = row.made_ms + _FILE_LIFETIME_MS
        return replace(row, by_file=True, own=file, taken_by_ms=until_ms, ends_ms=until_ms)

    def _answer_file(
        self, read: PairingFile, scopes: Sequence[str], actor: str
    ) -> tuple[PairingRow, bytes]:
        if read.said.document.identity.node_id == self._own.id:
            raise Conflict(
                "this is a file of this node itself",
                code="own_address",
                hint="carry it to the other practice's node, and accept it there",
            )
        with self._book.catalog.look() as records:
            known = records.pairings.of_handle(read.hash)
        if known is not None and known.state.is_open:
            return known, known.own
        file = write_pairing_file(
            self._cards.document(), scopes, nonce=self._entropy.random(NONCE), answers=read.hash
        )
        row = self._by_file(self._row(Role.GUEST, read.hash, scopes, actor), file)
        words = file_words(read.raw, file)
        with self._book.catalog.change() as records:
            if records.pairings.of_handle(read.hash) is not None:
                raise NoInvitation("this file was used here already")
            _check_room(records)
            return self._book.spoken(records, row, read.said, read.raw, words), file

    def _take_answer(self, read: PairingFile, answers: bytes) -> PairingRow:
        with self._book.catalog.look() as records:
            row = records.pairings.of_handle(answers)
        if row is None or row.role is not Role.INVITER or not row.by_file:
            raise NoInvitation("this file answers no invitation of this node")
        if row.theirs == read.raw and row.state.is_open:
            return row
        words = file_words(row.own, read.raw)
        with self._book.catalog.change() as records:
            current = records.pairings.get(row.id)
            if current is None or current.state is not PairingState.WAITING:
                raise NoInvitation("the invitation was answered already, or is over")
            return self._book.spoken(records, current, read.said, read.raw, words)

    # --- Decide -----------------------------------------------------------------------------------

    def decide(self, pairing: bytes, says: Says, actor: str) -> PairingRow:
        """Confirm that both sides have the same words, or refuse; the same again changes nothing.

        Raises:
            Conflict: There are no words yet, it is over, or the other was decided before.
        """
        with self._book.catalog.change(vital=says is Says.NO) as records:
            row = records.pairings.get(pairing)
            if row is None:
                raise NoInvitation("there is no such pairing")
            if _decided(row) is says:
                return row
            if not row.state.is_open:
                raise Conflict(
                    f"this pairing is over: {row.state}",
                    code="pairing_over",
                    hint="begin anew: undisc peers invite",
                )
            if _decided(row) is not None:
                raise Conflict(
                    "this pairing was confirmed already",
                    code="pairing_over",
                    hint="when the other side is trusted: undisc peers suspend, or revoke",
                )
            if says is Says.NO and not row.words:
                return self._book.ended(
                    records, row, PairingState.REFUSED, f"taken back by {actor}"
                )
            if not row.words:
                raise Conflict(
                    "the other side has not come yet; there are no words to confirm",
                    code="no_words_yet",
                    hint="see how far it is: undisc peers pairings list",
                )
            if over := has_expired(row, self._book.clock.now_ms()):
                raise Conflict(
                    f"it is too late: {over}",
                    code="pairing_over",
                    hint="begin anew: undisc peers invite",
                )
            verdict = self._verdict(row, says)
            row = self._book.decided(records, row, verdict, says, actor)
        if row.role is Role.GUEST and not row.by_file:
            return self._ask_verdict(row) if row.state.is_open else self._tell(row)
        return self._book.conclude(row)

    def _verdict(self, row: PairingRow, says: Says) -> bytes:
        if row.by_file:
            return YES if says is Says.YES else NO
        return sign_verdict(
            self._own.key,
            role=row.role,
            pairing=row.line.name,
            says=says,
            at=self._book.clock.now_ms() // 1000,
        )

    def _tell(self, row: PairingRow) -> PairingRow:
        """Tell the inviter of a refusal; if it does not hear of it, it waits until it expires."""
        with suppress(RemoteProtocolError):
            self._ask(row, Step.VERDICT, row.verdict)
        return row

    # --- Look -------------------------------------------------------------------------------------

    def list(self) -> Sequence[PairingRow]:
        """List pairings, newest first."""
        self._book.tidy()
        with self._book.catalog.look() as records:
            return records.pairings.list()

    def find(self, prefix: str) -> PairingRow:
        """Find by a prefix of the id.

        Raises:
            NotFound: None.
            Conflict: Several.
        """
        return by_prefix(prefix, self.list(), "pairing")


def _decided(row: PairingRow) -> Says | None:
    if row.verdict is None:
        return None
    return Says.NO if row.state is PairingState.REFUSED else Says.YES


def _check(scopes: Sequence[str]) -> None:
    if not set(scopes) <= set(SCOPES):
        raise Invalid(f"a peer's scopes are {' and '.join(SCOPES)}")


def _check_room(records: Records) -> None:
    if len(records.pairings.unfinished()) >= MAX_OPEN:
        raise Conflict(
            f"{MAX_OPEN} pairings are open already",
            code="too_many_pairings",
            hint="confirm or refuse some of them: undisc peers pairings list",
        )
