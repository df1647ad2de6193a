"""The page of all metrics, from the exposition itself: a new metric is on it, or a test fails."""

from __future__ import annotations

from typing import Final

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from undisc_node.metrics.exposition import Exposition
from undisc_node.services.measuring import Figures
from undisc_node.services.meters import BOUNDS, Latency, Metered
from undisc_node.services.ports import Holding, Moment, Totals
from undisc_node.services.readiness import Check

NOTE: Final = "<!-- Written by tests/support/reference_metrics.py from the exposition itself. -->"
_ENDINGS: Final = {"counter": "_total", "info": "_info"}


def example() -> Figures:
    """Return figures in which every label has a value."""
    states = {"...": 1}
    return Figures(
        version="0",
        started=0,
        totals=Totals(
            studies={**states, "unsettled": 1, "waiting": 1},
            holdings={"...": Holding(1, 1, 1)},
            grants=states,
            shares=states,
            fetches=states,
            receipts_due=1,
            peers=states,
        ),
        moment=Moment(tickets=1, log_size=1, suspended=1, restored=False),
        metered=Metered(
            stored={("...", "..."): 1},
            stored_bytes=states,
            refused={("...", "..."): 1},
            latency={"...": Latency((1,) * (len(BOUNDS) + 1), 1.0)},
            served=1,
            fetched=1,
        ),
        refused=states,
        checks=[Check("...")],
        disk_free=1,
        disk_reserve=1,
        databases={"...": (1, 1)},
        kit_verified=True,
        backed_up_ms=1,
        peer_alerts=states,
    )


def metrics() -> str:
    """Return the page of all metrics of the node itself."""
    rows = []
    text = Exposition(example).text().decode()
    for family in text_string_to_metric_families(text):
        if family.name.startswith("undisc_"):
            name = family.name + _ENDINGS.get(family.type, "")
            labels = dict.fromkeys(label for one in family.samples for label in one.labels)
            labels.pop("le", None)
            named = ", ".join(f"`{label}`" for label in labels)
            rows.append(f"| `{name}` | {family.type} | {named} | {family.documentation} |")
    table = "\n".join(rows)
    return f"""# Metrics

{NOTE}

`GET /metrics` on the internal listener, in the OpenMetrics 1.0 format. Counters begin at zero when
the node starts. What counts rows (studies, instances, grants, shares, fetches, peers) is up to some
minutes old in a large catalog; everything else is as of now.

| metric | type | labels | what it is |
|---|---|---|---|
{table}

`way` is how images came: `dicom`, `watch`, `import`, `fetch`, or `quarantine` from unknown senders.
`code` is a code of [errors.md](errors.md).
`kind` is `forked_identity`, `outdated_identity`, `log_forked`, `log_shrank`, `log_restarted` or
`stale`.
`check` is `database`, `disk`, `keys` or `clock`. No label names a patient, a study, a sender or
another node.

Beside these there are the usual figures of the process: `process_cpu_seconds_total`,
`process_resident_memory_bytes`, `process_virtual_memory_bytes`, `process_open_fds`,
`process_max_fds` and `process_start_time_seconds`.
"""
