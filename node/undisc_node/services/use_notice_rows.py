"""Who wants to hear of uses, as rows: see `services.use_notices`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UseNotice:
    """What the patient of a visit wants to hear, and what was told already.

    Attributes:
        visit: The visit.
        wanted: Whether they want to hear of uses.
        by: Who took that down; `patient` for the patient's own page.
        at_ms: When.
        told_ms: When they were last told, or 0.
        until_ms: Up to which moment uses were told.
    """

    visit: bytes
    wanted: bool
    by: str
    at_ms: int
    told_ms: int
    until_ms: int
