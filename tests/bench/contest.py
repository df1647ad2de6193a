"""Who takes part: starts every program that is here, and names those that are not."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from bench.measure import Contender, LeftOut
from bench.nodes import BenchNode, UndiscFetch, UndiscImport
from bench.orthanc import JOBS, Orthanc, Posting, Transfer
from bench.peers import Curl, Rsync, Storescp, Storescu, storescp
from bench.servers import Caddy, Sshd, nodelay
from bench.study import Slices
from support.two_nodes import befriend
from undisc_node.demo.nodes import free_port

FETCH = "undisc fetch"
CURL = "curl, one file"
ASSOCIATIONS = (1, 4, 16)
STOCK_SLICES = 200  # at 10 MB/s the whole study would take two minutes a round


class Contest:
    """Everything that runs, until it is closed.

    Args:
        folder: For homes and files; removed by the caller.
        slices: The study.
        only: Which sections are wanted.
    """

    def __init__(self, folder: Path, slices: Slices, only: Collection[str]) -> None:
        self._folder, self._slices, self._only = folder, slices, only
        self._stack = ExitStack()
        self.left_out: dict[str, str] = {}
        self.transfers: list[Contender] = []
        self.ingest: list[Contender] = []
        self.associations: list[Contender] = []
        self.holder = BenchNode(folder / "a", "holder")
        self.recipient = BenchNode(folder / "b", "recipient")
        self._behind = BenchNode(folder / "c", "behind caddy")
        self._caddy: Caddy | None = None
        self._served = folder / "served"

    def __enter__(self) -> Self:
        self._stack.__enter__()
        try:
            self._begin()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _begin(self) -> None:
        wanted = self._only
        if wanted & {"curl", "tls"}:
            self._try("curl and TLS through Caddy", self._serve)
        if self._caddy is not None:
            self.recipient.extra["SSL_CERT_FILE"] = str(self._caddy.authority)
        for node in (self.holder, self.recipient):
            self._stack.callback(node.stop)
            node.begin()
        befriend(self.holder, self.recipient)
        if "fetch" in wanted:
            self.transfers.append(self._fetch(FETCH, self.holder))
        for section, name, add in (
            ("curl", CURL, self._add_curl),
            ("tls", "TLS through Caddy", self._add_tls),
            ("dcmtk", "DCMTK", self._add_dcmtk),
            ("orthanc", "Orthanc", self._add_orthanc),
            ("rsync", "rsync over ssh", self._add_rsync),
        ):
            if section in wanted:
                self._try(name, add)
        if "ingest" in wanted:
            self._try("undisc ingest by C-STORE", self._add_ingest)
            self.ingest.append(UndiscImport(self.recipient, self._slices))

        if "associations" in wanted:
            self._try("associations", self._add_associations)

    def _try(self, name: str, act: Callable[[], None]) -> None:
        try:
            act()
        except LeftOut as reason:
            self.left_out[name] = str(reason)

    def _fetch(self, name: str, holder: BenchNode, proxy: tuple[int, ...] = ()) -> UndiscFetch:
        study = holder.hold(self._slices, 0, len(self._slices.paths))
        return UndiscFetch(
            name,
            holder=holder,
            recipient=self.recipient,
            study=study,
            variant=0,
            size=self._slices.size,
            count=len(self._slices.paths),
            proxy=proxy,
        )

    def _serve(self) -> None:
        self._served.mkdir()
        with (self._served / "study").open("wb") as whole:
            for path in self._slices.paths:
                with path.open("rb") as part:
                    shutil.copyfileobj(part, whole, 2**20)
        self._caddy = Caddy(
            self._folder / "caddy", root=self._served, behind=self._behind.public_port
        )
        self._stack.callback(self._caddy.stop)

    def _curl(self, name: str, *, tls: bool) -> Curl:
        if self._caddy is None:
            raise LeftOut("without Caddy there is no server for it")
        return Curl(
            name,
            caddy=self._caddy,
            tls=tls,
            file=self._served / "study",
            into=self._folder / "downloaded",
        )

    def _add_curl(self) -> None:
        self.transfers.append(self._curl(CURL, tls=False))

    def _add_tls(self) -> None:
        self.transfers.append(self._curl(f"{CURL}, TLS by Caddy", tls=True))
        assert self._caddy is not None
        behind = self._behind
        behind.url = f"https://localhost:{self._caddy.front}"
        self._stack.callback(behind.stop)
        behind.begin()
        befriend(behind, self.recipient)
        self.transfers.append(
            self._fetch(f"{FETCH}, TLS by Caddy", behind, proxy=(self._caddy.pid,))
        )

    def _add_dcmtk(self) -> None:
        few = self._slices.first(STOCK_SLICES)
        scp, into = storescp(self._folder, free_port())
        self._stack.callback(scp.stop)
        stock = Storescp(
            f"storescu to storescp, stock, {len(few.paths)} slices",
            server=scp,
            into=into,
            slices=few,
        )
        stock.rounds = 1
        self.transfers.append(stock)
        env = nodelay(self._folder)
        fast, into = storescp(self._folder, free_port(), env)
        self._stack.callback(fast.stop)
        name = "storescu to storescp, TCP_NODELAY"
        contender = Storescp(name, server=fast, into=into, slices=self._slices, env=env)
        self.transfers.append(contender)
        if "ingest" in self._only:
            self.ingest.append(contender)

    def _add_orthanc(self) -> None:
        try:
            env = nodelay(self._folder)
        except LeftOut as reason:
            self.left_out["TCP_NODELAY for Orthanc"] = str(reason)
            env = {}
        receiver = Orthanc(self._folder / "orthanc-b", env=env)
        self._stack.callback(receiver.stop)
        sender = Orthanc(self._folder / "orthanc-a", peer=receiver, env=env)
        self._stack.callback(sender.stop)
        sender.load(self._slices)
        for name, by_series in (("default", False), (f"{JOBS} series jobs at once", True)):
            self.transfers.append(
                Transfer(
                    f"Orthanc to Orthanc, {name}",
                    sender=sender,
                    receiver=receiver,
                    slices=self._slices,
                    by_series=by_series,
                )
            )
        if "ingest" in self._only:
            self.ingest.append(Posting(receiver, self._slices))
            self.ingest.append(_IntoOrthanc(receiver, slices=self._slices, env=env))

    def _add_associations(self) -> None:
        """C-STORE on several associations at once, and once as a stock sender does it."""
        env = nodelay(self._folder)
        # A process for each association, whose processor time is counted to nobody.
        scp, into = storescp(self._folder, free_port(), env, "+B", "--fork")
        self._stack.callback(scp.stop)
        orthanc = Orthanc(self._folder / "orthanc-c", env=env)
        self._stack.callback(orthanc.stop)
        for count in ASSOCIATIONS:
            known = {"slices": self._slices, "env": env, "associations": count}
            for one in (
                _IntoUndisc(self.recipient, **known),
                _IntoOrthanc(orthanc, **known),
                Storescp("storescu to storescp +B", server=scp, into=into, **known),
            ):
                one.name = f"{one.name}, {count} at once"
                self.associations.append(one)
        few = self._slices.first(STOCK_SLICES)
        for one in (_IntoUndisc(self.recipient, slices=few), _IntoOrthanc(orthanc, slices=few)):
            one.name = f"{one.name}, stock, {len(few.paths)} slices"
            one.rounds = 1
            self.associations.append(one)

    def _add_rsync(self) -> None:
        sshd = Sshd(self._folder / "ssh")
        self._stack.callback(sshd.stop)
        self.transfers.append(
            Rsync(sshd=sshd, slices=self._slices, into=self._folder / "synchronized")
        )

    def _add_ingest(self) -> None:
        node = self.recipient
        try:
            env = nodelay(self._folder)
        except LeftOut:
            env = None
        self.ingest.append(_IntoUndisc(node, slices=self._slices, env=env))


class _IntoUndisc(Storescu):
    """C-STORE into a node; each answer says that the image is on disk."""

    def __init__(self, node: BenchNode, **known) -> None:
        super().__init__(
            "storescu to undisc",
            port=node.dicom_port,
            pid=node.pid,
            durable=True,
            title="UNDISC",
            **known,
        )
        self._node = node

    def prepare(self) -> None:
        self._node.forget()

    def check(self) -> None:
        (study,) = self._node.studies()
        assert study["instances"] == len(self._slices.paths)

    def clean(self) -> None:
        self._node.forget()


class _IntoOrthanc(Storescu):
    """C-STORE into Orthanc."""

    def __init__(self, server: Orthanc, **known) -> None:
        super().__init__(
            "storescu to Orthanc", port=server.dicom, pid=server.pid, durable=True, **known
        )
        self._server = server

    def check(self) -> None:
        assert self._server.count() == len(self._slices.paths)

    def clean(self) -> None:
        self._server.empty()
