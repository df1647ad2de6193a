"""What one connection brings: C-STORE in the role of the provider (PS3.4 §B, PS3.7 §9.1.1).

A data set is sealed while it arrives, exactly as it is on the wire, behind file meta information
made here. A sender is told "success" only after `store` has returned, which means the object is
durable.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from undisc_node.dicom.dimse import statuses
from undisc_node.dicom.dimse.commands import Command
from undisc_node.dicom.part10 import compose_part10
from undisc_node.dicom.providing.asked import Asked
from undisc_node.dicom.providing.dialogue import Dialogue, Gone
from undisc_node.dicom.providing.provider import Provider
from undisc_node.dicom.reader import FactReader
from undisc_node.services.errors import Invalid, Refused, ServiceError
from undisc_node.services.model import InstanceFacts
from undisc_node.services.ports import KnowsCallers, Source, Spool
from undisc_node.services.sender_model import Caller, SenderCounts, SenderState

_LARGEST_REPORT: Final = 16 * 2**20  # bytes; 32,768 instances of one study have about 5 MiB
_LOST: Final = "the object could not be stored"


class Stores(Protocol):
    """Where objects go, as `services.receiving.Receiving` is."""

    def begin(self) -> Spool:
        """Begin an object that arrives piece by piece; raises `ServiceError` when none may."""

    def store(self, source: Source, sender: str, digest: bytes, facts: InstanceFacts, /) -> object:
        """Store an object durably before returning; raises `ServiceError` to refuse it."""

    def quarantine(self, source: Source, caller: Caller, digest: bytes = b"", /) -> object:
        """Keep an object of an unknown sender, likewise, where nobody sees it."""


Report = Callable[[bytes, str], int]
"""Takes a report of storage commitment and its transfer syntax; returns the status to answer."""


class Visit:
    """What one connection brings.

    Args:
        address: Where it comes from.
        senders: Tells who calls.
        stores: Where objects go.
        on_report: Takes reports of storage commitment, or None.
        logger: Where to write lines without patient data.
        largest: Bytes of the largest data set.
        provider: Answers questions of workstations, or None.
    """

    def __init__(
        self,
        *,
        address: str,
        senders: KnowsCallers,
        stores: Stores,
        on_report: Report | None,
        logger: logging.Logger,
        largest: int,
        provider: Provider | None = None,
    ) -> None:
        self._on_report = on_report
        self._provider = provider
        self._address = address
        self._senders = senders
        self._stores = stores
        self._log = logger
        self._largest = largest
        self._reader = FactReader()
        self._fingerprint = b""
        self._title = ""
        self.caller: Caller | None = None
        self._stored = 0
        self._refused = 0

    @property
    def name(self) -> str:
        """The sender's name, or its address before it is known."""
        return self.caller.name if self.caller else self._address

    def show(self, fingerprint: bytes) -> None:
        """Take the fingerprint of the certificate that was shown in the TLS handshake."""
        self._fingerprint = fingerprint

    def may_call(self, ae_title: str) -> bool:
        """Decide about an association request by address, certificate and AE title."""
        self._title = ae_title
        self.caller = self._senders.identify(self._address, ae_title, self._fingerprint)
        if self.caller is None:
            self._senders.note_refused(self._address, ae_title)
            self._log.warning("DICOM: AE title refused from %s", self._address)
            return False
        self._senders.note(SenderCounts(self.caller.name))
        return True

    @property
    def may_query(self) -> bool:
        """Whether it may query and retrieve, now."""
        if self._provider is None:
            return False
        caller = self._senders.identify(self._address, self._title, self._fingerprint)
        return caller is not None and caller.may_query

    def answer(
        self,
        dialogue: Dialogue,
        *,
        sop_class: str,
        syntax: str,
        identifier: bytes,
        storage: Mapping[tuple[str, str], int],
    ) -> None:
        """Answer a question, to its end; raises `Gone`.

        Args:
            dialogue: The operation.
            sop_class: What was agreed upon for its context.
            syntax: Transfer syntax that was agreed upon for its context.
            identifier: The data set of the question.
            storage: By SOP class and transfer syntax, contexts in which instances are taken.
        """
        if self._provider is None:
            raise Gone("nobody answers questions")
        asked = Asked(
            command=dialogue.request,
            sop_class=sop_class,
            syntax=syntax,
            identifier=identifier,
            name=self.name,
            address=self._address,
            ae_title=self._title.strip(),
            may_query=self.may_query,
            storage=storage,
        )
        self._provider.answer(asked, dialogue)

    def begin(self, command: Command, *, sop_class: str, transfer_syntax: str) -> Arrival:
        """Begin to take an object in. What forbids it is said at its end.

        Args:
            command: The C-STORE request.
            sop_class: What was agreed upon for its context.
            transfer_syntax: What was agreed upon for its context.
        """
        arrival = Arrival(self, command, self._largest)
        try:
            if command.sop_class != sop_class:
                raise Invalid("the object is not of the class agreed upon", code="does_not_match")
            head = compose_part10(
                sop_class=command.sop_class,
                sop_uid=command.instance,
                transfer_syntax=transfer_syntax,
                calling_ae=self._title,
            )
            arrival.start(self._stores.begin(), head)
        except ServiceError as refusal:
            arrival.refuse(refusal)
        return arrival

    def report(self, transfer_syntax: str) -> IncomingReport:
        """Begin to take a report of storage commitment in (PS3.4 §J.3.3).

        A stranger's is refused: it would say that an archive has what it does not have.
        """
        caller = self._senders.identify(self._address, self._title, self._fingerprint)
        is_known = caller is not None and caller.state is SenderState.TRUSTED
        return IncomingReport(self._on_report if is_known else None, transfer_syntax)

    def store(self, spool: Spool, command: Command) -> None:
        """Check a finished object against its command, and store it."""
        facts = self._reader.facts(spool)
        if (facts.sop_uid, facts.sop_class) != (command.instance, command.sop_class):
            raise Invalid("the object is not the one its command names", code="does_not_match")
        # Whoever was let in or removed since the association began is so from this object on.
        caller = self._senders.identify(self._address, self._title, self._fingerprint)
        if caller is None:
            raise Refused("this sender was removed", code="sender_removed")
        self.caller = caller
        if caller.state is SenderState.PENDING:
            self._stores.quarantine(spool, caller, spool.hash)
        else:
            self._stores.store(spool, caller.sender, spool.hash, facts)

    def count(self, problem: Exception | None, size: int = 0) -> tuple[int, str]:
        """Count what became of an object; return status and comment of the answer."""
        if problem is None:
            self._stored += 1
            self._senders.note(SenderCounts(self.name, objects=1, size=size))
            return statuses.SUCCESS, ""
        self._refused += 1
        self._senders.note(SenderCounts(self.name, refused=1))
        if isinstance(problem, ServiceError):
            self._log.warning(
                "DICOM: object from %s refused: %s (%s)", self.name, problem, problem.reason
            )
            return statuses.of_refusal(problem), str(problem)
        # The message of a foreign exception can hold values of the data set.
        self._log.error("DICOM: storing from %s failed: %s", self.name, type(problem).__name__)
        return statuses.PROCESSING_FAILURE, _LOST

    def close(self) -> None:
        """Write what came of the connection."""
        if self._stored or self._refused:
            self._log.info(
                "DICOM: %s sent %d objects, %d of them refused",
                self.name,
                self._stored + self._refused,
                self._refused,
            )


