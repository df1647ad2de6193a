"""C-FIND in the role of the provider (PS3.4 §C.4.1.3): one answer after the other."""

from __future__ import annotations

from typing import Protocol

from undisc_node.dicom.dimse import statuses
from undisc_node.dicom.providing import data_sets
from undisc_node.dicom.providing.asked import Asked
from undisc_node.dicom.providing.dialogue import Dialogue
from undisc_node.services.workstations.asking import Identifier
from undisc_node.services.workstations.finding import Answers


class Finds(Protocol):
    """Answers queries, as `services.workstations.Finding` does."""

    def find(self, asked: Identifier, *, who: str, address: str) -> Answers:
        """Answer a query; raises `ServiceError` to refuse it."""


def answer_query(finds: Finds, asked: Asked, identifier: Identifier, dialogue: Dialogue) -> None:
    """Answer a query, to its end or to its cancellation.

    Raises:
        ServiceError: It is refused; nothing was said yet.
        Gone: The connection has ended.
    """
    found = finds.find(identifier, who=asked.name, address=asked.address)
    pending = statuses.PENDING if found.all_keys else statuses.PENDING_WITHOUT_KEYS
    wanted = {tag: one for tag in identifier.keys if (one := data_sets.empty(tag)) is not None}
    for result in found.results:
        if dialogue.is_cancelled:
            dialogue.finish(asked.command.answer(statuses.CANCELLED))
            return
        data_set = data_sets.encode({**wanted, **result}, explicit=asked.explicit)
        dialogue.tell(asked.command.answer(pending, has_data_set=True), data_set)
    if found.more:
        told = f"only the first {len(found.results)} are told, ask more narrowly"
        dialogue.finish(asked.command.answer(statuses.OUT_OF_RESOURCES, told))
    else:
        dialogue.finish(asked.command.answer(statuses.SUCCESS))
