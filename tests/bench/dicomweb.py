"""DICOMweb beside Orthanc with its plugin: how soon and how fast a viewer gets what it asks for."""

from __future__ import annotations

import http.client
import json
import statistics
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from bench.catalog import _study
from bench.measure import LIMIT, LeftOut
from bench.nodes import BenchNode
from bench.orthanc import Orthanc
from bench.study import SERIES, Slices, uid
from undisc_node.clocks import SystemEntropy
from undisc_node.storage.catalog import SqliteCatalog

PLUGIN: Final = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
_PASSWORD: Final = "four plain words here"
_LATENCIES: Final = 100
_CHANGE: Final = 10_000
_DAYS: Final = 4_000  # study dates of the made-up catalog
_MODALITIES: Final = ("CT", "MR", "CR", "US", "DX")
_MULTIPART: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_FRAMES: Final = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
_JSON: Final = "application/dicom+json"


class Asked:
    """A server of DICOMweb and the one connection to it."""

    def __init__(self, name: str, port: int, headers: dict[str, str]) -> None:
        self.name = name
        self._headers = headers
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)

    def get(self, path: str, accept: str) -> tuple[float, float, bytes | int]:
        """Ask; return seconds to the first byte and to the last, and the body or its size."""
        buffer = memoryview(bytearray(2**20))
        headers = self._headers | {"Accept": accept}
        began = time.perf_counter()
        try:
            self._connection.request("GET", f"/dicom-web{path}", headers=headers)
            answer = self._connection.getresponse()
        except ConnectionError:  # it was idle for too long
            self._connection.close()
            began = time.perf_counter()
            self._connection.request("GET", f"/dicom-web{path}", headers=headers)
            answer = self._connection.getresponse()
        first = time.perf_counter() - began
        if answer.status != http.client.OK:
            raise LeftOut(f"{self.name} answered {answer.status} to {path}")
        if accept == _JSON:
            body: bytes | int = answer.read()
        else:
            body = 0
            while count := answer.readinto(buffer):
                body += count
        return first, time.perf_counter() - began, body


def measure_dicomweb(
    folder: Path, slices: Slices, sizes: tuple[int, ...], rounds: int, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Compare retrieving on the same study, then time searches in catalogs of several sizes."""
    found: dict[str, Any] = {"retrieve": [], "search": []}
    with ExitStack() as stack:
        node = BenchNode(folder / "web", "web")
        stack.callback(node.stop)
        node.begin()
        node.hold(slices, 0, len(slices.paths))
        asked = [_undisc(node)]
        try:
            asked.append(_orthanc(stack, folder, slices))
        except LeftOut as reason:
            tell(f"  Orthanc is left out: {reason}")
        for one in asked:
            found["retrieve"].append(_retrieved(one, slices, rounds))
            tell(f"  {json.dumps(found['retrieve'][-1])}")
    for size in sizes:
        found["search"] += _searched(folder / f"search-{size}", size, tell)
    return found


def _undisc(node: BenchNode) -> Asked:
    node.admin.post("staff", {"name": "bench", "role": "desk", "password": _PASSWORD})
    signed = b64encode(f"bench:{_PASSWORD}".encode()).decode()
    asked = Asked("undisc", node.internal_port, {"Authorization": f"Basic {signed}"})
    asked.get("/studies?limit=1", _JSON)  # the password is hashed once
    return asked


def _orthanc(stack: ExitStack, folder: Path, slices: Slices) -> Asked:
    if not PLUGIN.exists():
        raise LeftOut("its DICOMweb plugin is missing (apt-get install orthanc-dicomweb)")
    more = {"Plugins": [str(PLUGIN)], "DicomWeb": {"Enable": True, "Root": "/dicom-web/"}}
    server = Orthanc(folder / "orthanc-web", more=more)
    stack.callback(server.stop)
    server.load(slices)
    return Asked("Orthanc, DICOMweb plugin", server.http, {})


def _retrieved(asked: Asked, slices: Slices, rounds: int) -> dict[str, Any]:
    study = f"/studies/{uid(0)}"
    series = [f"{study}/series/{uid(1 + number)}" for number in range(SERIES)]
    listed = json.loads(asked.get(f"{series[0]}/instances?includefield=00080018", _JSON)[2])
    first = listed[len(listed) // 2]["00080018"]["Value"][0]
    cold = asked.get(f"{series[0]}/instances/{first}/frames/1", _FRAMES)[1]
    frames = sorted(
        asked.get(f"{series[0]}/instances/{one['00080018']['Value'][0]}/frames/1", _FRAMES)[1]
        for one in listed[:_LATENCIES]
    )
    described = [sum(asked.get(f"{one}/metadata", _JSON)[1] for one in series) for _ in range(2)]
    whole = []
    for _ in range(rounds):
        began, seconds, size = asked.get(study, _MULTIPART)
        assert isinstance(size, int)
        assert size > slices.size
        whole.append((seconds, began))
    seconds, began = sorted(whole)[len(whole) // 2]
    return {
        "server": asked.name,
        "whole study MB/s": round(slices.size / seconds / 1e6),
        "to its first byte ms": round(1000 * began, 1),
        "first frame ms": round(1000 * cold, 1),
        "frame p50 ms": round(1000 * frames[len(frames) // 2], 2),
        "frame p99 ms": round(1000 * frames[-1 - len(frames) // 100], 2),
        "descriptions ms": round(1000 * described[0]),
        "again ms": round(1000 * described[1]),
    }


def _searched(folder: Path, size: int, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """Fill a node's catalog with made-up studies, and search it over HTTP."""
    node = BenchNode(folder, "search")
    node.init()
    catalog = SqliteCatalog(node.home / "catalog.sqlite3", entropy=SystemEntropy(), create=False)
    try:
        for start in range(0, size, _CHANGE):
            with catalog.change() as records:
                for number in range(start, min(size, start + _CHANGE)):
                    records.studies.put(_made(number))
    finally:
        catalog.close()
    node.start()
    try:
        asked = _undisc(node)
        result = []
        for name, query in (
            ("by Study Instance UID", lambda study: f"StudyInstanceUID={study.uid}"),
            ("by patient id", lambda study: f"PatientID={study.patient.id}"),
            ("by name, first letters", lambda study: f"PatientName={study.patient.name[:11]}*"),
            (
                "by day and modality",
                lambda study: f"StudyDate={study.study_date}&ModalitiesInStudy=CT",
            ),
            ("newest 25", lambda _: "limit=25"),
        ):
            took = []
            for number in range(_LATENCIES):
                study = _made(number * 7_919 % size)
                took.append(1000 * asked.get(f"/studies?{query(study)}&limit=25", _JSON)[1])
            cuts = statistics.quantiles(took, n=100)
            one = {
                "search": name,
                "studies": size,
                "p50_ms": round(cuts[49], 2),
                "p99_ms": round(cuts[98], 2),
            }
            tell(f"  {json.dumps(one)}")
            result.append(one)
        return result
    finally:
        node.stop()


def _made(number: int) -> Any:
    day = date(2015, 1, 1) + timedelta(days=number * 7_919 % _DAYS)
    return replace(
        _study(number),
        study_date=day.strftime("%Y%m%d"),
        study_time=f"{number % 24:02}{number % 60:02}00",
        modalities=(_MODALITIES[number % len(_MODALITIES)],),
        instances=0,
        size=0,
    )
