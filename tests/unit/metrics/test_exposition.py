"""The exposition is OpenMetrics that a strict parser takes, and names nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from support import samples
from support.clock import FakeClock
from support.memory_catalog import MemoryCatalog
from support.memory_packs import MemoryPacks
from undisc_node.metrics.exposition import CONTENT_TYPE, Exposition
from undisc_node.services.auditing import Refusals
from undisc_node.services.errors import Unavailable
from undisc_node.services.measuring import KEEP_SECONDS, KEEP_TIMES, Measuring
from undisc_node.services.meters import BOUNDS, Meters
from undisc_node.services.readiness import Check
from undisc_protocol.errors import Expired

SECOND = 1.0


class World:
    """What is measured; a test changes it."""

    def __init__(self):
        self.catalog, self.packs = MemoryCatalog(), MemoryPacks()
        self.meters, self.refusals = Meters(), Refusals()
        self.elapsed = 0.0
        self.checks = (Check("database"), Check("disk", "disk_reserve"))
        self.kit = True
        self.backed_up_ms = None
        self.measuring = Measuring(
            catalog=self.catalog,
            packs=self.packs,
            refusals=self.refusals,
            meters=self.meters,
            clock=FakeClock(),
            elapsed=lambda: self.elapsed,
            checks=lambda: self.checks,
            databases=lambda: {"catalog": (4096, 10), "keyring": (8192, 0)},
            kit_verified=self._kit,
            backed_up_ms=lambda: self.backed_up_ms,
            reserve=1000,
            version="0.2.0",
        )

    def _kit(self):
        if isinstance(self.kit, Exception):
            raise self.kit
        return self.kit

    def text(self) -> str:
        return Exposition(self.measuring.figures).text().decode()

    def samples(self) -> dict:
        """Return every sample by its name and labels."""
        return {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(self.text())
            for sample in family.samples
        }


@pytest.fixture
def world():
    return World()


def test_a_strict_parser_takes_what_is_written(world):
    world.meters.stored("dicom", "stored", 100, 0.02)
    world.meters.refused("import", "not_dicom")
    world.refusals.count(Expired("x"))
    assert CONTENT_TYPE.startswith("application/openmetrics-text")
    families = {one.name: one for one in text_string_to_metric_families(world.text())}
    assert len(families) > 30
    assert all(one.documentation for name, one in families.items() if name.startswith("undisc"))


def test_the_age_of_the_newest_backup_can_be_computed(world):
    """Seconds since 1970 as is usual, so that an alert compares it with the time it has itself."""
    assert world.samples()[("undisc_backup_timestamp_seconds",)] == 0
    world.backed_up_ms = 1_793_491_200_500
    assert world.samples()[("undisc_backup_timestamp_seconds",)] == 1_793_491_200.5


def test_what_was_counted_is_there_under_its_labels(world):
    world.meters.stored("dicom", "stored", 100, 0.02)
    world.meters.stored("dicom", "duplicate", 100, 99.0)
    world.meters.refused("import", "not_dicom")
    world.meters.served(7)
    world.meters.fetched(8)
    world.refusals.count(Expired("x"))
    seen = world.samples()
    assert seen["undisc_arrivals_total", "dicom", "stored"] == 1
    assert seen["undisc_arrivals_bytes_total", "dicom"] == 100
    assert seen["undisc_arrivals_refused_total", "import", "not_dicom"] == 1
    assert seen["undisc_requests_refused_total", "expired"] == 1
    assert seen["undisc_served_bytes_total",] == 7
    assert seen["undisc_fetched_bytes_total",] == 8
    assert seen["undisc_store_seconds_count", "dicom"] == 2
    assert seen["undisc_store_seconds_bucket", "0.025", "dicom"] == 1
    assert seen["undisc_store_seconds_bucket", str(BOUNDS[-1]), "dicom"] == 1
    assert seen["undisc_store_seconds_bucket", "+Inf", "dicom"] == 2


def test_the_state_of_the_node_is_there(world):
    world.packs.room = 5000
    seen = world.samples()
    assert seen["undisc_ready", "database"] == 1
    assert seen["undisc_ready", "disk"] == 0
    assert seen["undisc_disk_free_bytes",] == 5000
    assert seen["undisc_disk_reserve_bytes",] == 1000
    assert seen["undisc_database_bytes", "keyring"] == 8192
    assert seen["undisc_database_wal_bytes", "catalog"] == 10
    assert seen["undisc_kit_verified",] == 1
    assert seen["undisc_restored",] == 0
    assert seen["process_resident_memory_bytes",] > 0


def test_no_name_of_anybody_is_in_it(world):
    """A peer's name, a scanner's name and a patient's are all in the catalog."""
    with world.catalog.change() as records:
        records.studies.put(replace(samples.study(), sender="dicom:ScannerMeier"))
        records.peers.put(samples.peer())
        records.fetches.put(samples.fetch())
    study, peer = samples.study(), samples.peer()
    text = world.text()
    for name in ("Meier", study.patient.name, study.uid, study.accession, peer.name, peer.id.hex()):
        assert name not in text
    assert study.id.hex()[:8] not in text


def test_totals_are_counted_again_only_after_a_while(world):
    """The longer counting takes, the longer its result is used."""
    counted = 0

    class Slow(MemoryCatalog):
        def look(self):
            nonlocal counted
            counted += 1
            world.elapsed += SECOND
            return super().look()

    world.measuring._catalog = Slow()
    world.text()
    first = counted
    world.text()
    assert counted == first + 1  # only what is cheap was looked up again
    world.elapsed += KEEP_SECONDS
    world.text()
    assert counted == first + 2
    world.elapsed += KEEP_TIMES * SECOND
    world.text()
    assert counted == first + 4


def test_a_node_in_trouble_still_tells_what_it_can(world):
    """No catalog, no keys, no disk: exactly then somebody looks at the metrics."""

    def broken():
        raise Unavailable("no")

    world.measuring._catalog.look = broken
    world.measuring._packs.free_bytes = broken
    world.kit = Unavailable("no")
    seen = world.samples()
    assert seen["undisc_ready", "disk"] == 0
    assert ("undisc_log_lines",) not in seen
    assert ("undisc_disk_free_bytes",) not in seen
    assert seen["undisc_kit_verified",] == 0
