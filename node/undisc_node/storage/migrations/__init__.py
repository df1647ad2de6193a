"""The tables of the catalog, as numbered steps.

A step that was released is never edited: a change is a new step, in a file of its own, imported
here in the order of the numbers. Tables are STRICT and checked, and triggers hold what no code path
may undo: a revocation stays, what a grant or share says stays, the log only grows. So a slip in
Python ends in an error, not in a revived capability.
"""

from undisc_node.storage.migrations import (
    consents,
    first_eight,
    media,
    orders,
    pacs,
    queue,
    searching,
    staff,
)
from undisc_node.storage.migrations.steps import CATALOG

STEPS = (first_eight, staff, pacs, queue, orders, media, searching, consents)
"""The files whose steps make the catalog, in their order."""

__all__ = ["CATALOG", "STEPS"]
