"""The tables of the catalog, as numbered steps.

A step that was released is never edited: a change is a new step, in a file that is named by its
number, so that the order of imports is the order of the steps. Tables are STRICT and checked, and
triggers hold what no code path may undo: a revocation stays, what a grant or share says stays, the
log only grows. So a slip in Python ends in an error, not in a revived capability.
"""

from undisc_node.storage.migrations import (
    m0001_to_m0008,
    m0009_staff,
    m0010_pacs,
    m0011_queue,
    m0012_media,
    m0013_orders,
    m0014_senders,
    m0015_searching,
    m0016_consents,
    m0017_links,
    m0018_desk,
    m0019_patients,
    m0020_messages,
    m0021_one_time_codes,
    m0022_offers,
    m0023_pairings,
    m0024_keys,
    m0025_endings,
    m0026_peer_hours,
    m0027_access,
    m0028_passkeys,
)
from undisc_node.storage.migrations.steps import CATALOG

STEPS = (
    m0001_to_m0008,
    m0009_staff,
    m0010_pacs,
    m0011_queue,
    m0012_media,
    m0013_orders,
    m0014_senders,
    m0015_searching,
    m0016_consents,
    m0017_links,
    m0018_desk,
    m0019_patients,
    m0020_messages,
    m0021_one_time_codes,
    m0022_offers,
    m0023_pairings,
    m0024_keys,
    m0025_endings,
    m0026_peer_hours,
    m0027_access,
    m0028_passkeys,
)
"""The files whose steps make the catalog, in their order."""

__all__ = ["CATALOG", "STEPS"]