class Arrival:
    """One object on its way in.

    `write` never waits; `seal` and `finish` do, and belong into a thread.

    Args:
        visit: What it is part of.
        command: The C-STORE request.
        largest: Bytes of the largest data set.
    """

    def __init__(self, visit: Visit, command: Command, largest: int) -> None:
        self._visit = visit
        self._command = command
        self._room = largest
        self._spool: Spool | None = None
        self._problem: Exception | None = None

    def start(self, spool: Spool, head: bytes) -> None:
        """Put file meta information first."""
        self._spool = spool
        spool.write(memoryview(head))

    def refuse(self, problem: Exception) -> None:
        """Take nothing more, and say why at the end."""
        self._problem = problem
        self.close()

    def write(self, data: memoryview) -> int:
        """Take as many bytes as fit before `seal` must be called; return how many."""
        if len(data) > self._room and self._problem is None:
            self.refuse(Invalid("the object is too large", code="too_large"))
        if self._spool is None:
            return len(data)  # refused: dropped
        used = self._spool.write(data)
        self._room -= used
        return used

    def seal(self) -> None:
        """Make room for more."""
        if self._spool is None:
            return
        try:
            self._spool.seal()
        except Exception as problem:  # noqa: BLE001 - the sender must get an answer
            self.refuse(problem)

    def finish(self) -> tuple[int, str]:
        """Store the object, which is whole now; return status and comment of the answer."""
        size = 0
        if self._spool is not None:
            try:
                self._spool.finish()
                size = self._spool.size
                self._visit.store(self._spool, self._command)
            except Exception as problem:  # noqa: BLE001 - the sender must get an answer
                self._problem = problem
            finally:
                self.close()
        return self._visit.count(self._problem, size)

    def close(self) -> None:
        """Give back what it holds. Doing it again changes nothing."""
        if self._spool is not None:
            self._spool.close()
            self._spool = None


class IncomingReport:
    """A report of storage commitment on its way in; taken in as an `Arrival` is.

    Args:
        take: Takes it, or None when nobody does.
        transfer_syntax: Of its data set.
    """

    def __init__(self, take: Report | None, transfer_syntax: str) -> None:
        self._take = take
        self._syntax = transfer_syntax
        self._data_set = bytearray()
        self._is_too_long = False

    def write(self, data: memoryview) -> int:
        """Keep bytes, as long as they are not too many."""
        self._is_too_long |= len(self._data_set) + len(data) > _LARGEST_REPORT
        if not self._is_too_long:
            self._data_set += data
        return len(data)

    def seal(self) -> None:
        """There is always room."""

    def finish(self) -> tuple[int, str]:
        """Hand the report on; return status and comment of the answer."""
        if self._take is None or self._is_too_long:
            return statuses.PROCESSING_FAILURE, ""
        return self._take(bytes(self._data_set), self._syntax), ""

    def close(self) -> None:
        """Forget it."""
        self._data_set = bytearray()
