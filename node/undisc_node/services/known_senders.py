"""Who calls, answered from memory: the DICOM port asks in its event loop and cannot wait for rows.

The rows are read again after every change of them. What comes of callers is counted here too, and
written now and then: a durable write for each C-ECHO would let a stranger keep the disk busy.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final

from undisc_node.services.callers import Callers
from undisc_node.services.ports import Catalog, Clock
from undisc_node.services.sender_model import Caller, Sender, SenderCounts, SenderState

MAX_REFUSED: Final = 64  # callers that are remembered; who looks for a reason looks within minutes
MAX_COUNTED: Final = 4_096  # names counted between two writes; a hospital has some hundred senders
_TITLE: Final = 16  # characters of an AE title that are remembered (PS3.5 §6.2)


@dataclass(frozen=True, slots=True)
class RefusedCaller:
    """Somebody who was refused since the start.

    Attributes:
        address: Where it came from.
        ae_title: What it called itself; empty when it was refused before it could say.
        times: How often.
        at_ms: When it last came.
    """

    address: str
    ae_title: str
    times: int
    at_ms: int


class KnownSenders:
    """Implements `ports.KnowsCallers`; safe from any thread.

    Args:
        catalog: Rows.
        clock: Time.
        configured: Senders in the settings; they come before those in the rows.
        quarantine: Whether unknown ones are let in, to be kept in quarantine.

    Raises:
        Invalid: `bad_address`, when a sender's address cannot be read.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        clock: Clock,
        configured: Sequence[Sender] = (),
        quarantine: bool = False,
    ) -> None:
        self._catalog = catalog
        self._clock = clock
        self.configured = tuple(configured)
        self.quarantine = quarantine
        self._lock = Lock()
        self._counts: dict[str, SenderCounts] = {}
        self._refused: OrderedDict[tuple[str, str], RefusedCaller] = OrderedDict()
        self._senders: tuple[Sender, ...] = ()
        self._callers = Callers(())
        self.reload()

    def reload(self) -> None:
        """Read the rows again, after a change of them."""
        with self._catalog.look() as records:
            rows = records.senders.list()
        names = {one.name for one in self.configured}
        self._senders = (*self.configured, *(one for one in rows if one.name not in names))
        self._callers = Callers(self._senders, quarantine=self.quarantine)

    def all(self) -> Sequence[Sender]:
        """Return every sender, those in the settings first."""
        return self._senders

    def quota_of(self, name: str) -> int:
        """Return how many bytes the studies of a sender may have; 0 for what the settings say."""
        return next((one.quota for one in self._senders if one.name == name), 0)

    def certificates(self) -> tuple[bytes, ...]:
        """Return the client certificates that are pinned, DER: what a TLS port lets in."""
        return tuple(
            one.certificate
            for one in self._senders
            if one.certificate and one.state is SenderState.TRUSTED
        )

    def admits(self, address: str, *, secured: bool) -> bool:
        """Tell whether a connection from an address is taken at all."""
        return self._callers.admits(address, secured=secured)

    def is_stranger(self, address: str, *, secured: bool) -> bool:
        """Tell whether nobody who is trusted comes from an address."""
        return not self._callers.knows(address, secured=secured)

    def identify(self, address: str, ae_title: str, fingerprint: bytes = b"") -> Caller | None:
        """Return who is calling; None for whoever is refused."""
        return self._callers.identify(address, ae_title, fingerprint)

    def note(self, more: SenderCounts) -> None:
        """Count what came of a caller, now."""
        with self._lock:
            known = self._counts.get(more.name)
            if known is None and len(self._counts) >= MAX_COUNTED:
                return
            known = known or SenderCounts(more.name)
            self._counts[more.name] = SenderCounts(
                more.name,
                self._clock.now_ms(),
                known.objects + more.objects,
                known.size + more.size,
                known.refused + more.refused,
            )

    def note_refused(self, address: str, ae_title: str = "") -> None:
        """Remember for a while that somebody was refused."""
        key = address, ae_title.strip()[:_TITLE]
        with self._lock:
            known = self._refused.pop(key, None)
            times = known.times + 1 if known else 1
            self._refused[key] = RefusedCaller(*key, times, self._clock.now_ms())
            while len(self._refused) > MAX_REFUSED:
                self._refused.popitem(last=False)

    def refused(self) -> Sequence[RefusedCaller]:
        """Return who was refused since the start, the newest first."""
        with self._lock:
            return list(reversed(self._refused.values()))

    def flush(self) -> None:
        """Write the counts of senders that have a row or stand in the settings.

        Raises:
            ServiceError: They cannot be written; they are kept for the next time.
        """
        with self._lock:
            counts, self._counts = self._counts, {}
        known = {one.name for one in self._senders}
        counts = {name: one for name, one in counts.items() if name in known}
        if not counts:
            return
        try:
            with self._catalog.change() as records:
                for one in counts.values():
                    records.senders.count(one)
        except BaseException:
            with self._lock:
                for name, one in counts.items():
                    self._counts.setdefault(name, one)
            raise
