"""Telling patients that somebody used what they shared, if they want to hear of it.

Looking and downloading count, by anybody but the patient. What happens within a quarter of an hour
is told with one message, so nobody gets more than four in an hour however busy a ward is. The
message says that it happened, and nothing else: who it was stands behind the link.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import NotFound
from undisc_node.services.message_rows import MessageKind
from undisc_node.services.ports import Catalog, Clock, Records
from undisc_node.services.use_notice_rows import UseNotice

PAUSE_MS: Final = 15 * 60_000
"""Between two messages about one visit: four in an hour at most."""
_AT_ONCE: Final = 100  # visits that are told of at one look


class QueuesForPatients(Protocol):
    """Queues messages; see `messaging`."""

    def queue_for_patient(
        self, records: Records, kind: MessageKind, subject: bytes, visit: bytes
    ) -> int:
        """Let a message become due on every way to the patient of a visit."""


@dataclass(frozen=True, slots=True)
class UseWish:
    """What a patient wants, and whether it can be had.

    Attributes:
        wanted: Whether they want to hear of each use.
        possible: Whether there is an address or number to which it could be sent.
    """

    wanted: bool
    possible: bool


class UseNotices:
    """Knows who wants to hear of uses, and queues the messages.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
        messaging: Queues messages.
    """

    def __init__(
        self, *, catalog: Catalog, journal: Journal, clock: Clock, messaging: QueuesForPatients
    ) -> None:
        self._catalog = catalog
        self._journal = journal
        self._clock = clock
        self._messaging = messaging

    def wish(self, visit: bytes) -> UseWish:
        """Return what the patient of a visit wants."""
        with self._catalog.look() as records:
            row = records.use_notices.get(visit)
            possible = any(one.address for one in records.wishes.channels(visit))
        return UseWish(row is not None and row.wanted, possible)

    def want(self, visit: bytes, actor: str, *, wanted: bool) -> None:
        """Tell the patient of each use from now on, or not any more; again changes nothing.

        Raises:
            NotFound: No such visit.
        """
        with self._catalog.change() as records:
            if records.visits.get(visit) is None:
                raise NotFound("no such visit")
            known = records.use_notices.get(visit)
            if (known is not None and known.wanted) == wanted:
                return
            put_wish(records, visit, actor, self._clock.now_ms(), wanted=wanted)
            self._journal.note(
                records,
                "visit.use_notices",
                who=auditing.user(actor),
                what=[auditing.about_security("visit", visit)],
                detail={"wanted": int(wanted)},
            )

    def tell(self) -> int:
        """Queue what is due; return how many messages that makes."""
        now_ms = self._clock.now_ms()
        with self._catalog.look() as records:
            due: Sequence[tuple[bytes, int]] = records.use_notices.due(
                now_ms - PAUSE_MS, limit=_AT_ONCE
            )
        made = 0
        for visit, newest_ms in due:
            with self._catalog.change() as records:
                row = records.use_notices.get(visit)
                if row is None or not row.wanted:
                    continue
                subject = visit + newest_ms.to_bytes(8, "big")
                made += self._messaging.queue_for_patient(records, MessageKind.USED, subject, visit)
                records.use_notices.put(replace(row, told_ms=now_ms, until_ms=newest_ms))
        return made


def put_wish(records: Records, visit: bytes, actor: str, now_ms: int, *, wanted: bool) -> None:
    """Take down what a patient wants; only what happens from now on is told."""
    records.use_notices.put(UseNotice(visit, wanted, actor, now_ms, told_ms=0, until_ms=now_ms))
