"""Ports to other archives (PACS): ask them, bring studies from them, hand studies over.

An archive answers slowly, partly or not at all, and what it answers is not trusted: adapters bound
and clean every value. What cannot be done for now is `Unavailable`; what it refuses is `Refused`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from undisc_node.services.archive_model import (
    Coercion,
    Delivery,
    FoundStudy,
    HandedOver,
    Pacs,
    Wanted,
)
from undisc_node.services.model import Patient
from undisc_node.services.ports.packs import Source

Take = Callable[[Source], None]
"""Stores one instance that an archive gave us; durable on return."""


class Watch(Protocol):
    """Is told how far a long conversation has come, and may end it."""

    def seen(self, done: int, total: int) -> None:
        """Take note of so many instances done, of so many in all; 0 for unknown."""

    def wants_to_stop(self) -> bool:
        """Tell whether to end as soon as possible."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An instance to be handed over.

    Attributes:
        key: What its answer is known by; an object's id.
        sop_class: SOP Class UID.
        sop_uid: SOP Instance UID.
        syntax: Transfer Syntax UID.
        open: Makes its bytes ready, as a Part 10 file; called once, when its turn has come.
    """

    key: bytes
    sop_class: str
    sop_uid: str
    syntax: str
    open: Callable[[], Source]


@dataclass(frozen=True, slots=True)
class StoreAnswer:
    """What an archive said about one instance.

    Attributes:
        key: The instance's.
        status: DIMSE status (PS3.4 table B.2-1), or failure reason of STOW-RS; 0 is success.
        taken: Whether it is stored there, perhaps with a warning.
        passing: Whether the reason may pass by itself, so that trying again makes sense.
    """

    key: bytes
    status: int
    taken: bool
    passing: bool = False


class Archive(Protocol):
    """One archive, ready to be asked."""

    def echo(self) -> None:
        """Ask whether it answers (C-ECHO, or an empty query).

        Raises:
            Unavailable: It does not.
            Refused: It answers, and does not let us in.
        """

    def studies(self, wanted: Wanted, *, limit: int) -> Sequence[FoundStudy]:
        """Look for studies; at most `limit`.

        Raises:
            Unavailable: It does not answer.
            Refused: It does not answer such questions.
        """

    def patients(self, like: Patient, *, limit: int) -> Sequence[Patient]:
        """Look for patients: by id if there is one, otherwise by family name and birth date.

        Raises:
            Unavailable: It does not answer.
            Refused: It does not answer such questions.
        """

    def retrieve(self, study: FoundStudy, take: Take, watch: Watch) -> None:
        """Bring a study. By C-MOVE its instances come to our DICOM port instead of `take`.

        Raises:
            Unavailable: The conversation broke, or some instances did not come.
            Refused: The archive does not give it.
            ServiceError: What `take` raises.
        """

    def store(self, objects: Iterable[Outgoing], watch: Watch) -> Iterator[StoreAnswer]:
        """Hand instances over, one after the other; yield what the archive says of each.

        Raises:
            Unavailable: The conversation broke; what was not answered may be there or not.
        """

    def commit(self, objects: Sequence[Outgoing]) -> frozenset[bytes] | None:
        """Ask it to take responsibility (storage commitment, PS3.4 §J).

        Returns:
            Keys of the instances for which it does; None when it does not offer that, or did not
            say in time.

        Raises:
            Unavailable: It does not answer.
        """


class Archives(Protocol):
    """Opens configured archives."""

    def open(self, pacs: Pacs) -> Archive:
        """Return the archive; nothing is asked yet.

        Raises:
            Invalid: Its credentials file cannot be read, or its address is not one to connect to.
            Unavailable: Its name has no address for now.
        """


class Coercer(Protocol):
    """Gives outside studies the patient's local identity."""

    def coerce(self, source: Source, coercion: Coercion) -> Source:
        """Return the object with the local identity; the source stays as it is.

        Returns:
            An object that is read once, from the start.

        Raises:
            Invalid: Its header cannot be read.
        """


class PacsRecords(Protocol):
    """Archives that are configured, in alphabetical order."""

    def get(self, name: str) -> Pacs | None:
        """Return it by name, or None."""

    def list(self) -> Sequence[Pacs]:
        """List all of them."""

    def put(self, pacs: Pacs) -> None:
        """Insert or replace by name."""

    def remove(self, name: str) -> None:
        """Remove it and its unfinished deliveries."""


class DeliveryRecords(Protocol):
    """Studies on their way into archives, newest first."""

    def get(self, delivery: bytes) -> Delivery | None:
        """Return it by id, or None."""

    def of(self, study: bytes, pacs: str) -> Delivery | None:
        """Return the one of a study and an archive, or None."""

    def list(self, *, study: bytes | None = None, limit: int = 1000) -> Sequence[Delivery]:
        """List, newest first."""

    def due(self, now_ms: int) -> Sequence[Delivery]:
        """List those whose next attempt is due, the longest due first."""

    def put(self, delivery: Delivery) -> None:
        """Insert or replace by id.

        Raises:
            Conflict: Another delivery has this study and archive.
        """

    def hand_over(self, delivery: bytes, objects: Iterable[bytes]) -> None:
        """Note that the archive has acknowledged these objects."""

    def commit(self, delivery: bytes, objects: Iterable[bytes]) -> None:
        """Note that the archive has taken responsibility for these objects."""

    def take_back(self, delivery: bytes, objects: Iterable[bytes]) -> None:
        """Note that these objects are not there after all."""

    def handed_over(self, delivery: bytes) -> HandedOver:
        """Return what has been acknowledged."""

    def fetched_for(self, pacs: str, since_ms: int, *, limit: int) -> Sequence[bytes]:
        """List studies fetched after a moment that have no delivery to that archive."""

    def grown(self, *, limit: int) -> Sequence[Delivery]:
        """List deliveries that are done, and whose study has grown since."""
