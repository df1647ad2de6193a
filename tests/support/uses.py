"""Messages about uses, without a mail server: what would have been queued is remembered."""

from __future__ import annotations

from support.practice import Practice
from undisc_node.services.message_rows import MessageKind
from undisc_node.services.ports import Records
from undisc_node.services.use_notices import UseNotices


class Uses:
    """What tells a practice's patients of uses, and what it told.

    Args:
        practice: Whose patients.
    """

    def __init__(self, practice: Practice) -> None:
        self.told: list[tuple[MessageKind, bytes, bytes]] = []
        self.notices = UseNotices(
            catalog=practice.catalog,
            journal=practice.journal,
            clock=practice.clock,
            messaging=self,
        )

    def queue_for_patient(
        self, records: Records, kind: MessageKind, subject: bytes, visit: bytes
    ) -> int:
        """Remember it."""
        del records
        self.told.append((kind, subject, visit))
        return 1
