"""Who was given a study, and what was said when that ended, as rows: see `services.telling`."""

from __future__ import annotations

from dataclasses import dataclass

from undisc_protocol.notice import Acknowledgement


@dataclass(frozen=True, slots=True)
class Given:
    """That a node was given the keys of a study, with which permission; kept for good.

    Attributes:
        peer: Its node id.
        study: Our id of the study.
        grant: Id of the grant behind it.
        share: Id of the share behind it, or None for a direct grant.
        at_ms: When it was given first.
    """

    peer: bytes
    study: bytes
    grant: bytes
    share: bytes | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class Ending:
    """A notice with which a holder told us that it took a permission back.

    Attributes:
        hash: SHA-256 of the signed notice.
        peer: Node id of the holder.
        study: The study's id there.
        token: The signed notice.
        at_ms: When it arrived.
    """

    hash: bytes
    peer: bytes
    study: bytes
    token: bytes
    at_ms: int


@dataclass(frozen=True, slots=True)
class CopyAnswer:
    """What this node has said about its copy of a study, to the holder that asked.

    Attributes:
        peer: Node id of the holder.
        study: The study's id there.
        said: What was answered.
        at_ms: Since when that is the answer.
        by: Who decided it; empty for the node itself.
    """

    peer: bytes
    study: bytes
    said: Acknowledgement
    at_ms: int
    by: str = ""
