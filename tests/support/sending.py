"""The senders of a practice in one process, and strangers who send to it."""

from __future__ import annotations

from support.memory_reader import MemoryReader, instance
from support.practice import Practice
from undisc_node.services.errors import Invalid, Unavailable
from undisc_node.services.known_senders import KnownSenders
from undisc_node.services.letting_in import LettingIn
from undisc_node.services.sender_model import Caller, Sender
from undisc_node.services.senders import Senders


class Sending:
    """Use cases of senders on the rows and bytes of a practice.

    Args:
        practice: Whose they are.
        quarantine: Whether unknown senders are kept in quarantine.
        configured: Senders in the settings.
    """

    def __init__(
        self, practice: Practice, *, quarantine: bool = True, configured: tuple[Sender, ...] = ()
    ) -> None:
        self._practice = practice
        self.called: list[tuple[str, int, str]] = []
        self.known = KnownSenders(
            catalog=practice.catalog,
            clock=practice.clock,
            configured=configured,
            quarantine=quarantine,
        )
        self.letting_in = LettingIn(
            catalog=practice.catalog,
            packs=practice.packs,
            contents=practice.contents,
            reader=MemoryReader(),
            store=practice.receiving.store,
            studies=practice.studies,
            known=self.known,
            journal=practice.journal,
            clock=practice.clock,
            bounds=practice.quarantine_bounds,
        )
        self.senders = Senders(
            catalog=practice.catalog,
            known=self.known,
            letting_in=self.letting_in,
            journal=practice.journal,
            clock=practice.clock,
            read_certificate=self._read,
            call=self._call,
        )

    def caller(self, address: str = "10.9.9.9", title: str = "MR") -> Caller:
        """Return who calls from an address under a title."""
        caller = self.known.identify(address, title)
        assert caller is not None
        return caller

    def sent(self, number: int = 1, *, caller: Caller | None = None, **said: object):
        """Let a stranger send an instance."""
        return self._practice.receiving.quarantine(
            instance(number, **said), caller or self.caller()
        )

    def kept(self) -> list[tuple[str, int]]:
        """Return who has how many objects in quarantine."""
        with self._practice.catalog.look() as records:
            return [(one.sender, one.objects) for one in records.senders.quarantined()]

    def _read(self, file: bytes) -> bytes:
        if not file.startswith(b"DER"):
            raise Invalid("the file is no certificate", code="bad_certificate")
        return file

    def _call(self, address: str, port: int, title: str) -> None:
        self.called.append((address, port, title))
        if port == 1:
            raise Unavailable("nobody answers")
