"""Messages to people: what is due, sent until it is certain, and what a person does about the rest.

A message becomes due in the change that makes it true, once for each contact. Each step is a row
before it is taken, so that after a crash nothing is sent twice that the other side could not
recognise as the same. Words and links are made at the moment of sending, and kept nowhere.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.contacts import Contact, contact_of
from undisc_node.services.desk_rows import ChannelKind
from undisc_node.services.errors import Conflict, MayBeSent, NotFound, ServiceError, Unavailable
from undisc_node.services.finding import by_prefix
from undisc_node.services.message_rows import (
    Facts,
    MessageKind,
    MessageRow,
    MessageState,
)
from undisc_node.services.ports import (
    Catalog,
    Clock,
    Entropy,
    KnowsVisitLinks,
    Records,
    SendsMessages,
    WordsMessages,
)
from undisc_node.services.sending_now import Appearance

PAUSES_MS: Final = (30_000, 120_000, 600_000, 3_600_000)
"""Before the second and each further attempt; the last one stays."""
GIVE_UP_MS: Final = 2 * 86_400_000  # a mail server that is down over a weekend needs a person
REMIND: Final = 14 * 86_400  # seconds before something shared lapses
KEPT_MS: Final = 90 * 86_400_000
"""After its end a message is kept so long, for whoever asks whether it was sent; the log stays."""
_NODE: Final = "undisc-node"
_ID_DIGITS: Final = 32  # hex digits of a message's id

_log = logging.getLogger(__name__)


class Messaging:
    """Queues and sends messages.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
        entropy: Ids.
        sender: Hands messages over.
        wording: Puts them into words.
        links: Knows the links of visits.
        appearance: How the practice shows itself.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
        sender: SendsMessages,
        wording: WordsMessages,
        links: KnowsVisitLinks,
        appearance: Appearance,
    ) -> None:
        self._catalog = catalog
        self._journal = journal
        self._clock = clock
        self._entropy = entropy
        self._sender = sender
        self._wording = wording
        self._links = links
        self._appearance = appearance
        self._begun = False

    # --- What is due ------------------------------------------------------------------------------

    def queue(
        self,
        records: Records,
        kind: MessageKind,
        subject: bytes,
        contact: Contact,
        *,
        language: str,
        visit: bytes | None = None,
    ) -> bool:
        """Let a message become due within a change; False when it is or was already."""
        now_ms = self._clock.now_ms()
        return records.messages.add(
            MessageRow(
                id=self._entropy.random(16),
                kind=kind,
                subject=subject,
                visit=visit,
                contact=contact,
                language=language,
                state=MessageState.WAITING,
                made_ms=now_ms,
                attempts=0,
                next_ms=now_ms,
            )
        )

    def queue_for_patient(
        self, records: Records, kind: MessageKind, subject: bytes, visit: bytes
    ) -> int:
        """Let a message become due on every way to the patient of a visit; return how many."""
        return sum(
            self.queue(records, kind, subject, contact_of(one), language=one.language, visit=visit)
            for one in records.wishes.channels(visit)
            if one.kind is not ChannelKind.PRINT
        )

    def announce(self) -> int:
        """Let the links of released visits become due; return how many messages that makes."""
        with self._catalog.look() as records:
            found = records.messages.unannounced()
        made = 0
        for one in found:
            if self._links.link_of(one.visit) is None:
                continue
            with self._catalog.change() as records:
                made += self.queue(
                    records,
                    MessageKind.LINK,
                    one.visit,
                    contact_of(one),
                    language=one.language,
                    visit=one.visit,
                )
        return made

    def remind(self) -> int:
        """Let reminders become due of what lapses within two weeks; return how many."""
        now = self._clock.now_ms() // 1000
        with self._catalog.look() as records:
            found = records.messages.lapsing(now, now + REMIND)
        made = 0
        for one in found:
            with self._catalog.change() as records:
                made += self.queue_for_patient(records, MessageKind.REMINDER, one.share, one.visit)
        return made

    def forget(self) -> int:
        """Forget finished messages, with their addresses; return how many.

        One that must not be sent a second time is kept as long as it could become due again: the
        link of an open visit, the reminder of what still lapses.
        """
        now_ms = self._clock.now_ms()
        with self._catalog.change() as records:
            return records.messages.forget(now_ms - KEPT_MS, now_ms // 1000)

    def take_up(self) -> None:
        """After a start: decide what becomes of messages that were on their way."""
        with self._catalog.look() as records:
            found = records.messages.interrupted()
        for row in found:
            if row.state is MessageState.HANDING:
                self._after_silence(row, "the node stopped while it handed the message over")
            else:
                self._later(row, "the node stopped before it was sent", at_once=True)

    # --- Sending ----------------------------------------------------------------------------------

    def work(self) -> int:
        """Send what is due; the first time also decide about what a stop interrupted."""
        if not self._begun:
            self.take_up()
            self._begun = True
        return self.send_due()

    def send_due(self) -> int:
        """Send what is due; return how many messages were sent."""
        with self._catalog.look() as records:
            due = records.messages.due(self._clock.now_ms())
        return sum(self._send(row) for row in due if self._sender.carries(row.contact.channel))

    def _send(self, row: MessageRow) -> bool:
        claimed = self._claim(row)
        if claimed is None:
            return False
        try:
            facts = self._facts(claimed)
            if facts is None:
                self._end(claimed, MessageState.CANCELLED, "there is nothing to tell any more")
                return False
            words = self._wording.words(claimed.kind, claimed.language, facts)
            reference = self._sender.send(
                claimed.contact,
                words,
                name=f"{claimed.id.hex()}.{claimed.round}",
                handing=lambda: self._hand(claimed),
            )
        except MayBeSent as problem:
            self._after_silence(claimed, str(problem))
        except Unavailable as problem:
            self._later(claimed, f"{problem.reason}: {problem}")
        except ServiceError as problem:
            self._end(claimed, MessageState.FAILED, f"{problem.reason}: {problem}")
        else:
            self._end(claimed, MessageState.SENT, "", reference)
            return True
        return False

    def _claim(self, row: MessageRow) -> MessageRow | None:
        with self._catalog.change() as records:
            current = records.messages.get(row.id)
            if current is None or current.state is not MessageState.WAITING:
                return None
            claimed = replace(current, state=MessageState.SENDING, attempts=current.attempts + 1)
            records.messages.put(claimed)
        return claimed

    def _hand(self, row: MessageRow) -> None:
        """Write down that from now on the other side may have it."""
        with self._catalog.change() as records:
            current = records.messages.get(row.id)
            if current is None or current.state is not MessageState.SENDING:
                raise Conflict("the message was cancelled", code="message_ended")
            records.messages.put(replace(current, state=MessageState.HANDING))

    def _facts(self, row: MessageRow) -> Facts | None:
        """Return what a message says now; None when there is nothing to tell any more."""
        own = self._appearance.facts
        with self._catalog.look() as records:
            match row.kind:
                case MessageKind.LINK:
                    link = self._links.link_of(row.subject)
                    if link is None:
                        return None
                    return replace(
                        own,
                        link=link.text,
                        page=link.page,
                        code=link.code,
                        ends=link.expires,
                        pin=link.pin,
                    )
                case MessageKind.REMINDER:
                    share = records.shares.get(row.subject)
                    if share is None or share.revoked_ms is not None:
                        return None
                    return replace(own, ends=share.expires)
                case MessageKind.EMERGENCY | MessageKind.EMERGENCY_PATIENT:
                    grant = records.grants.get(row.subject)
                    if grant is None:
                        return None
                    return replace(
                        own, staff=grant.staff, reference=grant.id.hex()[:8], ends=grant.expires
                    )
                case MessageKind.USED:
                    wish = records.use_notices.get(row.visit or b"")
                    return own if wish is not None and wish.wanted else None
                case _:
                    return None

    def _after_silence(self, row: MessageRow, problem: str) -> None:
        """Go on after nobody knows whether it was sent: again only where that is recognised."""
        if self._sender.repeats_safely(row.contact.channel):
            self._later(row, problem)
        else:
            self._end(row, MessageState.UNSURE, f"may_be_sent: {problem}")

    def _later(self, row: MessageRow, problem: str, *, at_once: bool = False) -> None:
        now_ms = self._clock.now_ms()
        if now_ms > row.made_ms + GIVE_UP_MS:
            self._end(row, MessageState.FAILED, f"given up: {problem}")
            return
        pause = 0 if at_once else PAUSES_MS[min(max(row.attempts, 1), len(PAUSES_MS)) - 1]
        with self._catalog.change() as records:
            current = records.messages.get(row.id)
            if current is not None and current.state.goes_on:
                records.messages.put(
                    replace(
                        current,
                        state=MessageState.WAITING,
                        next_ms=now_ms + pause,
                        problem=problem,
                    )
                )

    def _end(self, row: MessageRow, state: MessageState, problem: str, reference: str = "") -> None:
        with self._catalog.change() as records:
            current = records.messages.get(row.id)
            if current is None or not current.state.goes_on:
                return
            ended = replace(
                current,
                state=state,
                ended_ms=self._clock.now_ms(),
                problem=problem,
                reference=reference,
            )
            records.messages.put(ended)
            self._note(records, ended, _NODE)
        if state in (MessageState.FAILED, MessageState.UNSURE):
            _log.warning("a message could not be sent: %s", problem.partition(":")[0])

    # --- A person decides -------------------------------------------------------------------------

    def find(self, prefix: str) -> MessageRow:
        """Return a message by a unique beginning of its id.

        Raises:
            NotFound: None.
            Conflict: Several.
        """
        wanted = prefix.strip().lower()
        usable = 0 < len(wanted) <= _ID_DIGITS and set(wanted) <= set("0123456789abcdef")
        with self._catalog.look() as records:
            rows = records.messages.starting(wanted) if usable else []
        return by_prefix(wanted, rows, "message")

    def list(self, visit: bytes | None = None, limit: int = 200) -> Sequence[MessageRow]:
        """List messages, newest first."""
        with self._catalog.look() as records:
            return records.messages.list(visit=visit, limit=limit)

    def retry(self, message: bytes, *, again: bool, actor: str) -> MessageRow:
        """Send a message once more, now.

        Args:
            message: Its id.
            again: Whether also one that was sent is to be sent once more.
            actor: Who asks for it.

        Raises:
            Conflict: It was sent, and nobody said that it is to be sent again.
        """
        now_ms = self._clock.now_ms()
        with self._catalog.change() as records:
            row = _known(records, message)
            if row.state is MessageState.SENT and not again:
                raise Conflict(
                    "the message was sent",
                    code="message_sent",
                    hint="send it once more all the same: --again",
                )
            if row.state in (MessageState.SENDING, MessageState.HANDING):
                raise Conflict("the message is being sent just now", code="message_sending")
            is_new = row.state is not MessageState.WAITING
            waiting = replace(
                row,
                state=MessageState.WAITING,
                made_ms=now_ms,
                attempts=0,
                next_ms=now_ms,
                ended_ms=None,
                problem="",
                reference="",
                round=row.round + is_new,
            )
            records.messages.put(waiting)
            self._note(records, waiting, actor)
        return waiting

    def cancel(self, message: bytes, actor: str) -> MessageRow:
        """End a message that was not sent yet.

        Raises:
            Conflict: It has ended.
        """
        with self._catalog.change() as records:
            row = _known(records, message)
            if not row.state.goes_on:
                raise Conflict(f"the message is {row.state} already", code="message_ended")
            cancelled = replace(row, state=MessageState.CANCELLED, ended_ms=self._clock.now_ms())
            records.messages.put(cancelled)
            self._note(records, cancelled, actor)
        return cancelled

    def _note(self, records: Records, row: MessageRow, actor: str) -> None:
        failed = row.state in (MessageState.FAILED, MessageState.UNSURE)
        self._journal.note(
            records,
            f"message.{row.state}",
            who=auditing.user(actor),
            what=[auditing.about_security(row.kind.value, row.subject)],
            outcome=auditing.MINOR_FAILURE if failed else auditing.SUCCESS,
            detail={
                "message": row.id.hex(),
                "channel": row.contact.channel.value,
                "problem": row.problem,
            },
        )


def _known(records: Records, message: bytes) -> MessageRow:
    row = records.messages.get(message)
    if row is None:
        raise NotFound("no such message")
    return row
