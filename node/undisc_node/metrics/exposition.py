"""Writes a node's figures as OpenMetrics 1.0, at the moment somebody asks.

Nothing is counted here: figures come from `services.measuring`, and of the process from the system.
Labels are words and codes of ours, never a name, an id or an address, so that they are few and say
nothing about patients or practices.
"""

from __future__ import annotations

import gc
import platform
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from undisc_node.services.measuring import Figures
from undisc_node.services.meters import BOUNDS, Latency
from undisc_node.services.ports import Moment, Totals

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
"""Media type of the exposition."""


class Exposition:
    """Writes the metrics.

    Args:
        figures: Measures now.
    """

    def __init__(self, figures: Callable[[], Figures]) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Node(figures))
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """Measure, and return the exposition; its type is `CONTENT_TYPE`."""
        return bytes(generate_latest(self._registry))  # type: ignore[no-untyped-call]  # the library's


class _Node(Collector):
    """The node's own metrics."""

    def __init__(self, figures: Callable[[], Figures]) -> None:
        self._figures = figures

    def describe(self) -> Iterable[Metric]:
        """Say nothing beforehand, so that registering measures nothing."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Measure, and yield every family."""
        figures = self._figures()
        yield from _of_process(figures)
        yield from _of_state(figures)
        yield from _of_traffic(figures)
        if figures.totals is not None:
            yield from _of_totals(figures.totals)
        if figures.moment is not None:
            yield from _of_moment(figures.moment)


def _of_process(figures: Figures) -> Iterator[Metric]:
    build = {"version": figures.version, "python": platform.python_version()}
    yield InfoMetricFamily("undisc_build", "version of the program", value=build)
    yield _gauge("undisc_start_time_seconds", "when the node started", figures.started)
    yield _gauge("undisc_threads", "threads of the process", threading.active_count())
    collected = sum(one["collections"] for one in gc.get_stats())
    yield _counter("undisc_gc_collections", "runs of the garbage collector", collected)


def _of_state(figures: Figures) -> Iterator[Metric]:
    checks = {check.name: int(not check.code) for check in figures.checks}
    yield _gauges(
        "undisc_ready", "whether what the node needs is there, as in /readyz", "check", checks
    )
    if figures.disk_free is not None:
        yield _gauge("undisc_disk_free_bytes", "room on the disk of the home", figures.disk_free)
    yield _gauge("undisc_disk_reserve_bytes", "room that ingest leaves free", figures.disk_reserve)
    sizes = {name: size for name, (size, _) in figures.databases.items()}
    logs = {name: size for name, (_, size) in figures.databases.items()}
    yield _gauges("undisc_database_bytes", "size of a database", "database", sizes)
    yield _gauges("undisc_database_wal_bytes", "size of its write-ahead log", "database", logs)
    yield _gauge(
        "undisc_kit_verified", "whether the recovery kit was read back", int(figures.kit_verified)
    )
    yield _gauge(
        "undisc_backup_timestamp_seconds",
        "when the newest good backup was made, in seconds since 1970; 0 if there was none",
        (figures.backed_up_ms or 0) / 1000,
    )
    yield _gauges(
        "undisc_peer_alerts",
        "peers about which there is an alert that nobody has settled",
        "kind",
        figures.peer_alerts,
    )


def _of_traffic(figures: Figures) -> Iterator[Metric]:
    metered = figures.metered
    yield _counters(
        "undisc_arrivals",
        "arrivals that were taken in, by way and what became of them",
        ["way", "outcome"],
        metered.stored,
    )
    yield _counters_by(
        "undisc_arrivals_bytes", "bytes of arrivals that were stored", "way", metered.stored_bytes
    )
    yield _counters(
        "undisc_arrivals_refused", "arrivals that were refused", ["way", "code"], metered.refused
    )
    yield _latency(metered.latency)
    yield _counters_by(
        "undisc_requests_refused",
        "requests of other nodes that were refused",
        "code",
        figures.refused,
    )
    yield _counter("undisc_served_bytes", "bytes handed out to other nodes", metered.served)
    yield _counter("undisc_fetched_bytes", "bytes that came from others", metered.fetched)


def _of_totals(totals: Totals) -> Iterator[Metric]:
    special = ("unsettled", "waiting")
    states = {str(name): n for name, n in totals.studies.items() if name not in special}
    yield _gauges("undisc_studies", "studies by state", "state", states)
    yield _gauge("undisc_studies_unsettled", "studies that still grow", totals.studies["unsettled"])
    yield _gauge(
        "undisc_studies_waiting",
        "studies with arrivals that wait for the administrator",
        totals.studies["waiting"],
    )
    held = {way: one.instances for way, one in totals.holdings.items()}
    size = {way: one.size for way, one in totals.holdings.items()}
    yield _gauges("undisc_instances", "instances that are here, by way", "way", held)
    yield _gauges("undisc_instances_bytes", "their bytes as received", "way", size)
    for name, found in (("grants", totals.grants), ("shares", totals.shares)):
        yield _gauges(f"undisc_{name}", f"{name} by state", "state", found)
    yield _gauges("undisc_fetches", "fetches by state", "state", totals.fetches)
    yield _gauge(
        "undisc_receipts_due", "receipts that a holder has not acknowledged", totals.receipts_due
    )
    yield _gauges("undisc_peers", "other nodes by state", "state", totals.peers)


def _of_moment(moment: Moment) -> Iterator[Metric]:
    yield _gauge("undisc_tickets_live", "tickets under which bytes may be read", moment.tickets)
    yield _gauge("undisc_log_lines", "lines of the log", moment.log_size)
    yield _gauge(
        "undisc_restored",
        "whether the node came back from a copy and was not confirmed since",
        int(moment.restored),
    )
    yield _gauge(
        "undisc_suspended", "grants and shares that wait since a restore", moment.suspended
    )


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for word, value in values.items():
        family.add_metric([str(word)], value)
    return family


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)


def _counters(
    name: str, text: str, labels: list[str], values: Mapping[tuple[str, str], int]
) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for words, value in values.items():
        family.add_metric(words, value)
    return family


def _counters_by(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for word, value in values.items():
        family.add_metric([word], value)
    return family


def _latency(latency: Mapping[str, Latency]) -> Metric:
    family = HistogramMetricFamily(
        "undisc_store_seconds", "time until an arrival was durable", labels=["way"]
    )
    bounds = [*(str(bound) for bound in BOUNDS), "+Inf"]
    for way, one in latency.items():
        buckets = list(zip(bounds, one.buckets, strict=True))
        family.add_metric([way], buckets=buckets, sum_value=one.seconds)
    return family
