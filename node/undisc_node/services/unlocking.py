"""Unlocking links: who has one, passes its protection, and learns what it opens (SPEC.md §6.12).

The order decides what a stranger can learn: whether the asking node may use links at all is looked
at before whether there is such a link. An attempt is counted, durably, before a passcode is
compared, so no number of parallel guesses, and no crash, gives more than the link bears in its
life. The one-time code comes last: nobody who lacks the passcode can have one sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from undisc_node.services import auditing
from undisc_node.services.accesses import note_node
from undisc_node.services.auditing import Journal, Refusals
from undisc_node.services.browsing_rows import Access
from undisc_node.services.errors import ServiceError, TooManyAttempts
from undisc_node.services.following import recognise
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.link_looks import hidden
from undisc_node.services.link_rows import LinkRow
from undisc_node.services.model import PeerState, Share
from undisc_node.services.offering import Offering
from undisc_node.services.one_time_codes import JUST_SENT
from undisc_node.services.passcodes import Passcodes
from undisc_node.services.patient_rows import PatientShare
from undisc_node.services.ports import Catalog, Clock, Entropy, Records, Reply
from undisc_node.services.recipients import may_receive
from undisc_node.services.replying import reply_to
from undisc_node.services.second_step import (
    SecondStep,
    asking_share,
    context_of_share,
    language_of,
)
from undisc_node.services.standing import standing_grant
from undisc_protocol import limits
from undisc_protocol.errors import (
    AttemptsUsedUp,
    Busy,
    CodeAsked,
    CodesUsedUp,
    Locked,
    NotGranted,
    RemoteProtocolError,
    Replayed,
    Revoked,
    UnknownRecipient,
    UsesUsedUp,
    WrongCode,
    WrongPasscode,
)
from undisc_protocol.keys import KEY_SIZE
from undisc_protocol.unlock import Unlock, answer_unlock, read_unlock


class Unlocking:
    """Answers unlocks.

    Args:
        catalog: Rows.
        journal: The log.
        refusals: Counts what is refused.
        clock: Time.
        entropy: Keys of answers.
        own: Who we are.
        offering: Makes the offers.
        passcodes: Compares passcodes.
        second: Sends and checks one-time codes.
        any_node: Whether nodes that are no peers may use links.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        journal: Journal,
        refusals: Refusals,
        clock: Clock,
        entropy: Entropy,
        own: OwnIdentity,
        offering: Offering,
        passcodes: Passcodes,
        second: SecondStep,
        any_node: bool,
    ) -> None:
        self._catalog = catalog
        self._journal = journal
        self._refusals = refusals
        self._clock = clock
        self._entropy = entropy
        self._own = own
        self._offering = offering
        self._passcodes = passcodes
        self._second = second
        self._any_node = any_node

    def answer(self, body: bytes) -> Reply:
        """Answer a sealed request to unlock with signed bytes.

        Args:
            body: The HTTP body as received.

        Returns:
            A sealed answer, or a signed refusal; never raises for what a stranger sent.
        """
        return reply_to(
            body,
            self._answered,
            key=self._own.key,
            clock=self._clock,
            refusals=self._refusals,
            busy="the node cannot open links at the moment",
        )

    def _now(self) -> int:
        return self._clock.now_ms() // 1000

    def _answered(self, body: bytes) -> bytes:
        unlock = read_unlock(body, box=self._own.box, own=self._own.id, now=self._now())
        recognise(self._catalog, self._journal, self._clock, unlock.sender)
        until_ms = self._passed(unlock)
        with self._catalog.look() as records:
            tokens = self._open_tokens(records, self._link(records, unlock))
        offers = [self._offering.make(proofs) for proofs in tokens]
        return answer_unlock(
            self._own.key,
            unlock,
            offers=offers,
            at=self._now(),
            until=until_ms // 1000,
            ephemeral=self._entropy.random(KEY_SIZE),
        )

    def _passed(self, unlock: Unlock) -> int:
        """Let an asker through the protection; return until when the unlock stands, ms."""
        with self._catalog.look() as records:
            link = self._link(records, unlock)
            self._open_tokens(records, link)
            until_ms = records.links.unlocked_until(link.did, unlock.sender.node_id)
            shared = asking_share(records, link.did)
        if until_ms > self._clock.now_ms():
            return until_ms
        _check_left(link)
        if link.passcode is not None:
            if unlock.passcode is None:
                raise Locked("the link asks for a passcode")
            self._count_attempt(unlock)
            if not self._passcodes.fits(link.passcode, unlock.passcode):
                raise self._wrong(unlock)
        if shared is None:
            return self._use(unlock, counted=link.passcode is not None)
        with self._catalog.change() as records:
            self._pass_message(records, unlock, counted=link.passcode is not None)
        self._pass_code(unlock, shared)
        return self._use(unlock, counted=None)

    def _link(self, records: Records, unlock: Unlock) -> LinkRow:
        """Return the link's row, if this node may use it."""
        peer = records.peers.get(unlock.sender.node_id)
        if peer is not None and peer.state is PeerState.REVOKED:
            raise Revoked("the asking node was revoked")
        if not may_receive(peer, any_node=self._any_node):
            raise UnknownRecipient("the asking node is not a trusted peer")
        link = records.links.get(unlock.link)
        if link is None:
            raise NotGranted("nothing was shared with this link here")
        if link.revoked_ms is not None:
            raise Revoked("the link was revoked")
        return link

    def _open_tokens(self, records: Records, link: LinkRow) -> Sequence[tuple[bytes, ...]]:
        """Return the tokens of what a link opens now, newest first; else say why nothing."""
        given: list[tuple[bytes, Share | None]] = [
            (share.grant, share) for share in records.shares.list(audience=link.did)
        ]
        given += [(grant.id, None) for grant in records.grants.list(audience=link.did)]
        usable: list[tuple[bytes, ...]] = []
        problems: list[RemoteProtocolError] = []
        for grant_id, share in given:
            try:
                grant = standing_grant(records, grant_id, share, self._now())
                usable.append((grant.token, share.token) if share else (grant.token,))
            except RemoteProtocolError as problem:
                problems.append(problem)
        if not usable:
            raise problems[0] if problems else NotGranted("nothing was shared with this link here")
        return usable[: limits.MAX_LINK_OFFERS]

    def _count_attempt(self, unlock: Unlock) -> None:
        """Count an attempt before it is compared; each message is good for one."""
        with self._catalog.change() as records:
            link = self._link(records, unlock)
            _check_left(link)
            self._use_message(records, unlock)
            if not records.links.take_attempt(link.did):
                raise _no_attempts()

    def _pass_code(self, unlock: Unlock, shared: PatientShare) -> None:
        """Check the one-time code; without one, have one sent."""
        context = context_of_share(shared)
        if unlock.code is None:
            raise self._sent(unlock, shared, context)
        try:
            self._second.check(context, unlock.code)
        except TooManyAttempts as problem:
            raise _no_codes(problem) from None
        except ServiceError as problem:
            with self._catalog.change() as records:
                link = self._link(records, unlock)
                self._note(records, "link.wrong_code", unlock, link, {"problem": problem.reason})
                self._tell(records, Access.WRONG, unlock)
            wrong = WrongCode(str(problem))
            wrong.hint = problem.hint or wrong.hint
            raise wrong from None

    def _sent(self, unlock: Unlock, shared: PatientShare, context: bytes) -> RemoteProtocolError:
        """Send a one-time code; return what the asking node is told."""
        with self._catalog.look() as records:
            language = language_of(records, shared.visit)
        try:
            self._second.send(shared.contact, context, language)
        except TooManyAttempts as problem:
            if problem.reason != JUST_SENT:
                return _no_codes(problem)
        except ServiceError:
            return Busy("the one-time code that the link asks for cannot be sent at the moment")
        else:
            with self._catalog.change() as records:
                self._note(records, "link.code_sent", unlock, self._link(records, unlock), {})
        return CodeAsked(f"a code was sent to {hidden(shared.contact)}")

    def _use_message(self, records: Records, unlock: Unlock) -> None:
        end_ms = (unlock.expires + limits.CLOCK_SKEW) * 1000
        if not records.tickets.use_invocation(unlock.id, end_ms):
            raise Replayed("this unlock was used before")

    def _wrong(self, unlock: Unlock) -> WrongPasscode:
        with self._catalog.change() as records:
            link = self._link(records, unlock)
            self._note(records, "link.wrong_passcode", unlock, link, {"attempt": link.attempts})
            self._tell(records, Access.WRONG, unlock)
        left = link.max_attempts - link.attempts
        problem = WrongPasscode("the passcode is not the one of the link")
        tries = "no attempt is left" if left <= 0 else f"attempts left: {left}"
        problem.hint = f"{tries}; ask whoever gave you the link for its passcode"
        return problem

    def _pass_message(self, records: Records, unlock: Unlock, *, counted: bool) -> None:
        """Spend an unlock; or take back that an attempt was counted, which has spent it."""
        if counted:
            records.links.give_back(unlock.link)
        else:
            self._use_message(records, unlock)

    def _use(self, unlock: Unlock, *, counted: bool | None) -> int:
        """Count a use and let the unlock stand, in one change with its line in the log.

        Args:
            unlock: What is answered.
            counted: Whether an attempt is counted that was right; None when it was given back.
        """
        until_ms = self._clock.now_ms() + limits.UNLOCK_LIFETIME * 1000
        with self._catalog.change() as records:
            link = self._link(records, unlock)
            if counted is not None:
                self._pass_message(records, unlock, counted=counted)
            used = records.links.take_use(link.did)
            if used:
                records.links.unlock(link.did, unlock.sender.node_id, until_ms)
                passed = {"passcode": int(link.passcode is not None), "code": int(counted is None)}
                detail = {"use": link.uses + 1, **passed}
                self._note(records, "link.unlocked", unlock, link, detail)
                self._tell(records, Access.OPENED, unlock)
        if not used:
            raise _no_uses()
        return until_ms

    def _tell(self, records: Records, what: Access, unlock: Unlock) -> None:
        """Note what the patient reads about it."""
        node = unlock.sender.node_id
        note_node(records, what, self._clock.now_ms(), link=unlock.link, node=node)

    def _note(
        self,
        records: Records,
        kind: str,
        unlock: Unlock,
        link: LinkRow,
        detail: Mapping[str, str | int],
    ) -> None:
        failed = kind in ("link.wrong_passcode", "link.wrong_code")
        peer = records.peers.get(unlock.sender.node_id)
        self._journal.note(
            records,
            kind,
            who=auditing.other_node(peer or unlock.sender.node_id),
            what=[auditing.about_security("link", link.id)],
            outcome=auditing.MINOR_FAILURE if failed else auditing.SUCCESS,
            detail=detail,
        )


def _check_left(link: LinkRow) -> None:
    if link.uses_used_up:
        raise _no_uses()
    if link.attempts_used_up:
        raise _no_attempts()


def _no_codes(problem: TooManyAttempts) -> CodesUsedUp:
    used_up = CodesUsedUp(str(problem))
    used_up.hint = problem.hint or used_up.hint
    return used_up


def _no_uses() -> UsesUsedUp:
    return UsesUsedUp("the link was opened as often as it may be")


def _no_attempts() -> AttemptsUsedUp:
    return AttemptsUsedUp("too many wrong passcodes were given for the link")
