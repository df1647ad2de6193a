"""undisc as a contender: real nodes, driven by the commands that people use."""

from __future__ import annotations

import base64
import os
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

from bench.measure import LIMIT, Contender, LeftOut, Meter, Run, parsed
from bench.study import Slices, uid
from support.two_nodes import RunningNode, settings
from undisc_admin.errors import CommandError

_LOOK = 0.05  # seconds between two looks at fetches that run at once


class BenchNode(RunningNode):
    """A node that may be known under another address, with more in its environment."""

    extra: dict[str, str]

    def __init__(self, directory: Path, name: str) -> None:
        super().__init__(directory, name)
        self.extra = {}

    def _environment(self) -> dict[str, str]:
        return super()._environment() | self.extra

    def begin(self) -> None:
        """Make the node and start it."""
        self.init()
        settings(self, ingest__settle_seconds=86_400)  # settles when the benchmark says so
        self.start()

    def hold(self, slices: Slices, variant: int, count: int) -> str:
        """Take a study in and settle it; return its id."""
        for content in slices.variant(variant, count):
            self.import_bytes(content)
        study = self.admin.get(f"studies/{uid(0, variant)}").part("study").text("id")
        self.admin.post(f"studies/{study}/settle")
        return study

    def forget(self, variant: int = 0) -> None:
        """Erase a study, if it is there."""
        with suppress(CommandError):
            self.admin.delete(f"studies/{uid(0, variant)}")

    @property
    def program(self) -> tuple[str, ...]:
        """The command line that administers this node."""
        found = shutil.which("undisc", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        assert found is not None
        return (found, "--home", str(self.home))


class UndiscFetch(Contender):
    """`undisc fetch` of an offer: the whole command, with verification, stored durably."""

    durable = True

    def __init__(
        self,
        name: str,
        *,
        holder: BenchNode,
        recipient: BenchNode,
        study: str,
        variant: int,
        size: int,
        count: int,
        proxy: tuple[int, ...] = (),
    ) -> None:
        self.name = name
        self._holder, self._recipient, self._study = holder, recipient, study
        self._variant, self._size, self._count, self._proxy = variant, size, count, proxy
        self._offer = recipient.directory / f"bench-{variant}.undisc-offer"

    def prepare(self) -> None:
        _, offer = self._holder.grant(self._study, self._recipient.name)
        self._offer.write_bytes(offer)

    def run(self) -> Run:
        recipient = self._recipient
        with Meter(
            self._size, sender=[self._holder.pid, *self._proxy], receiver=[recipient.pid]
        ) as meter:
            said = meter.command(
                *recipient.program, "fetch", str(self._offer), "--json", side="command"
            )
        fetch = parsed(said)["fetch"]
        assert (fetch["state"], fetch["objects_done"]) == ("done", self._count), fetch
        meter.more["moved_mb_per_s"] = fetch["mb_per_s"]
        return meter.run

    def clean(self) -> None:
        self._recipient.forget(self._variant)


class UndiscImport(Contender):
    """`undisc studies import` of the files: hashed, encrypted, stored durably."""

    name = "undisc studies import"
    durable = True

    def __init__(self, node: BenchNode, slices: Slices) -> None:
        self._node, self._slices = node, slices

    def prepare(self) -> None:
        self._node.forget()

    def run(self) -> Run:
        with Meter(self._slices.size, receiver=[self._node.pid]) as meter:
            meter.command(
                *self._node.program, "studies", "import", str(self._slices.folder), side="sender"
            )
        study = self._node.admin.get(f"studies/{uid(0)}").part("study")
        assert study.integer("instances") == len(self._slices.paths)
        return meter.run

    def clean(self) -> None:
        self._node.forget()


def parallel_fetches(
    holder: BenchNode, recipient: BenchNode, studies: dict[int, str], size: int
) -> tuple[Run, list[float]]:
    """Fetch several studies at once.

    Args:
        holder: Has them.
        recipient: Fetches them.
        studies: Their ids at the holder, by variant.
        size: Bytes of all together.

    Returns:
        The run, and the seconds that each fetch took, from being asked for to its end.
    """
    offers = [holder.grant(study, recipient.name)[1] for study in studies.values()]
    os.sync()
    took: dict[str, float] = {}
    with Meter(size, sender=[holder.pid], receiver=[recipient.pid]) as meter:
        began = {}
        for offer in offers:
            wish = {"offer": base64.b64encode(offer).decode()}
            fetch = recipient.admin.post("fetches", wish).part("fetch").text("id")
            began[fetch] = time.monotonic()
        deadline = time.monotonic() + LIMIT
        while len(took) < len(began):
            for row in recipient.admin.get("fetches").raw["fetches"]:
                if row["id"] in began and row["state"] != "running" and row["id"] not in took:
                    assert row["state"] == "done", row
                    took[row["id"]] = time.monotonic() - began[row["id"]]
            if time.monotonic() > deadline:
                raise LeftOut(f"the fetches took longer than {LIMIT} s")
            time.sleep(_LOOK)
    for variant in studies:
        recipient.forget(variant)
    return meter.run, list(took.values())
