"""How fast a catalog of many studies answers, through the node's own storage."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from undisc_node.clocks import SystemEntropy
from undisc_node.services.model import Patient, Study, StudyState
from undisc_node.storage.catalog import SqliteCatalog

_CHANGE = 20_000  # studies in one transaction
_QUERIES = 2_000
_PATIENCE = 30_000  # ms that one kind of query may take in all; it tells enough about a slow one
_STUDIES_OF_A_PATIENT = 4
_FAMILY = ("SMITH", "JONES", "GARCIA", "NGUYEN", "MULLER", "ROSSI", "SATO", "KIM", "SILVA", "PATEL")
_GIVEN = ("JANE", "JOHN", "MARIA", "LUCA", "ANNA", "YUKI", "OMAR", "PRIYA", "KWAME", "INGRID")


def measure_catalog(
    folder: Path, studies: int, tell: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Fill a catalog with made-up studies, then ask for some of them by name.

    Returns:
        Milliseconds of the median and of the slowest hundredth for each kind of query, by the
        clock and of processor time; the latter says what it takes while others are busy.
    """
    catalog = SqliteCatalog(folder / "catalog.sqlite3", entropy=SystemEntropy(), create=True)
    try:
        began = time.monotonic()
        for start in range(0, studies, _CHANGE):
            with catalog.change() as records:
                for number in range(start, min(studies, start + _CHANGE)):
                    records.studies.put(_study(number))
        filled = time.monotonic() - began
        tell(f"  {studies} studies put in {filled:.0f} s")
        chance = random.Random(2026)
        asked = [chance.randrange(studies) for _ in range(_QUERIES)]
        result: list[dict[str, Any]] = []
        queries: dict[str, Callable[[Any, Study], bool]] = {
            "by id": lambda records, study: records.studies.get(study.id) == study,
            "by Study Instance UID": lambda records, study: (
                records.studies.find_uid(study.uid) == study
            ),
            "by patient id": lambda records, study: (
                study in records.studies.list(patient=study.patient.id)
            ),
            "by patient name": lambda records, study: bool(
                records.studies.list(text=study.patient.name, limit=50)
            ),
            "newest 100": lambda records, study: bool(records.studies.list(limit=100)),
        }
        for name, query in queries.items():
            found = {"query": name, **_timed(catalog, asked, query), "studies": studies}
            result.append(found)
            tell(f"  {name:<24} p50 {found['p50_ms']} ms, p99 {found['p99_ms']} ms")
    finally:
        catalog.close()
    return result


def _timed(catalog: Any, asked: list[int], query: Callable[[Any, Study], bool]) -> dict[str, float]:
    took, worked = [], []
    for number in asked:
        study = _study(number)
        began, busy = time.perf_counter(), time.thread_time()
        with catalog.look() as records:
            found = query(records, study)
        worked.append(1000 * (time.thread_time() - busy))
        took.append(1000 * (time.perf_counter() - began))
        assert found, study
        if sum(took) > _PATIENCE:
            break
    figures: dict[str, float] = {}
    for kind, times in (("", took), ("cpu_", worked)):
        cuts = statistics.quantiles(times, n=100) if len(times) > 1 else times * 99
        figures |= {f"{kind}p50_ms": round(cuts[49], 3), f"{kind}p99_ms": round(cuts[98], 3)}
    return figures | {"queries": len(took)}


def _study(number: int) -> Study:
    patient = number // _STUDIES_OF_A_PATIENT
    family, given = _FAMILY[patient % len(_FAMILY)], _GIVEN[patient % len(_GIVEN)]
    at_ms = 1_700_000_000_000 + number
    return Study(
        id=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128).to_bytes(16, "big"),
        uid=f"1.2.826.0.1.3680043.8.{number // 1000}.{number}",
        patient=Patient(
            f"{family}{patient:06}^{given}", f"PAT{patient:07}", "BENCH", "19700101", "O"
        ),
        study_date="20260302",
        study_time="101500",
        accession=f"ACC{number:08}",
        description="CT HEAD",
        modalities=("CT",),
        sender="dicom:scanner",
        instances=2000,
        size=1_050_000_000,
        waiting=0,
        state=StudyState.ACTIVE,
        reason="",
        created_ms=at_ms,
        arrived_ms=at_ms,
        settled_ms=at_ms,
    )
