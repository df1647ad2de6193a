"""What DICOMweb calls, in a thread; and how a mount learns who is asking."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from undisc_node.services.dicomweb.rendering import Rendering
from undisc_node.services.dicomweb.retrieving import Retrieving
from undisc_node.services.dicomweb.scope import Allowed
from undisc_node.services.dicomweb.searching import Searching
from undisc_node.services.dicomweb.storing import Storing
from undisc_node.services.ports import Entropy
from undisc_node.web.spool import Spool

AllowedOf = Callable[[web.Request], Awaitable[Allowed]]
"""Says what the caller of a request may see, or raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomWebUses:
    """What DICOMweb calls.

    Attributes:
        searching: QIDO-RS.
        retrieving: WADO-RS.
        rendering: Images for people.
        storing: STOW-RS.
        tag_of: Finds the tag of an attribute's keyword.
        entropy: Boundaries of multipart answers.
    """

    searching: Searching
    retrieving: Retrieving
    rendering: Rendering
    storing: Storing
    tag_of: Callable[[str], str | None]
    entropy: Entropy


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounted:
    """A place where DICOMweb is served.

    Attributes:
        uses: What it calls.
        spool: Keeps parts of uploads until they are stored.
    """

    uses: DicomWebUses
    spool: Spool
