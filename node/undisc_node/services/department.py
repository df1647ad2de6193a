"""What an HL7 message does, in one place for whoever receives it: once, and durably."""

from __future__ import annotations

from dataclasses import dataclass

from undisc_node.services.department_rows import Message, Order, PatientChange, Report
from undisc_node.services.errors import Conflict
from undisc_node.services.ordering import Ordering
from undisc_node.services.ports import Catalog
from undisc_node.services.renaming import Renaming
from undisc_node.services.reporting import Reporting


@dataclass(frozen=True, slots=True, kw_only=True)
class Department:
    """Takes in what the department's systems say.

    Attributes:
        catalog: Rows.
        ordering: The day list.
        reporting: Reports.
        renaming: Changed identities.
    """

    catalog: Catalog
    ordering: Ordering
    reporting: Reporting
    renaming: Renaming

    def known(self, message: Message) -> bool:
        """Tell whether this very message was taken in before.

        Raises:
            Conflict: Another message was, under the same control id.
        """
        with self.catalog.look() as records:
            known = records.reports.message(message.sender, message.control)
        if known is not None and known.hash != message.hash:
            raise Conflict(
                "another message was taken in under the same control id",
                code="control_id_used",
                hint="the sender must number its messages without repetition",
            )
        return known is not None

    def take_orders(self, orders: list[Order], message: Message) -> None:
        """Keep orders."""
        self.ordering.take(orders, message)

    def take_reports(self, reports: list[Report], message: Message) -> None:
        """Attach reports, or let them wait."""
        self.reporting.take(reports, message)

    def take_change(self, change: PatientChange, message: Message) -> None:
        """Let a changed identity wait for a person."""
        self.renaming.take(change, message)
