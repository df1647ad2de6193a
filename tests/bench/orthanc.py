"""Orthanc, as Debian ships it: two servers, and how one hands a study to the other."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.measure import LIMIT, Contender, LeftOut, Meter, Run
from bench.servers import Server, program, wait_until
from bench.study import Slices
from undisc_node.demo.nodes import free_port

JOBS = 4  # series at once


class Orthanc:
    """One server.

    Args:
        folder: For its storage.
        peer: Where it can send to.
        env: Added to the environment.
        more: Further settings.
    """

    def __init__(
        self,
        folder: Path,
        *,
        peer: Orthanc | None = None,
        env: dict[str, str] | None = None,
        more: Mapping[str, object] | None = None,
    ) -> None:
        folder.mkdir()
        self.http, self.dicom = free_port(), free_port()
        wish = {
            "Name": folder.name,
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "HttpPort": self.http,
            "DicomPort": self.dicom,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "ConcurrentJobs": JOBS,
            "SaveJobs": False,
            "DicomCheckCalledAet": False,
            "OrthancPeers": {"other": [f"http://127.0.0.1:{peer.http}/"]} if peer else {},
            **(more or {}),
        }
        settings = folder / "orthanc.json"
        settings.write_text(json.dumps(wish), "utf-8")
        argv = [program("Orthanc"), str(settings)]
        self._server = Server(argv, folder=folder, port=self.http, env=env)
        self._connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=LIMIT)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._server.pid

    def ask(self, method: str, path: str, body: bytes | object = b"") -> Any:
        """Ask its REST API.

        Raises:
            LeftOut: It refused.
        """
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            self._connection.request(method, path, data)
            answer = self._connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError):  # it was idle for too long
            self._connection.close()
            self._connection.request(method, path, data)
            answer = self._connection.getresponse()
        said = answer.read()
        if answer.status != http.client.OK:
            raise LeftOut(f"Orthanc refused {method} {path}: {answer.status}")
        return json.loads(said)

    def load(self, slices: Slices) -> None:
        """Post the files one after the other."""
        for path in slices.paths:
            self.ask("POST", "/instances", path.read_bytes())

    def empty(self) -> None:
        """Delete all patients."""
        for patient in self.ask("GET", "/patients"):
            self.ask("DELETE", f"/patients/{patient}")

    def count(self) -> int:
        """Return how many images it holds."""
        return self.ask("GET", "/statistics")["CountInstances"]

    def stop(self) -> None:
        """End it."""
        with suppress(OSError):
            self._connection.close()
        self._server.stop()


class Transfer(Contender):
    """Orthanc to Orthanc through a peer, as one job or one for each series."""

    durable = True  # it syncs each file: SyncStorageArea is on by default

    def __init__(
        self, name: str, *, sender: Orthanc, receiver: Orthanc, slices: Slices, by_series: bool
    ) -> None:
        self.name, self._slices, self._by_series = name, slices, by_series
        self._sender, self._receiver = sender, receiver

    def run(self) -> Run:
        what = self._sender.ask("GET", "/series" if self._by_series else "/studies")
        with Meter(
            self._slices.size, sender=[self._sender.pid], receiver=[self._receiver.pid]
        ) as meter:
            jobs = [
                self._sender.ask(
                    "POST",
                    "/peers/other/store",
                    {"Resources": [one], "Synchronous": False},
                )["ID"]
                for one in what
            ]
            wait_until(lambda: all(self._over(job) for job in jobs), LIMIT)
        assert self._receiver.count() == len(self._slices.paths)
        return meter.run

    def _over(self, job: str) -> bool:
        state = self._sender.ask("GET", f"/jobs/{job}")["State"]
        if state == "Failure":
            raise LeftOut("an Orthanc job failed")
        return bool(state == "Success")

    def clean(self) -> None:
        self._receiver.empty()


class Posting(Contender):
    """POST /instances of each file on one connection."""

    name = "Orthanc POST /instances"
    durable = True

    def __init__(self, server: Orthanc, slices: Slices) -> None:
        self._server, self._slices = server, slices

    def run(self) -> Run:
        with Meter(self._slices.size, receiver=[self._server.pid]) as meter:
            self._server.load(self._slices)
        assert self._server.count() == len(self._slices.paths)
        return meter.run

    def clean(self) -> None:
        self._server.empty()
