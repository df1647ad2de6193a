"""Two practices that pair, on the memory network; and somebody between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from support.practice import Practice
from undisc_node.services.identity import Cards
from undisc_node.services.pairing import PATH, Pairs
from undisc_node.services.pairing_book import PairingBook
from undisc_node.services.pairing_door import PairingDoor
from undisc_node.services.pairing_rows import PairingRow
from undisc_node.services.ports import Reply
from undisc_protocol import limits
from undisc_protocol.invitation import Invitation, write_invitation
from undisc_protocol.pairing import (
    Pairing,
    Role,
    Step,
    commit_to,
    make_reply,
    make_request,
    open_request,
    read_reply,
    read_request,
    say,
)

BOTH = ("fetch", "offer")


class PairingSide:
    """What pairs one practice with others."""

    def __init__(self, practice: Practice) -> None:
        self.practice: Any = practice
        self.start()

    def start(self) -> None:
        """Build it on the rows that are there, as after a restart."""
        one = self.practice
        self.book = PairingBook(
            catalog=one.catalog, journal=one.journal, clock=one.clock, own=one.own.id
        )
        cards = Cards(own=one.own, catalog=one.catalog, clock=one.clock)
        self.pairs = Pairs(
            book=self.book, network=one.network, entropy=one.entropy, own=one.own, cards=cards
        )
        self.door = PairingDoor(
            book=self.book, refusals=one.refusals, entropy=one.entropy, key=one.own.key
        )
        one.guests = self.door.answer

    def now(self, row: PairingRow) -> PairingRow:
        """Return a pairing as it is now."""
        with self.practice.catalog.look() as records:
            found: PairingRow | None = records.pairings.get(row.id)
        assert found is not None
        return found

    def of(self, handle: bytes) -> PairingRow:
        """Return the pairing of a handle."""
        with self.practice.catalog.look() as records:
            found: PairingRow | None = records.pairings.of_handle(handle)
        assert found is not None
        return found

    def trusts(self, other: PairingSide) -> tuple[str, ...] | None:
        """Return what the other side may do here; None if it is not trusted."""
        peer = self.practice.peer(other.practice)
        return peer.scopes if peer is not None and peer.state == "trusted" else None


@dataclass
class Between:
    """Somebody on the line between guest and inviter who has seen the invitation.

    He shows each of them a node of his own, which has the name of the other one. Everything is done
    as a patient attacker would: he commits when he must and looks at what he gets.

    Attributes:
        inviter: Whose invitation he has.
        invitation: That invitation.
        own: His node.
        scopes: What he says that he allows.
    """

    inviter: Practice
    invitation: Invitation
    own: Practice
    words_of_inviter: tuple[str, ...] = ()

    def forged(self) -> str:
        """Return the invitation that he passes on to the guest: it names his own node."""
        return write_invitation(
            Invitation(
                self.own.own.id,
                (self.own.url,),
                self.invitation.token,
                self.invitation.expires,
            )
        )

    def said(self) -> bytes:
        """Return what he says to both."""
        return say(self.own.document(), BOTH, self.own.entropy.random(32))

    def answer(self, body: bytes) -> Reply:
        """Answer the guest as if he were the inviter."""
        request = read_request(body)
        content = open_request(self.invitation.secret, request)
        if request.step is Step.COMMIT:
            self.to_guest = self.said()
            told: bytes | None = commit_to(Role.INVITER, self.to_guest)
            self.take_up()
        elif request.step is Step.REVEAL:
            told = self.to_guest
        else:
            told = None
        assert content is not None or request.step is Step.VERDICT
        sealed = make_reply(
            self.invitation.secret, request.step, told, nonce=self.own.entropy.random(24)
        )
        return Reply(200, sealed)

    def take_up(self) -> None:
        """Come to the inviter as if he were the guest, and learn the inviter's words."""
        said = self.said()
        commitment = self._ask(Step.COMMIT, commit_to(Role.GUEST, said))
        theirs = self._ask(Step.REVEAL, said)
        self.words_of_inviter = Pairing(Role.GUEST, said, commitment, theirs).words

    def _ask(self, step: Step, content: bytes) -> bytes | None:
        secret = self.invitation.secret
        body = make_request(secret, step, content, nonce=self.own.entropy.random(24))
        reply = self.own.network.ask([self.inviter.url], PATH, body, limit=limits.MAX_PAIRING)
        return read_reply(secret, step, reply.body, status=reply.status)
