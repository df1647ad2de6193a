"""What unknown senders send is kept where nobody sees it, until an administrator says who they are.

Objects of one sender and one study lie in a study of their own: held, with a UID that nobody can
guess, and without patient, accession and date in its row, so that nothing of this node is ever
compared or joined with it. When the sender is trusted, each object comes in as if it were sent now;
when it is removed, they are erased with their key. Number, bytes and age are bounded.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import DiskFull, Refused, Unavailable
from undisc_node.services.model import NOBODY, InstanceFacts, Study
from undisc_node.services.ports import Catalog, Clock, Entropy, Records
from undisc_node.services.sender_model import STRANGER, Caller, Sender, SenderState

REASON: Final = "kept in quarantine: the sender is not known"
"""Why a study in quarantine is held."""

MAX_STRANGERS: Final = 64  # unknown senders that wait at once; a practice adds one at a time
MAX_STUDIES: Final = 1_024  # studies in quarantine; a day of a large department
_DAY_MS: Final = 86_400_000
_SALT: Final = 32  # bytes


@dataclass(frozen=True, slots=True)
class QuarantineBounds:
    """How much is kept of unknown senders together, and how long.

    Attributes:
        size: Bytes as received.
        days: After so many it is erased.
    """

    size: int = 10 * 2**30
    days: int = 30


class Quarantine:
    """Decides whether something is taken into quarantine, and under which UID it lies there.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
        entropy: Makes UIDs that nobody can guess.
        bounds: How much is kept.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
        bounds: QuarantineBounds = QuarantineBounds(),
    ) -> None:
        self._catalog = catalog
        self._journal = journal
        self._clock = clock
        self._salt = entropy.random(_SALT)
        self.bounds = bounds

    def hidden(self, facts: InstanceFacts, caller: Caller) -> InstanceFacts:
        """Return facts that tell nothing but what tells one object from another."""
        with self._catalog.look() as records:
            found = records.senders.find_quarantined(caller.name, facts.study_uid)
            study = records.studies.get(found) if found else None
        return replace(
            facts,
            study_uid=study.uid if study else self._uid(caller, facts.study_uid),
            patient=NOBODY,
            study_date="",
            study_time="",
            accession="",
            description="",
        )

    def _uid(self, caller: Caller, uid: str) -> str:
        """Make a UID: the same for arrivals at one moment, and none that anybody can guess."""
        made = hmac.digest(self._salt, f"{caller.name}\0{uid}".encode(), "sha256")
        return f"2.25.{int.from_bytes(made[:16], 'big')}"  # PS3.5 §B.2

    def check(self, records: Records, caller: Caller, size: int) -> None:
        """See that so many bytes of a caller may be kept.

        Raises:
            Refused: The sender was removed, or too many unknown ones wait.
            Unavailable: It was trusted a moment ago; sent again, it is taken in.
            DiskFull: The quarantine is full.
        """
        known = records.senders.get(caller.name)
        if known is None:
            waiting = [one for one in records.senders.list() if one.state is SenderState.PENDING]
            if len(waiting) >= MAX_STRANGERS:
                raise Refused("too many unknown senders wait already", code="too_many_strangers")
        elif known.state is SenderState.REMOVED:
            raise Refused("this sender was removed", code="sender_removed")
        elif known.state is SenderState.TRUSTED:
            raise Unavailable("this sender was let in a moment ago: send it again")
        kept = records.senders.quarantined()
        if sum(one.size for one in kept) + size > self.bounds.size or len(kept) >= MAX_STUDIES:
            raise DiskFull(
                "the quarantine is full",
                code="quarantine_full",
                hint="decide who may send: undisc senders list, then trust or remove",
            )

    def admit(self, records: Records, caller: Caller, study: Study, uid: str) -> None:
        """Note within the change that takes the first object in whose it is, and of which study."""
        records.senders.put_quarantined(study.id, uid)
        if records.senders.get(caller.name) is None:
            records.senders.put(
                Sender(
                    name=caller.name,
                    address=caller.address,
                    ae_title=caller.ae_title,
                    state=SenderState.PENDING,
                    added_ms=self._clock.now_ms(),
                )
            )
            self._journal.note(
                records,
                "sender.appeared",
                who=auditing.sender(caller.sender),
                detail={"address": caller.address, "ae_title": caller.ae_title},
            )


def is_quarantined(study: Study) -> bool:
    """Tell whether a row is one of quarantine."""
    return study.sender.startswith(STRANGER)
