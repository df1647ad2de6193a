"""A real node is watched: its metrics are OpenMetrics, and readiness goes and comes back.

Restored mode, wrong clocks and hanging disks are played in tests/unit/services/test_readiness.py.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from support.two_nodes import RunningNode, befriend, dicom_file, running, settings, short_directory

pytestmark = pytest.mark.integration
HEALS = 5.0  # seconds; the longest a node may take to see that it is well again


def get(node: RunningNode, path: str) -> tuple[int, str]:
    """Ask the internal listener."""
    connection = http.client.HTTPConnection("127.0.0.1", node.internal_port, timeout=15)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def measured(node: RunningNode) -> dict:
    """Scrape a node; return every sample by its name and labels."""
    status, text = get(node, "/metrics")
    assert status == 200
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def becomes(node: RunningNode, status: int, *named: str) -> float:
    """Wait until the node is ready, or not any more; return the seconds it took."""
    began = time.monotonic()
    while time.monotonic() - began < 15:
        found, text = get(node, "/readyz")
        if found == status and all(name in text for name in named):
            return time.monotonic() - began
        time.sleep(0.1)
    raise AssertionError(f"/readyz is still {found}: {text}")


def fill(path: Path) -> None:
    """Write until there is no room."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        while os.write(descriptor, bytes(4096)):
            pass
    except OSError:
        pass  # no room, which was the aim
    finally:
        os.close(descriptor)


@contextmanager
def node_on_small_disk():
    """A node whose home is a disk of 48 MiB, and a place on it to fill."""
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("only root can mount")
    with short_directory() as directory:
        small = directory / "disk"
        small.mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(small)], check=True, timeout=10
        )
        node = RunningNode(small / "n", "Practice")
        try:
            node.init()
            settings(node, ingest__reserve_mib=16)
            node.start()
            yield node, small / "filler"
        finally:
            node.stop()
            subprocess.run(["umount", str(small)], check=True, timeout=10)


def test_metrics_follow_a_study_from_one_node_to_the_other():
    with running("Practice A", "Practice B") as (one, two):
        befriend(one, two)
        study = one.import_bytes(dicom_file(1)).text("study")
        one.import_bytes(dicom_file(1))
        for node in (one, two):
            assert measured(node)["undisc_peers", "trusted"] == 1
        _, offer = one.grant(study, two.admin.get("status").text("node_id"))
        assert two.fetch(offer)["state"] == "done"
        holder, fetcher = measured(one), measured(two)
        assert holder["undisc_arrivals_total", "import", "stored"] == 1
        assert holder["undisc_arrivals_total", "duplicate", "import"] == 1
        assert holder["undisc_store_seconds_count", "import"] == 2
        assert holder["undisc_tickets_live",] == 1
        assert holder["undisc_served_bytes_total",] > 0
        assert fetcher["undisc_fetched_bytes_total",] == holder["undisc_served_bytes_total",]
        assert holder["undisc_kit_verified",] == 1
        assert holder["undisc_log_lines",] > 5
        for seen in (holder, fetcher):
            assert all(seen["undisc_ready", name] == 1 for name in ("database", "disk", "keys"))
            assert seen["undisc_database_wal_bytes", "catalog"] > 0
            assert seen["process_open_fds",] > 5


def test_a_disk_below_its_reserve_and_a_full_one_are_told_and_heal():
    with node_on_small_disk() as (node, filler):
        becomes(node, 200)
        filler.write_bytes(bytes(34 * 2**20))
        becomes(node, 503, "disk (disk_reserve)")
        assert measured(node)["undisc_ready", "disk"] == 0
        assert get(node, "/livez")[0] == 200
        fill(filler)
        becomes(node, 503, "database (disk_full)")
        filler.unlink()
        assert becomes(node, 200) < HEALS


def test_a_key_file_that_went_away_or_was_exchanged_is_told_and_heals():
    with running("Practice") as (node,):
        key = node.home / "keys" / "key-encryption-key"
        kept = key.read_text()
        key.unlink()
        becomes(node, 503, "keys (key_missing)")
        key.write_text("11" * 32 + "\n")
        becomes(node, 503, "keys (keys_changed)")
        key.write_text(kept)
        assert becomes(node, 200) < HEALS


def test_being_asked_every_moment_costs_next_to_nothing():
    """Two hundred looks: no writes to speak of, and well under a core."""
    with running("Practice") as (node,):
        before = measured(node)
        began = time.monotonic()
        for _ in range(200):
            assert get(node, "/readyz")[0] == 200
        took = time.monotonic() - began
        after = measured(node)
        cpu = after["process_cpu_seconds_total",] - before["process_cpu_seconds_total",]
        grown = after["undisc_database_wal_bytes", "catalog"]
        grown -= before["undisc_database_wal_bytes", "catalog"]
        print(f"200 times /readyz: {took:.2f} s, {1000 * cpu / 200:.2f} ms of CPU each")
        assert cpu / 200 < 0.02
        assert grown < 20 * 4096
