"""Counts the sub-operations of a retrieval and makes its responses (PS3.4 §C.4.2.1, §C.4.3.1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from undisc_node.dicom.dimse import statuses
from undisc_node.dicom.dimse.commands import Command, Counts
from undisc_node.dicom.providing import data_sets
from undisc_node.dicom.providing.asked import Asked
from undisc_node.dicom.providing.dialogue import Dialogue
from undisc_node.services.workstations.giving import Chosen

_FAILED_UIDS: Final = "00080058"  # Failed SOP Instance UID List
_MOST_UIDS: Final = 1_000  # of that list: a value with a 16-bit length has room for 1,008
_WARNING: Final = 0xB  # highest digit of a warning (PS3.7 §C)


class Tally:
    """What became of the instances of one retrieval.

    Args:
        chosen: All of them.
        asked: The request.
    """

    def __init__(self, chosen: Sequence[Chosen], asked: Asked) -> None:
        self._chosen = chosen
        self._asked = asked
        self._completed = 0
        self._warned = 0
        self._failed: list[str] = []
        self._reasons: Counter[str] = Counter()
        self.given: Counter[bytes] = Counter()

    @property
    def remaining(self) -> int:
        """Instances whose turn has not come."""
        return len(self._chosen) - self._completed - self._warned - len(self._failed)

    @property
    def reasons(self) -> str:
        """Why instances failed, and how many for each reason."""
        return ", ".join(f"{count} {why}" for why, count in self._reasons.most_common())

    @property
    def sent(self) -> int:
        """Instances that were taken."""
        return self._completed + self._warned

    @property
    def failed(self) -> int:
        """Instances that were not taken."""
        return len(self._failed)

    def count(self, one: Chosen, status: int) -> None:
        """Count what the other side said of an instance."""
        if status == statuses.SUCCESS:
            self._completed += 1
        elif status >> 12 == _WARNING:
            self._warned += 1
        else:
            self.fail(one, f"refused with 0x{status:04X}")
            return
        self.given[one.study.id] += 1

    def fail(self, one: Chosen, why: str) -> None:
        """Count an instance that did not go."""
        self._failed.append(one.located.stored.header.sop_uid)
        self._reasons[why] += 1

    def tell(self, dialogue: Dialogue) -> None:
        """Say how far it is; raises `Gone`."""
        dialogue.tell(self._asked.command.answer(statuses.PENDING, counts=self._counts()))

    def finish(self, dialogue: Dialogue, *, cancelled: bool = False) -> None:
        """Say the last word; raises `Gone`."""
        status = statuses.CANCELLED if cancelled else self._status()
        counts = self._counts() if cancelled else self._counts(remaining=None)
        answer, data_set = self._with_failed(status, counts)
        dialogue.finish(answer, data_set)

    def _status(self) -> int:
        if self._failed and not self.sent:
            return statuses.CANNOT_PERFORM
        if self._failed or self._warned:
            return statuses.PARTLY
        return statuses.SUCCESS

    def _counts(self, remaining: int | None = -1) -> Counts:
        return Counts(
            remaining=self.remaining if remaining == -1 else remaining,
            completed=self._completed,
            failed=len(self._failed),
            warning=self._warned,
        )

    def _with_failed(self, status: int, counts: Counts) -> tuple[Command, bytes]:
        """Make an answer that names the instances that failed (PS3.4 §C.4.2.1.4.2)."""
        command = self._asked.command
        if status == statuses.SUCCESS:
            return command.answer(status, counts=counts), b""
        uids = self._failed[:_MOST_UIDS]
        data_set = data_sets.encode(
            {_FAILED_UIDS: {"vr": "UI", "Value": uids}}, explicit=self._asked.explicit
        )
        answer = command.answer(status, self.reasons, has_data_set=True, counts=counts)
        return answer, data_set
