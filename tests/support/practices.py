"""Two practices that trust each other, with a proxy between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.dicom_files import IMPLICIT, SC
from support.fault_proxy import FaultProxy
from support.killable_node import KillableNode
from support.raw_sender import RawSender
from support.served_bytes import Holding
from support.studies_on_disk import Instance, MadeStudy, make_study
from support.two_nodes import befriend, short_directory


def send_raw(
    node: KillableNode, instances: Sequence[Instance], *, calling: str = "RAW"
) -> list[Instance]:
    """Send objects by C-STORE, bytes as they are; return those that were acknowledged.

    Ends early, without an error, when the node dies.
    """
    stored: list[Instance] = []
    try:
        with RawSender(("127.0.0.1", node.dicom_port), [(SC, IMPLICIT)], calling=calling) as sender:
            for one in instances:
                status, comment = sender.store(1, SC, one.sop_uid, one.data_set, fragment=100_000)
                assert status == 0, comment
                stored.append(one)
    except OSError:
        pass
    return stored


@dataclass(frozen=True, slots=True)
class Practices:
    """Two nodes that trust each other; B reaches A only through the proxy.

    Attributes:
        a: The holder.
        b: The recipient.
        proxy: Stands before A's public listener; A's only address names it.
        directory: For files of the tests.
    """

    a: KillableNode
    b: KillableNode
    proxy: FaultProxy
    directory: Path

    def hold(self, study: MadeStudy) -> str:
        """Let A receive a study by import and settle it; return its id there."""
        for one in study.instances:
            self.a.import_bytes(one.file)
        found = self.a.admin.get(f"studies/{study.uid}").part("study").text("id")
        self.a.admin.post(f"studies/{found}/settle")
        return found

    def grant(self, study: str) -> tuple[str, bytes]:
        """Let A grant a study to B; return the grant's id and the offer."""
        return self.a.grant(study, self.b.name)

    def stop(self) -> None:
        """Leave no process behind."""
        for node in (self.a, self.b):
            node.stop()
        self.proxy.close()


@contextmanager
def both_practices() -> Iterator[Practices]:
    """Make and start both; stop them at the end."""
    with short_directory() as directory:
        a = KillableNode(directory / "a", "Practice A")
        b = KillableNode(directory / "b", "Practice B")
        both = Practices(a, b, FaultProxy(a.public_port), directory)
        a.url = both.proxy.url
        try:
            for node in (a, b):
                node.init()
                node.start()
            befriend(a, b)
            yield both
        finally:
            both.stop()


@dataclass(frozen=True, slots=True)
class Offered:
    """A study that A holds and B may fetch.

    Attributes:
        made: What it is made of.
        at_a: Its id at A.
        grant: Id of the grant to B.
        offer: The offer for B.
        holding: How it lies at A.
        sizes: Bytes of its instances as A lists them, in the order in which they are served.
    """

    made: MadeStudy
    at_a: str
    grant: str
    offer: bytes
    holding: Holding
    sizes: Sequence[int]


def offered(practices: Practices, number: int, sizes: Sequence[int], *, seed: int = 0) -> Offered:
    """Make a study, let A hold it and grant it to B."""
    made = make_study(number, sizes, seed=seed)
    folder = practices.a.home / "packs"
    before = set(folder.iterdir())
    study = practices.hold(made)
    (pack,) = set(folder.iterdir()) - before
    listed = [one["bytes"] for one in practices.a.instances(study)]
    grant, offer = practices.grant(study)
    return Offered(made, study, grant, offer, Holding(pack, listed), listed)
